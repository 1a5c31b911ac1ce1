"""Words of a record, numbered in the order in which they are declared."""


class Record:
    """Hands out the words of a record, one behind the other.

    Parameters
    ----------
    first : int
        Where the record's own words begin: behind those of another record, of which it is a part.
    """

    def __init__(self, first: int = 0) -> None:
        self._next = first

    def word(self) -> int:
        """Return the offset of one more word."""
        return self.words(1)

    def words(self, count: int) -> int:
        """Return the offset of the first of some more words."""
        first = self._next
        self._next += count
        return first

    def end(self, multiple: int = 1) -> int:
        """Return the record's length, rounded up: eight words are a cache line."""
        return -(-self._next // multiple) * multiple
