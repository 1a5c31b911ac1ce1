"""Random machines and workloads: small integer costs, so that many things happen at once."""

from functools import lru_cache

from hypothesis import strategies as st

from dessim import model
from dessim.model.machine import Distances, Machine, Topology
from dessim.model.workload import PAGE_BYTES, Workload

MAX_THREADS = 12
SMALL_PS = (0, 0, 1, 1, 2, 3, 5, 8, 100, 1_000)
BANDWIDTHS = (6 * 10**9, 10**15, 2 * 10**15, 10**18)  # bytes/s: 0.7 us, 4 ps, 2 ps, 0 ps a page


@lru_cache
def shipped(name: str) -> Machine:
    """Return a shipped profile: it is read once."""
    return model.load_machine(name)


def small_times(draw, part):
    """Return a copy of a part of a profile with every time replaced by a small one."""
    update = {}
    for name in type(part).model_fields:
        value = getattr(part, name)
        if name.endswith("_ps"):
            update[name] = draw(st.sampled_from(SMALL_PS))
        elif isinstance(value, Distances):
            update[name] = small_times(draw, value)
    return part.model_copy(update=update)


@st.composite
def topologies(draw, threads: int) -> Topology:
    """Draw an arrangement of at least as many CPUs as threads."""
    sockets = draw(st.integers(1, 3))
    l3s = draw(st.integers(1, 2))
    siblings = draw(st.integers(1, 3))
    apart = {(a, b): draw(st.integers(1, 2)) for a in range(sockets) for b in range(a + 1, sockets)}
    return Topology(
        sockets=sockets,
        l3_per_socket=l3s,
        cores_per_l3=-(-threads // (sockets * l3s * siblings)) + draw(st.integers(0, 1)),
        threads_per_core=siblings,
        hops=tuple(
            tuple(apart.get((min(a, b), max(a, b)), 0) for b in range(sockets))
            for a in range(sockets)
        ),
        l3_size_bytes=draw(st.sampled_from((1, 4, 64))) * PAGE_BYTES,
        placement=draw(st.sampled_from(("spread", "compact"))),
    )


def cache_lines(draw, lines):
    """Draw the cost of lines, with each mechanism on or off."""
    return small_times(draw, lines).model_copy(
        update={
            "hold_ps": draw(st.sampled_from((0, 0, 1, 7, 50, 2_000))),
            "arbitration_share_ppm": draw(st.sampled_from((0, 300_000, 1_000_000))),
            "coalesce": draw(st.booleans()),
            "prefetch_hidden_ppm": draw(st.sampled_from((0, 500_000, 1_000_000))),
            "evict_after_ps": draw(st.sampled_from((0, 20, 1_000, 10**12))),
        }
    )


@st.composite
def machines(draw, threads: int) -> Machine:
    """Draw a machine: a shipped profile with another topology and, mostly, small costs."""
    machine = shipped(draw(st.sampled_from(model.names("machines"))))
    update = {"topology": draw(topologies(threads))}
    if draw(st.integers(0, 4)):  # else the costs of the profile: none of them ties with another
        update["cache_line"] = cache_lines(draw, machine.cache_line)
        update["memory"] = small_times(draw, machine.memory).model_copy(
            update={
                "bandwidth_per_socket_bytes_per_s": draw(st.sampled_from(BANDWIDTHS)),
                "file_placement": draw(st.sampled_from(("interleave", "first_socket"))),
            }
        )
        update["kernel"] = small_times(draw, machine.kernel)
        update["user"] = small_times(draw, machine.user).model_copy(
            update={"read_page_cv_ppm": draw(st.sampled_from((0, 300_000)))}
        )
    update["locks"] = machine.locks.model_copy(
        update={
            "page_table_lock": draw(st.sampled_from(("ticket", "mcs"))),
            "ticket_per_waiter_ps": draw(st.sampled_from(SMALL_PS)),
            "mcs_transfers_ppm": draw(st.sampled_from((0, 1_000_000, 2_500_000))),
            "split_page_table_locks": draw(st.booleans()),
        }
    )
    return machine.model_copy(update=update)


STARTS = {
    "start_stagger_ps": st.sampled_from((None, 0, 0, 1, 3, 100)),
    "start_jitter_ppm": st.sampled_from((0, 500_000, 1_000_000)),
}


@st.composite
def file_workloads(draw, max_pages: int = 12) -> Workload:
    """Draw threads that read a tiny file: every access, mapping and touch."""
    access = draw(st.sampled_from(("sequential", "random", "one_per_table")))
    pages = draw(st.integers(1, 1_600 if access == "one_per_table" else max_pages))
    values = {key: draw(value) for key, value in STARTS.items()}
    if access == "random":
        values["touches_per_page"] = draw(st.integers(1, 3))
    return Workload(
        name="drawn",
        access=access,
        mapping=draw(st.sampled_from(("per_thread", "shared", "per_process"))),
        file_size_bytes=pages * PAGE_BYTES,
        page_touch=draw(st.sampled_from(("read_page", "touch_word"))),
        page_work_ps=draw(st.sampled_from(SMALL_PS)),
        **values,
    )


@st.composite
def lock_loops(draw) -> Workload:
    """Draw a lock loop of few iterations, its times fixed or drawn."""
    distributions = st.sampled_from(("fixed", "exponential"))
    return Workload(
        name="drawn",
        kind="lock_loop",
        think_ps=draw(st.sampled_from(SMALL_PS)),
        hold_ps=draw(st.sampled_from(SMALL_PS)),
        think_distribution=draw(distributions),
        hold_distribution=draw(distributions),
        iterations=draw(st.integers(1, 12)),
        **{key: draw(value) for key, value in STARTS.items()},
    )
