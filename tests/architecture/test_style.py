"""What the style asks for and a program can check."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = sorted((ROOT / "dessim").rglob("*.py"))
AROUND = sorted(
    path for room in ("benchmarks", "experiments") for path in (ROOT / room).rglob("*.py")
)
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400


def functions(path):
    """Return all functions and methods of a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [n for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def where(path, node):
    """Return a clickable place."""
    return f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_functions_fit_a_screen():
    """No function of the package, the benchmarks and the experiments is longer than 60 lines."""
    long = [
        where(path, node)
        for path in (*PACKAGE, *AROUND)
        for node in functions(path)
        if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_files_are_short():
    """No file is longer than 400 lines."""
    long = [
        f"{path.relative_to(ROOT)}: {len(path.read_text().splitlines())}"
        for path in (*PACKAGE, *AROUND, *TESTS)
        if len(path.read_text().splitlines()) > MAX_FILE_LINES
    ]
    assert long == []


def undocumented(path):
    """Return public definitions of a module, and of its public classes, without a docstring."""
    tree = ast.parse(path.read_text())
    scopes = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_")]
    kinds = (ast.FunctionDef, ast.ClassDef)
    public = [n for s in scopes for n in s.body if isinstance(n, kinds) and n.name[0] != "_"]
    return [where(path, node) for node in public if not ast.get_docstring(node)]


def test_public_names_are_documented():
    """Every public module, class and function of the package says what it is."""
    assert [
        str(p.relative_to(ROOT)) for p in PACKAGE if not ast.get_docstring(ast.parse(p.read_text()))
    ] == []
    assert [place for path in PACKAGE for place in undocumented(path)] == []


def test_every_test_states_a_truth():
    """Every test's docstring says in a sentence what holds."""
    silent = [
        where(path, node)
        for path in TESTS
        for node in functions(path)
        if node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").split("\n\n")[0].rstrip().endswith((".", "?", ":"))
    ]
    assert silent == []


def called_names(path):
    """Return the dotted names of all that a file calls or reads as attributes."""
    return {
        ast.unparse(n)
        for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.Attribute)
    }


@pytest.mark.parametrize("room", ["kernel", "engines"])
def test_a_run_knows_no_wall_clock_and_no_outside_randomness(room):
    """Kernel and engines read no clock and draw from no generator but the kernel's own."""
    forbidden = ("time.", "random.", "np.random", "numpy.random", "datetime.", "os.urandom")
    # which pages are in the page cache at the start is drawn once, from the seed
    allowed = {"world": {"np.random", "np.random.default_rng"}}
    for path in (ROOT / "dessim" / room).rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not names & {"time", "random", "datetime", "secrets"}, path
        called = {name for name in called_names(path) if name.startswith(forbidden)}
        assert called <= allowed.get(path.stem, set()), path


KERNEL_MEANING = (
    *("steps", "delays", "lines", "locks", "accounting", "draws", "addressing"),
    *("cpus", "tlb", "pages", "actors", "windows", "endings"),
)


@pytest.mark.parametrize("module", KERNEL_MEANING)
def test_the_meaning_of_steps_has_no_floats(module):
    """Time is an integer: no float literal and no true division where the World is changed."""
    path = ROOT / "dessim" / "kernel" / f"{module}.py"
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.lineno
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), node.lineno


def tracked():
    """Return the tracked text files of the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a checkout of the repository")
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [p for p in paths if p.is_file() and p.suffix not in {".png", ".pdf", ".parquet"}]


FOLDERS = ("home", "Users", "root", "tmp", "mnt", "media", "srv", "scratch", "work", "workspace")
FOREIGN = {
    "an absolute path": re.compile(rf"(?<![\w.~$/}}*-])/(?:{'|'.join(FOLDERS)})/\w"),
    "a package index": re.compile(r"index[-_]url", re.IGNORECASE),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_knows_the_machine_on_which_it_was_written(what):
    """No tracked file names a path or a package index of somebody's machine."""
    pattern = FOREIGN[what]
    holding = [
        p.relative_to(ROOT) for p in tracked() if pattern.search(p.read_text("utf-8", "replace"))
    ]
    assert [str(p) for p in holding] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_paths_of_a_machine_are_told_from_others(folder):
    """They begin at the root; a link, a folder of the repository or of one's home do not."""
    pattern = FOREIGN["an absolute path"]
    assert pattern.search(f'open("/{folder}/somebody")')
    assert pattern.search(f"/{folder}/x")
    for other in (f"https://a.b/{folder}/x", f"tests/{folder}/x", f"~/{folder}/x", f"/{folder}s"):
        assert not pattern.search(other)


def test_a_class_has_a_name_of_its_own():
    """No two public classes of the package share a name: what a reader finds by it is the one."""
    places = {}
    for path in PACKAGE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name[0] != "_":
                places.setdefault(node.name, []).append(where(path, node))
    assert [found for found in places.values() if len(found) > 1] == []
