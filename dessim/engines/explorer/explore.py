"""All states of a small World, breadth first: what never happens, and how the rest does."""

from dataclasses import replace

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.effort import Effort
from dessim.engines.explorer.outcome import Exploration as Exploration
from dessim.engines.explorer.outcome import Finding as Finding
from dessim.engines.explorer.reduction import reduction_of
from dessim.engines.explorer.running import Search
from dessim.engines.explorer.running import settle_threads as settle_threads
from dessim.engines.explorer.world import Small

DEFAULT_BOUND = 5_000_000


def explore(
    small: Small,
    properties: tuple[str, ...] = ex.PROPERTIES,
    bound: int = DEFAULT_BOUND,
    *,
    symmetry: bool = True,
    effort: Effort | None = None,
) -> Exploration:
    """Visit all states of a small World, breadth first.

    Parameters
    ----------
    small : Small
    properties : tuple of str
        What is asked for: the search ends early when all of it has been violated.
    bound : int
        Most states.
    symmetry : bool
        Whether of states that only differ in which thread is which one is enough. A search for
        livelock never uses that, since it must distinguish threads.
    effort : Effort, optional
        How the search is carried out. What a reduced search finds is searched for once more
        without, for a shortest trace.

    Raises
    ------
    ScopeError
        If a state does not fit in its fields.
    Interrupted
        A KeyboardInterrupt, at Ctrl-C; what was found is kept if ``effort`` says where.
    """
    effort = effort or Effort()
    table = reduction_of(small) if effort.reduce and "livelock" not in properties else None
    first = Search(small, properties, bound, symmetry, effort, table).run()
    if table is None:
        return first
    wrong = tuple(name for name, one in first.findings.items() if one.verdict == "sometimes")
    if not wrong:
        return first
    whole = Search(small, wrong, bound, symmetry, effort, None).run()
    if any(one.verdict != "sometimes" for one in whole.findings.values()):  # a bound was hit
        return replace(first, shortest=False)
    return replace(whole, findings=first.findings | whole.findings)
