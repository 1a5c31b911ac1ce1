"""Run the benchmarks: ``python -m benchmarks`` from the checkout. See ``README.md`` there."""

import argparse
import json
from pathlib import Path

from benchmarks import fault_path, growth, lock_loop, published, report
from benchmarks.timing import Comparison

NAMES = ("lock_loop", "fault_path", "growth", "published")
RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: a few minutes in all")
    parser.add_argument("--only", choices=NAMES, action="append", help="may be given repeatedly")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument(
        "--full", action="store_true", help="also the published experiment: ten minutes"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory for the results")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: at least 2, an interval needs them")
    return options


def main() -> None:
    """Measure, check, print, write ``benchmarks.md`` and ``benchmarks.json``."""
    options = arguments()
    chosen = options.only or [n for n in NAMES if n != "published" or options.full]
    facts = report.environment()
    comparisons: list[Comparison] = []
    measured = {"lock_loop": lock_loop.run, "fault_path": fault_path.run, "growth": growth.run}
    for name in chosen:
        print(f"{name} ...", flush=True)
        if name == "published":
            comparisons += published.run(256 if options.quick else published.WHOLE_MIB)
        else:
            comparisons += measured[name](options.rounds, quick=options.quick)
    text = report.markdown(facts, comparisons, options.rounds)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "benchmarks.md").write_text(text, encoding="utf-8")
    content = json.dumps(report.as_json(facts, comparisons, options.rounds), indent=1)
    (options.output / "benchmarks.json").write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
