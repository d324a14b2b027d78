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
"""What a foreign site may have in the place of a name."""
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
        history.run(Header(strategy, "embedded", "rollout", BASE, STATIC, "2026-11-23T20:00:00Z"))
        for release, body in BODIES.items():
            asset = Asset(sha256(body).hexdigest(), len(body))
            history.record(
                Record(release, {"css/site.css": NAMES[release]}, {NAMES[release]: asset})
            )
        if told:
            history.event("serving", weights={"v1": 100}, replicas={"v1": 2, "v2": 0})
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
    history.event("publish-started", "v2")
    history.event("publish-ended", "v2", exit_code=0, seconds=0.5, log="")
    history.event("rewritten", "v2", assets=[], of=1)
    history.event("weights", "v2", weights={"v1": 50, "v2": 50})
    if told:
        history.event("serving", weights={"v1": 50, "v2": 50}, replicas={"v1": 2, "v2": 1})


def write_visit(history: History, t: float, got: str) -> None:
    """Write a page of v1, and the stylesheet of either release that came for it."""
    page, body = f"{BASE}about/", BODIES[got]
    came = Answer(200, content_type="text/html", ms=10 + 100 * t)
    history.fetch(Fetch(t, "page", page, page, None, "seed", "v1", "1", came))
    css = Answer(
        200,
        content_type="text/css",
        sha256=sha256(body).hexdigest(),
        md5=md5(body).hexdigest(),  # noqa: S324 - as Django names them
        ms=5,
    )
    url = f"{STATIC}{NAMES[got]}"
    history.fetch(Fetch(t, "asset", url, page, page, "stylesheet", "v1", "1", css))


def write_faults(history: History, t: float) -> None:
    """Write a page that is a 500, one that was refused, and a planted script in every place."""
    page = f"{BASE}{PLANTED}"
    broken = Answer(500, excerpt=f"{PLANTED} | \x00\x1b[31m *bold* \ud800", ms=3)
    history.fetch(Fetch(t, "page", page, page, None, "a", PLANTED, "1", broken))
    refused = Answer(error=f"reset: {PLANTED}")
    history.fetch(Fetch(t, "page", BASE, BASE, None, "a", "v1", "1", refused))
    typed = Answer(200, content_type=PLANTED, nosniff=True, ms=1)
    script = Fetch(t, "asset", f"{BASE}{PLANTED}.js", page, page, "script", "v1", "1", typed)
    history.fetch(script)
    history.event("step", None, what=PLANTED)


def write_matrix(folder: Path, history: Callable[..., Path] = write_history) -> Path:
    """Write a run of the matrix: two strategies, two scenarios, one of them not applicable."""
    for strategy, skewed in (("shared", True), ("skewproof", False)):
        path = history(folder / strategy / "1-late-load.jsonl", strategy, skewed=skewed)
        status = Status.FAIL if skewed else Status.PASS
        Result(strategy, "late-load", status, str(status), reason=PLANTED, history=str(path)).save(
            folder
        )
    Result("skewproof", "pruning", Status.NOT_APPLICABLE, "n/a", "nothing to prune").save(folder)
    return folder
