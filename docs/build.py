"""Build the documentation site: ``python docs/build.py [FOLDER]``.

The pages in ``docs/`` read as they are wherever Markdown is shown. Here they are copied to
FOLDER/source, those that are made from the code are put next to them, links that leave the site are
fixed, and Sphinx turns all of it into FOLDER/html, with every warning an error. FOLDER is
``build/site`` if left out.
"""

import argparse
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from pages import REFERENCE, links  # noqa: E402 - found through the line above


def assemble(folder: Path) -> None:
    """Write the sources of the site: pages as they are, pages of elsewhere, pages from the code."""
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    shutil.copy(DOCS / "conf.py", folder)
    for name in ("static", "pictures"):
        shutil.copytree(DOCS / name, folder / name)
    for path, name in links.site_pages().items():
        text = links.mend(path.read_text(encoding="utf-8"), path)
        (folder / name).write_text(text, encoding="utf-8")
    index = folder / "index.md"
    index.write_text(index.read_text(encoding="utf-8") + links.rest(folder), encoding="utf-8")
    for name, make in REFERENCE.items():
        (folder / "reference" / f"{name}.md").write_text(make(), encoding="utf-8")


def build(folder: Path) -> int:
    """Assemble and run Sphinx; return its exit code. Nothing is removed but an earlier site."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "source" / "conf.py").is_file():
            sys.exit(f"error: {folder} is not empty and holds no site: name another folder")
        shutil.rmtree(folder)
    assemble(folder / "source")
    from sphinx.cmd.build import main

    options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(folder / "doctrees")]
    return main([*options, str(folder / "source"), str(folder / "html")])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    site = DOCS.parent / "build" / "site"
    parser.add_argument("folder", nargs="?", type=Path, default=site, help="default: build/site")
    to = parser.parse_args().folder
    try:
        code = build(to)
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error}; pip install -c constraints.txt -e '.[docs]'")
    if code == 0:
        print(to / "html" / "index.html")
    sys.exit(code)
