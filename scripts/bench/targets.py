"""What was to be reached, and what was: the targets for 1,000 files besides the admin's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.growth import BARE, DELETING, FILES, LISTING, OBJECTS, PRUNING, RELEASES
from bench.peers import AGAIN, COLD
from skewproof.stores.folders import MANY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.summary import Figure, Summary

TREE = "1000"
OWN, STOCK, LIMIT = "skewproof", "stock", "s5cmd"
RATIOS = {(COLD, 0): 50, (COLD, 20): 250, (AGAIN, 0): 150, (AGAIN, 20): 800}
NAMES = {COLD: "cold", AGAIN: "nothing changed"}
ABOVE_LIMIT = 1.5
PEAK = 120 << 20
HASHING = 2
RULE_RATIOS = {0: 10, 20: 60}
"""How many times as fast as stock a cold publish has to be that goes through boto3."""
LARGEST = 3000
"""Files up to which memory has to stay below PEAK."""
PRUNE_PEAK = 250 << 20
LISTING_SECONDS = 3.0
ABOVE_BARE = 1.5
"""How many times the time of the pages alone a listing may take, which keeps what they say."""
PER_FILE = 1.2
FOLDERS = 10
"""Requests more where folders are listed side by side."""


@dataclass(frozen=True)
class Target:
    """One target; what was measured is None where nothing was."""

    name: str
    wanted: str
    measured: str
    met: bool


def targets(summary: Summary) -> Iterator[Target]:
    """Yield the targets for which there are figures."""
    for (situation, latency), ratio in RATIOS.items():
        yield from ratio_to_stock(summary, situation, latency, ratio)
    for latency in (0, 20):
        yield from rule_to_stock(summary, latency)
        yield from near_the_limit(summary, latency)
    yield from few_requests(summary)
    yield from fast_hashing(summary)
    yield from little_memory(summary)
    yield from even_per_file(summary)
    yield from grown(summary)
    yield from fast_lookup(summary)


def ratio_to_stock(summary: Summary, situation: str, latency: int, ratio: int) -> Iterator[Target]:
    """Compare with stock collectstatic."""
    own, stock = (summary.get(TREE, latency, peer, situation) for peer in (OWN, STOCK))
    if own and stock:
        found = stock.seconds / own.seconds
        name = f"{NAMES[situation]}, {latency} ms: times as fast as stock"
        yield Target(name, f"at least {ratio}", f"{found:.0f}", found >= ratio)


def rule_to_stock(summary: Summary, latency: int) -> Iterator[Target]:
    """Compare with stock collectstatic where everything goes through boto3 for both."""
    rule, stock = (summary.get(TREE, latency, peer, COLD) for peer in ("rule", STOCK))
    if rule and stock:
        found, ratio = stock.seconds / rule.seconds, RULE_RATIOS[latency]
        name = f"cold, {latency} ms, through boto3: times as fast as stock"
        yield Target(name, f"at least {ratio}", f"{found:.0f}", found >= ratio)


def even_per_file(summary: Summary) -> Iterator[Target]:
    """Compare the CPU of a file in a large tree with that in a small one."""
    start = summary.get("admin", 0, OWN, AGAIN)
    small, large = (summary.get(tree, 0, OWN, AGAIN) for tree in (TREE, "50000"))
    if start and small and large:
        found = (large.cpu - start.cpu) / 50 / (small.cpu - start.cpu)
        name = "nothing changed, CPU of a file: 50,000 files to 1,000, without the start"
        yield Target(name, f"at most {PER_FILE}", f"{found:.2f}", found <= PER_FILE)


def grown(summary: Summary) -> Iterator[Target]:
    """Look at a bucket of many releases."""
    peaks = [each["peak"] for each in summary.growth if each["command"] in (PRUNING, DELETING)]
    if peaks:
        name = f"peak memory of a prune, {RELEASES} releases of {FILES:,} files"
        text = f"{max(peaks) / (1 << 20):.0f} MiB"
        yield Target(name, "below 250 MiB", text, max(peaks) < PRUNE_PEAK)
    late = {each["command"]: each for each in summary.growth if each["latency"]}
    if LISTING in late:
        found, bare = late[LISTING]["inner"], late[BARE]["inner"]
        name = f"listing {OBJECTS:,} objects, {late[LISTING]['latency']} ms"
        yield Target(name, "below 3 s", f"{found:.2f} s", found < LISTING_SECONDS)
        wanted = ABOVE_BARE * bare
        name = f"{name}: {ABOVE_BARE} times the same pages by obstore alone"
        yield Target(name, f"at most {wanted:.2f} s", f"{found:.2f} s", found <= wanted)


def near_the_limit(summary: Summary, latency: int) -> Iterator[Target]:
    """Compare with an upload of the same bytes, and with what hashing takes."""
    own, limit = (summary.get(TREE, latency, peer, COLD) for peer in (OWN, LIMIT))
    hashing = summary.get(TREE, 0, "own_hashing", COLD)
    if own and limit and hashing:
        wanted = ABOVE_LIMIT * limit.seconds + hashing.seconds
        yield Target(
            f"cold, {latency} ms: 1.5 times s5cmd, plus a process that only hashes",
            f"at most {wanted:.2f} s",
            f"{own.seconds:.2f} s",
            own.seconds <= wanted,
        )


def few_requests(summary: Summary) -> Iterator[Target]:
    """Count the requests when nothing has changed, with the gateway's count and our own."""
    for tree in summary.trees():
        own = summary.get(tree, 0, OWN, AGAIN)
        if own:
            wanted = 3 + max(0, math.ceil(own.objects / 1000) - 2)
            wanted += FOLDERS if own.objects > MANY else 0
            name = f"nothing changed, {own.objects:,} objects: requests"
            yield Target(name, f"at most {wanted}", str(own.requests), own.requests <= wanted)
    counted = [each for each in summary.figures if each.peer in (OWN, "copies")]
    if counted:
        same = sum(each.honest for each in counted)
        name = "the summary of collectstatic counts as many requests as the gateway"
        said = f"{same} of {len(counted)}"
        yield Target(name, "always", said, same == len(counted))


def fast_hashing(summary: Summary) -> Iterator[Target]:
    """Compare the hashing alone."""
    own, django = (summary.get(TREE, 0, f"{who}_hashing", COLD) for who in ("own", "django"))
    if own and django and own.inner and django.inner:
        found = django.inner / own.inner
        name = "hashing alone: times as fast as Django's"
        yield Target(name, f"at least {HASHING}", f"{found:.1f}", found >= HASHING)


def little_memory(summary: Summary) -> Iterator[Target]:
    """Look at the most memory that any tree took."""
    for name, tree in ((f"up to {LARGEST:,} files", None), ("films", "films")):
        found = [each.peak for each in own_figures(summary) if fits(each, tree)]
        if found:
            text = f"{max(found) / (1 << 20):.0f} MiB"
            yield Target(f"peak memory, {name}", "below 120 MiB", text, max(found) < PEAK)


def own_figures(summary: Summary) -> list[Figure]:
    """Return the figures of whole publishes of ours."""
    return [each for each in summary.figures if each.peer in (OWN, "copies")]


def fits(figure: Figure, tree: str | None) -> bool:
    """Return whether a figure is of that tree, or for None of any that is not large."""
    name = figure.cell.tree
    return name == tree if tree else name == "admin" or (name.isdigit() and int(name) <= LARGEST)


def fast_lookup(summary: Summary) -> Iterator[Target]:
    """Compare what a page does with its manifest."""
    if summary.lookups:
        own, stock = (summary.lookups[name]["lookup"] for name in ("skewproof", "stock"))
        name = "{% static %}: times the time of stock"
        yield Target(name, "about 1", f"{own / stock:.2f}", own <= 1.4 * stock)
