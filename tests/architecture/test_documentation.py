"""Every scheme, step and command is explained somewhere in the documentation."""

import importlib
import re
from pathlib import Path

import pytest

from dessim import registry
from dessim.kernel import alphabet
from dessim.kernel.alphabet import Step

ROOT = Path(__file__).parents[2]
FILES = [path for path in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md") if path.exists()]

needs_docs = pytest.mark.skipif(
    not (ROOT / "README.md").exists(), reason="only a checkout has the documentation"
)


def words_of_the_alphabet():
    """Return the words in which schemes are written: functions that give a step."""
    return sorted(
        name
        for name, value in vars(alphabet).items()
        if callable(value) and getattr(value, "__annotations__", {}).get("return") is Step
    )


def commands():
    """Return the names of the commands."""
    cli = importlib.import_module("dessim.cli")
    return sorted(cli.main.commands) if hasattr(cli.main, "commands") else []


def documented():
    """Return all names set in code type in the documentation."""
    text = "\n".join(path.read_text() for path in FILES)
    blocks = re.findall(r"```.*?```", text, flags=re.DOTALL)
    code = blocks + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return {word for piece in code for word in re.findall(r"\w+", piece)}


def test_the_alphabet_is_found():
    """The words that this test looks for are those that schemes use."""
    words = words_of_the_alphabet()
    assert {"lock", "unlock", "each_page", "when", "get_page", "trylock_page"} <= set(words)


@needs_docs
def test_every_word_of_the_alphabet_is_documented():
    """Each word in which a scheme can be written is explained."""
    assert sorted(set(words_of_the_alphabet()) - documented()) == []


@needs_docs
def test_every_command_is_documented():
    """Each command is shown."""
    assert commands()
    assert sorted(set(commands()) - documented()) == []


@pytest.mark.parametrize("scheme", registry.names())
def test_every_scheme_names_its_source(scheme):
    """A scheme's description says where it was read."""
    description = registry.load(scheme).description
    assert "Source\n------" in description
    assert len(description.split("------")[1].strip()) > 40
