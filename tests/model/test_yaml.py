"""YAML: the 1.2 core schema, places of values, and defence against hostile text."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessim.model import ConfigError, load_experiment, load_machine, load_workload
from dessim.model.document import Bad
from dessim.model.errors import Source
from dessim.model.yaml_loader import MAX_BYTES, parse_document

FLOOD = MAX_BYTES - 10
BOMB = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 10))

HOSTILE = {
    "alias bomb": (BOMB, "aliases"),
    "many aliases": ("a: &a 1\nb: [" + "*a," * 500 + "]", "more than 100 aliases"),
    "alias of itself": ("&a [*a]", "nested deeper"),
    "mapping in itself": ("a: &a {b: *a}", "nested deeper"),
    "unknown alias": ("a: *b", "undefined alias 'b'"),
    "python tag": ("a: !!python/object/apply:os.system [ls]", "tags such as '!!python/object"),
    "plain tag": ("a: !!int '3'", "tags such as '!!int' are not allowed"),
    "local tag": ("!foo {a: 1}", "tags such as '!foo' are not allowed"),
    "deep flow": ("[" * FLOOD, "nested deeper than 16 levels"),
    "deep mappings": ("{a: " * (FLOOD // 4), "nested deeper than 16 levels"),
    "deep block": ("".join(" " * i + "a:\n" for i in range(400)), "nested deeper"),
    "deep keys": ("? " * (FLOOD // 2), "nested deeper than 16 levels"),
    "many keys": ("".join(f"k{i}: 1\n" for i in range(15_000))[:FLOOD], "more than 5000 values"),
    "many items": ("[" + "1," * (FLOOD // 2), "more than 5000 values"),
    "long word": ("a" * FLOOD, "expected a mapping"),
    "many lines": ("\n" * FLOOD, "empty: expected a mapping"),
    "many words": ("a b " * (FLOOD // 4), "expected a mapping"),
    "many anchors": ("&a " * (FLOOD // 3), "<anchor>"),
    "too large": ("a" * (MAX_BYTES + 1), "larger than 128 KiB"),
    "duplicate key": ("a: 1\na: 2", "duplicate key 'a' (first in line 1)"),
    "complex key": ("? [a]\n: 1", "a key must be a plain word"),
    "huge float": ("seed: 1e999", "1e999 is out of range"),
    "huge integer": ("seed: " + "9" * 5000, "a number of 5000 characters is too long"),
    "huge exponent": ("seed: 1e" + "9" * 30, "out of range"),
    "not a number": ("seed: .nan", ".nan is not a number that can be used"),
    "infinity": ("seed: -.inf", "-.inf is not a number that can be used"),
    "thousand million threads": ("threads: 1000000000", "must be at most 4096"),
    "negative threads": ("threads: -1", "must be at least 1"),
    "NUL byte": ("a: \0", "character U+0000 is not allowed"),
    "escape sequence": ("a: \x1b[31m", "character U+001B is not allowed"),
    "two documents": ("a: 1\n---\nb: 1", "single document"),
    "tab": ("a:\n\tb: 1", "cannot start any token"),
    "open quote": ('a: "x', "unexpected end of stream"),
    "future version": ("%YAML 9.1\n---\na: 1", "version"),
    "merge key": ("<<: 1", "takes a mapping"),
    "empty": ("", "empty: expected a mapping"),
    "only a comment": ("# nothing", "empty: expected a mapping"),
    "list": ("[1, 2]", "expected a mapping of keys to values, found a list"),
    "number": ("3", "expected a mapping of keys to values, found 3"),
    "text": ("hello", "expected a mapping of keys to values, found text 'hello'"),
}


@pytest.mark.timeout(20)  # a guard against hangs; nothing is measured
@pytest.mark.parametrize("load", [load_experiment, load_machine, load_workload])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_with_a_reason(name: str, load: object, tmp_path: Path) -> None:
    """Every attack ends in a ConfigError that names it, whatever kind of file it poses as."""
    text, reason = HOSTILE[name]
    if load is load_machine and reason.startswith("must be at"):
        reason = "unknown key 'threads'"  # a machine has none
    if load is load_workload and "seed" in text:
        text = text.replace("seed", "threads")
    path = tmp_path / "hostile.yaml"
    path.write_bytes(text.encode())
    with pytest.raises(ConfigError) as refusal:
        load(path)  # type: ignore[operator]
    assert reason in str(refusal.value)
    assert len(str(refusal.value)) < 20_000


@pytest.mark.timeout(20)
def test_what_is_not_a_text_file_is_refused(tmp_path: Path) -> None:
    """Binary data, other encodings, folders, pipes, devices and nothing are distinguished."""
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)) * 10)
    wide = tmp_path / "wide.yaml"
    wide.write_text("a: 1", encoding="utf-16")
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    cases = {
        binary: "byte 0x80 in line 2 is not UTF-8",
        wide: "byte 0xff in line 1 is not UTF-8",
        pipe: "this is not a file",
        tmp_path: "this is a folder, not a file",
        Path("/dev/zero"): "this is not a file",
        tmp_path / "nowhere.yaml": "no such file",
        tmp_path / "a\0b.yaml": "cannot be read: embedded null byte",
        tmp_path / ("x" * 5000 + ".yaml"): "cannot be read: File name too long",
    }
    for path, reason in cases.items():
        with pytest.raises(ConfigError) as refusal:
            load_workload(path)
        assert reason in str(refusal.value)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Files saved by editors that begin UTF-8 with a mark load like others."""
    path = tmp_path / "marked.yaml"
    path.write_text("access: random\nfile_size: 4KiB\n", encoding="utf-8-sig")
    assert load_workload(path).access == "random"


def test_an_unreadable_message_cannot_reach_the_terminal(tmp_path: Path) -> None:
    """Escape sequences and direction marks of a file are not printed."""
    path = tmp_path / "x.yaml"
    path.write_text('"\\e[31mred\\u202e": 1\n"\u202e": 2\n', encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        load_workload(path)
    assert "\x1b" not in str(refusal.value)
    assert "\u202e" not in str(refusal.value)


def _value(text: str) -> object:
    document, problems = parse_document(f"a: {text}", Source("x", (f"a: {text}",)))
    assert not problems
    return document.data["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("FALSE", False),
        ("0o10", 8),
        ("0x1F", 31),
        ("+3", 3),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1e-6", Decimal("1e-6")),
        ("1.60", Decimal("1.60")),
        (".5", Decimal("0.5")),
        ("'1'", "1"),
        ('"true"', "true"),
        ("~", None),
        ("2014-02-27", "2014-02-27"),
        ("=", "="),
    ],
)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, expected: object) -> None:
    """No word is a boolean but true and false, 1e-6 is a number."""
    value = _value(text)
    assert value == expected
    assert type(value) is type(expected)


def test_numbers_keep_every_digit() -> None:
    """A decimal fraction does not pass through a binary float."""
    assert str(_value("0.1000000000000000055")) == "0.1000000000000000055"


def test_a_value_knows_its_place() -> None:
    """Places of values and keys are line and column, also below aliases and in flow lists."""
    lines = ("a: &x {b: 1}", "c: [2, *x]")
    document, _ = parse_document("\n".join(lines), Source("x", lines))
    assert str(document.place(("a", "b"))) == "x:1:11"
    assert str(document.place(("a", "b"), key=True)) == "x:1:8"
    assert str(document.place(("c", 0))) == "x:2:5"
    assert str(document.place(("c", 1, "b"))) == "x:1:11"
    assert str(document.place(("c", 7, "unknown"))) == "x:2:4"


def test_a_bad_value_leaves_the_rest_readable() -> None:
    """After a complaint about one value the others are still there."""
    document, problems = parse_document("a: .nan\nb: 2", Source("x", ("a: .nan", "b: 2")))
    assert isinstance(document.data["a"], Bad)
    assert document.data["b"] == 2
    assert [str(problem.place) for problem in problems] == ["x:1:4"]


def _outcome(text: str) -> str:
    """Whether text is read or refused; any other exception gets out."""
    try:
        document, _ = parse_document(text, Source("x", (text,)))
    except ConfigError:
        return "refused"
    return "data" if document.source.name == "x" else "nothing"


@given(st.text(max_size=200))
def test_any_text_is_data_or_a_config_error(text: str) -> None:
    """No text makes the loader fail in another way."""
    assert _outcome(text) in ("data", "refused")


@given(st.text(alphabet="[]{}:,&*a!?-|>'\"# \n\t%@0.9e", max_size=60))
def test_any_punctuation_is_data_or_a_config_error(text: str) -> None:
    """The same for text that is dense in YAML's own signs."""
    assert _outcome(text) in ("data", "refused")
