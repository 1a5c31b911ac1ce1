"""Locking schemes, one file each. The folder is the registry: ``dessim.registry`` finds them.

A file has ``FAULT_AROUND``, ``SLOW_PATH`` and ``PROMISES``; what else it may have is said there.
"""
