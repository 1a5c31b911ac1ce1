"""Attack every kind of input, and kill every command that writes; one command for all of it.

    python tests/attack.py [MUTANTS] [--kills K] [--seed S]

MUTANTS is how many mutated inputs there are in all, over all kinds: more of those that are read
quickly. K is how often each command that writes is killed. It prints the tests as pytest does, then
mutants, kills, processor time, and the memory of the greatest process.
"""

import argparse
import ast
import os
import resource
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
KILLED = HERE / "scale" / "test_killed_commands.py"


def mutants_in_all() -> int:
    """Return the mutants of `quick_and_thorough` in tests/fuzz, with nothing left out."""
    trees = [ast.parse(path.read_text()) for path in sorted((HERE / "fuzz").glob("test_*.py"))]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "quick_and_thorough"]
    return sum(int(ast.literal_eval(call.args[2])) for call in named)


def commands_killed() -> int:
    """Return how many commands are killed."""
    for node in ast.parse(KILLED.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMMANDS":
            assert isinstance(node.value, ast.Dict)
            return len(node.value.keys)
    raise LookupError("COMMANDS")


def main() -> int:
    """Run the attacks; return pytest's exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mutants", nargs="?", type=int, default=mutants_in_all())
    parser.add_argument("--kills", type=int, default=20, help="of each command that writes")
    parser.add_argument("--seed", default="1")
    asked = parser.parse_args()
    env = dict(os.environ, DESSIM_MUTANTS=str(asked.mutants / mutants_in_all()))
    env["DESSIM_KILLS"] = str(asked.kills)
    words = [sys.executable, "-m", "pytest", "-q", "-m", "slow", "--durations=0"]
    words += [f"--hypothesis-seed={asked.seed}", str(HERE / "fuzz")]
    words += [str(KILLED)] if asked.kills else []
    code = subprocess.run(words, env=env, check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{asked.mutants} mutants, {commands_killed() * asked.kills} kills,"
        f" {(used.ru_utime + used.ru_stime) / 60:.1f} min of processor time,"
        f" {used.ru_maxrss / 1024:.0f} MiB at most"
    )
    return code


if __name__ == "__main__":
    raise SystemExit(main())
