"""Functions that are put in the place of each of their calls, so that an event is one function.

A call costs as much as a small step does, and the compiler's own guess leaves about five of them in
a step: with this list the fault path is 1.5 times as fast, the lock loop 1.4 times. Only what most
events go through is in it: with everything in place of its calls compiling takes twice as long, and
nothing is gained (``docs/performance.md``).
"""

INLINED = frozenset(
    (
        "run_chunk",
        "set_key",
        "advance",
        "advance_at",
        "delay_ps",
        "own_delay_ps",
        "step",
        "lock_step",
        "task_step",
        "branch",
        "page_step",
        "page_line_ps",
        "lock_line_ps",
        "pte_line_ps",
        "access_ps",
        "serve",
        "transfer_ps",
        "take_line",
        "local_cost",
        "touch",
        "touch_ps",
        "translate_ps",
        "read_page_ps",
        "pte_present",
        "set_pte",
        "next_page",
        "open_window",
        "take_lock",
        "drop_lock",
        "grant_next",
        "hand_over_ps",
        "own_lock",
        "lock_at",
        "unlock_page",
        "next_access",
        "choose_page",
        "fault_end",
        "end_latency",
        "record_latency",
        "think_ps",
        "hold_ps",
        "serve_ps",
        "drawn_ps",
        "draw_at",
        "draw",
        "philox",
        "scaled",
        "next_factor",
        "varied",
        "own_work_ps",
    )
)
