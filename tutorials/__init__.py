"""Chapters to read and run, and the tests that run them."""
