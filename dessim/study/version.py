"""Which sources decide a result."""

import hashlib
from functools import lru_cache
from pathlib import Path

ROOMS = ("model", "kernel", "schemes", "engines")


@lru_cache
def model_version() -> str:
    """Hash of the sources that decide the result of a run: a change there makes old runs stale.

    Returns
    -------
    str, 64 hexadecimal digits
    """
    return hash_of(Path(__file__).resolve().parent.parent)


def hash_of(package: Path) -> str:
    """Hash of the Python sources in the rooms of a package that decide results.

    Parameters
    ----------
    package : Path
        The folder `dessim`.
    """
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            source = path.read_bytes()
            digest.update(f"{path.relative_to(package).as_posix()} {len(source)}\n".encode())
            digest.update(source)
    return digest.hexdigest()
