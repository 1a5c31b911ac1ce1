"""Files that were whole once: bytes cut, doubled and replaced, parts of data exchanged for junk."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dessim.errors import UserError

SHARE = float(os.environ.get("DESSIM_MUTANTS", "0.1"))
"""Of all mutants, as tests/attack.py wants them; the slow suite takes a tenth."""
HANGS = "an input hangs"
HANG_S, STUCK_MS = 10, 120_000
"""An input that takes more processor time is a hang, or one that waits for so long."""
MOST_KIB = 1 << 20
"""Memory that inputs may take: 1 GiB."""
TOKENS = (
    *(b"", b"\0", b"\xff", b"\x1b[31m", b"\r", b"\n", b"\t", b" ", b"'", b'"', b"`", b"\\", b"#"),
    *(b",", b":", b": ", b"- ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!python/none ", b"<<: "),
    *(b"nan", b"inf", b"1e999", b"1e-320", b"-1", b"0", b"9" * 50, b"1" * 5000, b"=1+1", b"@"),
    *(b"null", b"true", b"on", b"0x7fffffffffffffff", b"18446744073709551616", b"1_0", b"10%"),
    *(b"NaN", b"-Infinity", b"1" * 401, b"1.5", b"\xd9\xa3"),
    *(
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xe9\xa1\xb5",
        b"[" * 3000,
        b"a" * 20_000,
    ),
    *(b"/", b"..", b"/dev/zero", b"20ns", b"64KiB", b"1e15s", b"-5ns", b"1ZiB", b"()", b"(" * 300),
)
Edit = tuple[str, float, float, bytes]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "double", "repeat", "replace", "insert", "end"]),
        st.floats(0, 1),
        st.floats(0, 1),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8)),
    ),
    min_size=1,
    max_size=4,
)
"""What is done to the bytes of a file, one after the other."""
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "x", "a b", "20ns", "64KiB", "10%", "/", "..", "=1", "a" * 300]),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.just([1, 2, 3]),
    st.just({"a": 1}),
)
"""What stands where something else is expected."""


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return bytes after some edits; places are shares of their length."""
    for what, place, length, token in edits:
        begin = int(place * len(data))
        end = min(len(data), begin + 1 + int(length**4 * len(data)))
        before, middle, after = data[:begin], data[begin:end], data[end:]
        data = {
            "cut": before + after,
            "double": before + middle + middle + after,
            "repeat": before + middle[:20] * 1_500 + after,
            "replace": before + token + after,
            "insert": before + token + middle + after,
            "end": before + token,
        }[what]
        data = data[: 1 << 20]
    return data


def paths_of(data: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all parts of nested data, itself included."""
    items: Any = data.items() if isinstance(data, dict) else ()
    if isinstance(data, list):
        items = enumerate(data)
    below = [paths_of(value, (*prefix, key)) for key, value in items]
    return [prefix, *(path for paths in below for path in paths)]


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return nested data with another value at a path."""
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = replaced(data[path[0]], path[1:], value)
    return copy


def refused_or_done(attempt: Callable[[], Any]) -> Any:
    """Return what came out, or None if it was refused well; anything else is raised.

    A message is for a terminal: it can be printed, and is not a page long.
    """
    try:
        return attempt()
    except UserError as error:
        text = error.message()
    assert all(c.isprintable() or c == "\n" for c in text), text
    assert 0 < len(text.splitlines()) < 200, text
    return None


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raise an error after so much processor time: an endless loop ends by nothing else."""

    def end(*_: Any) -> None:
        raise AssertionError(HANGS)

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def quick_and_thorough(
    strategy: Any, quick: int, thorough: int
) -> Callable[[Callable[..., None]], tuple[Any, Any]]:
    """Make two tests of a check of one drawn input: for every day, and for `-m slow`."""

    def both(check: Callable[..., None]) -> tuple[Any, Any]:
        def once(n: int) -> Any:
            def test(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
                monkeypatch.chdir(tmp_path)
                context = request.getfixturevalue("whole")

                @settings(
                    max_examples=n,
                    deadline=STUCK_MS,
                    print_blob=True,
                    suppress_health_check=list(HealthCheck),
                )
                @given(strategy)
                def attack(drawn: Any) -> None:
                    begin = time.process_time()
                    with ended_after(HANG_S):
                        check(context, drawn)
                    assert time.process_time() - begin < HANG_S, HANGS

                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                attack()
                after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                assert after - before < MOST_KIB, "an input takes more than 1 GiB"

            test.__doc__ = check.__doc__
            return test

        return once(quick), pytest.mark.slow(
            pytest.mark.timeout(3600)(once(max(1, round(SHARE * thorough))))
        )

    return both
