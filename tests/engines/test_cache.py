"""Compiled code is kept, found again, never stale, never half-written, and does without a place."""

import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

import dessim
from dessim.engines import build, code_cache
from dessim.engines.inlined import INLINED
from dessim.kernel import delays

ROOT = Path(dessim.__file__).parents[1]
TESTS = Path(__file__).parents[1]

TINY_RUN = """
from helpers import a_workload, scheme_setup
from dessim.engines import build, run_setup
setup = scheme_setup("gang_lookup_mapcount", 2, 3, workload=a_workload(pages=6, mapping="shared"))
{before}
result = run_setup(setup, "compiled")
assert result == run_setup(setup, "reference"), "engines differ"
print("same", build._entries(False).plain)
"""
NO_COMPILER = """
def refuse(*_):
    raise SystemExit("would compile")
build.machine_code = refuse
"""


def command(code: str) -> list[str]:
    """Return the command that runs some Python code."""
    return [sys.executable, "-c", code]


def surroundings(**changes: str) -> dict[str, str]:
    """Return environment variables under which dessim and the tests' helpers are found."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}", **changes}


def tiny_run(before: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a tiny setup on both engines in a process of its own."""
    return subprocess.run(
        command(TINY_RUN.format(before=before)),
        env=surroundings(**changes),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def kept(run_compiled, tmp_path) -> Path:
    """Return a copy of this session's compiled code, in a place of its own."""
    name = code_cache.key("run", build.fingerprint())
    code = code_cache.stored(name)
    if code is None:
        pytest.skip(f"nothing was compiled: {build.UNCOMPILED}")
    path = tmp_path / "dessim" / name
    path.parent.mkdir()
    path.write_bytes(code_cache._sealed(code))
    return path


# --- found again --------------------------------------------------------------------------------


def test_compiling_is_announced_once_and_leaves_something_to_find(tmp_path):
    """Of two that start together one compiles, and says so; the other one, and a third, find it."""
    places = {"DESSIM_CACHE_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}  # and nowhere else
    start = {"env": surroundings(**places), "text": True}
    start |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [subprocess.Popen(command(TINY_RUN.format(before="")), **start) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [out for out, _ in said] == ["same False\n"] * 2, said
    assert sorted(err for _, err in said) == ["", build.NOTICE + "\n"]
    third = tiny_run(NO_COMPILER, **places)
    assert (third.stdout, third.stderr) == ("same False\n", "")
    assert len(list((tmp_path / "dessim").iterdir())) == 1, "left-overs"


def test_another_process_finds_what_was_compiled(kept):
    """A later process loads compiled code and compiles nothing."""
    run = tiny_run(NO_COMPILER, DESSIM_CACHE_DIR=str(kept.parents[1]))
    assert (run.stdout, run.stderr) == ("same False\n", "")


def test_a_child_process_looks_where_its_parent_looked(kept):
    """A run leaves the environment as it was, so that workers find the same directory."""
    code = f"import os\nbefore = dict(os.environ)\n{TINY_RUN.format(before=NO_COMPILER)}"
    code += "\nassert dict(os.environ) == before"
    place = surroundings(DESSIM_CACHE_DIR=str(kept.parents[1]))
    run = subprocess.run(command(code), env=place, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_notice_can_be_silenced():
    """Whoever wants no notice sets the level of the logger `dessim`."""
    assert build.LOG.name.startswith("dessim.")


DAMAGE = {
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "another byte": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"),
    "another check sum": lambda path: path.write_bytes(b"?" + path.read_bytes()[1:]),
    "empty": lambda path: path.write_bytes(b""),
    "no code": lambda path: path.write_bytes(code_cache._sealed(b"")),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"?"),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_not_trusted(kept, monkeypatch, damage):
    """Whatever happened to a file of compiled code, it is not loaded."""
    monkeypatch.setenv(code_cache.CHOSEN, str(kept.parents[1]))
    monkeypatch.setattr(code_cache.tempfile, "tempdir", str(kept.parent))
    assert code_cache.stored(kept.name)
    damage(kept)
    assert code_cache.stored(kept.name) is None


def test_a_process_compiles_when_the_file_is_damaged(kept):
    """Damaged code is compiled anew instead of being run, and instead of an error."""
    kept.write_bytes(b"damaged")
    run = tiny_run(NO_COMPILER, DESSIM_CACHE_DIR=str(kept.parents[1]))
    assert run.stderr == f"{build.NOTICE}\nwould compile\n"


def test_a_place_that_can_only_be_read_is_read(kept):
    """Who may not write to the place where the code is kept can run it all the same."""
    kept.chmod(0o444)
    kept.parent.chmod(0o555)
    try:
        run = tiny_run(NO_COMPILER, DESSIM_CACHE_DIR=str(kept.parents[1]))
    finally:
        kept.parent.chmod(0o755)
    assert (run.stdout, run.stderr) == ("same False\n", "")


# --- never stale --------------------------------------------------------------------------------


def name() -> str:
    """Return the name under which compiled code would be looked for now."""
    return code_cache.key("run", build.fingerprint())


def test_another_kernel_has_another_name(monkeypatch):
    """Changed code of any function that the event loop reaches is never taken for the old one."""
    old = name()
    changed = delays.teardown_ps.__code__.replace(co_consts=(None, 7))
    monkeypatch.setattr(delays.teardown_ps, "__code__", changed)
    assert name() != old


def test_another_constant_gives_another_name(monkeypatch):
    """So is a changed constant: the layout of the World, an operation, a cost."""
    old = name()
    for module in [m for n, m in sys.modules.items() if n.startswith("dessim.kernel.")]:
        if hasattr(module, "COST_WAKE_WALK"):
            monkeypatch.setattr(module, "COST_WAKE_WALK", 1)
    assert name() != old


def test_another_compiler_gives_another_name(monkeypatch):
    """What another LLVM compiled is not loaded."""
    old = name()
    monkeypatch.setattr("llvmlite.__version__", "0.1")
    assert name() != old


def test_another_translator_gives_another_name(monkeypatch):
    """Nor is what another state of the translator made."""
    old = name()
    monkeypatch.setattr(build, "_translator", lambda: ("another",))
    assert name() != old


@pytest.mark.parametrize("what", ["get_host_cpu_name", "get_host_cpu_features"])
def test_another_cpu_gives_another_name(monkeypatch, what):
    """Nor is what was made for a CPU that may know other instructions."""
    old = name()
    other = {"get_host_cpu_name": "another", "get_host_cpu_features": {"avx10": True}}[what]
    monkeypatch.setattr(f"llvmlite.binding.{what}", lambda: other)
    assert name() != old


def test_another_python_gives_another_name(monkeypatch):
    """What another Python compiled is not loaded."""
    old = name()
    monkeypatch.setattr(sys, "version", "3.99")
    assert name() != old


def test_the_place_does_not_change_the_name(monkeypatch):
    """Where code is kept is not what it is."""
    old = name()
    monkeypatch.setenv(code_cache.CHOSEN, "/elsewhere")
    assert name() == old


def test_every_kernel_module_that_runs_is_compiled():
    """What the reference engine calls in the kernel is what the compiled engine compiles."""
    functions = build.reached_from(*build.ROOTS)
    reached = {function.__module__ for function in functions.values()}
    assert {"dessim.kernel.steps", "dessim.kernel.lines", "dessim.kernel.draws"} <= reached
    order = list(functions)
    for place, function in enumerate(functions.values()):
        called = set(function.__code__.co_names) & set(order)
        assert called <= set(order[:place]), "callees come first"


def test_two_functions_of_one_name_are_refused():
    """One name means one function in the common namespace, or nothing is compiled."""
    callers = []
    for module in ("here", "elsewhere"):
        helper = types.FunctionType((lambda: 1).__code__, {}, "helper")
        helper.__module__ = f"dessim.kernel.{module}"
        code = compile("helper()", "", "eval")
        callers.append(types.FunctionType(code, {"helper": helper}, module))
    with pytest.raises(ValueError, match="two kernel functions are called 'helper'"):
        build.reached_from(*callers)


# --- where ----------------------------------------------------------------------------------------


def test_the_chosen_place_comes_before_the_temporary_one(monkeypatch, tmp_path):
    """DESSIM_CACHE_DIR decides; without it the user's cache does; then a directory of your own."""
    monkeypatch.setenv(code_cache.CHOSEN, str(tmp_path / "chosen"))
    assert next(code_cache._places()) == tmp_path / "chosen" / "dessim"
    monkeypatch.delenv(code_cache.CHOSEN)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert next(code_cache._places()) == tmp_path / "cache" / "dessim"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert next(code_cache._places()) == tmp_path / "home" / ".cache" / "dessim"


@pytest.fixture
def temporary(monkeypatch, tmp_path) -> Path:
    """Let directories of temporary files be here."""
    monkeypatch.setattr(code_cache.tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"dessim-{os.getuid()}"


def test_an_unwritable_place_is_passed_over(monkeypatch, temporary):
    """Where nothing can be written, a directory of temporary files is taken."""
    monkeypatch.setenv(code_cache.CHOSEN, "/dev/null/nowhere")
    assert code_cache.publish("name", b"code") == temporary / "name"
    assert temporary.stat().st_mode & 0o077 == 0
    assert code_cache.stored("name") == b"code"


def test_a_directory_that_others_can_write_to_is_not_used(monkeypatch, temporary):
    """Among temporary files nobody else's code is run."""
    monkeypatch.setenv(code_cache.CHOSEN, "/dev/null/nowhere")
    temporary.mkdir()
    (temporary / "name").write_bytes(code_cache._sealed(b"a stranger's"))
    assert code_cache.stored("name")
    temporary.chmod(0o777)
    assert code_cache.stored("name") is None
    assert code_cache.publish("name", b"code") is None
    (temporary / "name").unlink()
    temporary.rmdir()
    temporary.symlink_to(temporary.parent)
    assert code_cache.publish("name", b"code") is None


def test_a_damaged_file_is_replaced(monkeypatch, tmp_path):
    """What is found damaged makes room for what is compiled anew."""
    monkeypatch.setenv(code_cache.CHOSEN, str(tmp_path))
    for code in (b"a", b"b"):
        path = code_cache.publish("name", code)
        assert path is not None
        assert code_cache.stored("name") == code
        path.write_bytes(b"damaged")
    assert [path.name for path in (tmp_path / "dessim").iterdir()] == ["name"]


def test_what_killed_writers_left_goes_after_a_day(monkeypatch, tmp_path):
    """A file that was never finished is nobody's code, and does not stay for ever."""
    monkeypatch.setenv(code_cache.CHOSEN, str(tmp_path))
    place = tmp_path / "dessim"
    place.mkdir()
    old, new = (place / f"name.{age}{code_cache.UNFINISHED}" for age in ("old", "new"))
    for left in (old, new):
        left.write_bytes(b"half of")
    os.utime(old, (0, 0))
    code_cache.publish("name", b"code")
    assert not old.exists()
    assert new.exists(), "its writer may be at work"


def test_a_writer_that_fails_leaves_nothing(monkeypatch, tmp_path):
    """An interrupted writer takes its half file along."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setenv(code_cache.CHOSEN, str(tmp_path))
    monkeypatch.setattr(code_cache.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        code_cache.publish("name", b"code")
    assert not list((tmp_path / "dessim").iterdir())


# --- without a compiler, and interrupted ----------------------------------------------------------


def test_a_tiny_run_without_compiling():
    """With DESSIM_UNCOMPILED the compiled engine runs its source as it is, with the same result."""
    run = tiny_run(DESSIM_UNCOMPILED="1")
    assert (run.stdout, run.stderr) == ("same True\n", "")


def test_engines_are_imported_without_the_compiler():
    """The compiler is imported when something is to be run, not when something is looked up."""
    code = "import sys, dessim.engines.compiled; assert 'llvmlite' not in sys.modules"
    run = subprocess.run(command(code), env=surroundings(), capture_output=True, check=False)
    assert run.returncode == 0, run.stderr


INTERRUPTED = """
import signal
from helpers import a_lock_loop, lock_loop_setup
from dessim.engines import run_setup
endless = lock_loop_setup(a_lock_loop(iterations=10**9), 2)
try:
    run_setup(endless, "compiled", progress=lambda now: print("running", flush=True))
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup = lock_loop_setup(a_lock_loop(iterations=9), 3)
    assert run_setup(setup, "compiled") == run_setup(setup, "reference")
    print("done")
"""


def test_a_run_can_be_interrupted(run_compiled):
    """Ctrl-C ends a long run soon, and the next run in the process is as right as any."""
    with subprocess.Popen(
        command(INTERRUPTED), env=surroundings(), stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        rest = child.stdout.read()
    assert rest.endswith("done\n")
    assert child.returncode == 0


@pytest.mark.slow
def test_compiling_can_be_interrupted(tmp_path):
    """Ctrl-C while it compiles leaves nothing behind; the next attempt compiles and runs."""
    code = "try:\n    run_setup(setup)\nexcept KeyboardInterrupt:\n    print('stopped')"
    with subprocess.Popen(
        command(TINY_RUN.format(before=code)),
        env=surroundings(DESSIM_CACHE_DIR=str(tmp_path), PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr.readline() == build.NOTICE + "\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.read() == "stopped\nsame False\n"
    assert len(list((tmp_path / "dessim").iterdir())) == 1


@pytest.mark.slow
def test_two_processes_compile_at_once(tmp_path):
    """Both compile, both are right, and one complete directory is left."""
    both = [
        subprocess.Popen(
            command(TINY_RUN.format(before="")),
            env=surroundings(DESSIM_CACHE_DIR=str(tmp_path)),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [child.communicate()[0] for child in both] == ["same False\n"] * 2
    assert len(list((tmp_path / "dessim").iterdir())) == 1
    run = tiny_run(NO_COMPILER, DESSIM_CACHE_DIR=str(tmp_path))
    assert run.stdout == "same False\n"


def test_without_a_place_it_is_compiled_in_memory():
    """Without any place for compiled code it runs all the same."""
    run = tiny_run("build.code_cache._places = lambda: iter(())")
    assert (run.stdout, run.stderr) == ("same False\n", f"{build.NOTICE}\n")


def test_what_is_inlined_exists():
    """A function that was renamed or is no longer reached would lose its speed without a word."""
    assert set(build.reached_from(*build.ROOTS)) >= INLINED
