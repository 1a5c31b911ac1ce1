"""The third scheduler: every order of steps, without time, in small Worlds.

Meaning is the kernel's ``step`` and programs are those that are timed. ``small_world`` makes a
World small enough, ``explore`` visits all its states, ``story`` shows how one is reached.
"""
