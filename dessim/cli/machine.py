"""`dessim machine new`: a profile of a machine from what its tools print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dessim.cli.options import NEW_FILE, check_new, check_profile, write_new
from dessim.files.reading import MAX_TABLE_BYTES, piped, read_text

if TYPE_CHECKING:
    from dessim.host.new_profile import NewProfile
    from dessim.host.topology import Description

INPUT = "FILE, or - for standard input"


@click.group()
def machine() -> None:
    """Make machine profiles."""


@machine.command()
@click.argument("name")
@click.option("--lscpu", metavar="FILE|-", help="Output of `lscpu -J` or `LC_ALL=C lscpu`.")
@click.option("--hwloc", metavar="FILE", help="XML of hwloc: `lstopo topology.xml`.")
@click.option("--numactl", metavar="FILE", help="Output of `numactl -H`: distances of nodes.")
@click.option("--latency", metavar="CSV", help="Lower triangle in ns, of core-to-core-latency.")
@click.option("--base", metavar="NAME", help="Profile for everything else [default: the closest].")
@click.option("--out", type=NEW_FILE, help="File [default: configs/machines/NAME.yaml].")
@click.option("--force", is_flag=True, help="Replace an existing file.")
def new(
    name: str,
    lscpu: str | None,
    hwloc: str | None,
    numactl: str | None,
    latency: str | None,
    base: str | None,
    out: Path | None,
    force: bool,
) -> None:
    """Write a profile NAME: its topology, everything else from a base.

    Without --lscpu and --hwloc, describe the machine it runs on, from /sys. With --latency, costs
    of lines are medians over pairs of CPUs at the same distance; dessim reports how much of the
    matrix the distances explain, and warns if it is little. Each number of the file says whether it
    is read, measured or estimated; `dessim show machine` shows what comes from the base.
    """
    from dessim.files.writing import refuse_input
    from dessim.host.latency import read_matrix
    from dessim.host.new_profile import check_name, new_profile

    if lscpu and hwloc:
        raise click.UsageError("--lscpu and --hwloc both describe the topology: give one")
    if sum(source == "-" for source in (lscpu, hwloc, numactl, latency)) > 1:
        raise click.UsageError("only one of the files can be standard input")
    check_name(name)
    if out is not None:
        check_profile(out, "--out", names_it=False)
    path = out or Path("configs/machines") / f"{name}.yaml"
    instead = "another NAME" if out is None else "another --out"
    check_new(path, instead, force=force)
    refuse_input(path, lscpu, hwloc, numactl, latency)
    found = _described(lscpu, hwloc)
    if numactl:
        from dessim.host.numactl import read_numactl

        read_numactl(_text(numactl), found, _called(numactl))
    matrix = read_matrix(_text(latency), _called(latency)) if latency else None
    made = new_profile(name, found, matrix, _called(latency or ""), base, path)
    text = made.draft.text()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_new({path: text.encode()}, instead, force=force)
    _report(made, path)


def _described(lscpu: str | None, hwloc: str | None) -> Description:
    if lscpu:
        from dessim.host.lscpu import read_lscpu

        return read_lscpu(_text(lscpu), _called(lscpu))
    if hwloc:
        from dessim.host.hwloc import read_hwloc

        return read_hwloc(_text(hwloc), _called(hwloc))
    from dessim.host.sysfs import read_sysfs

    return read_sysfs()


def _called(name: str) -> str:
    return "standard input" if name == "-" else name


def _text(name: str) -> str:
    if name != "-":
        return read_text(name)
    from dessim.host.topology import UnusableError

    data = piped()
    if len(data) > MAX_TABLE_BYTES:
        raise UnusableError(f"standard input: larger than {MAX_TABLE_BYTES >> 20} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UnusableError("standard input: not text") from None


def _report(made: NewProfile, path: Path) -> None:
    shape = made.shape
    click.echo(
        f"{made.draft.name}: {shape.n_cpus} CPUs: sockets {shape.sockets}, L3 domains of a socket"
        f" {shape.l3_per_socket}, cores of an L3 domain {shape.cores_per_l3}, threads of a core"
        f" {shape.threads_per_core}; base {made.draft.base}"
    )
    if made.latencies is not None:
        click.echo(f"{'distance':<12}  {'pairs':>7}  {'median':>9}  {'5 %':>9}  {'95 %':>9}")
        for one in made.latencies.classes.values():
            times = "  ".join(f"{t:>6.1f} ns" for t in (one.median, one.low, one.high))
            click.echo(f"{one.name:<12}  {one.pairs:>7}  {times}")
        if len(made.latencies.classes) > 1:
            click.echo(f"These classes explain {made.latencies.explained:.0%} of the variance.")
    for why in made.skipped:
        click.echo(f"Not a base: {why}", err=True)
    for note in made.notes:
        click.echo(f"Note: {note}.", err=True)
    click.echo(f"written: {path}", err=True)
