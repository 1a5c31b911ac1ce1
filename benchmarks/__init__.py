"""Benchmarks: dessim and other ways of doing the same work. ``python -m benchmarks --help``."""
