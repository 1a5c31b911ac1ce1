"""Which line of the kernel each machine instruction comes from: for debuggers and profilers.

With ``DESSIM_LINES=1`` machine code is made with a table of lines (``translate.lines``), by which a
debugger finds them, and ``perf-PID.map`` names them to ``perf``: a symbol for each stretch of
instructions of one line.

Source
------
DWARF Debugging Information Format, version 4, section 6.2 (*Line Number Information*). ELF-64
Object File Format, version 1.5. Linux, ``tools/perf/Documentation/jit-interface.txt``.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

SWITCH = "DESSIM_LINES"
"""Set to 1, machine code carries lines, and a map for perf is written."""
COPY, ADVANCE_PC, ADVANCE_LINE, SET_FILE, ADD_PC, FIXED_PC = 1, 2, 3, 4, 8, 9
END_SEQUENCE, SET_ADDRESS = 1, 2


@dataclass(frozen=True)
class Stretch:
    """Instructions that follow each other and come from one line.

    Attributes
    ----------
    first, end : int, bytes
        From the beginning of the code; the end is behind it.
    file : str
    line : int
    """

    first: int
    end: int
    file: str
    line: int


def is_on() -> bool:
    """Return whether lines are wanted."""
    return os.environ.get(SWITCH, "") not in ("", "0")


def sections_of(code: bytes) -> dict[str, bytes]:
    """Return the sections of an object file by name."""
    table, size, count, names = struct.unpack_from("<Q10xHHH", code, 0x28)
    heads = [struct.unpack_from("<II8x8xQQ", code, table + i * size) for i in range(count)]
    texts = heads[names]

    def name_of(offset: int) -> str:
        first = texts[2] + offset
        return code[first : code.index(b"\0", first)].decode()

    return {name_of(head[0]): code[head[2] : head[2] + head[3]] for head in heads}


class TableReader:
    """Numbers and texts, one behind the other."""

    def __init__(self, data: bytes, place: int = 0) -> None:
        self.data, self.place = data, place

    def number(self, form: str) -> int:
        """Return a number of a form of ``struct``."""
        (value,) = struct.unpack_from("<" + form, self.data, self.place)
        self.place += struct.calcsize(form)
        return int(value)

    def packed(self, *, signed: bool = False) -> int:
        """Return a number of which seven bits are in each byte (LEB128)."""
        value = shift = 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if signed and byte & 0x40 else value

    def text(self) -> str:
        """Return a text."""
        end = self.data.index(b"\0", self.place)
        found = self.data[self.place : end].decode()
        self.place = end + 1
        return found


def stretches(code: bytes) -> list[Stretch]:
    """Return the stretches of an object's usual code, in order; ways aside are left out.

    Parameters
    ----------
    code : bytes
        What ``objects.emit`` made of a module that keeps lines; of any other there are none.
    """
    sections = sections_of(code)
    reader = TableReader(sections.get(".debug_line", b""))
    moves = _addresses(sections.get(".rela.debug_line", b""))
    found: list[Stretch] = []
    while reader.place < len(reader.data):
        rows = list(_rows(reader, moves))
        for (first, file, line), (end, _, _) in pairwise(rows):
            if end > first >= 0 and file and line:
                found.append(Stretch(first, end, file, line))
    return sorted(found, key=lambda stretch: stretch.first)


def _addresses(relocations: bytes) -> dict[int, tuple[int, int]]:
    """Return, by place in the table of lines, the symbol and the offset of an address."""
    each = struct.iter_unpack("<QQq", relocations)
    return {place: (info >> 32, offset) for place, info, offset in each}


def _rows(reader: TableReader, moves: dict[int, tuple[int, int]]) -> Iterator[tuple[int, str, int]]:
    """Yield address, file and line of each row of a unit; a file that is "" ends a stretch."""
    end = reader.number("I") + reader.place
    reader.place += 2 + 4  # version, length of the header
    shortest, _, _ = reader.number("B"), reader.number("B"), reader.number("B")
    base, span, first = reader.number("b"), reader.number("B"), reader.number("B")
    lengths = [reader.number("B") for _ in range(first - 1)]
    while reader.text():
        pass
    files = [""]
    while name := reader.text():
        files.append(name)
        for _ in range(3):
            reader.packed()
    usual = min((symbol for symbol, _ in moves.values()), default=0)
    address, file, line = 0, 1, 1
    while reader.place < end:
        code = reader.number("B")
        if code >= first:
            steps, up = divmod(code - first, span)
            address, line = address + steps * shortest, line + base + up
            yield address, files[file], line
        elif code == 0:
            after = reader.packed() + reader.place
            kind = reader.number("B")
            if kind == END_SEQUENCE:
                yield address, "", 0
                address, file, line = 0, 1, 1
            elif kind == SET_ADDRESS:
                symbol, offset = moves.get(reader.place, (usual, reader.number("Q")))
                address = offset if symbol == usual else -(1 << 40)
            reader.place = after
        elif code == COPY:
            yield address, files[file], line
        elif code == ADVANCE_PC:
            address += reader.packed() * shortest
        elif code == ADVANCE_LINE:
            line += reader.packed(signed=True)
        elif code == SET_FILE:
            file = reader.packed()
        elif code == ADD_PC:
            address += (255 - first) // span * shortest
        elif code == FIXED_PC:
            address += reader.number("H")
        else:
            for _ in range(lengths[code - 1]):
                reader.packed()


def offset_of(code: bytes, name: str) -> int:
    """Return where a function begins in an object's usual code.

    Raises
    ------
    KeyError
        If the object has no such function.
    """
    sections = sections_of(code)
    texts = TableReader(sections[".strtab"])
    for text, _, _, offset, _ in struct.iter_unpack("<IHHQQ", sections[".symtab"]):
        texts.place = text
        if texts.text() == name:
            return int(offset)
    raise KeyError(name)


def write_map(code: bytes, begin: int) -> Path:
    """Name to perf the lines of code that is loaded, and return the file.

    Parameters
    ----------
    code : bytes
    begin : int
        Where its first instruction is.
    """
    path = Path("/", "tmp") / f"perf-{os.getpid()}.map"  # where perf looks for it
    with path.open("a", encoding="utf-8") as file:
        for part in stretches(code):
            size = part.end - part.first
            file.write(f"{begin + part.first:x} {size:x} {part.file}:{part.line}\n")
    return path
