"""Which files are pages of the site, and where their links lead there."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
BORROWED = {
    ROOT / "experiments" / "README.md": "paper-figures.md",
    ROOT / "benchmarks" / "README.md": "benchmarks.md",
    ROOT / "CHANGELOG.md": "changelog.md",
}
"""Pages of other folders that the site has, too, and their names in it."""
HOME = {ROOT / "README.md": "index.md"}
"""Links to these lead to a page that says the same for readers of the site."""
PICTURES = DOCS / "pictures"
LINK = re.compile(r"(```.*?```|`[^`\n]*`)|\[([^\]]*)\]\(([^)\s]+)\)", re.DOTALL)


def site_pages() -> dict[Path, str]:
    """Return the files that are pages of the site, and their names in it."""
    return {**{path: path.name for path in sorted(DOCS.glob("*.md"))}, **BORROWED}


def mend(text: str, path: Path) -> str:
    """Let the links of a page lead to the site's pages; a link to any other file becomes text."""
    pages = {**HOME, **site_pages()}

    def link(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]  # code
        name, _, part = found[3].partition("#")
        if not name or re.match(r"[a-z]+:", name):
            return found[0]
        target = (path.parent / name).resolve()
        if target.is_relative_to(PICTURES):
            return f"[{found[2]}]({target.relative_to(DOCS)})"
        if target not in pages:
            return found[2]
        return f"[{found[2]}]({pages[target]}{'#' if part else ''}{part})"

    return LINK.sub(link, text)


def rest(folder: Path) -> str:
    """Return a table of contents with the pages that the index names nowhere; empty without any."""
    listed = (folder / "index.md").read_text(encoding="utf-8").splitlines()
    names = [path.stem for path in sorted(folder.glob("*.md")) if path.stem not in listed]
    more = "\n".join(name for name in names if name != "index")
    return f"\n```{{toctree}}\n:hidden:\n:caption: More\n\n{more}\n```\n" if more else ""
