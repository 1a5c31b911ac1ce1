"""Labs in which tasks have memory: frames on nodes, on lists of CPUs, mapped and gathered."""

from helpers import MEMORY_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.addressing import part_at
from dessim.kernel.alphabet import count
from dessim.kernel.frames import (
    lru_add,
    lru_flush,
    map_frame,
    refill_pcp,
    take_frame,
    zap_frames,
)
from dessim.kernel.memory_invariants import zones
from dessim.model.workload import PAGE_BYTES

FRAMES = a_machine().frames
NEAR = MEMORY_PS["local_ps"]
SAME_L3 = 1  # column of LINE_PS
BATCH = 63
YES, NO = count("touches"), count("pte_lost")
HALVES = {"after_sweep": "dontneed", "dropped_ppm": 500_000, "drop_every_bytes": 4 * PAGE_BYTES}
"""Changes of a workload that drops half of each folio of four pages."""


def regions(*steps, threads=1, workload=(), **machine):
    """Return a lab whose tasks are threads of one process, each with a region of its own."""
    values = {"fault": "anonymous", "mapping": "per_thread"} | dict(workload)
    return a_lab(
        *steps, threads=threads, machine=a_machine(**machine), workload=a_workload(64, **values)
    )


def memory(
    *steps,
    threads=1,
    pages=512,
    options=None,
    anon_order=0,
    batched=False,
    workload=(),
    **machine,
):
    """Return a lab whose tasks allocate memory; three page counters.

    With ``batched`` ptes of a folio are unmapped, and copied by fork, in one go.
    """
    levels = {f"memcg_level_{i}": i < 3 for i in range(8)}
    region = a_workload(
        pages,
        fault="anonymous",
        mapping="per_process",
        **{"memcg_depth": 3, "anon_order": anon_order} | dict(workload),
    )
    lab = a_lab(
        *steps,
        threads=threads,
        machine=a_machine(**machine),
        workload=region,
        options=levels | {"parts": False, "lru_sizes_near": False} | (options or {}),
    )
    lab.w[lay.H_BATCHED] = int(batched)
    return lab


def run(lab, task=0, now=0, steps=1):
    """Carry out some steps of a task; return when the last is over."""
    for _ in range(steps):
        now = lab.go(task, now)
    return now


def word(lab, base, offset):
    """Return a word of the World."""
    return lab.w[lab.w[base] + offset]


def zone(lab, node=0):
    """Return the words of a node: first and last free frame, free ones, those on the LRU."""
    at = zones(lab.w)[node]
    return tuple(lab.w[at + i] for i in (lay.Z_HEAD, lay.Z_TAIL, lay.Z_FREE, lay.Z_LRU))


def frame(lab, number, offset):
    """Return a word of a frame's record."""
    return lab.w[lab.w[lay.H_FRAME] + (number - 1) * lay.F_WORDS + offset]


def part(lab, number, offset):
    """Return a word of what a frame has mapped, where folios are mapped in part."""
    return lab.w[part_at(lab.w, number) + offset]


def give(lab, task, frames, now=0):
    """Put some frames on the list of a task's CPU, as from its zone."""
    batch, lab.w[lay.H_PCP_BATCH] = lab.w[lay.H_PCP_BATCH], frames
    refill_pcp(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS, 0)
    lab.w[lay.H_PCP_BATCH] = batch


def mapped(lab, pages, task=0):
    """Map some pages of memory that are on the LRU; return their frames in order."""
    t = lab.w[lay.H_TASK] + task * lay.T_WORDS
    frames = []
    give(lab, task, len(pages))
    for page in pages:
        lab.put(task, lay.T_CURSOR, page)
        take_frame(lab.w, t, 0, 0)
        frames.append(lab.get(task, lay.T_FRAME))
        lru_add(lab.w, t)
        map_frame(lab.w, t)
    lru_flush(lab.w, t)
    lab.put(task, lay.T_PAGE, 0)
    lab.put(task, lay.T_CURSOR, 0)
    lab.put(task, lay.T_STOP, lab.w[lay.H_REGION])
    return frames


def gathered(lab, pages):
    """Unmap some pages of memory, as zap_frames does."""
    mapped(lab, pages)
    zap_frames(lab.w, lab.w[lay.H_TASK], 0)
