"""The setups that are measured: machines, workloads and programs."""

from functools import cache

from dessim import registry
from dessim.kernel.assembler import Program, assemble
from dessim.kernel.programs import lock_loop_program
from dessim.kernel.world import Setup
from dessim.model import load_machine, load_workload
from dessim.model.machine import Machine
from dessim.model.workload import Workload
from dessim.study.sweep.plan import features_of

MIB = 1 << 20
THINK_PS = 1_000_000
HOLD_PS = 50_000


@cache
def machine(name: str = "ivybridge-ex-4s") -> Machine:
    """Return a shipped machine whose work does not vary: contenders take each step's number."""
    found = load_machine(name)
    kernel = found.kernel.model_copy(update={"work_cv_ppm": 0})
    return found.model_copy(update={"kernel": kernel})


@cache
def wide_machine(cpus: int) -> Machine:
    """Return ivybridge-ex-4s with more (or fewer) cores on each socket: SMT and costs unchanged."""
    base = machine()
    topology = base.topology
    cores = -(-cpus // (topology.sockets * topology.threads_per_core))
    return base.model_copy(update={"topology": topology.model_copy(update={"cores_per_l3": cores})})


@cache
def ideal_machine(cpus: int) -> Machine:
    """Return a machine of one socket on which nothing takes time but what the workload says."""
    base = machine()

    def free(part: object) -> dict[str, object]:
        values = {name: getattr(part, name) for name in type(part).model_fields}  # type: ignore[attr-defined]
        return {
            name: value.model_copy(update=free(value)) if hasattr(value, "model_fields") else 0
            for name, value in values.items()
            if name.endswith("_ps") or hasattr(value, "model_fields")
        }

    topology = {"sockets": 1, "cores_per_l3": cpus, "threads_per_core": 1, "hops": ((0,),)}
    line = base.cache_line.model_copy(update=free(base.cache_line))
    return base.model_copy(
        update={
            "name": "ideal",
            "topology": base.topology.model_copy(update=topology),
            "cache_line": line.model_copy(update={"arbitration_share_ppm": 0}),
            "memory": base.memory.model_copy(update=free(base.memory)),
            "locks": base.locks.model_copy(update=free(base.locks)),
            "kernel": base.kernel.model_copy(update=free(base.kernel)),
        }
    )


def lock_loop(cpus: int, iterations: int, seed: int) -> Setup:
    """Return the closed lock loop: think Exp(1000 ns), hold Exp(50 ns), one FIFO lock."""
    workload = Workload(
        name="lock-loop",
        kind="lock_loop",
        think_ps=THINK_PS,
        hold_ps=HOLD_PS,
        iterations=iterations,
        start_stagger_ps=0,
    )
    program = assemble(lock_loop_program())
    return Setup(ideal_machine(cpus), workload, program, cpus, 0, None, seed, 0)


@cache
def _program(scheme_name: str, features: tuple[tuple[str, bool], ...]) -> Program:
    return registry.thread_program(registry.load(scheme_name), {}, 4, **dict(features))


def fault_path(
    threads: int,
    size_bytes: int | None,
    seed: int = 1,
    *,
    scheme: str = "radix_walk_trylock",
    on: Machine | None = None,
    stagger_ps: int | None = None,
) -> Setup:
    """Return a sequential read of the cached 16 GiB file, or of a part, by a number of threads.

    Threads begin an interval apart: the contenders know no task that creates them.
    """
    workload = load_workload("sequential-read").model_copy(update={"start": "interval"})
    if stagger_ps is not None:
        workload = workload.model_copy(update={"start_stagger_ps": stagger_ps})
    machine_used = on or machine()
    program = _program(scheme, features_of(workload, machine_used))
    order = 0 if scheme == "no_fault_around" else 4
    return Setup(machine_used, workload, program, threads, order, size_bytes, seed, 0)
