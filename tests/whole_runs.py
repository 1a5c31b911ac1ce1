"""Whole runs under a version of Linux: of small workloads whose faults write, and of points."""

from helpers import a_machine, a_workload

from dessim import registry
from dessim.engines import compiled, reference
from dessim.kernel import layout as lay
from dessim.kernel.result import read_result
from dessim.kernel.setup import Batches, Setup
from dessim.kernel.world import build_world
from dessim.model import load_machine
from dessim.model.experiment import Point, SchemeChoice
from dessim.study.sweep.plan import features_of, setup_of


def writing_setup(column, threads, pages, options=(), **values):
    """Return a run of tasks that begin together and whose faults write: anonymous by default.

    ``options`` are the scheme's that are other than the version's.
    """
    workload = a_workload(pages, **{"fault": "anonymous", "phases": "same"} | values)
    scheme, machine = registry.load(column), a_machine()
    program = registry.thread_program(scheme, {}, 0, **dict(features_of(workload, machine)))
    batches = Batches.among(scheme.options | dict(options))
    order = workload.folio_order
    return Setup(
        machine, workload, program, threads, 0, None, 1, 0, folio_order=order, batches=batches
    )


def ran(setup):
    """Return the World of a finished run, of the reference engine."""
    w = build_world(setup).tolist()
    reference.run(w)
    return w


def counter(w, name):
    """Return a counter of a World."""
    return w[w[lay.H_COUNT] + lay.COUNTERS.index(name)]


def assert_engines_agree(setup):
    """Run with both engines: the Worlds are the same at the end, word by word."""
    words = build_world(setup)
    compiled.run(words)
    assert words.tolist() == ran(setup)


def point_with(actors, pages, threads, scheme="linux_6_12", **values):
    """Return a point of threads of one process, whose faults write, and of actors alongside."""
    usual = {"fault": "anonymous", "mapping": "per_thread"}
    return Point(
        experiment="alongside",
        machine=load_machine("icelake-sp-2s"),
        workload=a_workload(pages, actors=tuple(actors), **usual | values),
        scheme=SchemeChoice(name=scheme),
        threads=threads,
        fault_around_order=4,
    )


def result_of(point):
    """Return the result of a run of a point, of the compiled engine."""
    setup = setup_of(point, 0)
    w = build_world(setup)
    compiled.run(w)
    return read_result(w.tolist(), setup.pages)
