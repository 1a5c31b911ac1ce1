"""Steps of the device's commands: submission, service, completion; commands without a page."""

from helpers import DEVICE, Lab, a_machine
from paging_labs import device_setup, own, paging_lab, put_own

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, count
from dessim.kernel.world import build_world

YES, NO = count("touches"), count("pte_lost")
PAGING = a_machine().paging


def submitted(first, pages, **changes):
    """Return a lab in which a row of pages has been submitted; the slots are idle before."""
    lab = paging_lab(Step("submit_run"), threads=1, **changes)
    for slot in range(1, 5):
        assert lab.go(slot, 0) == lay.ASLEEP
    for number, page in enumerate(range(first, first + pages)):
        lab.w[lab.w[lay.H_FRAME_OF] + page] = number + 1
    put_own(lab, 0, lay.X_RUN, first + 1)
    put_own(lab, 0, lay.X_RUN_PAGES, pages)
    return lab, lab.go(0, 0)


def test_submit_run_makes_one_command_of_a_row():
    """However many pages: one command, one price, one slot."""
    lab, done = submitted(8, 8)
    assert done == PAGING.submit_command_ps
    assert len(lab.woken()) == 1
    assert own(lab, 0, lay.X_RUN) == 0


def test_submit_run_cuts_a_row_at_a_stripe():
    """Two devices: each has its own part."""
    lab, done = submitted(6, 4, device={"devices": 2, "stripe_pages": 8})
    assert done == 2 * PAGING.submit_command_ps
    assert len(lab.woken()) == 2


def test_command_next_takes_a_command_for_the_cpu_that_submitted_it():
    """The slot stands on the first page; commands and pages are counted."""
    lab, now = submitted(8, 8)
    [slot] = lab.woken()
    lab.go(slot, now)
    assert (lab.get(slot, lay.T_CURSOR), lab.get(slot, lay.T_STOP)) == (8, 16)
    assert lab.get(slot, lay.T_CORE) == lab.get(0, lay.T_CORE)
    assert (lab.counter("device_commands"), lab.counter("pages_read")) == (1, 8)


def test_serve_command_takes_its_latency_and_the_rest_of_its_pages():
    """One latency for the window, and the time in which seven more pages come through."""
    lab, now = submitted(8, 8, device={"read_bandwidth_bytes_per_s": 4096 * 10**6})
    [slot] = lab.woken()
    now = lab.go(slot, now)
    done = lab.go(slot, now)
    assert done == now + DEVICE["read_latency_ps"] + 7 * 10**6 + PAGING.complete_command_ps


def test_command_page_and_command_done_end_the_command():
    """Each page is made uptodate, unlocked, and put; then the slot is idle again."""
    lab, now = submitted(8, 2)
    for page in (8, 9):
        lab.w[lab.page_at(page) + lay.P_FLAGS] = lay.FLAG_LOCKED | lay.FLAG_OURS
        lab.w[lab.page_at(page) + lay.P_REFCOUNT] = 2
    [slot] = lab.woken()
    for _ in range(30):
        now = lab.go(slot, now)
        if now == lay.ASLEEP:
            break
    for page in (8, 9):
        assert lab.page(page, lay.P_FLAGS) == lay.FLAG_UPTODATE | lay.FLAG_OURS
        assert lab.page(page, lay.P_REFCOUNT) == 1


def test_command_done_wakes_who_waits_for_a_command_of_its_own():
    """`direct_io` sleeps until then."""
    setup = device_setup(1)
    lab = Lab(setup.program, build_world(setup).tolist())
    lab.occupy_cpus()
    for slot in (1, 2):
        lab.go(slot, 0)
    lab.put(0, lay.T_PC, 1)  # it has begun
    assert lab.go(0, 0) == lay.ASLEEP
    [slot] = lab.woken()
    now = lab.get(slot, lay.T_AT)
    for _ in range(3):
        now = lab.go(slot, now)
    assert 0 in lab.woken()


def test_direct_io_and_direct_done_count_the_commands():
    """A loop of some commands, one after the other: each latency is counted."""
    setup = device_setup(1, iterations=3)
    lab = Lab(setup.program, build_world(setup).tolist())
    lab.put(0, lay.T_ACCESS, 2)
    lab.put(0, lay.T_PC, 2)
    assert lab.place(0).startswith("direct done")
    lab.go(0, 5)
    assert lab.get(0, lay.T_ACCESS) == 3


def test_direct_done_goes_on_until_the_last():
    """Before the last command there is another."""
    setup = device_setup(1, iterations=3)
    lab = Lab(setup.program, build_world(setup).tolist())
    lab.put(0, lay.T_PC, 2)
    lab.go(0, 5)
    assert lab.place(0).startswith("direct io")
