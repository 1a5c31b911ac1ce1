"""Names as folders, and what may not stand in a name."""

from __future__ import annotations

import hashlib
import re
import unicodedata

MOST_BYTES = 150
"""Of a folder's name: the system takes 255, and others are made of it."""
RESERVED = ("", "runs")
_STEERS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, line ends, turns of the direction, lone surrogates, and what XML lacks."""


def folder_name(experiment: str) -> str:
    """Return an experiment's name as a folder: nothing in it leads elsewhere.

    A name that cannot be a folder as it is gets a digest, so that two names never share a folder.
    """
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in experiment).strip(".")
    short = kept.encode(errors="replace")[:MOST_BYTES].decode(errors="ignore")
    if short == experiment and short not in RESERVED:
        return short
    digest = hashlib.sha256(experiment.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{'experiment' if short in RESERVED else short}-{digest}"


def is_plain(text: str) -> bool:
    """Whether a text has no control characters, line ends or lone surrogates.

    These would steer a terminal, end a row of a table, and are not allowed in XML.
    """
    return _STEERS.search(text) is None


def unfit_in_name(text: str) -> str:
    """Return a character that a name must not have, as `U+FEFF`, or nothing.

    It is not plain, or it is invisible: two names would look the same.
    """
    for c in text:
        if not is_plain(c) or not (c.isprintable() or unicodedata.category(c) == "Zs"):
            return f"U+{ord(c):04X}"
    return ""
