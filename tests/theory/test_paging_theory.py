"""Files larger than memory beside exact answers: distinct pages, saturation, hit ratio."""

import pytest
from helpers import a_machine
from paging_labs import device_setup, paging_setup

from dessim.engines import run_setup
from dessim.kernel import layout as lay

PAGE = 4096
US = 10**6


def commands_per_s(threads, **device):
    """Return the rate of a closed loop of commands of a device."""
    pages = device.pop("pages", 1)
    direction = device.pop("direction", lay.READS)
    machine = a_machine(device=device, paging={"submit_command_ps": 0, "complete_command_ps": 0})
    setup = device_setup(threads, 400, pages, direction, machine=machine)
    result = run_setup(setup, "compiled")
    return result.counters["device_commands"] / (result.finish_ps / 1e12)


@pytest.mark.parametrize(
    ("device", "threads", "pages", "expected"),
    [
        ({}, 1, 1, 1 / 100e-6),  # one command at a time: its latency
        ({}, 4, 1, 4 / 100e-6),  # N / L below the depth
        ({"queue_depth": 4}, 12, 1, 4 / 100e-6),  # Little's law: depth / latency
        ({"read_iops": 25_000}, 12, 1, 25_000),  # the ceiling of commands
        ({"read_bandwidth_bytes_per_s": 10**9}, 12, 32, 10**9 / (32 * PAGE)),  # that of bytes
        ({"read_iops": 10_000, "devices": 2, "stripe_pages": 1}, 12, 1, 20_000),  # two as one
    ],
)
def test_the_least_of_depth_commands_and_bytes_decides(device, threads, pages, expected):
    """A closed loop of N threads: min(N, depth) / latency, IOPS, or bandwidth over size."""
    fields = {"read_latency_ps": 100 * US, "queue_depth": 64, **device}
    rate = commands_per_s(threads, pages=pages, **fields)
    assert rate == pytest.approx(expected, rel=0.05)


def test_each_direction_has_ceilings_of_its_own():
    """A write knows the latency and the ceiling of writes."""
    fields = {"read_latency_ps": 100 * US, "write_latency_ps": 50 * US, "queue_depth": 64}
    fields |= {"read_iops": 1_000, "write_iops": 30_000}
    assert commands_per_s(1, direction=lay.WRITES, **fields) == pytest.approx(20_000, rel=0.05)
    assert commands_per_s(12, direction=lay.WRITES, **fields) == pytest.approx(30_000, rel=0.05)


def test_random_touches_read_as_many_pages_as_are_distinct():
    """After n touches of N pages N (1 - (1 - 1/N)^n) are distinct: so many single reads."""
    pages, touches, threads = 2000, 500, 4
    setup = paging_setup(
        pages=pages, touches=touches, threads=threads, advice="random", scheme="linux_6_12"
    )
    result = run_setup(setup, "compiled")
    expected = pages * (1 - (1 - 1 / pages) ** (touches * threads))
    assert result.counters["pages_read"] == pytest.approx(expected, rel=0.03)
    assert result.counters["major_faults"] >= result.counters["pages_read"]


def test_random_touches_of_a_full_memory_hit_as_often_as_it_has_room():
    """Uniform touches: whatever goes, the share of the file that is in memory is the hit ratio."""
    pages, touches = 3000, 3000
    setup = paging_setup(
        pages=pages, share=0.5, cached=0.5, touches=touches, advice="random", threads=2
    )
    result = run_setup(setup, "compiled")
    misses = result.counters["pages_read"] / result.counters["touches"]
    # the room: 1,500 frames, of which between the least and the high watermark are free
    assert 1 - misses == pytest.approx(0.5 - 0.03, abs=0.03)
