"""Steps of exec: the files that it maps, their trees, and their i_mmap_rwsem."""

import pytest
from helpers import LINE_PS, a_machine
from memory_labs import SAME_L3, memory, run
from whole_runs import counter, ran, writing_setup

from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.addressing import object_at
from dessim.kernel.alphabet import Step, count, lock, unlock
from dessim.kernel.exec_invariants import check_files, check_files_at_rest, files_of
from dessim.kernel.execs import levels_of
from dessim.kernel.held_at_end import still_held
from dessim.kernel.invariants import BrokenError
from dessim.kernel.memory_words import each_file, each_link, each_unlink, link_vma, unlink_vmas
from dessim.kernel.pages import BLOCKED, GO_ON
from dessim.kernel.spinning import stop_spinning
from dessim.kernel.steps import advance, step
from dessim.kernel.world import build_world

FRAMES = a_machine().frames
EXEC = {"after_sweep": "exec", "exec_files": 3, "exec_links": 4, "exec_vmas": 2}
LOAD, STORE = LINE_PS["load_modified"], LINE_PS["store_modified"]


def execs(*steps, threads=1, **workload):
    """Return a lab whose tasks exec: three files of two mappings each."""
    return memory(*steps, threads=threads, workload=EXEC | workload)


def file(lab, word, task=0):
    """Return a word of the file that a task maps or unmaps."""
    return lab.w[object_at(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS) + word]


def put(lab, word, value, task=0):
    """Change a word of the file that a task maps or unmaps."""
    lab.w[object_at(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS) + word] = value


@pytest.mark.parametrize(("vmas", "levels"), [(0, 0), (1, 1), (3, 2), (4, 3), (130, 8)])
def test_levels_of_a_tree(vmas, levels):
    """A balanced tree of n nodes."""
    assert levels_of(vmas) == levels


@pytest.mark.parametrize(("libraries", "records", "vmas"), [("shared", 3, 4), ("own", 6, 2)])
def test_files_are_mapped_at_the_start_by_all_who_share_them(libraries, records, vmas):
    """Each process has an exec behind it."""
    lab = execs(count("touches"), threads=2, libraries=libraries)
    places = files_of(lab.w)
    assert len(places) == records
    line = lab.w[lay.H_LINE_WORDS]
    assert {lab.w[place + line + lay.O_VMAS] for place in places} == {vmas}
    assert (lab.get(0, lay.T_OBJECTS) == lab.get(1, lay.T_OBJECTS)) == (libraries == "shared")


def test_link_vma_walks_a_tree_that_another_core_has_changed():
    """A line a level, from the core that changed it last, and still so after a change here."""
    lab = execs(Step("pick_file"), link_vma(), link_vma(), threads=3)
    put(lab, lay.O_CHANGER, lab.get(2, lay.T_CORE) + 1)
    assert file(lab, lay.O_VMAS) == 6
    then = run(lab, steps=2)
    assert then == FRAMES.link_vma_ps + 3 * LOAD[SAME_L3]
    assert file(lab, lay.O_CHANGER) == lab.get(0, lay.T_CORE) + 1
    assert file(lab, lay.O_OTHER) == lab.get(2, lay.T_CORE) + 1
    assert run(lab, now=then) == 2 * then
    assert lab.spent(0, "i_mmap") == 2 * then


def test_link_vma_finds_a_tree_at_hand_that_no_other_core_has_changed():
    """So it is with files of a process's own."""
    lab = execs(Step("pick_file"), link_vma(), link_vma(), threads=3, libraries="own")
    assert run(lab, steps=3) == 2 * FRAMES.link_vma_ps


def test_link_vma_leaves_as_many_mappings_as_the_workload_says():
    """The other sections split mappings and take parts of them out again."""
    lab = execs(Step("pick_file"), each_link(link_vma()), count("touches"))
    put(lab, lay.O_VMAS, 0)
    run(lab, steps=1 + 4 * 2)
    assert file(lab, lay.O_VMAS) == 2
    assert lab.get(0, lay.T_SECTION) == 4
    assert lab.place(0) == "count touches"


@pytest.mark.parametrize(("batch", "sections"), [(1, 5), (2, 3), (8, 1)])
def test_unlink_vmas_takes_a_batch_out(batch, sections):
    """Three lines for each mapping: its own, its parent's, its child's."""
    lab = execs(Step("pick_file"), each_unlink(unlink_vmas()), threads=3, exec_vmas=5, exec_links=5)
    lab.w[lay.H_UNLINKS] = batch
    put(lab, lay.O_CHANGER, lab.get(2, lay.T_CORE) + 1)
    then = run(lab, steps=2)
    first = min(batch, 5)
    assert then == first * (FRAMES.unlink_vma_ps + 3 * STORE[SAME_L3])
    run(lab, now=then, steps=2 * sections - 1)
    assert file(lab, lay.O_VMAS) == 3 * 5 - 5
    assert lab.get(0, lay.T_SECTION) == sections
    assert lab.place(0) == "stop"


def test_pick_file_finds_the_first_file_and_its_lock():
    """The rwsem at hand is that of the file."""
    lab = execs(each_file(link_vma()))
    run(lab)
    assert lab.get(0, lay.T_OBJECT) == files_of(lab.w)[0]


def test_next_file_visits_each_file_once():
    """Each with its own lock: the rwsem at hand is that of the file."""
    lab = execs(each_file(lock("i_mmap_rwsem"), link_vma(), unlock("i_mmap_rwsem")))
    seen = []
    while lab.place(0) != "stop":
        if lab.place(0) == "link vma":
            seen.append(lab.get(0, lay.T_OBJECT))
            assert lab.w[seen[-1] + lay.K_HOLD] == -1
        run(lab)
    assert seen == files_of(lab.w)


def test_next_link_counts_sections_anew_for_each_file():
    """A file is mapped in four sections."""
    lab = execs(each_file(each_link(count("touches"))))
    while lab.place(0) != "stop":
        run(lab)
    assert lab.counter("touches") == 3 * 4


def test_next_unlink_counts_mappings_anew_for_each_file():
    """Two mappings of a file are unlinked one by one."""
    lab = execs(each_file(each_unlink(count("unmaps"))))
    while lab.place(0) != "stop":
        run(lab)
    assert lab.counter("unmaps") == 3 * 2


def storm(libraries, batch, end="exec", threads=5):
    """Return a run in which processes exec, or end, each on a CPU of its own."""
    files = {**EXEC, "after_sweep": end}
    if end == "exit":  # its fork links each mapping once
        del files["exec_links"]
    small = {"unlink_batch": batch, "pcp_batch": 4}
    return writing_setup(
        "linux_6_12", threads, 3, small, mapping="per_process", sweeps=3, phases="spread",
        libraries=libraries, **files,
    )  # fmt: skip


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("libraries", ["shared", "own"])
@pytest.mark.parametrize("end", ["exec", "exit"])
def test_files_agree_after_every_event_and_are_unmapped_at_the_end(end, libraries, batch):
    """One writer at a time; the end of a process unlinks what its exec, or its fork, has linked."""
    w = build_world(storm(libraries, batch, end)).tolist()

    def checked(w, task, now):
        then = advance(w, task, now)
        check_files(w)
        return then

    Reference(w, None, checked, check=False).run()
    check_files_at_rest(w)
    assert still_held(w) == ""
    assert counter(w, f"{end}s") == 5 * 3


def test_a_file_that_is_mapped_at_the_end_is_found():
    """And so is one with more mappings than its processes have."""
    w = build_world(storm("shared", 1)).tolist()
    with pytest.raises(BrokenError, match="10 mappings at the end"):
        check_files_at_rest(w)
    w[files_of(w)[1] + w[lay.H_LINE_WORDS] + lay.O_VMAS] += 1
    with pytest.raises(BrokenError, match="11 mappings, of 10"):
        check_files(w)


def test_processes_that_share_files_wait_for_each_other_and_others_do_not():
    """Writers spin: nobody sleeps, and the time is that of i_mmap_rwsem."""
    waits = {}
    for libraries in ("shared", "own"):
        w = build_world(storm(libraries, 8)).tolist()
        Reference(w).run()
        first = [w[lay.H_TASK] + i * lay.T_WORDS + lay.T_ACCOUNT for i in range(5)]
        waits[libraries] = sum(w[t + lay.CATEGORIES.index("i_mmap")] for t in first)
        assert not any(w[t + lay.CAT_ASLEEP] for t in first)
    assert waits["shared"] > 2 * waits["own"]


def spinning():
    """Return a lab in which task 2 spins on the i_mmap_rwsem that task 0 holds."""
    lab = execs(lock("i_mmap_rwsem"), unlock("i_mmap_rwsem"), count("touches"), threads=5)
    lab.w[lay.H_RWSEM] = 1
    assert step(lab.w, 0, 0, 100) == GO_ON
    assert step(lab.w, 2, 0, 200) == BLOCKED
    assert file(lab, lay.O_RWSEM + lay.R_SPINS) == 3
    return lab


def test_a_writer_spins_on_the_owner_of_i_mmap_rwsem_and_keeps_its_cpu():
    """In the file's own queue, not in that of its mm; it tries again when the lock is free."""
    lab = spinning()
    assert lab.w[lab.get(2, lay.T_MM) + lay.MM_RWSEM + lay.R_SPINS] == 0
    assert lab.w[lab.get(2, lay.T_CPU) + lay.U_RUNNING] == 3
    assert step(lab.w, 0, 1, 700) == GO_ON
    assert lab.woken() == {2: 700 + LOAD[SAME_L3]}
    assert lab.place(2) == "lock i_mmap_rwsem"
    assert step(lab.w, 2, 0, 900) == GO_ON


def test_a_writer_stops_spinning_for_i_mmap_rwsem_when_another_task_wants_its_cpu():
    """It sleeps in the queue of that lock."""
    lab = spinning()
    assert stop_spinning(lab.w, 2, 10**6) == 1
    assert file(lab, lay.O_RWSEM + lay.R_SPINS) == 0
    assert lab.w[lab.get(2, lay.T_OBJECT) + lay.K_HEAD] == 3
    assert stop_spinning(lab.w, 2, 10**6) == 0


def exits(pages=64, threads=1, **changes):
    """Return a run in which processes touch a region, end and are forked: each once by default."""
    values = {"mapping": "per_process", "after_sweep": "exit"}
    return writing_setup("linux_6_12", threads, pages, **values | changes)


def exit_ps(w):
    """Return the mean ps of an exit."""
    record = w[lay.H_HIST] + (lay.N_FAULT_RECORDS + lay.CALLS.index("region")) * lay.Y_WORDS
    return w[record + lay.Y_SUM] / w[record + lay.Y_COUNT]


def test_an_exit_takes_what_its_memory_and_its_files_take():
    """Four times the pages take four times as long, besides the constant; so do the files."""
    constant = a_machine().frames.exit_process_ps
    few, many = (exit_ps(ran(exits(pages=pages))) - constant for pages in (64, 256))
    none, more = (exit_ps(ran(exits(exec_files=files))) for files in (1, 9))
    assert 3 < many / few < 4
    assert more > none + 8 * 5 * a_machine().frames.unlink_vma_ps


def test_processes_that_exit_at_once_wait_for_the_node_and_for_shared_files():
    """Ending takes longer where others end: locks of zone and LRU, counters, files."""
    alone, shared, own = (
        exit_ps(ran(exits(threads=threads, libraries=libraries)))
        for threads, libraries in ((1, "own"), (6, "shared"), (6, "own"))
    )
    assert alone < own < shared


def test_a_fork_in_place_of_a_process_links_each_mapping_once():
    """The files are mapped as often as before, and their lock was taken once for each mapping."""
    setup = exits(exec_files=2, exec_vmas=3)
    w, links = build_world(setup).tolist(), 0

    def watched(w, task, now):
        nonlocal links
        pc = w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC]
        links += setup.program.listing[pc] == "link vma"
        return advance(w, task, now)

    Reference(w, None, watched, check=False).run()
    assert counter(w, "exits") == 1
    assert links == 2 * 3
