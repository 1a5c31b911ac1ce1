"""Workloads whose faults write: what goes together, and what each refusal says."""

import pytest
from helpers import a_machine, a_workload

from dessim.model import ConfigError, load_machine, load_workload, resolve
from dessim.model.experiment import Point, SchemeChoice
from dessim.model.load import load_experiment
from dessim.study.sweep.checks import check
from dessim.study.sweep.plan import program_of, setup_of

BASE = "name: w\naccess: sequential\nfile_size: 1MiB\n"


def refused(tmp_path, text):
    """Return the message with which a workload is refused."""
    path = tmp_path / "w.yaml"
    path.write_text(BASE + text)
    with pytest.raises(ConfigError) as refusal:
        load_workload(path)
    return str(refusal.value)


REFUSED = {
    "fault: write_everything\n": "'read', 'anonymous', 'write_shared' or 'write_private'",
    "sweeps: 2\n": "'sweeps' belongs to faults that write: set fault to anonymous",
    "file: own\n": "file 'own' needs a fault other than 'read'",
    "fault: anonymous\nfile: shared\n": "fault 'anonymous' needs file 'own'",
    "file: part\n": "file 'part' needs a fault other than 'read'",
    "fault: anonymous\nfile: part\nmapping: per_thread\n": "needs mapping 'shared'",
    "fault: anonymous\nfile: part\nmapping: shared\nafter_sweep: fork\n": "'fork' needs file 'own'",
    "fault: write_shared\nmapping: per_thread\nvmas: merged\n": "which are never merged",
    "fault: anonymous\nmapping: shared\n": "needs a mapping per task: 'per_thread' or",
    "fault: anonymous\nstart: pthread_create\n": "needs start 'interval'",
    "fault: anonymous\nunmap_every_pages: 4\n": "unmaps the whole region after each sweep",
    "fault: anonymous\ncached: 50%\n": "needs a file that is entirely in the page cache",
    "fault: anonymous\npage_touch: read_page\n": "page_touch is 'touch_word'",
    "fault: write_shared\nmemcg_depth: 2\n": "allocates no memory to charge",
    "fault: anonymous\nmemcg_depth: 9\n": "memcg_depth",
    "fault: anonymous\nsweeps: 0\n": "sweeps",
    "fault: anonymous\nafter_sweep: exec\nmapping: per_process\n"
    "actors: [{name: map_unmap, every: 1ms}]\n": "ends all other threads of a process",
    "fault: anonymous\ndropped: 50%\n": "dropped needs after_sweep 'dontneed'",
    "fault: anonymous\ndrop_every: 8KiB\n": "drop_every needs after_sweep 'dontneed'",
    "fault: anonymous\nafter_sweep: dontneed\ndropped: 0%\n": "dropped must be more than 0%",
    "fault: anonymous\nsplit_folios: true\n": "split_folios needs after_sweep 'dontneed'",
    "fault: anonymous\nafter_sweep: dontneed\nsplit_folios: true\n": "no folio is in parts",
    "fault: anonymous\nmoves: ptes\n": "moves needs after_sweep 'mremap'",
    "fault: anonymous\ncalls: 2\n": "it needs after_sweep 'fork' or 'mremap'",
    "fault: anonymous\nfile: part\nmapping: shared\nafter_sweep: mremap\n": "'mremap' needs file",
    "fault: write_shared\nfolio_order: 2\n": "needs a file of single pages",
    "fault: anonymous\nfolio_order: 2\n": "needs a file of single pages",
    "dropped: 50%\n": "'dropped' belongs to faults that write",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_does_not_go_together_is_refused_with_its_place(tmp_path, text):
    """Each refusal names file, line and what to write instead."""
    message = refused(tmp_path, text)
    assert REFUSED[text] in message
    assert "w.yaml:" in message


def test_random_places_are_each_touched_once_a_sweep():
    """No words per page to choose: a page faults once."""
    workload = a_workload(4, fault="anonymous", access="random")
    assert workload.touches_per_page == 1
    with pytest.raises(ValueError, match="touches each page once a sweep"):
        a_workload(4, fault="anonymous", access="random", touches_per_page=8)


def test_faults_that_write_have_defaults_of_their_own():
    """A region of each task, and tasks that begin together."""
    workload = a_workload(4, fault="anonymous")
    assert (workload.file, workload.page_touch, workload.start) == ("own", "touch_word", "interval")
    assert workload.writes
    assert workload.allocates
    assert not a_workload(4, fault="write_shared").allocates


def test_reads_are_resolved_as_if_there_were_no_other_faults():
    """Keys of faults that write, and what memory costs, do not decide a run that only reads."""
    point = Point(
        experiment="x",
        machine=a_machine(),
        workload=a_workload(4),
        scheme=SchemeChoice(name="folio_batch"),
        threads=1,
        fault_around_order=4,
    )
    resolved = point.resolved()
    assert "frames" not in resolved["machine"]
    assert not {"fault", "file", "sweeps", "memcg_depth"} & set(resolved["workload"])
    writes = point.model_copy(update={"workload": a_workload(4, fault="anonymous", sweeps=2)})
    assert writes.resolved()["workload"]["sweeps"] == 2
    assert "zero_page" in writes.resolved()["machine"]["frames"]


def experiment(tmp_path, scheme, fault="anonymous"):
    """Return an experiment with a scheme, and a workload of a kind of fault."""
    path = tmp_path / "e.yaml"
    path.write_text(
        "machine: icelake-sp-2s\n"
        f"workload: {{name: w, access: sequential, fault: {fault}, file_size: 64KiB}}\n"
        f"schemes: [{scheme}]\nthreads: 2\n"
    )
    return load_experiment(path)


def test_a_scheme_that_knows_no_such_faults_is_refused(tmp_path):
    """The message names those that do."""
    one = experiment(tmp_path, "folio_batch")
    with pytest.raises(ConfigError, match=r"does not support anonymous faults; linux_5_15, .* do"):
        check(one, resolve(one))


@pytest.mark.parametrize("option", ["pcp_batch: 0", "lru_batch: -1", "rss_batch: -1"])
def test_a_batch_of_less_than_a_page_is_refused(tmp_path, option):
    """The message names the option and its least value."""
    one = experiment(tmp_path, f"linux_6_12: {{{option}}}")
    with pytest.raises(
        ConfigError, match=f"option '{option.split(':')[0]}' of 'linux_6_12' is a number"
    ):
        check(one, resolve(one))


@pytest.mark.parametrize("fault", ["read", "anonymous", "write_shared", "write_private"])
def test_every_version_knows_every_kind_of_fault(tmp_path, fault):
    """A program for each, and its batches in the setup."""
    for scheme in (
        "linux_5_15",
        "linux_6_1",
        "linux_6_6",
        "linux_6_12",
        "linux_6_15",
        "linux_6_17",
        "linux_6_18",
    ):
        one = experiment(tmp_path, scheme, fault)
        [point] = resolve(one)
        check(one, [point])
        assert program_of(point).steps > 20
        if fault != "read":
            newer = scheme in ("linux_6_12", "linux_6_15", "linux_6_17", "linux_6_18")
            assert setup_of(point, 0).batches.lru_batch == (31 if newer else 15)


def test_shipped_writers_load():
    """The three of will-it-scale have regions of 128 MiB."""
    for number, fault in ((1, "anonymous"), (2, "write_private"), (3, "write_shared")):
        workload = load_workload(f"page-fault{number}")
        assert (workload.fault, workload.file_size_bytes) == (fault, 128 << 20)
    assert load_machine("broadwell-2650v4-2s").frames.zone_page_ps == 15_000
