"""YAML text into plain data with places, guarded against hostile input.

PyYAML only parses; what a plain scalar means is decided here by the YAML 1.2 core schema: `on` is
text, `1e-6` is a number (kept as an exact `Decimal`). Of YAML 1.1 only merge keys, `<<`, are known.
Keys of the document that begin with `x-` are left out: they hold what others refer to. Refused:
`010`, which is eight to some and ten to others, keys of the document without a value, tags,
duplicate keys, numbers that are not finite or absurdly long, deep nesting, many or self-containing
aliases, more than one document, control characters, and anything too large to be a configuration.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from dessim.files.reading import UnreadableError, not_text, read_file
from dessim.model.document import BAD, Document, Path
from dessim.model.errors import ConfigError, Place, Problem, Source
from dessim.model.units import MAX_TEXT, shorten

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1 << 17
"""Largest file: a pure-Python parser reads this much in a quarter of a second at worst."""
MAX_DEPTH = 16
MAX_NODES = 5_000
"""Most values in one document, those behind aliases counted each time."""
MAX_ALIASES = 100
MAX_EXPONENT = 30

_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What PyYAML counts as the end of a line."""
_INTEGER = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+", re.ASCII)
MERGE, OWN = "<<", "x-"
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def read_document(path: FilePath) -> tuple[Document, list[Problem]]:
    """Read a YAML file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Document, list of Problem
        The problems are those that leave the rest of the file readable.

    Raises
    ------
    ConfigError
        If it is no readable, regular, UTF-8 file of YAML within the limits.
    """
    name = shorten(str(path), 500)
    text = _read(path, Source(name))
    return parse_document(text, Source(name, tuple(_LINE_END.split(text))))


def parse_document(text: str, source: Source) -> tuple[Document, list[Problem]]:
    """Parse YAML text. Places in a source without lines are the source as a whole.

    Raises
    ------
    ConfigError
        If it is not YAML within the limits.
    """
    if len(text) > MAX_BYTES:
        raise _stop(source, f"larger than {MAX_BYTES // 1024} KiB: this is not a configuration")
    try:
        text.encode()
    except UnicodeEncodeError:  # of a command line: files are decoded before
        raise _stop(source, "the text is not valid UTF-8") from None
    return _Reader(source, text).document()


def _read(path: FilePath, source: Source) -> str:
    try:
        data = read_file(path, MAX_BYTES)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _stop(source, not_text(data, error)) from None
    except UnreadableError as error:
        more = ": this is not a configuration" if error.reason.startswith("larger") else ""
        raise _stop(source, error.reason + more) from None


def _stop(source: Source, message: str, line: int | None = None, column: int = 0) -> ConfigError:
    return ConfigError([Problem(Place(source, line, column), message)])


class _Reader:
    """Turns the nodes of one text into data and remembers their places."""

    def __init__(self, source: Source, text: str) -> None:
        self.source = source
        self.text = text
        self.problems: list[Problem] = []
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}

    def document(self) -> tuple[Document, list[Problem]]:
        """The document, and what is wrong with single values of it."""
        root = self._compose()
        data = None if root is None else self._value(root, ())
        return Document(data, self.source, self.values, self.keys), self.problems

    def _compose(self) -> yaml.Node | None:
        """The nodes, by the parser in C; if anything is wrong by Python's, for its words."""
        import yaml

        fast, exact = _loader_classes()
        if fast is not None:
            with suppress(yaml.YAMLError, ConfigError):
                node = self._nodes_by(fast)
                if not self.problems:
                    return node
            self.problems = []
        try:
            return self._nodes_by(exact)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            text = ", ".join(part for part in (error.context, error.problem) if part)
            raise ConfigError([*self.problems, Problem(self._place(mark), text)]) from None
        except yaml.reader.ReaderError as error:
            before = self.text[: error.position]
            line, column = before.count("\n"), error.position - before.rfind("\n") - 1
            character = f"U+{ord(self.text[error.position]):04X}"
            text = f"character {character} is not allowed in YAML: this is not a text file"
            place = (
                Place(self.source) if not self.source.lines else Place(self.source, line, column)
            )
            raise ConfigError([Problem(place, text)]) from None

    def _nodes_by(self, parser: Any) -> yaml.Node | None:
        loader = parser(self.text)
        loader.dessim_reader = self
        return loader.get_single_node()  # type: ignore[no-any-return]

    def _place(self, mark: yaml.Mark | None) -> Place:
        if mark is None or not self.source.lines:
            return Place(self.source)
        return Place(self.source, mark.line, mark.column)

    def stop(self, mark: yaml.Mark | None, message: str) -> ConfigError:
        """The error after which nothing more can be read."""
        return ConfigError([*self.problems, Problem(self._place(mark), message)])

    def complain(self, mark: yaml.Mark | None, message: str) -> None:
        """Note a problem and go on."""
        self.problems.append(Problem(self._place(mark), message))

    def _value(self, node: yaml.Node, path: Path) -> Any:
        import yaml

        if len(path) > MAX_DEPTH:
            raise self.stop(node.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        if len(self.values) >= MAX_NODES:
            raise self.stop(
                node.start_mark, f"more than {MAX_NODES} values after expanding aliases"
            )
        self.values[path] = self._place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        import yaml

        result: dict[str, Any] = {}
        merged: list[yaml.MappingNode] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.complain(key_node.start_mark, "a key must be a plain word")
                continue
            key = key_node.value
            if key == MERGE and not key_node.style:
                if merged:
                    text = f"duplicate key '{MERGE}': give it a list of mappings"
                    self.complain(key_node.start_mark, text)
                merged += self._merged(value_node)
                continue
            if not path and key.startswith(OWN):
                self._value(value_node, (key,))
                continue
            if not path and _is_empty(value_node):
                text = f"'{shorten(key)}' has no value: write one, or remove the line"
                self.complain(key_node.start_mark, text)
                continue
            if key in result:
                first = self.keys[(*path, key)]
                where = "" if first.line is None else f" (first in line {first.line + 1})"
                text = f"duplicate key '{shorten(key)}'{where}"
                self.complain(key_node.start_mark, text)
                continue
            self.keys[(*path, key)] = self._place(key_node.start_mark)
            result[key] = self._value(value_node, (*path, key))
        for one in merged:
            for key, value in self._mapping(one, path).items():
                result.setdefault(key, value)
        return result

    def _merged(self, node: yaml.Node) -> list[yaml.MappingNode]:
        """The mappings that a merge key names, nearest first: their keys are taken where missing.

        Source
        ------
        https://yaml.org/type/merge.html
        """
        import yaml

        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        kept = [part for part in parts if isinstance(part, yaml.MappingNode)]
        if len(kept) < len(parts):
            self.complain(node.start_mark, f"'{MERGE}' takes a mapping, or a list of mappings")
        return kept

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.style:  # quoted, or a block: text whatever it looks like
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            self.complain(node.start_mark, f"{text} is not a number that can be used here")
            return BAD
        integer, number = _INTEGER.fullmatch(text), _FLOAT.fullmatch(text)
        if not integer and not number:
            return text
        if len(text) > MAX_TEXT:
            self.complain(node.start_mark, f"a number of {len(text)} characters is too long")
            return BAD
        if _LEADING_ZERO.fullmatch(text):
            plain = text.lstrip("+-0") or "0"
            instead = f"write {plain}, or 0o{plain} for base 8"
            self.complain(node.start_mark, f"{text} reads as base 8 or as base 10: {instead}")
            return BAD
        if integer:
            return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))
        exponent = (number and number[3]) or ""
        # Decimal itself fails on exponents of twenty digits.
        value = Decimal(text) if len(exponent) <= 5 else None
        if value is None or abs(value.adjusted()) > MAX_EXPONENT:
            self.complain(node.start_mark, f"{text} is out of range")
            return BAD
        return value


def _is_empty(node: yaml.Node) -> bool:
    """Whether nothing is written where a value is expected."""
    return not node.value and isinstance(node.value, str) and not getattr(node, "style", None)


@cache
def _loader_classes() -> tuple[Any, Any]:
    """PyYAML's composer without its meaning of scalars, and with limits: over each parser.

    The first is None where PyYAML was built without its parser in C.
    """
    import yaml

    class Limits(yaml.composer.Composer):
        dessim_reader: _Reader
        depth = nodes = aliases = 0

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            """Compose the next node, if the document is still within the limits."""
            event = self.peek_event()  # type: ignore[attr-defined]
            reader, mark = self.dessim_reader, event.start_mark
            self.nodes += 1
            if self.nodes > 2 * MAX_NODES:  # keys count here, too
                raise reader.stop(mark, f"more than {MAX_NODES} values")
            if isinstance(event, yaml.AliasEvent):
                self.aliases += 1
                if self.aliases > MAX_ALIASES:
                    raise reader.stop(mark, f"more than {MAX_ALIASES} aliases")
            elif getattr(event, "tag", None) is not None:
                tag = shorten(event.tag.replace("tag:yaml.org,2002:", "!!"))
                reader.complain(mark, f"tags such as '{tag}' are not allowed")
            if self.depth > MAX_DEPTH:
                raise reader.stop(mark, f"nested deeper than {MAX_DEPTH} levels")
            self.depth += 1
            node: yaml.Node | None = super().compose_node(parent, index)
            self.depth -= 1
            return node

    class Exact(
        yaml.reader.Reader,
        yaml.scanner.Scanner,
        yaml.parser.Parser,
        Limits,
        yaml.resolver.BaseResolver,
    ):
        def __init__(self, text: str) -> None:
            yaml.reader.Reader.__init__(self, text)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)
            yaml.composer.Composer.__init__(self)
            yaml.resolver.BaseResolver.__init__(self)

    if not yaml.__with_libyaml__:
        return None, Exact
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class Fast(Limits, CParser, yaml.resolver.BaseResolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            yaml.composer.Composer.__init__(self)
            yaml.resolver.BaseResolver.__init__(self)

    return Fast, Exact
