"""A new cost of a machine is one declaration: nothing else has to be touched."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEFORE = "\n\nclass UserCosts(Model):"
DECLARATION = '''    zap_ps: Annotated[
        Time, Cost("lookup"), Default("assumed", "a guess", low=5_000, high=20_000)
    ] = 12_000
    """Zap it."""
'''
TRIAL = """
from dessim.engines import run_setup
from dessim.kernel import cost_table
from dessim.kernel.alphabet import Step, work
from dessim.kernel.assembler import assemble
from dessim.kernel.setup import Setup
from dessim.model import json_schema, load_machine, names
from dessim.model.workload import Workload
from dessim.study.explain import costs

for name in names("machines"):
    machine = load_machine(name)
    assert machine.kernel.zap_ps == 12_000
    assert machine.provenance["kernel.zap"].tag == "assumed"
    loop = Workload(
        name="loop", kind="lock_loop", iterations=1, think_ps=0, hold_ps=0, start_stagger_ps=0
    )
    kernel = machine.kernel.model_copy(update={"work_cv_ppm": 0})
    machine = machine.model_copy(update={"kernel": kernel})
    times = []
    for steps in ((), (work("zap"),)):
        program = assemble((Step("begin"), *steps, Step("finish"), Step("stop")))
        times.append(run_setup(Setup(machine, loop, program, 1, 0, None, 1, 0), "reference"))
    assert times[1].time_ps["lookup"] - times[0].time_ps["lookup"] == 12_000, times
assert "zap" in json_schema("machine")["$defs"]["KernelCosts"]["properties"]
assert "machine.kernel.zap" in costs.groups()["lookup"].paths
assert costs.path_of_cost("zap") == "machine.kernel.zap"
"""


def test_a_new_cost_is_one_declaration(tmp_path: Path) -> None:
    """With it alone: profiles load, programs pay it, the schema has it, explain cuts it."""
    shutil.copytree(ROOT / "dessim", tmp_path / "dessim", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    file = tmp_path / "dessim" / "model" / "costs.py"
    text = file.read_text(encoding="utf-8")
    assert text.count(BEFORE) == 1
    file.write_text(text.replace(BEFORE, DECLARATION + BEFORE), encoding="utf-8")
    command = [sys.executable, "-c", TRIAL]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = [sys.executable, "-m", "dessim", "show", "machine", "graviton2-1s"]
    done = subprocess.run(
        shown,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert "#   kernel.zap: {value: 12ns, range: [5ns, 20ns], tag: assumed" in done.stdout
