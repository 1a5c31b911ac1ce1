"""Both engines leave the same World, word for word, with each mechanism of waiting and racing."""

import pytest
from helpers import DEVICE, TLB, a_machine, merge
from racing import race

from dessim.engines import compiled, reference
from dessim.kernel import layout as lay
from dessim.kernel.world import build_world

BUSY = {
    "cache_line": {"hold_ps": 40_000, "coalesce": True, "arbitration_share_ppm": 300_000},
    "device": {**DEVICE, "read_latency_ps": 900_000, "read_latency_cv_ppm": 400_000},
    "tlb": TLB,
    "kernel": {"wakeup_ps": 50_000, "context_switch_ps": 30_000},
    "topology": {"cores_per_l3": 4},
}
FEW_CPUS = {
    "topology": {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 2, "threads_per_core": 2},
    "kernel": {"time_slice_ps": 2_000_000},
}
S4, S2, CHURN = "radix_walk_trylock", "gang_lookup_mapcount", {"unmap_every_pages": 6}
COLD = {"cached_ppm": 300_000, "readahead_pages": 4}

# name -> (scheme, actors, changes of the machine, how the counters say that it happened, the rest)
MECHANISMS = {
    "racing hand-over": (S4, ["invalidate_range"] * 3, {}, "page_lock_waits", {}),
    "fair hand-over": (
        *(S4, ["invalidate_range"] * 3, {"locks": {"page_lock_hand_over": "fair"}}),
        *("hand_offs", {"every_ps": 50_000}),
    ),
    "bounded hand-over": (
        *(S4, ["invalidate_range"] * 8),
        {"locks": {"page_lock_hand_over": "bounded", "page_lock_retries": 1}},
        *("page_lock_waits", {"every_ps": 20_000, "pages": 4}),
    ),
    "one wait queue": (S4, ["truncate"], {"locks": {"page_wait_queues": 1}}, "wake_ups", COLD),
    "device and readahead": (S4, [], {}, "pages_read", COLD),
    "device alone": ("lock_each_page", [], {}, "major_faults", {"cached_ppm": 0}),
    "munmap churn": (S4, [], {}, "shootdowns", CHURN),
    "pcid": (S4, [], merge(FEW_CPUS, {"tlb": {"pcid": True}}), "context_switches", CHURN),
    "oversubscribed": (S4, [], FEW_CPUS, "tlb_flushes", {"mapping": "per_process"}),
    "invalidate": (S2, ["invalidate_range"], {}, "recheck_lost", {"every_ps": 100_000}),
    "truncate": (S2, ["truncate"], {}, "pages_removed", {}),
    "truncate, walking every table": (
        *(S2, ["truncate"] * 2, {}, "ptes_cleared"),
        {"actor_options": {"walk": "every_table"}, "mapping": "per_process"},
    ),
    "a hole": (
        *(S2, ["truncate"] * 2, {}, "pages_removed"),
        {"actor_options": {"punch_hole": True}, "mapping": "shared"},
    ),
    "reclaim": (S4, ["reclaim"], {}, "pages_removed", {}),
    "folios": ("folio_batch", [], {}, "pages_mapped", {"options": {"folio_order": 2}}),
    "folio of one page": ("folio_batch", ["reclaim"], {}, "pages_removed", {}),
    "test and set": (
        *(S4, [], {"locks": {"page_table_lock": "test_and_set"}}),
        *("pages_mapped", {"mapping": "shared"}),
    ),
    "one page-table lock": (
        *(S4, [], {"locks": {"split_page_table_locks": False}}, "pages_mapped", {}),
    ),
}


@pytest.mark.parametrize("name", MECHANISMS)
def test_both_engines_leave_the_same_world(name, run_compiled):
    """The compiled engine's World is the reference's, and the mechanism was at work in it."""
    scheme, actors, machine, counter, changes = MECHANISMS[name]
    basics = {"threads": 9, "pages": 24, "order": 3}
    setup = race(scheme, *actors, machine=a_machine(**merge(BUSY, machine)), **(basics | changes))
    slow, fast = build_world(setup).tolist(), build_world(setup)
    reference.run(slow)
    compiled.run(fast)
    differing = [i for i, (a, b) in enumerate(zip(slow, fast.tolist(), strict=True)) if a != b]
    assert differing == []
    assert slow[slow[lay.H_COUNT] + lay.COUNTERS.index(counter)] > 0
