"""How a step's own work varies: around its number, repeatably, and not at all without work_cv."""

import pytest
from helpers import KERNEL_PS, a_lab, a_lock_loop, a_machine, a_workload, scheme_setup

from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel import quantiles
from dessim.kernel.alphabet import Step, work
from dessim.kernel.draws import next_factor, varied
from dessim.kernel.world import build_world

ONE = lay.QUANTILE_ONE
VARYING = a_machine(kernel={"work_cv_ppm": 250_000})


@pytest.mark.parametrize("cv_ppm", [0, 50_000, 250_000, 500_000, 1_000_000])
def test_factors_have_exactly_the_mean_one(cv_ppm):
    """Their sum is exact in integers, their spread what was asked for within 2 %."""
    factors = quantiles.work_factors(cv_ppm)
    assert sum(factors) == lay.WORK_FACTORS * ONE
    assert list(factors) == sorted(factors)
    spread = (sum((f / ONE - 1) ** 2 for f in factors) / len(factors)) ** 0.5
    assert spread == pytest.approx(cv_ppm / 1e6, rel=0.02)


def a_step(cost, machine):
    """Carry out one piece of work; return what it took, and the lab."""
    lab = a_lab(work(cost), machine=machine)
    lab.go(0, 0)
    return lab.get(0, lay.T_CLOCK), lab


def test_a_step_takes_its_number_times_its_factor():
    """The task's word goes on, and its upper bits choose; the time is accounted as it is."""
    _, fresh = a_step("find_vma", VARYING)
    w = build_world(scheme_setup("lock_each_page", 0, 1, VARYING)).tolist()
    t = w[lay.H_TASK]
    next_factor(w, t)
    wanted = varied(w, w[t + lay.T_WORK], KERNEL_PS["find_vma"])
    assert fresh.get(0, lay.T_CLOCK) == wanted != KERNEL_PS["find_vma"]
    factors = quantiles.work_factors(250_000)
    assert wanted == (KERNEL_PS["find_vma"] * factors[w[t + lay.T_WORK] >> 24] + ONE // 2) // ONE


def test_without_variation_a_step_takes_its_number():
    """And its task's word stays where it was."""
    took, lab = a_step("find_vma", a_machine())
    assert took == KERNEL_PS["find_vma"]
    assert lab.get(0, lay.T_WORK) == a_lab(Step("fence")).get(0, lay.T_WORK)


def test_the_end_of_a_process_never_varies():
    """It is a lump that is taken out exactly when a part of a file stands for all of it."""
    assert a_step("process_exit", VARYING)[0] == KERNEL_PS["process_exit"]


def test_a_fault_begins_when_its_entry_begins():
    """The entry varies, and the latency begins before it, to the picosecond."""
    lab = a_lab(Step("fault_begin"), machine=VARYING)
    lab.go(0, 777)
    assert lab.get(0, lay.T_CLOCK) - 777 != KERNEL_PS["exception_entry"]
    assert lab.get(0, lay.T_FAULT_AT) == 777


@pytest.mark.parametrize("scheme", ["no_fault_around", "lock_each_page", "gang_lookup_mapcount"])
def test_accounting_adds_up(scheme, run_compiled):
    """One thread's time is the time that it took; both engines tell the same."""
    setup = scheme_setup(scheme, 3, 1, VARYING, a_workload(pages=40))
    run = run_setup(setup, "reference")
    assert run == run_compiled(setup)
    assert run.total_time_ps == run.completion_ps


@pytest.mark.parametrize(
    "workload", [a_workload(pages=40, mapping="shared", page_work_ps=12_345), a_lock_loop()]
)
def test_engines_agree(workload, run_compiled):
    """With many threads, user work and fixed times that vary."""
    setup = scheme_setup("radix_walk_trylock", 3, 9, VARYING, workload)
    assert run_setup(setup, "reference") == run_compiled(setup)
