import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessim.cli import main

FILES = ("validation.json", "validation.csv", "figures/predicted.pdf", "figures/predicted.csv")


def typed(*words: str | Path) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment that simulates next to nothing, and a folder for its results."""
    folder = tmp_path_factory.mktemp("validate")
    (folder / "small.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
        "simulate: 256KiB\nreplications: 2\nmeasured: fault-around-2014\n"
    )
    return folder


def validate(folder: Path, *words: str) -> Result:
    """`dessim validate` of the small experiment on the reference engine."""
    options = ("--engine", "reference", "--out", folder / "results")
    return typed("validate", folder / "small.yaml", *options, *words)


def test_measured_and_simulated_stand_beside_each_other(small: Path) -> None:
    """A row per chosen cell, errors by workload, files and a figure; then all from the store."""
    cells = ("--only", "sequential-read:1,2,8:0,4", "--simulate", "128KiB")
    done = validate(small, *cells)
    assert done.exit_code == 0, done.output
    assert "sequential-read on ivybridge-ex-4s" in done.stdout
    assert "|ln(simulated / measured)| by workload" in done.stdout
    assert "Nothing in this profile was fitted" in done.stdout
    folder = small / "results" / "validate-fault-around-2014"
    assert all((folder / name).stat().st_size for name in FILES)
    refused = "! sequential-read:8:4: not stationary: "
    assert refused in done.stdout
    assert "! the numbers depend on how much of the file was simulated" in done.stdout
    caption = (folder / "figures" / "predicted.txt").read_text()
    assert "that depend on how much of the file was simulated (1 of 4 cells)" in caption
    again = validate(small, *cells)
    assert "16 were stored already" in again.stderr
    assert again.stdout == done.stdout


def test_json_is_the_document(small: Path) -> None:
    """Standard output holds one document, the same as the file, with what was measured."""
    done = validate(small, "--only", "sequential-read:8:4", "--format", "json", "--no-figure")
    document = json.loads(done.stdout)
    path = small / "results" / "validate-fault-around-2014" / "validation.json"
    assert document == json.loads(path.read_text())
    [cell] = document["cells"]
    assert cell["cell"] == "sequential-read:8:4"
    assert cell["completion_s"]["measured"] == 6.394316732
    assert cell["simulated_bytes"] == 256 << 10
    assert cell["stationarity"]["sizes_bytes"] == [128 << 10, 256 << 10]
    assert cell["minor_faults"]["simulated"] is not None


@pytest.mark.parametrize("column", ["steady_faults_per_s", "trylock_lost"])
def test_a_table_of_other_metrics_is_refused(small: Path, column: str) -> None:
    """Nothing of it could be compared; the message names what could."""
    own = small / "other.csv"
    head = f"workload,scheme,threads,fault_around_order,{column}\n"
    own.write_text(head + "sequential-read,radix_walk_trylock,1,4,15.3\n")
    done = validate(small, "--data", str(own), "--simulate", "64KiB", "--no-figure")
    assert done.exit_code == 2
    assert "other.csv:2:1: error: no chosen row has a number to compare: a column" in done.stderr
    assert "completion_s or minor_faults" in done.stderr


def test_a_scheme_that_a_row_cannot_use_is_blamed_on_the_row(small: Path) -> None:
    """Not on the experiment, which names no such scheme for such a workload."""
    own = small / "foreign.csv"
    head = "workload,scheme,threads,fault_around_order,completion_s\n"
    own.write_text(head + "page-fault1,radix_walk_trylock,1,4,15.3\n")
    done = validate(small, "--data", str(own), "--no-figure")
    assert done.exit_code == 2
    assert "foreign.csv:2:1: error: scheme 'radix_walk_trylock' does not support" in done.stderr


def test_another_table_machine_and_size_can_be_given(small: Path) -> None:
    """A table of one's own, with a cell that the experiment does not have."""
    own = small / "own.csv"
    own.write_text("workload,threads,order,seconds\nseparate-processes,2,4,1.5\n")
    words = ("--data", str(own), "--machine", "icelake-sp-2s", "--simulate", "64KiB")
    done = validate(small, *words, "--replications", "1", "--format", "json", "--no-figure")
    document = json.loads(done.stdout)
    assert (document["data"], document["machine"]) == ("own", "icelake-sp-2s")
    [cell] = document["cells"]
    assert (cell["workload"], cell["threads"], cell["replications"]) == ("separate-processes", 2, 1)
    assert cell["simulated_bytes"] == 64 << 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "sequential:1"], "did you mean 'sequential-read'"),
        (["--data", "fault-around-2015"], "did you mean 'fault-around-2014'"),
        (["--machine", "ivy"], "no machine is named 'ivy'"),
        (["--simulate", "64"], "'64' has no unit"),
        (["--data", "eight-processes.csv"], "no such file"),
    ],
)
def test_wrong_words_are_refused(small: Path, words: list[str], said: str) -> None:
    """Exit code 2, with the place and what would do."""
    done = validate(small, *words)
    assert done.exit_code == 2
    assert said in done.output


KEYS = "workload,scheme,threads,fault_around_order,completion_s\n"
CURVES = "figure,machine,quantity,threads,value,unit\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "own.csv: error: the table has no rows"),
        (KEYS.encode(), "own.csv: error: the table has no rows"),
        (CURVES.encode(), "own.csv: error: the table has no rows"),
        ((KEYS[:-1] + ",completion_s\n").encode(), "own.csv:1:1: error: the header has the column"),
        ((KEYS[:-1] + ",secs\n").encode(), "own.csv:1:1: error: unknown column 'secs'"),
        ((KEYS[:-1] + ",\n").encode(), "own.csv:1:1: error: a column of the header has no name"),
        ((KEYS + "a,b,1,4,\n").encode(), "own.csv:2:1: error: no measured number"),
        ((KEYS + "a,b,1,4,1e-320\n").encode(), "own.csv:2:1: error: completion_s must be from"),
        ((KEYS + "a,b,1,4,x\n").encode(), "completion_s must be a number, found 'x'"),
        (b'"' + KEYS.encode(), "own.csv:1:1: error:"),
        (b"# a\n\xff\n", "own.csv:2:1: error: not a text file: byte 0xff"),
        ((KEYS + "a,old,1,4,1\n").encode(), "own.csv:2:1: error: unknown scheme 'old'"),
        (
            (KEYS + "random-red,lock_each_page,1,4,1\n").encode(),
            "own.csv:2:1: error: no workload is named 'random-red'; did you mean",
        ),
        (
            (KEYS + "random-read,lock_each_page,999999,4,1\n").encode(),
            "own.csv:2:1: error: threads must be 1 to 4096",
        ),
        (
            (CURVES + "5,xeon80,lock_mcs,999999,1,Mops/s\n").encode(),
            "own.csv:2:1: error: threads must be 1 to 4096, found 999999",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(
    small: Path, content: bytes, said: str
) -> None:
    """Before anything runs: the table is to blame, not the experiment."""
    (small / "own.csv").write_bytes(content)
    done = validate(small, "--data", str(small / "own.csv"))
    assert done.exit_code == 2
    assert said in done.output


def test_an_experiment_without_a_table_needs_one(small: Path) -> None:
    """Exit code 2, and the option that is missing."""
    done = typed("validate", "eight-processes", "--out", small / "results")
    assert done.exit_code == 2
    assert "--data" in done.output


def test_curves_of_lines_and_locks_are_compared_by_the_same_command(small: Path) -> None:
    """Another table, the same words; what has no effect for curves is refused."""
    path = small / "curves.csv"
    path.write_text(
        "figure,machine,quantity,threads,value,unit\n5,opteron48,lock_mcs,4,2.41,Mops/s\n"
        "5,opteron48,lock_ttas,4,2.25,Mops/s\n"
    )
    words = ("--data", path, "--engine", "reference", "--replications", "2")
    done = typed("validate", *words, "--out", small / "results")
    assert done.exit_code == 0, done.output
    assert "figure 5, opteron48, lock_mcs on opteron-magny-cours-4s" in done.stdout
    assert "not simulated: lock_ttas" in done.stdout
    assert (small / "results/validate-curves/figures/curves.pdf").stat().st_size
    done = typed("validate", "--data", path, "--machine", "graviton2-1s")
    assert done.exit_code == 2
    done = typed("validate", "--data", path, "-j", "2")
    assert done.exit_code == 2
    assert "-j has no effect for curves" in done.output
    done = typed("validate", "--data", path, "--only", "lock_clh")
    assert done.exit_code == 2
    assert "no quantity 'lock_clh'" in done.output


def test_rates_of_will_it_scale_stand_beside_their_simulation(tmp_path: Path) -> None:
    """Its own CSV needs machine and kernel; a table of rates names them; both give the errors."""
    text = "tasks,processes,processes_idle,threads,threads_idle,linear\n1,400000,98,0,0,1\n"
    own = tmp_path / "mmap1.csv"
    own.write_text(text)
    options = ("--engine", "reference", "--out", tmp_path / "results")
    where = ("--machine", "broadwell-2650v4-2s", "--kernel", "6.1")
    done = typed("validate", "--data", own, *where, *options)
    assert done.exit_code == 0, done.output
    assert "broadwell-2650v4-2s, Linux 6.1" in done.stdout
    assert "mmap1 processes" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert (tmp_path / "results" / "validate-mmap1" / "validation.csv").stat().st_size
    assert typed("validate", "--data", own, *options).exit_code == 2
    for refused in (("--set", "workload.file_size=4KiB"), ("-n", "2"), ("--simulate", "4KiB")):
        answer = typed("validate", "--data", own, *where, *options, *refused)
        assert answer.exit_code == 2, answer.output
    answer = typed("validate", "--kernel", "6.1")
    assert "--kernel has no effect except with will-it-scale's own CSV" in answer.stderr


CELLS = "each cell has its own workload, scheme, threads and order: choose cells with {option}"
IDLE = {
    "schemes=[linux_6_12]": CELLS,
    "threads=2": CELLS,
    "workload=random-read": CELLS,
    "workload.threads=2": CELLS,
    "fault_around_order=[2]": CELLS,
    "matrix.fault_around_order=[2, 6]": CELLS,
    "matrix.machine=[icelake-sp-2s]": "a machine with --machine, a size with --simulate",
    "zip={}": CELLS,
    "include=[]": CELLS,
    "description=x": "this changes nothing in this command",
    "workload.description=x": "this changes no result",
    "workload.file_size=[1MiB, 2MiB]": "each cell is simulated with one value: give no list",
}
COMMANDS = {
    "validate": {
        "name=x": "this changes nothing in this command",
        "machine=[icelake-sp-2s, ivybridge-ex-4s]": "give no list",
        "simulate=64KiB": "--simulate says how much is simulated",
        "simulate_cap=64KiB": "--simulate says how much is simulated",
    },
    "predict": {
        "simulate_cap=64KiB": "this changes nothing in this command",
        "precision.throughput=1%": "this changes nothing in this command",
        "measured=fault-around-2014": "--data names the table",
    },
    "calibrate": {
        " machine.kernel.rmap=9ns": "drop --set machine",
        "simulate=64KiB": "--simulate says how much is simulated",
        "warmup=1us": "this changes nothing in this command",
    },
}


@pytest.mark.parametrize(
    ("command", "option"), [("validate", "--only"), ("predict", "--cells"), ("calibrate", "--fit")]
)
def test_a_setting_that_no_cell_takes_is_refused(small: Path, command: str, option: str) -> None:
    """All of them at once, each at its place with what to do instead."""
    settings = IDLE | COMMANDS[command]
    words = [word for text in settings for word in ("--set", text)]
    given = ("--data", "fault-around-2014", "--simulate", "64KiB", "--out", small / "results")
    done = typed(command, small / "small.yaml", *given, *words)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert len(lines) == len(settings)
    for line, (text, said) in zip(lines, settings.items(), strict=True):
        assert f": {text.partition('=')[0].strip()}: error: " in line
        assert said.format(option=option) in line


@pytest.mark.parametrize(
    "setting",
    [
        *("seed=7", "replications=1", "machine=icelake-sp-2s", "machine.kernel.rmap=900ns"),
        *("workload.page_touch=touch_word", "simulate=64KiB", "precision.throughput=0.1%"),
    ],
)
def test_a_setting_that_cells_take_changes_them(small: Path, setting: str) -> None:
    """As long as a key is taken, it does something."""
    words = ("--only", "sequential-read:1:4", "--format", "json", "--no-figure", "-q")
    plain = validate(small, *words)
    done = validate(small, *words, "--set", setting)
    assert done.exit_code == 0, done.output
    assert done.stdout != plain.stdout


def test_a_setting_reaches_workloads_that_the_experiment_does_not_name(small: Path) -> None:
    """A cell of the table that the experiment does not have is changed as its own are."""
    own = small / "other.csv"
    own.write_text("workload,threads,order,seconds\nseparate-processes,2,4,1.5\n")
    words = ("--data", str(own), "--simulate", "full", "--format", "json", "-q")
    size = ("--set", "workload.file_size=256KiB")
    plain, done = (
        json.loads(validate(small, *words, "--no-figure", *size, *more).stdout)["cells"][0][
            "completion_s"
        ]
        for more in ((), ("--set", "workload.page_work=90us"))
    )
    assert done["simulated"] > 1.5 * plain["simulated"]
