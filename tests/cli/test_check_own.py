"""`dessim check` takes any scheme and any actor, with any of their options."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessim import registry
from dessim.cli import main
from dessim.study.check import Scope, actor_of, actors

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "schemes.md"

ACTOR = '''"""Actor ``remover``: takes pages out of the page cache under their page lock."""

from dessim.kernel.alphabet import (
    count,
    each_in_range,
    get_page,
    lock_page,
    option,
    put_page,
    unlock_page,
    when,
)
from dessim.actors.invalidate_range import DELETE, UNMAP_IF_MAPPED

OPTIONS = {"unmaps": True, "walk": "if_mapped", "bug2": True, "fatal": False, "times": 1}
CHOICES = {"walk": ("if_mapped", "every_table")}
ACTOR = (
    count("invalidations"),
    each_in_range(
        when(
            "page.cached",
            get_page(),
            lock_page(),
            when("page.ours", option("unmaps", *UNMAP_IF_MAPPED), *DELETE),
            unlock_page(),
            put_page(),
        )
    ),
)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with the scheme of the guide and an actor."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schemes").mkdir()
    (tmp_path / "actors").mkdir()
    example = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "schemes" / "optimistic_example.py").write_text(example)
    (tmp_path / "actors" / "remover.py").write_text(ACTOR)
    return tmp_path


def check(line: str) -> Result:
    """Run `dessim check` with some words."""
    return CliRunner().invoke(main, ["check", *line.split()])


def rows_of(line: str) -> list[dict]:
    """Return the rows that `dessim check` prints."""
    done = check(f"{line} --format json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


needs_docs = pytest.mark.skipif(not GUIDE.exists(), reason="only a checkout has the guide")


@needs_docs
def test_the_core_table_takes_schemes_of_ones_own(folder: Path) -> None:
    """The example of the guide lies in ./schemes: bare `dessim check` explores it, and says so."""
    path = folder / "schemes" / "optimistic_example.py"
    path.write_text(path.read_text().replace("PROMISES = ()\n", ""))
    (folder / "schemes" / "late.py").write_text("SLOW_PATH = FAULT_AROUND = ()\nexit('by mistake')")
    (folder / "schemes" / "broken.py").write_text("(")
    done = check("")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    below = lines[lines.index("optimistic_example") + 1 :]
    assert next(n for n, line in enumerate(below) if not line.startswith("  ")) == 2 * 5
    assert (
        "optimistic_example promises nothing (PROMISES): it was explored, and nothing is judged"
        in (done.stdout)
    )
    assert "left out: late cannot be used:" in done.stderr
    assert "late.py:2: SystemExit: by mistake" in done.stderr
    assert "left out: broken cannot be used:" in done.stderr


@needs_docs
def test_an_actor_of_ones_own_is_explored(folder: Path) -> None:
    """With its options, which the row has; what it does wrong is found."""
    line = "no_fault_around --threads 1 --page target --actor remover --property stale_mapping"
    (row,) = rows_of(line)
    assert (row["actor"], row["actor_options"], row["verdict"]) == ("remover", {}, "never")
    (row,) = rows_of(f"{line} --set actor.unmaps=off --set actor.bug2=no")
    assert row["actor_options"] == {"unmaps": False, "bug2": False}
    assert row["verdict"] == "sometimes"
    assert (
        "remover (no bug2, no unmaps)" in check(f"{line} --set actor.unmaps=off --bug2 off").stdout
    )


@needs_docs
def test_a_scheme_of_ones_own_is_explored_beside_it(folder: Path) -> None:
    """Any scheme against any actor; the sentence about promises stands below the verdicts."""
    done = check("optimistic_example --actor remover --property bug2")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(
        "optimistic_example: 1 thread faulting 1x each, shared page tables"
    )
    assert "\noptimistic_example promises nothing (PROMISES): it was explored" in done.stdout


@pytest.mark.parametrize("actor", actors())
def test_every_actor_is_taken_by_its_names(actor: str) -> None:
    """By the short name of the command line and by the name of its file: it is the same scope."""
    scope = Scope("no_fault_around").against(actor)
    assert Scope("no_fault_around").against(registry.SHORT_NAMES.get(actor, actor)) == scope
    found = actor_of(actor)
    assert found is None or registry.load_actor(found.name) == found


def test_set_is_what_the_flags_are_short_for() -> None:
    """The same rows, with either; scopes that say what is so anyway are equal."""
    flags = "--unmap-retry before_bug --bug2 off --precheck --property bug1"
    settings = (
        "--actor invalidate_range --set actor.unmap_retry=before_bug --set actor.bug2=off"
        " --set scheme.precheck=true --property bug1"
    )
    name = "gang_lookup_mapcount"
    assert rows_of(f"{name} {flags}") == rows_of(f"{name} {settings}")
    plain = Scope(name)
    assert plain.against(walk="if_mapped").with_scheme(fence=True) == plain
    (row,) = rows_of(f"{name} --set scheme.skip_mapped=yes --set actor.fatal=on --property bug1")
    assert row["scheme_options"] == {"skip_mapped": True}
    assert row["actor_options"] == {"fatal": True}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--set threads=2", "expected scheme.KEY=VALUE or actor.KEY=VALUE"),
        ("--set scheme.fence", "expected scheme.KEY=VALUE"),
        ("--set scheme.fense=off", "has no option 'fense' (it has precheck, fence, reference"),
        ("--set scheme.fense=off", "did you mean 'fence'?"),
        ("--set scheme.fence=maybe", "option 'fence' of 'gang_lookup_mapcount' takes on or off"),
        ("--set scheme.recheck_order=last", "is one of flags_first, mapping_first: 'last'"),
        ("--set actor.walks=if_mapped", "'invalidate_range' has no option 'walks'"),
        ("--actor munmap --set actor.walk=if_mapped", "has no option 'walk' (it has none)"),
        ("--actor none --set actor.walk=if_mapped", "needs an actor, and --actor is none"),
        ("--actor recliam", "no actor is named 'recliam'; "),
        ("--actor recliam", "did you mean 'reclaim'?"),
        ("--set scheme.fence=on --set scheme.fence=off", "scheme.fence is given twice"),
        ("--no-fence --set scheme.fence=on", "'fence' is set by --fence and by --set"),
    ],
)
def test_what_is_set_wrongly_is_told(line: str, said: str) -> None:
    """One sentence that says what there is; exit code 2."""
    done = check(f"gang_lookup_mapcount {line}")
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_number_is_a_number_and_folios_are_refused() -> None:
    """Options are typed by their defaults; the explorer knows pages one by one."""
    done = check("folio_batch --set scheme.folio_order=two")
    assert "option 'folio_order' of 'folio_batch' takes a whole number: 'two'" in done.stderr
    done = check("folio_batch --set scheme.folio_order=2")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: folio_order must be 0: the explorer handles single pages only\n",
    )
    assert check("folio_batch --set scheme.folio_order=0 --property bug1").exit_code == 0


def test_set_needs_a_scheme() -> None:
    """The core table has its own scopes."""
    done = check("--set scheme.fence=off")
    assert done.exit_code == 2
    assert "--set needs a SCHEME: one of " in done.stderr
