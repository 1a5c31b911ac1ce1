"""Profiles of Hypothesis, and the place of this folder's own helpers."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

# Test folders are not packages: helpers are found because their folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))

# A run takes as long as its program says: no deadline, no word about slow examples.
COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
    "print_blob": True,
}
# Each day the same runs; a failing one is shown as it was drawn, since to find a smaller one takes
# minutes. Thorough runs are others each time.
QUICK = {"derandomize": True, "database": None, "phases": [Phase.generate]}
settings.register_profile("quick", max_examples=200, **QUICK, **COMMON)
settings.register_profile("thorough", max_examples=4_000, **COMMON)
