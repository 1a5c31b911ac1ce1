"""Names as folders, and what may not stand in a name."""

from __future__ import annotations

import hashlib

MOST_BYTES = 150
"""Of a folder's name: the system takes 255, and others are made of it."""
RESERVED = ("", "runs")


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
    return all(_is_plain(c) for c in text)


def _is_plain(c: str) -> bool:
    point = ord(c)
    control = point < 0x20 or 0x7F <= point <= 0x9F or c in "\u2028\u2029"
    turned = c in "\u200e\u200f" or 0x202A <= point <= 0x202E or 0x2066 <= point <= 0x2069
    return not control and not turned and not 0xD800 <= point <= 0xDFFF and point < 0xFFFE
