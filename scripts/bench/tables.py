"""The tables of docs/benchmarks.md, made from a summary alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.growth import OBJECTS, RELEASES
from bench.peers import AGAIN, COLD, FIVE, ONE, PEERS, RENAMED, Hasher
from bench.sequence import FILMS
from bench.targets import targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.summary import Figure, Summary

BEGIN = "<!-- tables: begin. They are written by make bench. -->\n"
END = "<!-- tables: end -->\n"
HEADS = {
    COLD: "cold",
    AGAIN: "nothing changed",
    RENAMED: "nothing changed, new id",
    ONE: "one file changed",
    FIVE: "5% changed",
}
FULL = 5
"""Repeats of a figure that says nothing about them."""
MEBIBYTE = 1 << 20
MILLISECONDS = ("first", "next", "large")


def render(summary: Summary) -> str:
    """Return all tables, with their marks."""
    parts = {
        "Targets": target_table(summary),
        **{
            seconds_title(each): figure_table(summary, each, seconds) for each in latencies(summary)
        },
        "Requests": figure_table(summary, 0, lambda each: f"{each.requests:,}"),
        "CPU and memory": resource_table(summary),
        "Hashing alone": hashing_table(summary),
        f"A bucket of {RELEASES} releases and {OBJECTS:,} objects": growth_table(summary),
        "A manifest of 10,000 entries": lookups(summary),
        "The gateway": way_table(summary),
    }
    sections = [f"### {title}\n\n{text}" for title, text in parts.items() if text]
    return "\n".join([BEGIN, measured_on(summary), *sections, END])


def measured_on(summary: Summary) -> str:
    """Return a list of what it was measured on."""
    return "".join(f"- {name}: {value}\n" for name, value in summary.about.items())


def target_table(summary: Summary) -> str:
    """Return the targets beside what was measured."""
    rows = [
        (each.name, each.wanted, each.measured, "yes" if each.met else "**no**")
        for each in targets(summary)
    ]
    return table(("target", "wanted", "measured", "met"), rows)


def latencies(summary: Summary) -> list[int]:
    """Return the latencies that were measured."""
    return sorted({each.cell.latency for each in summary.figures})


def seconds_title(latency: int) -> str:
    """Return what the table of seconds is called."""
    return f"Seconds, {latency} ms added to each request" if latency else "Seconds, no latency"


def seconds(figure: Figure) -> str:
    """Return the seconds of a figure."""
    runs = f" ({figure.repeats})" if figure.repeats < FULL else ""
    lost = " !" if figure.failed else ""
    return f"{figure.seconds:.2f}{runs}{lost}"


def figure_table(summary: Summary, latency: int, shown: Callable[[Figure], str]) -> str:
    """Return a table with a line for each tree and peer, and a column for each situation."""
    rows = []
    for name in summary.trees():
        for peer in PEERS:
            found = [summary.get(name, latency, peer.name, situation) for situation in HEADS]
            if any(found) and not isinstance(peer, Hasher):
                cells = [shown(each) if each else "" for each in found]
                rows.append((tree_title(name), peer.title, *cells))
    return table(("files", "", *HEADS.values()), rows)


def tree_title(name: str) -> str:
    """Return what a tree is called."""
    if name == "films":
        return f"{FILMS[0]} of {FILMS[1]} MiB"
    return f"{int(name):,}" if name.isdigit() else name


def resource_table(summary: Summary) -> str:
    """Return seconds of CPU, and the most memory."""
    rows = []
    for name in summary.trees():
        for peer in PEERS:
            found = [summary.get(name, 0, peer.name, situation) for situation in (COLD, AGAIN)]
            if any(found) and not isinstance(peer, Hasher):
                cpu = [f"{each.cpu:.2f}" if each else "" for each in found]
                peak = [f"{each.peak / MEBIBYTE:.0f}" if each else "" for each in found]
                rows.append((tree_title(name), peer.title, *cpu, *peak))
    heads = ("CPU s, cold", "CPU s, nothing changed", "MiB, cold", "MiB, nothing changed")
    return table(("files", "", *heads), rows)


def hashing_table(summary: Summary) -> str:
    """Return what collecting and hashing take, without the start of the process."""
    rows = []
    for name in summary.trees():
        for peer in PEERS:
            found = summary.get(name, 0, peer.name, COLD)
            if found and found.inner is not None:
                whole = f"{found.seconds:.2f}"
                rows.append((tree_title(name), peer.title, f"{found.inner:.2f}", whole))
    return table(("files", "", "s", "with the start of the process, s"), rows)


def lookups(summary: Summary) -> str:
    """Return what web processes do."""
    rows = [
        (
            name,
            f"{each['lookup'] * 1e6:.2f}",
            f"{each['load'] * 1e3:.1f}",
            f"{each['memory'] / MEBIBYTE:.1f}",
        )
        for name, each in summary.lookups.items()
    ]
    return table(("", "a look-up, µs", "loading, ms", "memory, MiB"), rows)


def growth_table(summary: Summary) -> str:
    """Return what the commands take in a bucket that has grown."""
    rows = [
        (
            each["command"],
            str(each["latency"]),
            f"{each['seconds'] if each['inner'] is None else each['inner']:.2f}",
            f"{each['cpu']:.2f}",
            f"{each['peak'] / MEBIBYTE:.0f}",
            f"{each['requests']:,}",
        )
        for each in summary.growth
    ]
    return table(("", "latency, ms", "s", "CPU s", "MiB", "requests"), rows)


def way_table(summary: Summary) -> str:
    """Return what the gateway adds, and what it lets through."""
    rows = [
        (way["name"], *(f"{way[key]:.1f}" for key in MILLISECONDS), f"{way['rate']:,}")
        for way in summary.ways
    ]
    heads = ("new connection, ms", "kept connection, ms", "PUT of 4 MiB, ms", "requests/s")
    return table(("", *heads), rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, numbers to the right; nothing where there are no rows."""
    rows = list(rows)
    if not rows:
        return ""
    rule = ["---" if number < 1 else "--:" for number, _ in enumerate(heads)]
    if len(heads) > 1 and heads[1] == "":
        rule[1] = "---"
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, rule, *rows))


def section(text: str) -> str:
    """Return the marked part of a document, marks and all.

    Raises:
        LookupError: it has no such part, or more than one.
    """
    found: list[str] = re.findall(f"{re.escape(BEGIN)}.*?{re.escape(END)}", text, re.DOTALL)
    if len(found) != 1:
        raise LookupError(f"{len(found)} parts are marked as the tables of make bench")
    return found[0]
