"""Profiles of Hypothesis, and the place of this folder's own helpers."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# Test folders are not packages: helpers are found because their folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))

# A run takes as long as its program says: no deadline, no word about slow examples.
COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
    "print_blob": True,
}
settings.register_profile("quick", derandomize=True, max_examples=250, **COMMON)
settings.register_profile("thorough", max_examples=4_000, **COMMON)
