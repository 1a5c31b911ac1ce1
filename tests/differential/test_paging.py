"""Files larger than memory: both engines leave the same World, and frames are conserved."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paging_labs import checked_run, device_setup, paging_setup

from dessim.engines import compiled
from dessim.kernel import layout as lay
from dessim.kernel.operation import COMMAND, PRESSURE, READAHEAD, RECLAIM
from dessim.kernel.ops import OPERATIONS
from dessim.kernel.world import build_world

CASES = {
    "normal": {"pages": 96, "share": 0.9, "touches": 60},
    "random": {"pages": 128, "share": 0.9, "advice": "random", "cached": 0.7, "touches": 90},
    "sequential": {"access": "blocks", "block_pages": 16, "advice": "sequential", "pages": 128},
    "own mappings": {"scheme": "radix_walk_trylock", "mapping": "per_thread", "pages": 96},
    "processes": {"scheme": "linux_6_12", "mapping": "per_process", "pages": 96},
}


@st.composite
def setups(draw):
    """Draw a small run under some pressure."""
    case = dict(draw(st.sampled_from(list(CASES.values()))))
    pages = draw(st.integers(340, 480))
    case |= {"pages": pages, "share": draw(st.sampled_from((0.5, 0.7, 1.0)))}
    case |= {"seed": draw(st.integers(1, 10**6)), "threads": draw(st.integers(1, 3))}
    case |= {"touches": draw(st.integers(1, 60)), "window": draw(st.sampled_from((4, 8, 16)))}
    case["scan_pages"] = draw(st.sampled_from((32, 100)))
    case["cached"] = draw(st.sampled_from((0.0, 0.3, 0.5)))
    case["device"] = {
        "devices": draw(st.integers(1, 3)),
        "stripe_pages": draw(st.sampled_from((4, 128))),
        "queue_depth": draw(st.integers(1, 3)),
        "read_iops": draw(st.sampled_from((0, 20_000))),
        "read_bandwidth_bytes_per_s": draw(st.sampled_from((0, 10**9))),
    }
    return paging_setup(**case)


def same(setup, every):
    """Run in both engines; compare Worlds; return the reference's."""
    w, _ = checked_run(setup, every)
    words = build_world(setup)
    compiled.run(words)
    assert words.tolist() == w
    return w


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(setup=setups())
def test_random_runs_are_the_same_in_both_engines(setup):
    """Word for word; frames, lists and page cache are compared again and again on the way."""
    same(setup, 997)


def test_every_step_occurs_and_keeps_frames_and_lists(monkeypatch):
    """A run under pressure, checked after every event, meets every step of the family."""
    setup = paging_setup(pages=240, share=0.5, cached=0.5, touches=40, window=8, threads=2)
    w, result = checked_run(setup, 11)
    met = {w[i] for i in range(w[lay.H_PROG], w[lay.H_CPU], lay.I_WORDS)}
    rows = {row.name: n for n, row in enumerate(OPERATIONS) if row.group in GROUPS}
    assert {name for name, number in rows.items() if number not in met} == {
        *("direct_io", "direct_done")
    }
    assert result.counters["evictions"] > 100
    assert result.counters["refaults"] > 10


GROUPS = (PRESSURE, READAHEAD, COMMAND, RECLAIM)


@pytest.mark.parametrize("direction", [lay.READS, lay.WRITES])
def test_commands_without_a_page_cache_are_the_same(direction):
    """The closed loop of the device."""
    device = {"write_latency_ps": 30_000_000, "write_iops": 10_000, "read_latency_cv_ppm": 400_000}
    setup = device_setup(3, 20, 4, direction, **device)
    w = build_world(setup).tolist()
    from dessim.engines import reference

    reference.run(w)
    words = build_world(setup)
    compiled.run(words)
    assert words.tolist() == w
