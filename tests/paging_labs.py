"""Runs and labs of files that may be larger than memory."""

from helpers import DEVICE, TLB, Lab, a_machine

from dessim import registry
from dessim.engines import reference
from dessim.kernel import layout as lay
from dessim.kernel import steps
from dessim.kernel.assembler import assemble
from dessim.kernel.paging_invariants import check_paging
from dessim.kernel.paging_programs import device_loop_program
from dessim.kernel.result import check_at_rest, read_result
from dessim.kernel.setup import Batches, Setup
from dessim.kernel.world import build_world
from dessim.model.workload import PAGE_BYTES, Workload

SMALL = Batches(pcp_batch=4, pcp_high=8, lru_batch=3)
WINDOW = 8


def paging_setup(
    scheme="folio_batch",
    *,
    threads=2,
    pages=256,
    share=1.0,
    cached=0.0,
    advice="normal",
    access="random",
    touches=100,
    seed=1,
    window=WINDOW,
    device=None,
    machine=None,
    program=None,
    mapping="shared",
    **changes,
):
    """Return a run on a file that is read by windows, with small batches."""
    workload = Workload(
        name="paging",
        access=access,
        file_size_bytes=pages * PAGE_BYTES,
        advice=advice,
        touches=touches,
        mapping=mapping,
        memory_share_ppm=round(share * 1e6),
        cached_ppm=round(cached * 1e6),
        start_stagger_ps=0,
        readahead_pages=window,
        **changes,
    )
    machine = machine or a_machine(
        device={**DEVICE, "queue_depth": 4, **(device or {})},
        tlb=TLB,
        topology={"threads_per_core": 1},
    )
    if program is None:
        program = registry.thread_program(
            registry.load(scheme), {}, 4, page_cache_changes=True, advice=advice
        )
    else:
        program = assemble(program)
    return Setup(machine, workload, program, threads, 4, None, seed, 0, batches=SMALL)


def device_setup(threads, iterations=50, pages=1, direction=lay.READS, machine=None, **device):
    """Return a closed loop of commands to the device, without a page cache."""
    workload = Workload(
        name="device",
        kind="device_loop",
        iterations=iterations,
        command_pages=pages,
        start_stagger_ps=0,
    )
    machine = machine or a_machine(device={**DEVICE, **device})
    program = assemble(device_loop_program(pages, direction))
    return Setup(machine, workload, program, threads, 0, None, 1, 0)


def checked_run(setup, every=1):
    """Run in the reference engine; compare frames, lists and page cache after so many events."""
    w = build_world(setup).tolist()
    events = [0]

    def advance(w, task, now):
        then = steps.advance(w, task, now)
        events[0] += 1
        if events[0] % every == 0:
            check_paging(w)
        return then

    reference.Reference(w, advance=advance).run()
    check_at_rest(w)
    return w, read_result(w, setup.pages)


def paging_lab(*program, **changes):
    """Return a World in which tasks are moved by hand through a few steps."""
    from helpers import STOP

    setup = paging_setup(program=(*program, STOP), **changes)
    lab = Lab(setup.program, build_world(setup).tolist())
    lab.occupy_cpus()
    return lab


def own(lab, task, word):
    """Return a word of a task's record for windows and reclaim."""
    return lab.w[lab.w[lab.w[lay.H_PAGING] + lay.G_TASK] + task * lay.X_WORDS + word]


def put_own(lab, task, word, value):
    """Set a word of a task's record for windows and reclaim."""
    lab.w[lab.w[lab.w[lay.H_PAGING] + lay.G_TASK] + task * lay.X_WORDS + word] = value


def state(lab, word):
    """Return a word of the open file's readahead state."""
    return lab.w[lab.w[lab.w[lay.H_PAGING] + lay.G_FILE] + lay.A_STATE + word]


def put_state(lab, word, value):
    """Set a word of the open file's readahead state."""
    lab.w[lab.w[lab.w[lay.H_PAGING] + lay.G_FILE] + lay.A_STATE + word] = value


def window(lab, task=0):
    """Return first page, end and marker of the window that a task has planned."""
    return tuple(own(lab, task, word) for word in (lay.X_NEXT, lay.X_END, lay.X_MARK))


def lists(lab, node=0):
    """Return how many pages are on a node's inactive and active list."""
    zone = lab.w[lay.H_ZONE] + node * lab.w[lay.H_ZONE_WORDS] + 2 * lab.w[lay.H_LINE_WORDS]
    first = zone + lay.Z_LIST + lay.LIST_COUNT
    return lab.w[first], lab.w[first + lay.LIST_WORDS]
