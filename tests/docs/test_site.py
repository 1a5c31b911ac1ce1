"""The site builds without a warning, and what is generated says what the code knows."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(
    not (DOCS / "build.py").exists(), reason="only a checkout has the documentation"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Return the folder with the sources of the site, assembled without Sphinx."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        import build

        build.assemble(folder)
    for name in [name for name in sys.modules if name.split(".")[0] in ("build", "pages")]:
        del sys.modules[name]
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[str, str]:
    """Return the pages of the site by their names in it."""
    return {p.relative_to(site).as_posix(): p.read_text() for p in site.rglob("*.md")}


def test_the_site_builds_without_a_warning(shell, tmp_path) -> None:
    """Sphinx takes every page; each generated page and each page of docs/ is there as HTML."""
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package, reason=f"{package}: pip install -e '.[docs]'")
    done = shell(f"python '{DOCS / 'build.py'}' site", tmp_path)
    assert done.returncode == 0, done.stderr
    html = tmp_path / "site" / "html"
    assert done.stdout.strip() == "site/html/index.html"
    for page in (*DOCS.glob("*.md"), Path("reference/machine.md"), Path("paper-figures.md")):
        name = page.name if page.is_absolute() else page
        assert (html / name).with_suffix(".html").stat().st_size > 5000, name
    assert "Cores that share one L3" in (html / "reference" / "machine.html").read_text()


def test_every_page_stands_in_the_index(pages) -> None:
    """No page is lost: what the index forgets is under More, and it names nothing else."""
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", "\n".join(pages.values()), re.S | re.M)
    listed = {line for tree in trees for line in tree.splitlines() if line[:1] not in (":", "")}
    machines = {name for name in listed if name.startswith("machine-")}
    listed = listed - machines | {f"reference/{name}" for name in machines}
    names = {name.removesuffix(".md") for name in pages} - {"index"}
    assert listed == names, "docs/index.md names a page that is not there"


def test_links_of_the_site_lead_to_its_pages(site, pages) -> None:
    """What leads out of docs/ leads to a page of the site, or is text; its pictures are there."""
    for name, text in pages.items():
        bare = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", bare):
            if not re.match(r"[a-z]+:", link):
                folder = name.rpartition("/")[0]
                target = Path("/", folder, link).resolve().relative_to("/").as_posix()
                is_picture = target.startswith("pictures/") and (site / target).is_file()
                assert is_picture or target in pages, f"{name}: {link}"


def test_a_command_draws_each_picture_that_a_page_shows(shell, tmp_path) -> None:
    """No picture is drawn that no page shows, and none is shown that nobody could draw again."""
    text = "".join(page.read_text() for page in (*DOCS.glob("*.md"), ROOT / "README.md"))
    shown = set(re.findall(r"\]\((?:docs/)?pictures/(\w+)\.png\)", text))
    assert shown == {path.stem for path in (DOCS / "pictures").iterdir()}
    done = shell(f"python '{DOCS / 'draw.py'}' nothing", tmp_path)
    assert done.returncode == 1
    assert {line.partition(":")[0] for line in done.stderr.splitlines()} == shown


def test_every_key_and_command_is_in_the_reference(pages) -> None:
    """Keys of the models, commands, words, schemes, metrics and machines: none is left out."""
    from dessim import model, registry
    from dessim.cli import main
    from dessim.kernel import alphabet
    from dessim.kernel.flags import FLAGS
    from dessim.metrics import NAMES
    from dessim.model.fields import walk
    from dessim.model.machine import Machine

    wanted = {
        "machine": [path[-1] for path in walk(Machine)],
        "workload": model.json_schema("workload")["properties"],
        "experiment": model.json_schema("experiment")["properties"],
        "commands": [f"dessim {name}" for name in main.commands],
        "words": [*alphabet.LOCKS, *alphabet.OTHER_CONDITIONS, *(f.name for f in FLAGS)],
        "schemes": [*registry.names(), *registry.actor_names()],
        "results": NAMES,
        "machines": model.names("machines"),
        "shipped": [*model.names("experiments"), *model.names("workloads")],
    }
    for name, words in wanted.items():
        text = pages[f"reference/{name}.md"]
        assert [word for word in words if word not in text] == []


def test_numbers_of_a_machine_stand_with_unit_range_and_source(pages) -> None:
    """A row has what the profile says, in the profile's spelling."""
    from dessim import model

    text = pages["reference/machine-ivybridge-ex-4s.md"]
    part = text.partition("## cache_line")[2].partition("## ")[0]
    row = next(line for line in part.splitlines() if "`rmw_modified.one_hop`" in line)
    for word in ("`140ns`", "105ns to 175ns", "estimated", "SOSP13", "Westmere-EX"):
        assert word in row
    for key in model.load_machine("ivybridge-ex-4s").sources:
        assert f"| `{key}` |" in text


def test_categories_and_metrics_have_their_meanings(pages) -> None:
    """Each is reported in words, and nothing is reported that does not exist."""
    from dessim.kernel.layout import CATEGORIES
    from dessim.metrics import NAMES

    text = pages["reference/results.md"].partition("## Counters")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.M))
    for name in (*NAMES, *CATEGORIES):
        assert len(rows[name]) > 10, name


def test_a_folder_that_holds_something_else_is_left_alone(shell, tmp_path) -> None:
    """The site's folder is made anew each time: only if it is a site, or empty."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    done = shell(f"python '{DOCS / 'build.py'}' mine", tmp_path)
    assert done.returncode == 1
    assert "name another folder" in done.stderr
    assert (tmp_path / "mine" / "thesis.tex").exists()
