"""Properties of schemes that the explorer judges, and that a scheme may promise."""

PROPERTIES = (
    "bug1",
    "bug2",
    "mapcount_negative",
    "mapcount_below_ptes",
    "mapcount_at_rest",
    "stale_mapping",
    "use_after_free",
    "leak_at_rest",
    "deadlock",
    "livelock",
)
