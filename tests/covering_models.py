"""How often 95 % intervals hold the exact value of M/M/1 and of the machine repairman.

Runs, intervals and stopping rule are dessim's own; only the exact values come from
`dessim.measure.theory`. What is reported is that of the typical run, so runs must be long enough
for the median of their p99 to be the p99 of an endless run (docs/statistics.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from covering_rows import HIGH, LOW
from helpers import a_lock_loop, ideal_machine, lock_loop_setup
from scipy.stats import binomtest

from dessim.kernel.alphabet import Step, jump, label, lock, unlock
from dessim.kernel.assembler import assemble
from dessim.kernel.result import RunResult
from dessim.kernel.setup import Setup
from dessim.measure.statistics.summary import Summary, summarise
from dessim.measure.theory import open_queues, repairman
from dessim.model.experiment import Experiment
from dessim.study.sweep.precision import reached_by, replications_wanted

FULL = 400
REPLICATIONS = 6
"""As the shipped experiments have them."""
CAP: int = Experiment.model_fields["max_replications"].default
BETWEEN, SERVICE, CUSTOMERS = 1_000_000, 500_000, 4_000
THREADS, THINK, HOLD, ROUNDS = 8, 1_000_000, 100_000, 1_000
PRECISION = 0.02
HEAD = (
    "| model | number | interval | observations per replication | experiments | covered | "
    "mean half-width |\n|---|---|---|---|---|---|---|"
)
RATE, MEAN, P99 = "steady_faults_per_s", "fault_latency_ns_mean", "fault_latency_ns_p99"

Run = Callable[[Setup], RunResult]


@dataclass(frozen=True)
class Model:
    """A model with exact answers, and how an experiment on it is made.

    Attributes
    ----------
    name, interval : str
        For the table.
    setup : Setup
    exact : dict
        Metric -> exact value; each has a row.
    numbers : dict
        Metric -> what it is in this model.
    observations : int
        Per replication.
    replications : int
        At first.
    precision : float or None
        Relative half-width at which an experiment stops; None: it has as many replications.
    """

    name: str
    interval: str
    setup: Setup
    exact: dict[str, float]
    numbers: dict[str, str]
    observations: int
    replications: int = REPLICATIONS
    precision: float | None = None


@dataclass(frozen=True)
class Row:
    """One number of one model: of ``intervals`` intervals, ``inside`` hold the exact value."""

    model: Model
    metric: str
    inside: int
    intervals: int
    half_width: float

    @property
    def label(self) -> str:
        """What a failure is reported of."""
        return f"{self.model.name}, {self.model.interval}"

    @property
    def failed(self) -> list[str]:
        """The number, if its intervals do not cover as they should."""
        return [] if LOW <= self.share <= HIGH else [self.model.numbers[self.metric]]

    @property
    def share(self) -> float:
        """Share of intervals that hold the exact value."""
        return self.inside / self.intervals

    def text(self) -> str:
        """The row of the table."""
        low, high = binomtest(self.inside, self.intervals).proportion_ci(0.95, "exact")
        model = self.model
        cells = (
            model.name,
            model.numbers[self.metric],
            model.interval,
            f"{model.observations:,}",
            f"{self.intervals:,}",
            f"{self.share:.1%} [{low:.1%}, {high:.1%}]".replace("%", " %"),
            f"{self.half_width:.1%}".replace("%", " %"),
        )
        return f"| {' | '.join(cells)} |"


def sojourn_program() -> tuple[Step, ...]:
    """Return the steps of a customer who comes once; its latency is wait and service together."""
    return (
        Step("begin", category="run_queue"),
        Step("fault_begin", cost="none", category="lock"),
        lock("lock"),
        Step("serve"),
        unlock("lock"),
        Step("fault_end", cost="none", category="lock"),
        jump("finish", "stop", category="think"),
        label("stop"),
        Step("stop", category="think"),
    )


def open_queue(service: int = SERVICE, customers: int = CUSTOMERS) -> Model:
    """Return M/M/1 from an empty queue on: each customer is a thread, a Poisson stream of them."""
    workload = a_lock_loop(
        think_ps=0,
        hold_ps=service,
        hold_distribution="exponential",
        iterations=1,
        start_stagger_ps=BETWEEN,
    )
    machine, program = ideal_machine(customers), assemble(sojourn_program())
    rate = 1 / BETWEEN
    return Model(
        f"M/M/1, utilisation {service / BETWEEN}",
        f"{REPLICATIONS} replications",
        Setup(machine, workload, program, customers, 0, None, 1, 0),
        {
            MEAN: open_queues.mm1_mean_sojourn(rate, service) / 1e3,
            P99: open_queues.mm1_sojourn_quantile(rate, service, 0.99) / 1e3,
        },
        {MEAN: "mean sojourn", P99: "p99 of the sojourn"},
        customers,
    )


def closed_queue(rounds: int = ROUNDS) -> Model:
    """Return the machine repairman: threads that think and hold a lock."""
    loop = a_lock_loop(
        think_ps=THINK,
        hold_ps=HOLD,
        think_distribution="exponential",
        hold_distribution="exponential",
        iterations=rounds,
    )
    return Model(
        f"machine repairman, {THREADS} threads",
        f"{REPLICATIONS} replications",
        lock_loop_setup(loop, THREADS),
        {
            RATE: repairman.throughput(THREADS, THINK, HOLD) * 1e12,
            MEAN: repairman.mean_wait(THREADS, THINK, HOLD) / 1e3,
            P99: repairman.wait_quantile(THREADS, THINK, HOLD, 0.99) / 1e3,
        },
        {RATE: "throughput", MEAN: "mean wait", P99: "p99 of the wait"},
        THREADS * rounds,
    )


def single_run() -> Model:
    """Return the repairman whose throughput is that of one run, by batch means inside it."""
    whole = closed_queue()
    return replace(
        whole, interval="20 batches of one run", exact={RATE: whole.exact[RATE]}, replications=1
    )


def stopped() -> Model:
    """Return the repairman with replications added until the mean wait is known to 2 %."""
    whole = closed_queue()
    return replace(
        whole,
        interval=f"until {PRECISION:.0%} or {CAP} replications".replace("%", " %"),
        exact={MEAN: whole.exact[MEAN]},
        precision=PRECISION,
    )


def models() -> tuple[Model, ...]:
    """Return all models of the table."""
    return open_queue(), closed_queue(), single_run(), stopped()


def an_experiment(model: Model, number: int, run: Run) -> Summary:
    """Make one experiment as `dessim run` does, independent of those with other numbers."""
    runs: list[RunResult] = []
    wanted = model.replications
    while len(runs) < wanted:
        first = number * CAP
        ids = range(first + len(runs), first + wanted)
        runs += [run(replace(model.setup, replication=i)) for i in ids]
        found = summarise(runs)
        if model.precision is not None:
            reached = reached_by(found, dict.fromkeys(model.exact, model.precision))
            wanted = replications_wanted(reached, len(runs), CAP)
    return found


def covered(model: Model, experiments: int, run: Run) -> list[Row]:
    """Count how many intervals hold the exact value, a row for each number of the model."""
    inside, intervals = dict.fromkeys(model.exact, 0), dict.fromkeys(model.exact, 0)
    widths = dict.fromkeys(model.exact, 0.0)
    for number in range(experiments):
        found = an_experiment(model, number, run).metrics
        for name, exact in model.exact.items():
            ci95 = found[name].ci95
            if ci95 is None:
                continue
            intervals[name] += 1
            inside[name] += ci95[0] <= exact <= ci95[1]
            widths[name] += found[name].relative_half_width or 0.0
    return [
        Row(model, m, inside[m], intervals[m], widths[m] / max(1, intervals[m]))
        for m in model.exact
    ]
