"""Workloads of files larger than memory, and devices: what goes together and what does not."""

import pytest
from pydantic import ValidationError

from dessim.model import load_workload, resolve
from dessim.model.costs import Device
from dessim.model.devices import PROFILES
from dessim.model.load import load_experiment
from dessim.model.workload import Workload
from dessim.study.sweep.checks import check

FILE = {"name": "trial", "file_size_bytes": 400 * 4096, "access": "random", "advice": "normal"}


def refusal(**changes):
    """Return what is said of a workload that contradicts itself."""
    with pytest.raises(ValidationError) as error:
        Workload(**{**FILE, **changes})
    return str(error.value)


def test_an_advice_brings_its_defaults():
    """Windows of 128 KiB, one word of a page touched, memory that never runs out."""
    workload = Workload(**FILE)
    assert (workload.readahead_pages, workload.page_touch) == (32, "touch_word")
    assert (workload.memory_share_ppm, workload.start) == (1_000_000, "interval")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fault": "anonymous"}, "advice 'normal' needs fault 'read'"),
        ({"access": "one_per_table"}, "needs access 'sequential', 'random' or 'blocks'"),
        ({"page_touch": "read_page"}, "page_touch is 'touch_word'"),
        ({"unmap_every_pages": 4, "access": "sequential"}, "unmaps nothing: leave it out"),
        ({"touches_per_page": 2}, "takes the number of touches from 'touches'"),
        ({"random_sequence": "same"}, "draws its own pages"),
        ({"actors": ({"name": "reclaim", "every_ps": 1},)}, "does not support actors yet"),
        ({"readahead_pages": 2}, "reads windows of 4 to 4096 pages"),
        ({"cached_ppm": 500_000, "memory_share_ppm": 400_000}, "more of the file is cached than"),
        ({"access": "blocks", "block_pages": 1 << 20}, "a block of 1048576 pages is larger than"),
        ({"block_pages": 4}, "access 'blocks' and block_pages belong together"),
        ({"advice": "", "touches": 4}, "'touches' needs an advice"),
        ({"advice": "", "scan_pages": 64}, "'scan_pages' needs an advice"),
        ({"scan_pages": 8}, "greater than or equal to 32"),
        ({"start": "pthread_create"}, "needs start 'interval'"),
    ],
)
def test_what_contradicts_an_advice_is_refused(changes, text):
    """Each with one sentence that says what to do."""
    assert text in refusal(**changes)


@pytest.mark.parametrize("name", ["random-touch-under-pressure", "sequential-blocks"])
def test_shipped_workloads_are_of_this_kind(name):
    """They have an advice, and begin with memory full."""
    workload = load_workload(name)
    assert workload.pages_file
    assert workload.cached_ppm == workload.memory_share_ppm < 1_000_000


def test_a_device_takes_what_is_left_out_from_its_profile():
    """What is given wins."""
    device = Device(profile="cloud_volume", read_iops=5)
    assert (device.read_latency_ps, device.read_iops) == (334_000_000, 5)
    for name in PROFILES:
        assert Device(profile=name).read_latency_ps > 0
        assert len(PROFILES[name].source) > 60


def test_a_part_of_the_file_is_refused():
    """What matters is the share that memory holds: there is no part that stands for all."""
    experiment = load_experiment("mmap-database", ["simulate=4MiB"])
    with pytest.raises(Exception, match="simulated as a whole, so drop 'simulate'"):
        check(experiment, resolve(experiment))
