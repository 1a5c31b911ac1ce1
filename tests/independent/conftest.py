"""The place of the independent checker."""

import sys
from pathlib import Path

# Test folders are not packages: `plain_actors` is found because this folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))
