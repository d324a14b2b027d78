"""The command line of the benchmark: python -m bench, or make bench."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench import instrument
from bench.growth import measure as measure_growth
from bench.peers import PEERS, SITUATIONS, environment
from bench.project import Project
from bench.runs import Cell, Runs
from bench.schedule import Schedule
from bench.sequence import timed
from bench.servers import serving, temporary_folder
from bench.summary import Summary, about, store_version, summarise
from bench.tables import render, section
from lab.checkout import ROOT, WORK
from lab.errors import LabError

if TYPE_CHECKING:
    from bench.peers import Peer

TREES = ("1000", "300", "admin", "films", "3000", "20000", "50000")
LATENCIES = (0, 20)
NAMES = tuple(peer.name for peer in PEERS)
DOCUMENT, SUMMARY = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks.json"
ENTRIES = 10_000
EPILOG = """\b
Example, a minute:
  make bench BENCH="--tree 300 --latency 0 --peer skewproof --peer stock --repeats 1"
"""


@click.command(epilog=EPILOG, context_settings={"show_default": True, "max_content_width": 100})
@click.option(
    "--tree",
    "trees",
    multiple=True,
    type=click.Choice(TREES),
    default=TREES,
    help="Static files besides the admin's: how many; none; or a few of 50 MiB.",
)
@click.option(
    "--latency",
    "latencies",
    multiple=True,
    type=int,
    default=LATENCIES,
    help="Milliseconds added to each request; 0 and one other.",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    default=NAMES,
    type=click.Choice(NAMES),
    help="Who is measured.",
)
@click.option(
    "--situation",
    "situations",
    multiple=True,
    type=click.Choice(SITUATIONS),
    default=SITUATIONS,
    help="What has changed since the last publish.",
)
@click.option("--repeats", default=5, help="How often, at most; 0 shows what is there.")
@click.option("--budget", default=60.0, help="Seconds for all repeats of one peer in one cell.")
@click.option("--patience", default=500.0, help="Seconds of a run that is too long to be tried.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=WORK / "bench" / "runs.jsonl",
    show_default=".lab/bench/runs.jsonl",
    help="Every run; what is in it is not run again.",
)
@click.option("--growth", is_flag=True, help="Measure a bucket that has grown, too: ten minutes.")
@click.option("--write", is_flag=True, help="Put the tables into docs/benchmarks.md.")
def bench(
    trees: tuple[str, ...],
    latencies: tuple[int, ...],
    peers: tuple[str, ...],
    situations: tuple[str, ...],
    repeats: int,
    budget: float,
    patience: float,
    results: Path,
    growth: bool,
    write: bool,
) -> None:
    """Measure collectstatic side by side with its peers, and print the tables."""
    if len({latency for latency in latencies if latency}) > 1:
        raise click.UsageError("there can be one --latency beside 0")
    chosen = tuple(peer for peer in PEERS if peer.name in peers and is_here(peer))
    schedule = Schedule(
        tuple(Cell(tree, latency) for latency in latencies for tree in trees),
        chosen,
        situations,
        repeats,
        budget,
        patience,
        results,
    )
    schedule.run(lambda text: click.echo(text, err=True))
    latency = max(latencies) or LATENCIES[1]
    if growth:
        keep(results, growth=measure_growth(latency))
    summary = summarised(results, latency, measure=bool(repeats))
    click.echo(render(summary))
    if write:
        summary.write(SUMMARY)
        text = DOCUMENT.read_text()
        DOCUMENT.write_text(text.replace(section(text), render(summary)))


def is_here(peer: Peer) -> bool:
    """Return whether a peer can be run, and say so if not."""
    if not peer.is_here():
        click.echo(f"left out: {peer.title}, as {peer.needs} is not installed", err=True)
    return peer.is_here()


def summarised(results: Path, latency: int, *, measure: bool) -> Summary:
    """Return all medians; what does not take long is measured anew."""
    if measure or "ways" not in keep(results):
        keep(results, ways=ways(latency), lookups=lookups())
    rest = keep(results)
    figures = summarise(Runs.read(results))
    shown = (rest["ways"], rest["lookups"], rest.get("growth", ()))
    return Summary(about(store_version()), figures, *shown)


def keep(results: Path, **measured: Any) -> dict[str, Any]:
    """Return what is kept beside the runs, with what was measured just now."""
    file = results.with_name("rest.json")
    rest = {**(json.loads(file.read_text()) if file.exists() else {}), **measured}
    if measured:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(rest))
    return rest


def ways(latency: int) -> list[dict[str, object]]:
    """Return what the gateway adds to a request."""
    with serving(latency) as servers:
        return instrument.measure(servers)


def lookups() -> dict[str, dict[str, float]]:
    """Return what web processes do with a large manifest."""
    with temporary_folder() as folder:
        backend = {"BACKEND": "skewproof.storage.FileSystemReleaseStorage"}
        Project(folder, folder / "sources", backend, "skewproof").write()
        script = Path(__file__).with_name("micro.py")
        command: list[str | Path] = [sys.executable, script, str(ENTRIES)]
        env = environment("v1", folder)
        env["PYTHONPATH"] += f":{folder}"
        found: dict[str, dict[str, float]] = json.loads(timed(command, env, folder).said)
        return found


def main() -> None:
    """Run the command line; every expected error is one line."""
    # A SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        bench(prog_name="make bench")
    except LabError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
