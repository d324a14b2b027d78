"""The scenarios, and what each strategy comes to under each.

Each begins with v1 published, one replica of it up and in the traffic, and nothing looked at yet.
docs/adr/0025 says what is real in them, and which race is made certain how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One verb of `lab.matrix.cell.Cell`, and what it is told."""

    verb: str
    release: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        told = [
            name if value is True else f"{name}={value}" for name, value in self.options.items()
        ]
        return " ".join(filter(None, [self.verb, self.release, *told])).replace("_", " ")


def step(verb: str, release: str | None = None, **options: object) -> Step:
    """Return a step, as one writes it down."""
    return Step(verb, release, options)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A sequence of steps, and what each strategy is expected to come to.

    Attributes:
        name: as one types it.
        what: it in a sentence.
        steps: what happens.
        fails: why a strategy fails, for those that do; the others are expected to pass.
        without: why a strategy has no such scenario.
        keeps_misses: whether the gateway's cache keeps a 404.
    """

    name: str
    what: str
    steps: tuple[Step, ...]
    fails: Mapping[str, str]
    without: Mapping[str, str] = field(default_factory=dict)
    keeps_misses: bool = False

    def expected(self, strategy: str) -> str:
        """PASS, FAIL or n/a."""
        if strategy in self.without:
            return "n/a"
        return "FAIL" if strategy in self.fails else "PASS"


def same(reason: str, *strategies: str) -> dict[str, str]:
    """Return one reason for several strategies."""
    return dict.fromkeys(strategies, reason)


ONE_MANIFEST = "one manifest: a process of one release reads the other's"
ONE_NAME = "one name for both releases' contents"
ANY_CONTAINER = "a page of one release asks a container of the other for its assets"
IN_THE_IMAGE = "the assets are in the image: "
IN_BUCKETS = "stock collectstatic deletes a hashed file that is being served, and writes it again"

V2 = step("route", v2=100)
HALVES = step("route", v1=50, v2=50)

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="late-load",
            what="a process of v1 renders its first page after v2 was published",
            steps=(step("publish", "v2"), step("look")),
            fails=same(ONE_MANIFEST, "shared", "shared-disk") | same(ONE_NAME, "unhashed"),
        ),
        Scenario(
            name="early-start",
            what="v2 starts before it is published, and serves as soon as it says that it is ready",
            steps=(
                step("look"),
                step("start", "v2"),
                step("route", v2=100, if_ready=True),
                step("look"),
                step("publish", "v2"),
                V2,
                step("look"),
            ),
            fails=same("the first page loads v1's manifest, for life", "shared", "shared-disk")
            | same("no manifest of v2 yet: every page answers 500", "versioned", "prefix")
            | same("no manifest of v2 yet, which is remembered as an empty one", "versioned-disk")
            | same("v2's pages name assets that are not there yet", "baked", "unhashed"),
        ),
        Scenario(
            name="recycle-under-load",
            what="v1's workers are replaced again and again after v2 was published, under load",
            steps=(step("look"), step("publish", "v2"), step("recycle_under_load", "v1", times=3)),
            fails=same(ONE_MANIFEST, "shared", "shared-disk") | same(ONE_NAME, "unhashed"),
        ),
        Scenario(
            name="scale-out",
            what="v1 gets one more replica in the middle of the rollout",
            steps=(
                step("look"),
                step("publish", "v2"),
                step("start", "v2"),
                HALVES,
                step("start", "v1"),
                step("look"),
            ),
            fails=same(ONE_MANIFEST, "shared", "shared-disk")
            | same(ONE_NAME, "unhashed")
            | same(ANY_CONTAINER, "whitenoise"),
        ),
        Scenario(
            name="rollback",
            what="back to v1, without publishing it again",
            steps=(
                step("look"),
                step("publish", "v2"),
                step("start", "v2"),
                V2,
                step("stop", "v1"),
                step("look"),
                step("start", "v1"),
                step("route", v1=100),
                step("look"),
            ),
            fails=same(ONE_MANIFEST, "shared", "shared-disk")
            | same("v2's contents stay under v1's names", "unhashed"),
        ),
        Scenario(
            name="entrypoint",
            what="containers collect when they start, and one of v1 starts again after v2",
            steps=(
                step("look"),
                step("publish", "v2"),
                step("start", "v2"),
                V2,
                step("stop", "v1"),
                step("publish", "v1"),
                step("start", "v1"),
                step("recycle", "v2"),
                step("look"),
            ),
            fails=same("v1's manifest is written over v2's", "shared", "shared-disk")
            | same("v1's contents are written over v2's", "unhashed"),
        ),
        Scenario(
            name="publish-killed",
            what="v2's publish is killed half-way, v1 goes on, then v2 is published again",
            steps=(
                step("look"),
                step("pause_publish", "v2", at="half-way"),
                step("kill_publish"),
                step("recycle", "v1"),
                step("look"),
                step("publish", "v2"),
                step("start", "v2"),
                V2,
                step("look"),
            ),
            fails=same(
                "it dies between deleting a file that v1 serves and writing it again",
                *("shared", "versioned", "baked", "shared-disk", "versioned-disk"),
            )
            | same("half of v1's names have v2's contents", "unhashed"),
            without={"whitenoise": IN_THE_IMAGE + "a build that dies makes none"},
        ),
        Scenario(
            name="two-publishes",
            what="v1 is published again, v2 meanwhile, and v1's publish ends last",
            steps=(
                step("look"),
                step("pause_publish", "v1", at="last"),
                step("publish", "v2"),
                step("resume_publish"),
                step("start", "v2"),
                V2,
                step("look"),
            ),
            fails=same("the manifest that is written last is v1's", "shared", "shared-disk")
            | same("the contents that are written last are v1's", "unhashed"),
            without={"whitenoise": IN_THE_IMAGE + "two builds do not meet"},
        ),
        Scenario(
            name="manifest-gap",
            what="v1 is published again; a process loads between deleting and writing the manifest",
            steps=(
                step("look"),
                step("pause_publish", "v1", at="manifest gap"),
                step("recycle", "v1"),
                step("look"),
                step("resume_publish"),
                step("look"),
            ),
            fails=same(
                "no manifest is remembered as an empty one: every page answers 500, for good",
                *("shared", "versioned", "prefix", "shared-disk", "versioned-disk"),
            ),
            without={
                "whitenoise": IN_THE_IMAGE + "the manifest as well",
                "unhashed": "there is no manifest",
            },
        ),
        Scenario(
            name="reupload",
            what="v2's publish is paused while it writes an unchanged file again that v1 serves",
            steps=(
                step("look"),
                step("take_inventory"),
                step("pause_publish", "v2", at="rewrite"),
                step("look"),
                step("resume_publish"),
                step("compare", "v2"),
            ),
            fails=same(
                IN_BUCKETS,
                *("shared", "versioned", "baked", "shared-disk", "versioned-disk", "unhashed"),
            ),
            without={"whitenoise": IN_THE_IMAGE + "a new one leaves the old one as it is"},
        ),
        Scenario(
            name="cached-404",
            what="v2's pages are asked for before it is published; the gateway keeps its misses",
            steps=(
                step("start", "v2"),
                step("route", v1=50, v2=50, if_ready=True),
                step("glance"),
                step("publish", "v2"),
                step("recycle", "v2"),
                V2,
                step("look", cached=True),
            ),
            fails=same("v2's pages named files that were not there yet", "baked", "unhashed")
            | same("v2's pages asked v1's containers", "whitenoise"),
            keeps_misses=True,
        ),
        Scenario(
            name="open-tab",
            what="a page of v1 stays open, v1 is retired and cleaned up, the page loads the rest",
            steps=(
                step("open_tab"),
                step("publish", "v2"),
                step("start", "v2"),
                V2,
                step("stop", "v1"),
                step("retire", "v1"),
                step("return_to_tab"),
            ),
            fails=same("v1's prefix has been deleted", "prefix")
            | same("v1's containers are gone, and its assets with them", "whitenoise")
            | same(ONE_NAME, "unhashed"),
        ),
        Scenario(
            name="pruning",
            what="what is older than v2's publish is deleted; with skewproof, what only v1 reaches",
            steps=(
                step("look"),
                step("take_inventory"),
                step("publish", "v2"),
                step("start", "v2"),
                V2,
                step("stop", "v1"),
                step("prune"),
                step("look"),
            ),
            fails=same(
                "an unchanged file keeps its old date, and v2 needs it",
                *("shared", "versioned", "baked", "shared-disk", "versioned-disk", "unhashed"),
            ),
            without={"whitenoise": IN_THE_IMAGE + "there is nothing to prune"},
        ),
        Scenario(
            name="store-down",
            what="a replica of v1 starts while the store is away (the directory: not mounted)",
            steps=(
                step("look"),
                step("let_store_away"),
                step("start", "v1"),
                step("look_at_pages"),
                step("bring_store_back"),
                step("route", v1=100),
                step("look"),
            ),
            fails=same(
                "the fresh replica has no manifest, says that it is ready, and answers 500",
                *("shared", "versioned", "prefix"),
            )
            | same(
                "no manifest is remembered as an empty one: the replica answers 500, for good",
                *("shared-disk", "versioned-disk"),
            ),
            without={"whitenoise": IN_THE_IMAGE + "there is no store"},
        ),
        Scenario(
            name="long-canary",
            what="both releases serve for long, and the workers of both are replaced all the time",
            steps=(
                step("publish", "v2"),
                step("start", "v2"),
                step("route", v1=90, v2=10),
                *(step("look"), step("recycle", "v1"), step("recycle", "v2")) * 2,
                step("look"),
            ),
            fails=same(ONE_MANIFEST, "shared", "shared-disk")
            | same(ONE_NAME, "unhashed")
            | same(ANY_CONTAINER, "whitenoise"),
        ),
        Scenario(
            name="blue-green",
            what="all traffic goes to v2 at once, pages of v1 are still open, then it all returns",
            steps=(
                step("open_tab"),
                step("publish", "v2"),
                step("start", "v2"),
                V2,
                step("look"),
                step("return_to_tab"),
                step("route", v1=100),
                step("look"),
            ),
            fails=same("the pages that are open ask v2's containers", "whitenoise")
            | same(ONE_NAME, "unhashed"),
        ),
        Scenario(
            name="bit-rot",
            what="one byte of an asset of v1 flips in the store, and a job looks for such damage",
            steps=(step("damage"), step("verify"), step("look")),
            fails=same(
                "nothing compares what is stored with what was published",
                *("shared", "versioned", "baked", "prefix", "shared-disk", "versioned-disk"),
                "unhashed",
            ),
            without={"whitenoise": IN_THE_IMAGE + "there is no store"},
        ),
    )
}
