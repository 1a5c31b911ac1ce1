"""Random words that all threads read in the same order: who leads, and who follows on an L3."""

from helpers import USER_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.delays import same_word_ps

MEMORY = USER_PS["random_word"]
L3 = 5_000


def a_random_lab(sequence="same", threads=3):
    """Return a lab of threads on two sockets that read random words; an L3 hit takes 5 ns."""
    machine = a_machine(topology={"sockets": 2, "cores_per_l3": 2}, cache_line={"l3_hit_ps": L3})
    workload = a_workload(access="random", random_sequence=sequence, touches_per_page=1)
    return a_lab(threads=threads, machine=machine, workload=workload)


def read_word(lab, task, access, now):
    """Return ps that a task needs for an access of the sequence."""
    lab.put(task, lay.T_ACCESS, access)
    return same_word_ps(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS, now)


def on_l3(lab, *tasks):
    """Put tasks on the L3 of the first one."""
    for task in tasks[1:]:
        lab.put(task, lay.T_L3, lab.get(tasks[0], lay.T_L3))


def test_who_leads_reads_from_memory_and_who_follows_from_the_l3():
    """A word that another thread of the same L3 has read is an L3 hit."""
    lab = a_random_lab()
    on_l3(lab, 0, 1)
    assert [read_word(lab, 0, i, i * MEMORY) for i in range(3)] == [MEMORY] * 3
    assert [read_word(lab, 1, i, 10 * MEMORY) for i in range(3)] == [L3] * 3
    assert read_word(lab, 1, 3, 20 * MEMORY) == MEMORY  # now it leads


def test_a_follower_waits_for_the_word_that_is_on_its_way():
    """Close behind the leader a follower ends when the leader does, not sooner."""
    lab = a_random_lab()
    on_l3(lab, 0, 1)
    assert read_word(lab, 0, 0, 1_000) == MEMORY
    assert read_word(lab, 1, 0, 4_000) == MEMORY - 3_000
    lab.put(1, lay.T_L3, lab.get(0, lay.T_L3))
    assert read_word(lab, 0, 1, 2_000 + MEMORY) == MEMORY
    almost = 2_000 + 2 * MEMORY - L3
    assert read_word(lab, 1, 1, almost) == L3


def test_other_sockets_read_for_themselves():
    """What one L3 holds is no help to another."""
    lab = a_random_lab()
    lab.put(0, lay.T_L3, 0)
    lab.put(1, lay.T_L3, 1)
    assert read_word(lab, 0, 0, 0) == MEMORY
    assert read_word(lab, 1, 0, 10 * MEMORY) == MEMORY


def test_own_sequences_share_nothing():
    """Only workloads whose threads draw the same pages ask the L3."""
    assert a_random_lab("own").w[lay.H_SAME_DRAWS] == 0
    assert a_random_lab("same").w[lay.H_SAME_DRAWS] == 1
