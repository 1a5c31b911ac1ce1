"""Figures of a paper: drawn from stored results, checked against expected numbers."""
