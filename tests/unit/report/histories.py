"""Small histories, and a run of a matrix, as the lab would have written them."""

from __future__ import annotations

from hashlib import md5, sha256
from typing import TYPE_CHECKING

from lab.history import Answer, Asset, Fetch, Header, History, Record
from lab.judge.findings import Status
from lab.matrix.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = "http://shop.test/"
STATIC = f"{BASE}static/"
PAGES = 30
PLANTED = "</script><script>document.title='owned'</script>"
"""What an external site may have in the place of a name."""
BODIES = {"v1": b"body { color: blue }", "v2": b"body { color: green }"}
NAMES = {
    release: f"css/site.{md5(body).hexdigest()[:12]}.css"  # noqa: S324 - as Django names them
    for release, body in BODIES.items()
}


def write_history(
    path: Path, strategy: str = "shared", *, skewed: bool = True, told: bool = True
) -> Path:
    """Write a rollout of three seconds, a page and its stylesheet every tenth of one.

    Args:
        path: where.
        strategy: which.
        skewed: whether pages of v1 get v2's stylesheet in its last second, and one is a 500.
        told: whether it says who served, as histories do since there are reports.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    now = [0.0]
    with History(path, clock=lambda: now[0]) as history:
        history.begin(
            Header(
                strategy=strategy,
                engine="embedded",
                action="rollout",
                base=BASE,
                static=STATIC,
                started="2026-11-23T20:00:00Z",
            )
        )
        for release, body in BODIES.items():
            asset = Asset(sha256(body).hexdigest(), len(body))
            history.add_release(
                Record(
                    release=release,
                    paths={"css/site.css": NAMES[release]},
                    assets={NAMES[release]: asset},
                )
            )
        if told:
            history.add_event("serving", weights={"v1": 100}, replicas={"v1": 2, "v2": 0})
        for number in range(PAGES):
            now[0] = number / 10
            if number == 15:
                publish(history, told=told)
            write_visit(history, now[0], "v2" if skewed and number >= 20 else "v1")
        if skewed:
            write_faults(history, now[0])
        history.end()
    return path


def publish(history: History, *, told: bool) -> None:
    """Write that v2 was published and got half of the traffic."""
    history.add_event("publish-started", "v2")
    history.add_event("publish-ended", "v2", exit_code=0, seconds=0.5, log="")
    history.add_event("rewritten", "v2", assets=[], of=1)
    history.add_event("weights", "v2", weights={"v1": 50, "v2": 50})
    if told:
        history.add_event("serving", weights={"v1": 50, "v2": 50}, replicas={"v1": 2, "v2": 1})


def write_visit(history: History, t: float, got: str) -> None:
    """Write a page of v1, and the stylesheet of either release that came for it."""
    page, body = f"{BASE}about/", BODIES[got]
    came = Answer(status=200, content_type="text/html", ms=10 + 100 * t)
    history.add_fetch(
        Fetch(
            t=t,
            role="page",
            url=page,
            page=page,
            via=None,
            how="seed",
            release="v1",
            visitor="1",
            answer=came,
        )
    )
    css = Answer(
        status=200,
        content_type="text/css",
        sha256=sha256(body).hexdigest(),
        md5=md5(body).hexdigest(),  # noqa: S324 - as Django names them
        ms=5,
    )
    url = f"{STATIC}{NAMES[got]}"
    history.add_fetch(
        Fetch(
            t=t,
            role="asset",
            url=url,
            page=page,
            via=page,
            how="stylesheet",
            release="v1",
            visitor="1",
            answer=css,
        )
    )


def write_faults(history: History, t: float) -> None:
    """Write a page that is a 500, one that was refused, and a planted script in every place."""
    page = f"{BASE}{PLANTED}"
    broken = Answer(status=500, excerpt=f"{PLANTED} | \x00\x1b[31m *bold* \ud800", ms=3)
    history.add_fetch(
        Fetch(
            t=t,
            role="page",
            url=page,
            page=page,
            via=None,
            how="a",
            release=PLANTED,
            visitor="1",
            answer=broken,
        )
    )
    refused = Answer(error=f"reset: {PLANTED}")
    history.add_fetch(
        Fetch(
            t=t,
            role="page",
            url=BASE,
            page=BASE,
            via=None,
            how="a",
            release="v1",
            visitor="1",
            answer=refused,
        )
    )
    typed = Answer(status=200, content_type=PLANTED, nosniff=True, ms=1)
    script = Fetch(
        t=t,
        role="asset",
        url=f"{BASE}{PLANTED}.js",
        page=page,
        via=page,
        how="script",
        release="v1",
        visitor="1",
        answer=typed,
    )
    history.add_fetch(script)
    history.add_event("step", None, what=PLANTED)


def write_matrix(folder: Path, history: Callable[..., Path] = write_history) -> Path:
    """Write a run of the matrix: two strategies, two scenarios, one of them not applicable."""
    for strategy, skewed in (("shared", True), ("skewproof", False)):
        path = history(folder / strategy / "1-late-load.jsonl", strategy, skewed=skewed)
        status = Status.FAIL if skewed else Status.PASS
        Result(
            strategy=strategy,
            scenario="late-load",
            status=status,
            expected=str(status),
            reason=PLANTED,
            history=str(path),
        ).save(folder)
    Result(
        strategy="skewproof",
        scenario="pruning",
        status=Status.NOT_APPLICABLE,
        expected="n/a",
        reason="nothing to prune",
    ).save(folder)
    return folder
