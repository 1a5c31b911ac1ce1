"""Cache lines: cost by state and distance, ordered service, runs, eviction, prefetch."""

import pytest
from helpers import DISTANCES, L3_HIT_PS, LINE_PS, LOCAL_PS, MEMORY_PS, a_lab, a_machine

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import get_page
from dessim.kernel.lines import access_ps

OPS = {"load": lay.LINE_LOAD, "store": lay.LINE_STORE, "rmw": lay.LINE_RMW}
# task on the test machine (compact placement) -> column of LINE_PS, seen from task 0
AT = {"same_l3": (2, 1), "same_socket": (4, 2), "one_hop": (8, 3)}


AWAY_PS = 77_017
FAR_HOMES = {
    row: {**dict(zip(DISTANCES, LINE_PS[row], strict=True)), "far_home_ps": AWAY_PS}
    for row in ("rmw_modified", "rmw_shared")
}


def ask(lab, task, op, now, page=0, prefetched=0):
    """Ask for a page's line, meaning to come back to it: ps, or ASLEEP."""
    lab.put(task, lay.T_RUN, 1)
    return access_ps(lab.w, task, lab.page_at(page), OPS[op], now, prefetched)


def line(lab, word, page=0):
    """Return a word of a page's line."""
    return lab.w[lab.page_at(page) + word]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("where", AT)
def test_a_modified_line_costs_by_operation_and_distance(op, where):
    """Taking a line that another core modified costs the profile's number for that distance."""
    owner, column = AT[where]
    lab = a_lab(threads=9)
    lab.own_line(owner, 0)
    assert ask(lab, 0, op, 0) == LINE_PS[f"{op}_modified"][column]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("where", AT)
def test_a_shared_line_costs_by_operation_and_distance(op, where):
    """A line that one other core holds as a sharer costs the profile's shared number."""
    sharer, column = AT[where]
    lab = a_lab(threads=9)
    lab.share_line(0, sharer)
    assert ask(lab, 0, op, 0) == LINE_PS[f"{op}_shared"][column]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("home", [0, 1])
def test_a_home_elsewhere_is_a_distance_inside_a_socket(home, shared):
    """Between L3 domains of a socket the request goes by way of the line's home."""
    lab = a_lab(threads=9, machine=a_machine(cache_line=FAR_HOMES))
    lab.w[lab.page_at(0) + lay.L_HOME] = home
    owner, column = AT["same_socket"]
    row = "rmw_shared" if shared else "rmw_modified"
    if shared:
        lab.share_line(0, owner)
    else:
        lab.own_line(owner, 0)
    assert ask(lab, 0, "rmw", 0) == (AWAY_PS if home else LINE_PS[row][column])


@pytest.mark.parametrize("where", ["same_l3", "one_hop"])
def test_a_home_elsewhere_changes_no_other_distance(where):
    """Not inside an L3, and not between sockets, of which one is the home."""
    lab = a_lab(threads=9, machine=a_machine(cache_line=FAR_HOMES))
    lab.w[lab.page_at(0) + lay.L_HOME] = 1
    owner, column = AT[where]
    lab.own_line(owner, 0)
    assert ask(lab, 0, "rmw", 0) == LINE_PS["rmw_modified"][column]


@pytest.mark.parametrize("op", OPS)
def test_the_first_load_of_an_uncached_line_has_it_alone(op):
    """Who loads a line that nobody has may change it locally; others fetch it as if modified."""
    for task, expected in ((2, LOCAL_PS[op]), (0, LINE_PS[f"{op}_modified"][1])):
        lab = a_lab(threads=3)
        now = ask(lab, 2, "load", 0)
        assert ask(lab, task, op, now) == expected


@pytest.mark.parametrize("op", ["store", "rmw"])
def test_the_only_sharer_changes_its_line_locally(op):
    """A line that was shared and has one sharer left costs that core the local operation."""
    lab = a_lab(threads=3)
    lab.share_line(0, 0)
    assert ask(lab, 0, op, 0) == LOCAL_PS[op]


@pytest.mark.parametrize("early", [0, 1, 20_000])
def test_a_line_on_its_way_cannot_be_used_by_the_sibling_before_it_arrives(early):
    """The SMT sibling of a core that fetches a line waits for the rest of the transfer."""
    lab = a_lab(threads=2)
    arrives = ask(lab, 0, "rmw", 0)
    assert ask(lab, 1, "rmw", arrives - early) == early + LOCAL_PS["rmw"]


def test_a_sharer_loads_its_own_copy_while_another_core_fetches_one():
    """A transfer to another core does not hold up a load from one's own cache."""
    lab = a_lab(threads=9)
    lab.share_line(0, 0)
    assert ask(lab, 8, "load", 0) == LINE_PS["load_shared"][3]
    assert ask(lab, 0, "load", 1) == LOCAL_PS["load"]


@pytest.mark.parametrize(("late", "evicted"), [(0, False), (1, True)])
def test_a_core_that_left_its_own_line_alone_finds_it_in_the_l3(late, evicted):
    """A core's own line has left its private caches after evict_after, to the picosecond."""
    evict = 90_000_000
    lab = a_lab(machine=a_machine(cache_line={"evict_after_ps": evict}))
    free = ask(lab, 0, "rmw", 0)
    assert ask(lab, 0, "rmw", free + evict + late) == (L3_HIT_PS if evicted else LOCAL_PS["rmw"])


@pytest.mark.parametrize(("owner", "column"), [(1, 3), (2, 4)])
def test_hops_come_from_the_machines_matrix(owner, column):
    """Two sockets are as far apart as the hop matrix says, for lines and for memory."""
    topology = {
        "sockets": 3,
        "l3_per_socket": 1,
        "cores_per_l3": 1,
        "threads_per_core": 1,
        "hops": ((0, 1, 2), (1, 0, 1), (2, 1, 0)),
    }
    lab = a_lab(threads=3, machine=a_machine(topology=topology))
    lab.own_line(owner, 0)
    assert ask(lab, 0, "rmw", 0) == LINE_PS["rmw_modified"][column]
    memory = ("one_hop_ps", "two_hops_ps")[owner - 1]
    assert ask(lab, owner, "load", 0, page=1) == MEMORY_PS[memory]


@pytest.mark.parametrize("op", OPS)
def test_an_uncached_line_costs_its_homes_memory(op):
    """A line that no cache holds comes from the memory of its page's node."""
    machine = a_machine(memory={"file_placement": "interleave"})
    lab = a_lab(threads=1, machine=machine)
    assert ask(lab, 0, op, 0, page=2) == MEMORY_PS["local_ps"]
    assert ask(lab, 0, op, 0, page=3) == MEMORY_PS["one_hop_ps"]


@pytest.mark.parametrize("op", OPS)
def test_a_line_in_the_own_cache_costs_the_local_operation(op):
    """What a core has modified itself costs it the local number, again and again."""
    lab = a_lab()
    now = ask(lab, 0, "rmw", 0)
    for _ in range(3):
        assert ask(lab, 0, op, now) == LOCAL_PS[op]
        now += LOCAL_PS[op]


def test_loads_of_a_shared_copy_are_local():
    """Cores that loaded a line load it again from their own caches, all of them."""
    lab = a_lab(threads=9)
    now = 0
    for task in (0, 2, 8):
        now += ask(lab, task, "load", now)
    for task in (0, 2, 8):
        assert ask(lab, task, "load", now) == LOCAL_PS["load"]


def test_a_write_to_a_shared_line_waits_for_the_farthest_sharer():
    """Invalidation costs what the farthest copy costs, and afterwards no copy is left."""
    lab = a_lab(threads=9)
    now = 0
    for task in (8, 4, 2):
        now += ask(lab, task, "load", now)
    cost = ask(lab, 0, "rmw", now)
    assert cost == LINE_PS["rmw_shared"][3]
    now += cost
    assert ask(lab, 2, "load", now) == LINE_PS["load_modified"][1]


def test_a_load_leaves_the_old_owner_a_copy():
    """A modified line that another core loads is shared by both."""
    lab = a_lab(threads=3)
    lab.own_line(2, 0)
    now = ask(lab, 0, "load", 0)
    assert ask(lab, 2, "load", now) == LOCAL_PS["load"]
    assert ask(lab, 2, "store", now + LOCAL_PS["load"]) > LOCAL_PS["store"]


def test_a_busy_line_is_refused_until_the_picosecond_at_which_it_is_free():
    """One picosecond before the line is free a request waits; at that time it is served."""
    for early, waits in ((1, True), (0, False)):
        lab = a_lab(threads=3)
        free = ask(lab, 0, "rmw", 0)
        answer = ask(lab, 2, "rmw", free - early)
        assert (answer == lay.ASLEEP) == waits
        if waits:
            assert lab.get(2, lay.T_AT) == free
            assert ask(lab, 2, "rmw", free) == LINE_PS["rmw_modified"][1]
        else:
            assert answer == LINE_PS["rmw_modified"][1]


def test_service_is_in_order_of_request():
    """Requests for a busy line are served one after the other, first come first served."""
    lab = a_lab(threads=9)
    free = ask(lab, 0, "rmw", 0)
    queue = [4, 8, 2]
    for i, task in enumerate(queue):
        assert ask(lab, task, "rmw", 1 + i) == lay.ASLEEP
    assert lab.get(queue[0], lay.T_AT) == free
    now, owner_column = free, [2, 3, 3]  # 4 from 0, 8 from 4, 2 from 8
    for i, task in enumerate(queue):
        lab.w[lab.w[lay.H_WOKEN]] = 0
        cost = ask(lab, task, "rmw", now)
        assert cost == LINE_PS["rmw_modified"][owner_column[i]]
        now += cost
        following = queue[i + 1 : i + 2]
        assert lab.woken() == dict.fromkeys(following, now)


def test_only_the_head_of_a_lines_queue_has_an_event():
    """Waiting costs no events: everybody behind the head sleeps until it is woken."""
    lab = a_lab(threads=9)
    free = ask(lab, 0, "rmw", 0)
    for task in (4, 8, 2):
        ask(lab, task, "rmw", 1)
    assert [lab.get(task, lay.T_AT) for task in (4, 8, 2)] == [free, lay.ASLEEP, lay.ASLEEP]


def test_a_core_keeps_a_fetched_line_for_the_hold_time():
    """During the hold its owner goes on locally and another core waits to the picosecond."""
    hold = 40_000
    lab = a_lab(threads=3, machine=a_machine(cache_line={"hold_ps": hold}))
    got = ask(lab, 0, "rmw", 0)
    assert ask(lab, 2, "rmw", got) == lay.ASLEEP
    assert lab.get(2, lay.T_AT) == got + hold
    assert ask(lab, 0, "rmw", got) == LOCAL_PS["rmw"]  # a run, although somebody waits
    assert lab.get(2, lay.T_AT) == got + hold
    assert ask(lab, 2, "rmw", got + hold) == LINE_PS["rmw_modified"][1]


def test_a_core_that_does_not_come_back_does_not_keep_the_line():
    """After the last step on a page its line is free at the end of the operation."""
    lab = a_lab(get_page(), threads=3, machine=a_machine(cache_line={"hold_ps": 40_000}))
    got = lab.go(0, 0)
    assert lab.go(2, got) == got + LINE_PS["rmw_modified"][1]


def test_a_run_that_outlasts_the_hold_makes_the_next_core_wait_for_its_end():
    """An operation begun within the hold is finished before the line moves; the head comes back."""
    hold = 40_000
    lab = a_lab(threads=3, machine=a_machine(cache_line={"hold_ps": hold}))
    got = ask(lab, 0, "rmw", 0)
    ask(lab, 2, "rmw", got)
    last = got + hold - 1
    ask(lab, 0, "rmw", last)
    end = last + LOCAL_PS["rmw"]
    for too_early in (got + hold, end - 1):
        assert ask(lab, 2, "rmw", too_early) == lay.ASLEEP
        assert lab.get(2, lay.T_AT) == end
    assert ask(lab, 2, "rmw", end) == LINE_PS["rmw_modified"][1]


def test_the_owner_stands_in_line_once_its_hold_is_over_and_somebody_waits():
    """No core keeps a wanted line for ever: after the hold the owner queues like the others."""
    lab = a_lab(threads=5)
    free = ask(lab, 0, "rmw", 0)
    ask(lab, 2, "rmw", 1)
    ask(lab, 4, "rmw", 2)
    assert ask(lab, 0, "rmw", free) == lay.ASLEEP


@pytest.mark.parametrize(("late", "evicted"), [(0, False), (1, True)])
def test_a_line_left_alone_for_longer_than_evict_after_has_left_the_caches(late, evicted):
    """At evict_after since its last use a line still is in its owner's cache; 1 ps later not."""
    evict = 90_000_000
    lab = a_lab(threads=9, machine=a_machine(cache_line={"evict_after_ps": evict}))
    free = ask(lab, 0, "rmw", 0)
    far = MEMORY_PS["one_hop_ps"] if evicted else LINE_PS["rmw_modified"][3]
    assert ask(lab, 8, "rmw", free + evict + late) == far
    near = L3_HIT_PS if evicted else LINE_PS["rmw_modified"][1]
    free = ask(lab, 0, "rmw", 0, page=1)
    assert ask(lab, 2, "rmw", free + evict + late, page=1) == near


@pytest.mark.parametrize(
    ("hidden_ppm", "expected"),
    [
        (0, MEMORY_PS["local_ps"]),
        (500_000, MEMORY_PS["local_ps"] - MEMORY_PS["local_ps"] // 2),
        (1_000_000, LOCAL_PS["rmw"]),
    ],
)
def test_prefetch_hides_a_share_of_the_transfer_down_to_a_local_operation(hidden_ppm, expected):
    """A prefetched line costs the rest of its transfer, never less than a local operation."""
    lab = a_lab(machine=a_machine(cache_line={"prefetch_hidden_ppm": hidden_ppm}))
    assert ask(lab, 0, "rmw", 0, prefetched=1) == expected


@pytest.mark.parametrize(("last", "page"), [(3, 4), (3, 5), (3, 2), (-2, 0)])
def test_only_the_line_after_the_last_one_is_prefetched(last, page):
    """Prefetch helps the page behind the one fetched last, no other."""
    lab = a_lab(get_page(), machine=a_machine(cache_line={"prefetch_hidden_ppm": 1_000_000}))
    lab.on_page(0, page)
    lab.put(0, lay.T_LAST, last)
    hidden = page == last + 1
    assert lab.go(0, 0) == (LOCAL_PS["rmw"] if hidden else MEMORY_PS["local_ps"])
    assert lab.get(0, lay.T_LAST) == page


def test_a_request_that_had_to_wait_is_not_prefetched():
    """Prefetch does not help against a queue: who waits pays the whole transfer."""
    hidden = a_machine(cache_line={"prefetch_hidden_ppm": 1_000_000})
    lab = a_lab(threads=3, machine=hidden)
    free = ask(lab, 0, "rmw", 0)
    ask(lab, 2, "rmw", 1, prefetched=1)
    assert ask(lab, 2, "rmw", free, prefetched=1) == LINE_PS["rmw_modified"][1]


def test_lines_do_not_wait_for_each_other():
    """A request for one page's line is not held up by another page's queue."""
    lab = a_lab(threads=3)
    ask(lab, 0, "rmw", 0, page=0)
    assert ask(lab, 2, "rmw", 1, page=1) == MEMORY_PS["local_ps"]
    assert line(lab, lay.L_QUEUE, page=1) == 0
