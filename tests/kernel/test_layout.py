"""Records of the World: words are numbered in the order in which they are declared."""

from dessim.engines.explorer import layout as ex
from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.record import Record


def test_words_follow_each_other():
    """A word takes one, an array as many as it has, and the end is rounded up to lines."""
    record = Record()
    assert [record.word(), record.words(16), record.word()] == [0, 1, 17]
    assert (record.end(), record.end(multiple=8)) == (18, 24)


def test_a_record_can_be_part_of_another():
    """The words of an object on a cache line begin where the line leaves room for them."""
    line = Record()
    line.words(4)
    room = line.words(2)
    assert [Record(room).word(), line.end()] == [4, 6]


def words(prefix, module=lay):
    """Return the declared words of a record by name, without its length."""
    return {
        name: at
        for name, at in vars(module).items()
        if name.startswith(prefix) and isinstance(at, int) and name != f"{prefix}WORDS"
    }


# The kernel has records of the same letters.
LENGTHS = {("X_", ex): "EXPLORER_WORDS", ("F_", ex): "FIELD_WORDS"}


def test_no_two_words_of_a_record_are_one():
    """Every record's words are different and inside of it."""
    for prefix, module in (
        *((prefix, lay) for prefix in ("H_", "T_", "U_", "C_", "M_", "I_")),
        *((prefix, ex) for prefix in ("X_", "F_", "B_", "E_")),
    ):
        found = words(prefix, module)
        length = getattr(module, LENGTHS.get((prefix, module), f"{prefix}WORDS"))
        assert len(set(found.values())) == len(found), prefix
        assert 0 <= max(found.values()) < length, prefix


def test_objects_stay_within_the_room_that_a_line_leaves_them():
    """Page, lock, page table and the mapping found last lie before what is the line's again."""
    own = {name: at for prefix in ("P_", "K_", "D_", "V_") for name, at in words(prefix).items()}
    assert min(own.values()) == lay.L_HOME + 1
    assert max(own.values()) < lay.L_ARRIVE


def test_kernel_and_explorer_have_no_name_in_common():
    """Modules of the explorer take in the names of both: the second would replace the first."""
    names = [{n for n in vars(module) if n.isupper()} for module in (lay, ex)]
    assert names[0] & names[1] == set()


def test_records_of_every_step_fill_whole_cache_lines():
    """Eight words are a line: a task's record is fifteen, an instruction's two."""
    assert (lay.T_WORDS, lay.I_WORDS) == (120, 16)


def test_costs_of_a_line_at_hand_are_in_the_order_of_accesses():
    """`lines.local_cost` adds one to the other."""
    ways = {"load": lay.LINE_LOAD, "store": lay.LINE_STORE, "rmw": lay.LINE_RMW}
    for name, access in ways.items():
        assert cost_table.COSTS[cost_table.COST_LOCAL + access] == f"local_{name}"
