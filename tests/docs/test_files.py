"""Links lead somewhere, shipped files agree with each other and with the code."""

import json
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from dessim.model import json_schema
from dessim.model.schema import SchemaKind

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "README.md").exists(), reason="only a checkout has these files"
)
PAGES = [
    *ROOT.glob("*.md"),
    *(
        page
        for name in ("docs", "experiments", "benchmarks")
        for page in ROOT.glob(f"{name}/**/*.md")
    ),
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)


def anchor(heading: str) -> str:
    """Return the anchor that Markdown viewers give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    """A link inside the repository leads to a file that exists, and to a heading it has."""
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, part = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if part:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert part in map(anchor, headings), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_named_exist(page: Path) -> None:
    """A path in code type that begins with a folder of the repository exists."""
    text = CODE.sub("", page.read_text())
    for name in re.findall(r"`((?:dessim|configs|tests|docs|schema|benchmarks)/[\w./-]*)`", text):
        # Results are not kept; NAME, FAMILY: placeholders of CONTRIBUTING.md (test_recipes.py).
        if not any(part in name for part in ("results", "NAME", "FAMILY")):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


@pytest.mark.parametrize("kind", get_args(SchemaKind))
def test_schema_files_are_current(kind, request: pytest.FixtureRequest) -> None:
    """The files in schema/ are what `dessim schema` prints."""
    path = ROOT / "schema" / f"{kind}.json"
    if request.config.getoption("--update-golden"):
        path.write_text(json.dumps(json_schema(kind), indent=1, ensure_ascii=False) + "\n")
    assert json.loads(path.read_text()) == json_schema(kind), (
        f"make it anew: dessim schema {kind} > schema/{kind}.json"
    )


@pytest.mark.parametrize(
    "path",
    sorted(p for kind in get_args(SchemaKind) for p in ROOT.glob(f"configs/{kind}s/*.yaml")),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_shipped_files_name_their_schema(path: Path) -> None:
    """The first line of each shipped file leads editors to the schema of its kind."""
    first = path.read_text().splitlines()[0]
    [link] = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", first)
    assert (path.parent / link).resolve() == ROOT / "schema" / f"{path.parent.name[:-1]}.json"


def pinned() -> dict[str, str]:
    """Return the versions in constraints.txt; any other line is an error."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [re.fullmatch(r"([\w.-]+)==([\w.+!]+)", line) for line in lines if line[:1] != "#"]
    assert all(found)
    return {m[1].lower().replace("_", "-"): m[2] for m in found if m}


def test_every_dependency_is_pinned() -> None:
    """constraints.txt holds an exact version of each direct dependency and nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    names = {re.split(r"[<>=\[ ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names - {"dessim"} - pinned().keys() == set()


def test_ci_runs_the_tests_as_the_readme_says() -> None:
    """.ci/run carries out exactly the README's test command."""
    [command] = re.findall(
        r"\.venv/bin/(python -m pytest.*)$", (ROOT / "README.md").read_text(), re.M
    )
    assert f"check {command}" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_hooks_before_a_commit_are_those_of_ci() -> None:
    """Each local hook runs a command of .ci/run."""
    entries = re.findall(r"^\s+entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.M)
    script = (ROOT / ".ci" / "run").read_text()
    assert len(entries) == 4
    for entry in entries:
        assert re.search(rf"^check {re.escape(entry)}( \.)?$", script, re.M), entry


def test_version_is_told_once() -> None:
    """The citation and the last release of the changelog have the package's version, and a date."""
    import dessim

    citation = (ROOT / "CITATION.cff").read_text()
    version, date = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )[0]
    assert version == dessim.__version__
    assert f"\nversion: {version}\n" in citation
    assert f'\ndate-released: "{date}"\n' in citation
    for key in ("cff-version", "message", "title", "abstract", "authors", "license", "keywords"):
        assert re.search(rf"^{key}:", citation, re.M), key
