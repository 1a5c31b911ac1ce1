"""Attack every kind of input, and kill every command that writes; one command for all of it.

    python tests/attack.py [MUTANTS] [--kills K] [--seed S]

MUTANTS is how many mutated inputs there are in all, over all kinds, in the proportions of the slow
suite (126,000); K is how often each command that writes is killed. It prints the tests as pytest
does, then mutants, kills, processor time, and the memory of the greatest process.
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
IN_ALL = 126_000
"""Mutants of the slow suite: `quick_and_thorough` in tests/fuzz."""
COMMANDS = 10
"""Commands in tests/scale/test_killed_commands.py."""


def main() -> int:
    """Run the attacks; return pytest's exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mutants", nargs="?", type=int, default=IN_ALL)
    parser.add_argument("--kills", type=int, default=20, help="of each command that writes")
    parser.add_argument("--seed", default="1")
    asked = parser.parse_args()
    env = dict(os.environ, DESSIM_MUTANTS=str(asked.mutants / IN_ALL))
    env["DESSIM_KILLS"] = str(asked.kills)
    words = [sys.executable, "-m", "pytest", "-q", "-m", "slow", "--durations=0"]
    words += [f"--hypothesis-seed={asked.seed}", str(HERE / "fuzz")]
    words += [str(HERE / "scale" / "test_killed_commands.py")] if asked.kills else []
    code = subprocess.run(words, env=env, check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{asked.mutants} mutants, {COMMANDS * asked.kills} kills,"
        f" {(used.ru_utime + used.ru_stime) / 60:.1f} min of processor time,"
        f" {used.ru_maxrss / 1024:.0f} MiB at most"
    )
    return code


if __name__ == "__main__":
    raise SystemExit(main())
