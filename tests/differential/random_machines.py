"""Random machines and workloads: small integer costs, so that many things happen at once."""

from functools import lru_cache

from hypothesis import strategies as st

from dessim import model
from dessim.model.machine import Device, Distances, Machine, Tlb
from dessim.model.topology import Topology
from dessim.model.workload import PAGE_BYTES, ActorChoice, Workload

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
def topologies(draw, tasks: int, *, crowded: bool) -> Topology:
    """Draw an arrangement of CPUs: one for each task, or sometimes, if crowded, too few for all."""
    sockets = draw(st.integers(1, 3))
    l3s = draw(st.integers(1, 2))
    siblings = draw(st.integers(1, 3))
    on_each_cpu = draw(st.sampled_from((1, 1, 3))) if crowded else 1
    apart = {(a, b): draw(st.integers(1, 2)) for a in range(sockets) for b in range(a + 1, sockets)}
    return Topology(
        sockets=sockets,
        l3_per_socket=l3s,
        cores_per_l3=-(-tasks // (sockets * l3s * siblings * on_each_cpu)),
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
            "coalesce_ppm": draw(st.sampled_from((0, 400_000, 1_000_000))),
            "prefetch_hidden_ppm": draw(st.sampled_from((0, 500_000, 1_000_000))),
            "evict_after_ps": draw(st.sampled_from((0, 20, 1_000, 10**12))),
        }
    )


def locks(draw, shipped_locks):
    """Draw the kinds of locks."""
    return shipped_locks.model_copy(
        update={
            "page_table_lock": draw(st.sampled_from(("ticket", "mcs", "test_and_set"))),
            "ticket_per_waiter_ps": draw(st.sampled_from(SMALL_PS)),
            "test_and_set_per_waiter_ps": draw(st.sampled_from(SMALL_PS)),
            "mcs_transfers_ppm": draw(st.sampled_from((0, 1_000_000, 2_500_000))),
            "split_page_table_locks": draw(st.booleans()),
            "split_pmd_locks": draw(st.booleans()),
            "vma_cache": draw(st.sampled_from(("mm", "thread"))),
            "page_lock_hand_over": draw(st.sampled_from(("racing", "fair", "bounded"))),
            "page_lock_retries": draw(st.integers(1, 2)),
            "page_wait_order": draw(st.sampled_from(("shared_first", "arrival"))),
            "page_wait_queues": draw(st.sampled_from((1, 2, 256))),
        }
    )


def tlbs(draw) -> Tlb:
    """Draw tiny TLBs, or none."""
    if draw(st.booleans()):
        return Tlb(contiguous_bit=True)
    ways = draw(st.sampled_from((1, 2)))
    return small_times(draw, Tlb()).model_copy(
        update={
            "l1_entries": 2,
            "l1_ways": ways,
            "l2_entries": 4,
            "l2_ways": ways,
            "flush_ceiling_pages": draw(st.sampled_from((0, 1, 33))),
            "page_walkers": draw(st.sampled_from((1, 2))),
            "pcid": draw(st.booleans()),
            "contiguous_bit": True,  # without effect unless the scheme sets it
        }
    )


@st.composite
def machines(draw, tasks: int, *, crowded: bool, free_retries: bool) -> Machine:
    """Draw a machine: a shipped profile with another topology and, mostly, small costs.

    Parameters
    ----------
    tasks : int
        Threads and actors.
    crowded : bool
        Whether several of them may share a CPU.
    free_retries : bool
        Whether a fault, and taking a lock, may cost nothing. Who begins again and again at no cost
        until somebody else has acted would never let the time come at which that is.
    """
    machine = shipped(draw(st.sampled_from(model.names("machines"))))
    update = {"topology": draw(topologies(tasks, crowded=crowded)), "tlb": tlbs(draw)}
    small = draw(st.integers(0, 4)) > 0  # else the profile's costs: none ties with another
    if small:
        update["cache_line"] = cache_lines(draw, machine.cache_line)
        update["memory"] = small_times(draw, machine.memory).model_copy(
            update={
                "bandwidth_per_socket_bytes_per_s": draw(st.sampled_from(BANDWIDTHS)),
                "file_placement": draw(st.sampled_from(("interleave", "first_socket"))),
            }
        )
        at_least = {"time_slice_ps": draw(st.sampled_from((1, 50, 10_000)))}
        if not free_retries:
            at_least.update(find_vma_ps=draw(st.integers(1, 3)), lock_local_ps=1)
        update["kernel"] = small_times(draw, machine.kernel).model_copy(update=at_least)
        update["frames"] = small_times(draw, machine.frames)
        update["user"] = small_times(draw, machine.user).model_copy(
            update={"read_page_cv_ppm": draw(st.sampled_from((0, 300_000)))}
        )
    kernel = update.get("kernel", machine.kernel)
    work_cv_ppm = draw(st.sampled_from((0, 250_000, 1_000_000)))
    update["kernel"] = kernel.model_copy(update={"work_cv_ppm": work_cv_ppm})
    update["locks"] = locks(draw, machine.locks)
    update["device"] = Device(
        read_latency_ps=draw(st.sampled_from((1, 30, 2_000) if small else (10**7,))),
        read_latency_cv_ppm=draw(st.sampled_from((0, 300_000))),
        queue_depth=draw(st.integers(1, 3)),
    )
    return machine.model_copy(update=update)


STARTS = {
    "start_stagger_ps": st.sampled_from((None, 0, 0, 1, 3, 100)),
    "start_jitter_ppm": st.sampled_from((0, 500_000, 1_000_000)),
}


@st.composite
def actors(draw) -> ActorChoice:
    """Draw the pace and the range of an actor; which one it is is drawn elsewhere."""
    pauses = st.sampled_from((20_000, 100_000, 1_000_000))
    return ActorChoice(name="drawn", every_ps=draw(pauses), range_pages=draw(st.integers(1, 4)))


@st.composite
def file_workloads(draw, *, page_cache_changes: bool, max_pages: int = 12) -> Workload:
    """Draw threads that read a tiny file: every access, mapping and touch."""
    access = draw(st.sampled_from(("sequential", "random", "one_per_table")))
    pages = draw(st.integers(1, 1_600 if access == "one_per_table" else max_pages))
    values = {key: draw(value) for key, value in STARTS.items()}
    if access == "random":
        values["touches_per_page"] = draw(st.integers(1, 3))
    if access == "sequential":
        values["unmap_every_pages"] = draw(st.sampled_from((0, 0, 1, 3)))
    if page_cache_changes:
        values["cached_ppm"] = draw(st.sampled_from((0, 500_000, 999_999)))
        values["readahead_pages"] = draw(st.sampled_from((0, 2, 5)))
        values["actors"] = tuple(draw(st.lists(actors(), max_size=2)))
    return Workload(
        name="drawn",
        access=access,
        mapping=draw(st.sampled_from(("per_thread", "shared", "per_process"))),
        file_size_bytes=pages * PAGE_BYTES,
        page_touch=draw(st.sampled_from(("read_page", "touch_word"))),
        page_work_ps=draw(st.sampled_from(SMALL_PS)),
        **values,
    )


SWEEP_ENDS = ("munmap", "dontneed", "dontneed", "fork", "mremap")
OFTEN = st.sampled_from((True, True, False))


@st.composite
def memory_workloads(draw, max_pages: int = 12) -> Workload:
    """Draw tasks that write to every page of a region of their own, unmap it, and begin again."""
    fault = draw(st.sampled_from(("anonymous", "anonymous", "write_shared", "write_private")))
    values = {key: draw(value) for key, value in STARTS.items()}
    if values["start_stagger_ps"] is None:
        del values["start_stagger_ps"]
    if fault != "write_shared":
        values["memcg_depth"] = draw(st.sampled_from((0, 1, 3)))
    folio = 1
    if fault == "anonymous":
        values["after_sweep"] = draw(st.sampled_from(SWEEP_ENDS))
        # Folios of four pages or more can be split.
        orders = (0, 2, 2, 3) if values["after_sweep"] == "dontneed" else (0, 1, 2)
        values["anon_order"] = draw(st.sampled_from(orders))
        values["vmas"] = draw(st.sampled_from(("own", "merged")))
        folio = 1 << values["anon_order"]
        if values["after_sweep"] == "mremap":
            values["moves"] = draw(st.sampled_from(("tables", "ptes")))
        if values["after_sweep"] in ("fork", "mremap"):
            values["calls"] = draw(st.integers(1, 3))
        if values["after_sweep"] == "dontneed":
            values["dropped_ppm"] = draw(st.sampled_from((1_000_000, 500_000, 1)))
            values["drop_every_bytes"] = draw(st.sampled_from((0, 1, 3, 4))) * PAGE_BYTES
            whole = values["dropped_ppm"] == 1_000_000 and not values["drop_every_bytes"]
            values["split_folios"] = values["anon_order"] > 0 and not whole and draw(OFTEN)
    else:  # a region of which part is touched, or nothing: it is only mapped
        values["touched_ppm"] = draw(st.sampled_from((1_000_000, 500_000, 0)))
    values["mapping"] = draw(st.sampled_from(("per_thread", "per_process", "shared")))
    if values["mapping"] == "shared" and values.get("after_sweep") not in ("fork", "mremap"):
        values["file"] = "part"
    elif values["mapping"] == "shared":
        values["mapping"] = "per_thread"
    if fault == "anonymous" and values["mapping"] == "per_process" and draw(st.booleans()):
        for name in ("calls", "moves", "dropped_ppm", "drop_every_bytes", "split_folios"):
            values.pop(name, None)
        values["after_sweep"] = draw(st.sampled_from(("exec", "exit")))
        values["exec_files"] = draw(st.integers(1, 2))
        values["exec_vmas"] = draw(st.integers(1, 3))
        if values["after_sweep"] == "exec":
            values["exec_links"] = values["exec_vmas"] + draw(st.integers(0, 2))
        values["libraries"] = draw(st.sampled_from(("shared", "own")))
    if values.get("after_sweep") != "exec":
        values["actors"] = tuple(draw(st.lists(actors(), max_size=2)))
    return Workload(
        name="drawn",
        access=draw(st.sampled_from(("sequential", "random"))),
        fault=fault,
        file_size_bytes=draw(st.integers(1, max_pages // folio)) * folio * PAGE_BYTES,
        sweeps=draw(st.integers(1, 3)),
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
