"""What people hand over: arrays and datasets, cast and checked once, before any other room."""
