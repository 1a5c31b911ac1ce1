"""Words by which a point says what cannot be said of it."""

FLAGS = {
    "mixture": "runs are of two kinds: the typical run says little about the other kind",
    "few_replications": "fewer than five runs: the interval assumes similar runs",
    "no_overlap": "in a run the threads do not all run together long enough for a steady rate",
    "drift": "the rate still changes after the warm-up",
    "not_stationary": "a longer simulation gives other numbers: none are scaled up",
    "size_unsure": "a longer simulation may give other numbers: there are too few runs to be sure",
    "unresolved": "an interval spans more than a factor of four: its number is not reported",
}
"""Flag -> what it means. A point without any is as sure as its intervals say."""

NOT_STATIONARY = "not stationary"
"""How the reason of a number begins that depends on how much was simulated."""
PERHAPS_NOT = f"perhaps {NOT_STATIONARY}"
"""How it begins where two sizes may differ, and the runs are too few to be sure."""
