"""Rows of the catalogue as files in herd7's C form."""

import re

FENCES = {
    "mb": "smp_mb()",
    "rmb": "smp_rmb()",
    "wmb": "smp_wmb()",
}
SUFFIX = {"full": "", "void": "_relaxed", "acquire": "_acquire", "release": "_release"}


def statement_of(word: str) -> str:
    """Return a word of the short form (``litmus.Words.one``) as C."""
    if word in FENCES:
        return FENCES[word]
    if word.startswith(("lock ", "unlock ")):
        verb, name = word.split()
        return f"spin_{verb}({name})"
    left, _, right = word.partition("=")
    if not left.startswith("r"):
        *order, number = right.split()
        return f"smp_store_release({left}, {number})" if order else f"WRITE_ONCE(*{left}, {number})"
    if ":" not in right:
        *order, name = right.split()
        return f"{left} = smp_load_acquire({name})" if order else f"{left} = READ_ONCE(*{name})"
    name, _, rest = right.partition(":")
    compared, _, rest = rest.rpartition("=")
    value, order = rest.split()
    if compared:
        return f"{left} = cmpxchg{SUFFIX[order]}({name}, {compared}, {value})"
    return f"{left} = xchg{SUFFIX[order]}({name}, {value})"


def lines_of(text: str) -> list[str]:
    """Return a process of the short form as lines of C."""
    if "{" in text:
        before, _, rest = text.partition("if ")
        condition, _, rest = rest.partition(" {")
        inside, _, after = rest.partition("}")
        body = [f"\t{line}" for line in lines_of(inside)]
        return [*lines_of(before), f"if ({condition}) {{", *body, "}", *lines_of(after)]
    return [f"{statement_of(w.strip())};" for w in text.split(";") if w.strip()]


def process_of(number: int, text: str) -> str:
    """Return a process of the short form as C."""
    lines = lines_of(text)
    code = "\n".join(lines)
    locks = sorted(set(re.findall(r"spin_\w+\((\w)\)", code)))
    names = sorted(set(re.findall(r"[(*]([xyzw])\b", code)))
    registers = sorted(set(re.findall(r"\br\d", code)))
    taken = [f"int *{name}" for name in names] + [f"spinlock_t *{name}" for name in locks]
    body = "\n".join(f"\t{line}" for line in [*(f"int {r};" for r in registers), *lines])
    return f"P{number}({', '.join(taken)})\n{{\n{body}\n}}\n"


def c_form(row) -> str:
    """Return a row of the catalogue as the text of a file."""
    start = "\n".join(f"\tint {name} = {value};" for name, value in row.start.items())
    processes = "\n".join(process_of(number, text) for number, text in enumerate(row.tasks))
    ending = " /\\ ".join(row.ending.split())
    begin = f"{{\n{start}\n}}" if start else "{}"
    return (
        f"C {row.name}\n\n(*\n * Result: {row.result.capitalize()}\n *)\n\n{begin}\n\n{processes}\n"
        f"exists ({ending})\n"
    )
