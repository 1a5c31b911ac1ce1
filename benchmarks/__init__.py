"""Benchmarks: dessim beside other ways of doing the same work. ``python -m benchmarks --help``."""
