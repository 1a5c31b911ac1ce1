"""Find configurations by name: the folder is the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dessim.files.reading import STDIN
from dessim.model.errors import ConfigError, Place, Problem, Source, suggest
from dessim.model.units import shorten

FileKind = Literal["machines", "workloads", "experiments", "published"]
SUFFIXES: dict[str, str] = {
    "machines": ".yaml",
    "workloads": ".yaml",
    "experiments": ".yaml",
    "published": ".csv",
}


def config_root() -> Path:
    """Folder of the shipped configurations: inside an installed package, or of the repository."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def names(kind: FileKind) -> list[str]:
    """Names that `find` knows: the user's own (./configs) and the shipped ones.

    Parameters
    ----------
    kind : "machines", "workloads", "experiments" or "published"

    Returns
    -------
    list of str
        Sorted, without duplicates.
    """
    suffix = SUFFIXES[kind]
    found: set[str] = set()
    for root in roots():
        folder = root / kind
        if folder.is_dir():
            files = (p for p in folder.iterdir() if p.suffix == suffix and p.is_file())
            found.update(p.name.removesuffix(suffix) for p in files)
    return sorted(name for name in found if not is_path(kind, name))


def find(kind: FileKind, name: str) -> Path:
    """File of a configuration: a name from `names`, or a path (with `/`, or with the suffix).

    Parameters
    ----------
    kind : "machines", "workloads", "experiments" or "published"
    name : str

    Returns
    -------
    pathlib.Path
        A path is returned as it is, whether the file exists or not.

    Raises
    ------
    ConfigError
        If no file has this name: the message lists what there is and suggests the nearest.
    """
    if is_path(kind, name):
        return Path(name)
    known = names(kind)
    if name in known:
        file = name + SUFFIXES[kind]
        return next(p for root in roots() if (p := root / kind / file).is_file())
    raise ConfigError(
        [Problem(Place(Source(shorten(name, 200) or "''")), unknown_name(kind, name))]
    )


def find_from(kind: FileKind, name: str, folder: Path | None) -> Path | None:
    """File that a configuration refers to: as `find`, but paths are first tried from its folder.

    Returns
    -------
    pathlib.Path or None
        None if there is no such file: `not_found` says what there is.
    """
    if not is_path(kind, name):
        return find(kind, name) if name in names(kind) else None
    for start in (folder, Path()):
        if start is not None and "\0" not in name and (start / name).exists():
            return start / name
    return None


def places(kind: FileKind, name: str, folder: Path | None) -> list[Path]:
    """Where `find_from` looks for a file, in its order, whether or not there is one."""
    if "\0" in name:
        return []
    if is_path(kind, name):
        return [start / name for start in (folder, Path()) if start is not None]
    return [root / kind / f"{name}{SUFFIXES[kind]}" for root in roots()]


def not_found(kind: FileKind, name: str) -> str:
    """Sentence for a reference that leads nowhere."""
    if is_path(kind, name):
        return f"no file '{shorten(name)}'"
    return unknown_name(kind, name)


def is_path(kind: FileKind, name: str) -> bool:
    """Whether a reference is a path and not a name to look up."""
    return "/" in name or name == STDIN or name.lower().endswith((SUFFIXES[kind], ".yml", ".json"))


def unknown_name(kind: FileKind, name: str) -> str:
    """Sentence for a name that no file has."""
    known = names(kind)
    noun = {"published": "published table"}.get(kind, kind.removesuffix("s"))
    hint = suggest(name, known, plural="published tables" if kind == "published" else kind)
    near = f"{hint} " if hint.startswith("did you mean") else ""
    return f"no {noun} is named '{shorten(name)}'; {near}`dessim list {kind}` lists them all"


def roots() -> list[Path]:
    """Folders of configurations, the user's own first."""
    own, shipped = Path("configs"), config_root()
    return [own] if own.resolve() == shipped else [own, shipped]
