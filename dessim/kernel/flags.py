"""Flags of a page, as conditions ask for them: any of them together, in one load."""

from dataclasses import dataclass

from dessim.kernel import layout as lay


@dataclass(frozen=True)
class Flag:
    """A flag of a page: its bit, its name in a condition, that of its opposite, and both in C."""

    bit: int
    name: str
    opposite: str
    is_set: str
    is_clear: str


FLAGS = (
    Flag(lay.FLAG_LOCKED, "locked", "unlocked", "PageLocked()", "!PageLocked()"),
    Flag(lay.FLAG_OURS, "ours", "no_ours", "page->mapping == mapping", "page->mapping != mapping"),
    Flag(lay.FLAG_UPTODATE, "uptodate", "no_uptodate", "PageUptodate()", "!PageUptodate()"),
    Flag(lay.FLAG_READAHEAD, "readahead", "no_readahead", "PageReadahead()", "!PageReadahead()"),
)
"""The flags that a condition may ask for, in the order in which it names them."""


def flag_mask(condition: str) -> tuple[int, int] | None:
    """Return which flags a condition asks for, and which of them are to be set.

    Flags are joined by ``_`` in any order: ``page.unlocked_uptodate_no_readahead``.

    Returns
    -------
    tuple of int, or None
        None if it is no condition about flags, or asks for one of them twice.
    """
    place, _, rest = condition.partition(".")
    mask = want = 0
    while place == "page" and rest and not rest.endswith("_"):
        for flag in FLAGS:
            word = next(
                (w for w in (flag.opposite, flag.name) if f"{rest}_".startswith(f"{w}_")), ""
            )
            if word and not mask & flag.bit:
                break
        else:
            return None
        mask |= flag.bit
        want |= flag.bit if word == flag.name else 0
        rest = rest[len(word) + 1 :]
    return (mask, want) if mask and not rest else None


def flag_condition(mask: int, want: int) -> str:
    """Return the name of a condition about flags."""
    words = (f.name if want & f.bit else f.opposite for f in FLAGS if mask & f.bit)
    return "page." + "_".join(words)


def flags_in_words(mask: int, want: int) -> str:
    """Return the question whether some flags are as wanted, as the kernel would ask it."""
    asked = (f.is_set if want & f.bit else f.is_clear for f in FLAGS if mask & f.bit)
    return f"{' && '.join(asked)}?"
