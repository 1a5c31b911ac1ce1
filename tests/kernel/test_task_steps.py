"""Steps that move the task itself: accesses, faults, windows, loops, the end of a process."""

import re
from pathlib import Path

import pytest
from helpers import (
    DEVICE,
    KERNEL_PS,
    L3_HIT_PS,
    MEMORY_PS,
    USER_PS,
    a_lab,
    a_lock_loop,
    a_machine,
    a_workload,
)

from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    count,
    fence,
    go_to,
    jump,
    label,
    set_pte,
    work,
)
from dessim.kernel.ops import OPS
from dessim.model.workload import PAGE_BYTES

AFTER = count("pte_lost")


def test_every_step_of_the_alphabet_has_a_test_by_its_name():
    """No word of the alphabet goes without a unit test: each begins with the word's name."""
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    tested = set()
    for name in re.findall(r"def test_(\w+)", text):
        tested.add(max((op for op in OPS if name.startswith(f"{op}_")), key=len, default=""))
    assert set(OPS) - tested == set()


@pytest.mark.parametrize("cost", [name for name in cost_table.COSTS if name in KERNEL_PS])
def test_work_takes_exactly_its_cost_of_the_profile(cost):
    """Work lasts what the machine profile says, no more and no less, and touches nothing."""
    lab = a_lab(work(cost))
    assert lab.go(0, 17) == 17 + KERNEL_PS[cost]
    assert lab.place(0) == "stop"


def test_work_beside_a_busy_sibling_and_with_all_cores_busy_takes_longer():
    """Kernel work stretches by the clock and by the kernel's SMT factor, each rounded down."""
    machine = a_machine(
        clock={"one_core_hz": 3 * 10**9, "all_cores_hz": 2 * 10**9},
        smt={"user_slowdown_ppm": 1_700_000, "kernel_slowdown_ppm": 1_300_000},
    )
    lab = a_lab(work("rmap"), threads=16, machine=machine)
    stretched = KERNEL_PS["rmap"] * 1_500_000 // 1_000_000
    assert lab.go(15, 0) == stretched * 1_300_000 // 1_000_000
    alone = a_lab(work("rmap"), machine=machine)
    assert alone.go(0, 0) == KERNEL_PS["rmap"]


def test_work_at_the_end_of_a_process_runs_at_the_clock_of_one_core():
    """Teardown happens alone: neither the busy cores' clock nor the sibling stretches it."""
    machine = a_machine(
        clock={"one_core_hz": 3 * 10**9, "all_cores_hz": 2 * 10**9},
        smt={"kernel_slowdown_ppm": 1_300_000},
    )
    lab = a_lab(work("process_exit"), threads=16, machine=machine)
    assert lab.go(0, 0) == KERNEL_PS["process_exit"]


@pytest.mark.parametrize(("op", "expected"), [("think", 1_000), ("hold", 100), ("serve", 100)])
def test_think_lasts_the_fixed_think_or_hold_time(op, expected):
    """With fixed times, thinking, holding and serving last exactly what the workload says."""
    lab = a_lab(Step(op), workload=a_lock_loop())
    assert lab.go(0, 0) == expected


def test_read_device_lasts_the_read_latency_of_the_device():
    """Without variation a read takes what the profile says."""
    lab = a_lab(Step("read_device"), machine=a_machine(device=DEVICE))
    assert lab.go(0, 0) == DEVICE["read_latency_ps"]


def test_serve_ends_no_latency():
    """A hold time alone: what was asked for before it is over elsewhere."""
    lab = a_lab(Step("serve"), workload=a_lock_loop())
    lab.go(0, 0)
    assert lab.get(0, lay.T_DUE) == 0
    assert lab.get(0, lay.T_ACCESS) == 0


def test_think_with_an_exponential_time_differs_from_draw_to_draw():
    """Drawn think times vary, and a second World with the same seed draws the same."""
    program = [Step("think")] * 20
    loop = a_lock_loop(think_ps=1_000_000, think_distribution="exponential")

    def times():
        lab = a_lab(*program, workload=loop)
        return [lab.go(0, 0) for _ in range(20)]

    assert len(set(times())) == 20
    assert times() == times()


def test_fence_is_free_and_changes_nothing_but_the_place():
    """A fence costs no time: the locked RMW before it is one already."""
    lab = a_lab(fence())
    before = list(lab.w)
    assert lab.go(0, 5) == 5
    changed = [i for i, word in enumerate(lab.w) if word != before[i]]
    t = lab.w[lay.H_TASK]
    accounts = range(t + lay.T_ACCOUNT, t + lay.T_ACCOUNT + lay.N_CATEGORIES)
    moved = {t + lay.T_PC, t + lay.T_CLOCK, t + lay.T_WAIT, lay.H_EVENTS, *accounts}
    assert set(changed) <= moved


@pytest.mark.parametrize(
    ("access", "pages", "done", "expected"),
    [("sequential", 16, 0, 0), ("sequential", 16, 7, 7), ("one_per_table", 2048, 3, 1536)],
)
def test_next_access_walks_in_order(access, pages, done, expected):
    """Sequential access takes page after page; one-per-table the first page of each 2 MiB."""
    lab = a_lab(
        jump("next_access", "end"), AFTER, label("end"), workload=a_workload(pages, access=access)
    )
    lab.put(0, lay.T_ACCESS, done)
    assert lab.go(0, 3) == 3
    assert (lab.get(0, lay.T_PAGE), lab.get(0, lay.T_CURSOR)) == (expected, expected)
    assert lab.place(0) == "count pte_lost"


def test_next_access_jumps_when_all_accesses_are_done():
    """After the last access the step goes to its target."""
    lab = a_lab(jump("next_access", "end"), AFTER, label("end"))
    lab.put(0, lay.T_ACCESS, 16)
    lab.go(0, 0)
    assert lab.place(0) == "stop"


def test_next_access_at_random_stays_in_the_file_and_reaches_all_of_it():
    """Random accesses hit every page of a small file and none outside it."""
    workload = a_workload(16, access="random", touches_per_page=64)
    lab = a_lab(jump("next_access", "end"), AFTER, label("end"), workload=workload)
    seen = set()
    for i in range(400):
        lab.put(0, lay.T_PC, 0)
        lab.put(0, lay.T_ACCESS, i)
        lab.go(0, 0)
        seen.add(lab.get(0, lay.T_PAGE))
    assert seen == set(range(16))


def touching(**changes):
    """Return a lab that touches page 0, which is mapped, and faults elsewhere."""
    lab = a_lab(jump("touch", "fault"), AFTER, label("fault"), **changes)
    for task in range(lab.w[lay.H_TASKS]):
        lab.w[lab.get(task, lay.T_PTE)] |= 1
    return lab


def test_touch_of_an_unmapped_page_faults_at_once():
    """A touch of an unmapped page takes no time, counts nothing and goes to the fault."""
    lab = touching()
    lab.on_page(0, 1)
    assert lab.go(0, 8) == 8
    assert (lab.counter("touches"), lab.get(0, lay.T_ACCESS)) == (0, 0)
    assert lab.place(0) == "stop"


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (a_workload(), USER_PS["read_page_dram"]),
        (a_workload(page_work_ps=777), USER_PS["read_page_dram"] + 777),
        (a_workload(page_touch="touch_word"), USER_PS["touch_word"]),
        (a_workload(access="random", touches_per_page=1), USER_PS["random_word"]),
    ],
)
def test_touch_of_a_mapped_page_takes_the_users_time(workload, expected):
    """A touch of a mapped page lasts what the user does with it and counts as one access."""
    lab = touching(workload=workload)
    assert lab.go(0, 0) == expected
    assert (lab.counter("touches"), lab.get(0, lay.T_ACCESS)) == (1, 1)
    assert lab.spent(0, "user") == expected


def test_touch_goes_straight_to_the_next_page_until_the_last():
    """After a touch the same step touches the next page; after the last access it goes on."""
    lab = touching(workload=a_workload(pages=2))
    now = lab.go(0, 0)
    assert lab.place(0) == "touch"
    assert (lab.get(0, lay.T_PAGE), lab.get(0, lay.T_CURSOR)) == (1, 1)
    lab.w[lab.get(0, lay.T_PTE)] |= 2
    assert lab.go(0, now) == now + USER_PS["read_page_dram"]
    assert lab.place(0) == "count pte_lost"


def test_touch_leaves_its_loop_where_threads_unmap():
    """With munmap churn every touch is followed by the question whether it is time to unmap."""
    lab = touching(workload=a_workload(unmap_every_pages=8))
    lab.go(0, 0)
    assert lab.place(0) == "count pte_lost"


def test_touch_of_a_page_that_the_l3_has_is_cheaper_until_it_is_pushed_out():
    """A page read through the same L3 is cheap for a follower, within the L3's capacity only."""
    machine = a_machine(topology={"l3_size_bytes": 4 * PAGE_BYTES})
    for others, expected in ((3, USER_PS["read_page_l3"]), (4, USER_PS["read_page_dram"])):
        lab = touching(threads=3, machine=machine)
        assert lab.go(0, 0) == USER_PS["read_page_dram"]
        lab.w[lab.w[lay.H_L3] + lab.get(0, lay.T_L3)] += others
        now = USER_PS["read_page_dram"]
        assert lab.go(2, now) == now + expected


def test_touch_of_a_page_that_another_l3_has_comes_from_memory():
    """What one L3 holds does not help a CPU behind another."""
    lab = touching(threads=5)
    lab.go(0, 0)
    assert lab.go(4, 0) == USER_PS["read_page_dram"]


def test_touch_of_a_page_far_away_takes_longer_as_its_memory_is_slower():
    """What memory adds to a read is in proportion to its latency; the core's own part is not."""
    lab = touching(threads=9)
    ratio_ppm = MEMORY_PS["one_hop_ps"] * 1_000_000 // MEMORY_PS["local_ps"]
    core = USER_PS["read_page_l3"]
    assert lab.go(8, 0) == core + (USER_PS["read_page_dram"] - core) * ratio_ppm // 1_000_000


def test_touch_from_memory_does_not_stretch_with_the_clock():
    """Memory is no faster or slower with the core's clock; a read from L3 is."""
    clock = {"one_core_hz": 3 * 10**9, "all_cores_hz": 2 * 10**9}
    lab = touching(threads=16, machine=a_machine(clock=clock))
    now = USER_PS["read_page_dram"]
    assert lab.go(0, 0) == now
    assert lab.go(2, now) == now + USER_PS["read_page_l3"] * 1_500_000 // 1_000_000


def test_touch_waits_for_the_bandwidth_of_the_pages_node():
    """Reads of one node queue for its bandwidth; the wait is accounted apart from user time."""
    page_ps = 2_000_000
    machine = a_machine(memory={"bandwidth_per_socket_bytes_per_s": PAGE_BYTES * 10**12 // page_ps})
    lab = touching(threads=9, machine=machine)
    assert lab.go(0, 0) == page_ps
    assert lab.go(4, 0) == 2 * page_ps
    assert lab.spent(4, "user") == USER_PS["read_page_dram"]
    assert lab.spent(4, "memory_bandwidth") == 2 * page_ps - USER_PS["read_page_dram"]
    lab.put(4, lay.T_PC, 0)
    lab.on_page(4, 0)
    lab.put(4, lay.T_L3, 3)  # behind an L3 that has not seen the page
    now = 10 * page_ps
    assert lab.go(4, now) == now + page_ps  # an idle node saves nothing up


def test_fault_begin_forgets_the_pages_of_the_fault_before():
    """A new fault has mapped nothing yet."""
    lab = a_lab(set_pte(), Step("fault_begin", cost="none", category="entry_exit"))
    lab.go(0, 0)
    assert lab.get(0, lay.T_MAPPED) == 1
    lab.go(0, 0)
    assert lab.get(0, lay.T_MAPPED) == 0


def test_fault_end_puts_fault_and_pages_into_the_time_series():
    """The end of a fault counts it, and the pages it mapped, in the bin of that time."""
    lab = a_lab(Step("fault_end", cost="none", category="entry_exit"))
    lab.put(0, lay.T_MAPPED, 5)
    now = 3 * 2**lay.SERIES_FIRST_SHIFT + 1
    lab.go(0, now)
    base = lab.w[lay.H_SERIES]
    assert lab.w[base : base + 5] == [0, 0, 0, 1, 0]
    assert lab.w[base + lay.SERIES_BINS : base + lay.SERIES_BINS + 5] == [0, 0, 0, 5, 0]


@pytest.mark.parametrize("counter", lay.COUNTERS)
def test_count_adds_one_to_its_counter_only(counter):
    """A count step raises one counter by one, for nothing."""
    lab = a_lab(count(counter))
    assert lab.go(0, 2) == 2
    assert {name: lab.counter(name) for name in lay.COUNTERS if lab.counter(name)} == {counter: 1}


def test_hold_counts_the_iteration_and_jumps_after_the_last():
    """The loop's body runs once per iteration: the hold time leaves it when all are done."""
    lab = a_lab(
        label("again"),
        count("touches"),
        jump("hold", "end"),
        go_to("again"),
        label("end"),
        workload=a_lock_loop(iterations=7),
    )
    while lab.place(0) != "stop":
        lab.go(0, 0)
    assert lab.counter("touches") == 7


def ending(threads, **changes):
    """Return a lab in which every task finishes, and the last of its mm goes on to AFTER."""
    program = (jump("finish", "end", category="teardown"), AFTER, label("end"))
    return a_lab(*program, threads=threads, workload=a_workload(**changes))


def test_finish_lets_the_last_task_of_the_mm_go_on():
    """All tasks of an mm but the last stop; the last goes on; each notes when it finished."""
    lab = ending(3)
    for task, now in ((1, 10), (0, 20), (2, 30)):
        lab.go(task, now)
    assert [lab.place(task) for task in range(3)] == ["stop", "stop", "count pte_lost"]
    assert [lab.get(task, lay.T_FINISH) for task in range(3)] == [20, 10, 30]


def test_finish_in_processes_of_their_own_lets_everybody_go_on():
    """With an mm each, every task tears its own down."""
    lab = ending(3, mapping="per_process")
    for task in range(3):
        lab.go(task, 0)
    assert {lab.place(task) for task in range(3)} == {"count pte_lost"}


def test_teardown_table_unmaps_all_and_pays_per_pte_and_per_table():
    """Teardown clears every pte of every mapping, drops counts, and costs per pte and table."""
    program = (
        jump("finish", "end", category="teardown"),
        label("again"),
        jump("teardown_table", "again", category="teardown"),
        label("end"),
    )
    lab = a_lab(*program, threads=2, workload=a_workload(pages=1024))
    for task, page in ((0, 3), (0, 700), (1, 701)):  # task 1 has no pages in the first table
        word = lab.get(task, lay.T_PTE) + page // lay.PTE_BITS
        lab.w[word] |= 1 << page % lay.PTE_BITS
        table = lab.get(task, lay.T_TABLE) + page // 512 * lab.w[lay.H_TABLE_WORDS]
        lab.w[table + lab.w[lay.H_LINE_WORDS] + lay.D_POPULATED] = 1
        lab.w[lab.page_at(page) + lay.P_MAPCOUNT] += 1
        lab.w[lab.page_at(page) + lay.P_REFCOUNT] += 1
    lab.go(0, 0)
    now = lab.go(1, 0)
    steps = 0
    while lab.place(1) != "stop":
        now = lab.go(1, now)
        steps += 1
    assert steps == 4  # two mappings of two tables
    per_pte = KERNEL_PS["teardown_per_pte"] + L3_HIT_PS  # each page is a run of its own
    assert now == 3 * per_pte + 3 * KERNEL_PS["teardown_per_table"]
    assert (lab.counter("ptes_cleared"), lab.counter("tables_freed")) == (3, 3)
    assert not any(lab.mapped(0, p) or lab.mapped(1, p) for p in range(1024))
    assert {(lab.page(p, lay.P_MAPCOUNT), lab.page(p, lay.P_REFCOUNT)) for p in range(1024)} == {
        (0, 1)
    }


def test_stop_ends_the_task_and_the_run_ends_with_the_last():
    """A stopped task has no more events; the run's end is the latest stop."""
    lab = a_lab(threads=3)
    assert [lab.go(task, now) for task, now in ((0, 5), (1, 9), (2, 7))] == [lay.ENDED] * 3
    assert lab.w[lay.H_END] == 9


def test_the_lock_loop_has_one_page_and_its_iterations():
    """A lock loop has one page and as many accesses as iterations."""
    lab = a_lab(workload=a_lock_loop(iterations=3), threads=2)
    assert (lab.w[lay.H_PAGES], lab.w[lay.H_ACCESSES]) == (1, 3)


def test_words_of_a_task_lie_apart():
    """No two words of a task's record are one, and none lies in its draws or accounts."""
    header = [value for name, value in vars(lay).items() if name.startswith("H_")]
    assert len(header) == len(set(header))
    places = {name: getattr(lay, name) for name in vars(lay) if re.fullmatch(r"T_[A-Z0-9_]+", name)}
    words = places.pop("T_WORDS")
    blocks = {"T_DRAW": lay.DRAW_ACTOR + 1, "T_ACCOUNT": lay.N_CATEGORIES}
    taken = [place + i for name, place in places.items() for i in range(blocks.get(name, 1))]
    assert len(taken) == len(set(taken))
    assert max(taken) < words
