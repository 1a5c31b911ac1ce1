"""Who is served next on a contended line: riders of one core, neighbours of the owner."""

import pytest
from helpers import LINE_PS, LOCAL_PS, a_lab, a_machine

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import get_page, inc

SIBLING, SAME_L3, SAME_SOCKET, ONE_HOP = 0, 1, 2, 3
RMW = LINE_PS["rmw_modified"]


def contended(order, machine, owner=0):
    """Let tasks ask for page 0's line, which the owner has just begun to fetch.

    Returns the lab and the time at which the line comes free.
    """
    lab = a_lab(get_page(), inc("page.mapcount"), threads=16, machine=machine)
    free = lab.go(owner, 0)
    for i, task in enumerate(order):
        answer = lab.go(task, 1 + i)
        assert answer == (free if i == 0 else lay.ASLEEP)
    return lab, free


def served(lab, first, now):
    """Serve the whole queue of waiting tasks; return (task, end of its operation) in order."""
    times, log = {first: now}, []
    while times:
        at, task = min((at, task) for task, at in times.items())
        del times[task]
        before = lab.page(0, lay.P_REFCOUNT)
        end = lab.go(task, at)
        times.update(lab.woken())
        if lab.page(0, lay.P_REFCOUNT) > before:
            log.append((task, end))
        elif end >= 0:
            times[task] = end
    return log


def test_without_preference_the_order_is_that_of_requests():
    """With arbitration share 0, far requesters that came first are served first."""
    lab, free = contended([8, 10, 2], a_machine())
    assert [task for task, _ in served(lab, 8, free)] == [8, 10, 2]


def test_with_full_preference_the_nearest_is_served_first():
    """With arbitration share 1, a requester of the owner's L3 passes earlier ones from afar."""
    lab, free = contended([8, 4, 2], a_machine(cache_line={"arbitration_share_ppm": 1_000_000}))
    log = served(lab, 8, free)
    assert [task for task, _ in log] == [2, 4, 8]
    times = [end for _, end in log]
    assert times == [
        free + RMW[SAME_L3],
        free + RMW[SAME_L3] + RMW[SAME_SOCKET],
        free + RMW[SAME_L3] + RMW[SAME_SOCKET] + RMW[ONE_HOP],
    ]


def test_preference_ends_at_the_socket():
    """Among requesters of other sockets, one hop does not pass two, even with full preference."""
    topology = {
        "sockets": 3,
        "l3_per_socket": 1,
        "cores_per_l3": 1,
        "hops": ((0, 1, 2), (1, 0, 1), (2, 1, 0)),
    }
    arbiter = {"arbitration_share_ppm": 1_000_000}
    machine = a_machine(topology=topology, cache_line=arbiter)
    lab = a_lab(get_page(), threads=6, machine=machine)
    free = lab.go(0, 0)
    lab.go(4, 1)  # two hops from the owner
    lab.go(2, 2)  # one hop
    assert [task for task, _ in served(lab, 4, free)] == [4, 2]


def test_preference_among_equally_near_requesters_is_the_order_of_request():
    """Of two requesters at the same distance the earlier one is served first."""
    lab, free = contended([12, 6, 4], a_machine(cache_line={"arbitration_share_ppm": 1_000_000}))
    assert served(lab, 12, free)[0][0] == 6


@pytest.mark.parametrize("share_ppm", [100_000, 300_000])
def test_the_share_is_the_frequency_of_preference(share_ppm):
    """Over many contended grants, the near one passes as often as the share says (5 sigma)."""
    machine = a_machine(cache_line={"arbitration_share_ppm": share_ppm})
    n, near_first = 600, 0
    lab = a_lab(get_page(), threads=9, machine=machine)
    start = list(lab.w)
    for draw in range(n):
        lab.w[:] = start
        lab.go_to_draw(8, lay.DRAW_ARBITRATE, draw)
        free = lab.go(0, 0)
        lab.go(8, 1)
        lab.go(2, 2)
        near_first += served(lab, 8, free)[0][0] == 2
    share = share_ppm / 1e6
    assert abs(near_first / n - share) < 5 * (share * (1 - share) / n) ** 0.5


def test_every_waiter_is_served_exactly_once():
    """Preference passes waiters by but loses none of them."""
    order = [8, 2, 12, 4, 10, 6, 14]
    lab, free = contended(order, a_machine(cache_line={"arbitration_share_ppm": 500_000}))
    log = served(lab, 8, free)
    assert sorted(task for task, _ in log) == sorted(order)
    assert lab.w[lab.page_at(0) + lay.L_QUEUE] == 0


def test_a_sibling_rides_on_its_cores_waiting_request():
    """With coalescing, the sibling of a waiting core is served with it, at the sibling's cost."""
    lab, free = contended([4, 8, 5], a_machine(cache_line={"coalesce_ppm": 1_000_000}))
    log = served(lab, 4, free)
    first = free + RMW[SAME_SOCKET]
    both = first + RMW[SIBLING]
    assert log[:2] == [(4, first), (5, both)]
    assert log[2] == (8, both + RMW[ONE_HOP])


def test_without_coalescing_a_sibling_queues_like_anybody():
    """Without coalescing, the sibling of a waiting core stands behind those who came before it."""
    lab, free = contended([4, 8, 5], a_machine())
    assert [task for task, _ in served(lab, 4, free)] == [4, 8, 5]


@pytest.mark.parametrize("share_ppm", [250_000, 600_000])
def test_the_share_is_the_frequency_of_riding(share_ppm):
    """Over many pairs, the sibling is served with its core as often as the share says (5 sigma)."""
    n, riders = 600, 0
    lab = a_lab(get_page(), threads=9, machine=a_machine(cache_line={"coalesce_ppm": share_ppm}))
    start = list(lab.w)
    for draw in range(n):
        lab.w[:] = start
        lab.go_to_draw(5, lay.DRAW_ARBITRATE, draw)
        free = lab.go(0, 0)
        for task in (4, 8, 5):
            lab.go(task, 1)
        order = [task for task, _ in served(lab, 4, free)]
        assert order in ([4, 5, 8], [4, 8, 5])
        riders += order == [4, 5, 8]
    share = share_ppm / 1e6
    assert abs(riders / n - share) < 5 * (share * (1 - share) / n) ** 0.5


@pytest.mark.parametrize(("share_ppm", "drawn"), [(0, 0), (500_000, 1), (1_000_000, 0)])
def test_only_an_open_question_is_drawn(share_ppm, drawn):
    """Never and always need no draw, so that they leave the arbiters' draws as they are."""
    lab, _ = contended([4, 5], a_machine(cache_line={"coalesce_ppm": share_ppm}))
    assert lab.get(5, lay.T_DRAW + lay.DRAW_ARBITRATE) == drawn


def test_a_rider_passes_nobody_elses_riders():
    """Two cores with two siblings each: two transfers serve four requests."""
    lab, free = contended([4, 8, 9, 5], a_machine(cache_line={"coalesce_ppm": 1_000_000}))
    log = served(lab, 4, free)
    assert [task for task, _ in log] == [4, 5, 8, 9]
    assert log[-1][1] == free + RMW[SAME_SOCKET] + RMW[ONE_HOP] + 2 * RMW[SIBLING]


def test_a_riders_wait_is_accounted_to_the_line():
    """From its request to the end of its operation a rider spends its time on page lines."""
    lab, free = contended([4, 5], a_machine(cache_line={"coalesce_ppm": 1_000_000}))
    end = dict(served(lab, 4, free))[5]
    assert sum(lab.spent(5, c) for c in lay.CATEGORIES) == end
    assert lab.spent(5, "page_lines") == end - 2  # it asked at 2 ps


def test_a_core_that_has_the_line_does_not_ride():
    """A request for a line in the own cache within the hold is local, sibling waiting or not."""
    machine = a_machine(cache_line={"hold_ps": 40_000})
    lab = a_lab(get_page(), get_page(), threads=2, machine=machine)
    got = lab.go(0, 0)
    assert lab.go(1, got) == got + LOCAL_PS["rmw"]
