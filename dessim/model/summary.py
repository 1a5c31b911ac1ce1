"""What a configuration says of itself, without building what it describes."""

from __future__ import annotations

from dessim.files.reading import read_text
from dessim.model.errors import ConfigError, Problem, in_order
from dessim.model.locate import FileKind, find
from dessim.model.yaml_loader import read_document


def description_of(kind: FileKind, name: str) -> str:
    """Return the description of a machine, workload or experiment, or a table's first comment.

    Raises
    ------
    ConfigError
        If the file is no YAML, or no mapping. Whether its keys can be used, ``show`` and ``run``
        say.
    """
    path = find(kind, name)
    if kind == "published":
        return read_text(path).partition("\n")[0].lstrip("# ")
    document, problems = read_document(path)
    if not problems and not isinstance(document.data, dict):
        problems = [Problem(document.place(()), "expected a mapping of keys to values")]
    if problems:
        raise ConfigError(in_order(problems))
    description = document.data.get("description")
    return description if isinstance(description, str) else ""
