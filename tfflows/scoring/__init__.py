"""Public calls on tables of any size: named operations, compiled once, run chunk by chunk."""
