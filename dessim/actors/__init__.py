"""Who else works on the file, one file each. The folder is the registry: ``dessim.registry``.

An actor's file has ``ACTOR``, the steps of one round. ``exit`` is no actor: it is the end of a
process, and part of every thread's program.
"""
