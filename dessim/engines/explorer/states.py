"""States: the words that matter, packed into a few 64-bit words, and found again by hashing."""

from dessim.engines.explorer.layout import *
from dessim.kernel.actors import look_at
from dessim.kernel.layout import *

TOO_NARROW = 10000  # an error of the explorer itself: + the field that does not fit


def pack(w: World, x: int) -> None:
    """Pack the state of the World into the scratch key; of states that only differ in which thread
    is which, one stands for all.
    """
    key = w[x + X_KEY]
    for k in range(w[x + X_KEYS]):
        w[key + k] = 0
    f = w[x + X_FIELD]
    for number in range(w[x + X_FIELDS]):
        value = w[w[f + F_ADDRESS]]
        kind = w[f + F_KIND]
        if kind == FIELD_BITS:
            value = (value >> w[f + F_LOW]) & w[f + F_MASK]
        elif kind == FIELD_CURSOR:
            value = value if value < w[x + X_PAGES] else w[x + X_PAGES]
        else:
            value -= w[f + F_LOW]
        if value < 0 or value > w[f + F_MASK]:
            w[x + X_ERROR] = TOO_NARROW + number
        w[key + w[f + F_WORD]] |= value << w[f + F_SHIFT]
        f += FIELD_WORDS
    if w[x + X_SYMMETRIC]:
        sort_threads(w, x, key)


def unpack(w: World, x: int, keys: World, place: int) -> None:
    """Put a packed state back into the World."""
    f = w[x + X_FIELD]
    for _ in range(w[x + X_FIELDS]):
        value = (keys[place + w[f + F_WORD]] >> w[f + F_SHIFT]) & w[f + F_MASK]
        address = w[f + F_ADDRESS]
        kind = w[f + F_KIND]
        if kind == FIELD_BITS:
            low = w[f + F_LOW]
            w[address] = (w[address] & ~(w[f + F_MASK] << low)) | value << low
        elif kind == FIELD_CURSOR and value == w[x + X_PAGES]:
            w[address] = w[w[f + F_EXTRA]]
        else:
            w[address] = value + w[f + F_LOW]
        f += FIELD_WORDS
    if w[H_PROTOCOL]:
        return
    for task in range(w[x + X_THREADS], w[H_TASKS]):
        t = w[H_TASK] + task * T_WORDS
        look_at(w, t, w[t + T_VISITED])


def is_before(w: World, a: int, b: int, words: int) -> int:
    """Return whether one thread's part of a state sorts before another's."""
    for k in range(words):
        if w[a + k] != w[b + k]:
            return w[a + k] < w[b + k]
    return 0


def sort_threads(w: World, x: int, key: int) -> None:
    """Sort the parts of a packed state that belong to threads."""
    words = w[x + X_BLOCK]
    for last in range(1, w[x + X_THREADS]):
        b = key + last * words
        while b > key and is_before(w, b, b - words, words):
            for k in range(b, b + words):
                other = w[k]
                w[k] = w[k - words]
                w[k - words] = other
            b -= words


def hash_of(source: World, key: int, words: int) -> int:
    """Return a hash of a packed state: multiply and fold, after SplitMix64 (Steele et al., 2014).

    The same with integers that wrap at 64 bits and with those that grow.
    """
    h = words
    for k in range(words):
        h = (h ^ source[key + k]) & HASH_BITS
        h = ((h ^ (h >> 29)) * 0x3F58476D1CE4E5B9) & HASH_BITS
        h = ((h ^ (h >> 31)) * 0x14D049BB133111EB) & HASH_BITS
        h ^= h >> 30
    return h


def same_state(source: World, key: int, keys: World, place: int, words: int) -> int:
    """Return whether a packed state is a stored one."""
    for k in range(words):
        if source[key + k] != keys[place + k]:
            return 0
    return 1


def find_slot(source: World, key: int, words: int, keys: World, table: World, size: int) -> int:
    """Return the slot of the hash table that holds a packed state, or the empty one for it."""
    slot = hash_of(source, key, words) & (size - 1)
    while table[slot]:
        if same_state(source, key, keys, (table[slot] - 1) * words, words):
            return slot
        slot = (slot + 1) & (size - 1)
    return slot


def find_known(
    source: World, key: int, words: int, keys: World, table: World, size: int, known: int
) -> int:
    """Return which of the states before ``known`` a packed one is, or -1.

    Others may be stored meanwhile: their keys may not be complete, and are not looked at.
    """
    slot = hash_of(source, key, words) & (size - 1)
    while table[slot]:
        state = table[slot] - 1
        if state < known and same_state(source, key, keys, state * words, words):
            return state
        slot = (slot + 1) & (size - 1)
    return -1
