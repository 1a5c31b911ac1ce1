"""Analytic models of what the simulator simulates: exact where the mathematics allows it.

Times are in any one unit: what goes in as nanoseconds comes out as nanoseconds. Each function names
its equation; ``tests/theory`` compares each with a simulation of that very model.
"""
