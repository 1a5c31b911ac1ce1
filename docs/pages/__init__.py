"""The pages of the site that are made from the code. Nothing here knows Sphinx: text goes out."""

from collections.abc import Callable

from . import commands, configuration, machines, programs, results

REFERENCE: dict[str, Callable[[], str]] = {
    "commands": commands.page,
    "experiment": configuration.experiment_page,
    "workload": configuration.workload_page,
    "machine": configuration.machine_page,
    "machines": machines.index_page,
    **{f"machine-{name}": make for name, make in machines.pages().items()},
    "shipped": configuration.shipped_page,
    "schemes": programs.schemes_page,
    "words": programs.words_page,
    "results": results.page,
}
"""Name of a page in `reference/` -> what writes it."""
