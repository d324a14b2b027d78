"""The explore page's judge, run in Chromium, and what it has to say beside the lab's own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from lab.checkout import NGINX
from lab.history import Answer, Fetch, Run
from lab.judge.verdict import judge_run

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from lab.judge.evidence import Evidence
    from lab.judge.findings import Finding

EXPLORE = NGINX / "explore"
NOWHERE = "http://explore.test/"
SEEN_BY_A_PAGE = (
    "page answers",
    "asset resolves",
    "asset of its release",
    "body matches hash",
    "type fits",
    "miss uncacheable",
    "nothing refused",
)
"""The checkers that a page can be, in their order; the others need to know what was done."""
JUDGE = """async (run) => {
  const { judgeRun } = await import("/judge.js");
  return judgeRun({ ...run, records: new Map(Object.entries(run.records)) }).findings;
}"""


def serve(page: Page, **changed: tuple[str, str]) -> Page:
    """Give a page the modules of the explore page, and nothing else; some of them changed.

    Args:
        page: which.
        changed: what stands in a module, by its name, and what is to stand there.
    """

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(NOWHERE)
        if not name:
            route.fulfill(content_type="text/html", body="<!doctype html><title>modules</title>")
            return
        text = (EXPLORE / name).read_text("utf-8")
        if change := changed.get(name.removesuffix(".js")):
            assert change[0] in text, f"{name} does not say {change[0]}"
            text = text.replace(*change)
        route.fulfill(content_type="text/javascript", body=text)

    page.route(f"{NOWHERE}**", answer)
    page.goto(NOWHERE)
    return page


def flatten(fetch: Fetch) -> dict[str, Any]:
    """Return a fetch with the names of a history's line, and whether it is used again."""
    line = {name: getattr(fetch, name) for name in Fetch.__slots__ if name != "answer"}
    names = [name for name in Answer.__slots__ if name != "release"]
    return line | {name: getattr(fetch.answer, name) for name in names}


def ask_the_page(page: Page, run: Run) -> dict[str, dict[str, Any]]:
    """Return what the page's judge finds in a run, by checker."""
    records = {
        release: {
            "release": release,
            "paths": dict(record.paths),
            "assets": {
                name: {"sha256": asset.sha256, "bytes": asset.bytes}
                for name, asset in record.assets.items()
            },
        }
        for release, record in run.records.items()
    }
    assert run.header is not None
    told = {
        "static": run.header.static,
        "records": records,
        "fetches": [flatten(fetch) for fetch in run.fetches],
    }
    findings: list[dict[str, Any]] = page.evaluate(JUDGE, told)
    return {finding["checker"]: finding for finding in findings}


def strip_time(evidence: Evidence | dict[str, Any] | None) -> str | None:
    """Return a sentence without its beginning: "at 1.25 s", which the two round differently."""
    if evidence is None:
        return None
    sentence = evidence["sentence"] if isinstance(evidence, dict) else evidence.sentence
    return str(sentence).partition(" s ")[2]


def describe_own(finding: Finding) -> dict[str, Any]:
    """Return what the lab's judge says, as far as it can be compared."""
    return {
        "promise": finding.promise,
        "status": str(finding.status),
        "judged": finding.judged,
        "faults": finding.faults,
        "kinds": dict(finding.kinds),
        "subjects": dict(finding.subjects),
        "first": strip_time(finding.first),
        "last": strip_time(finding.last),
        "came": finding.first and (finding.first.came, finding.first.expected),
        "faulty": sorted(finding.faulty),
    }


def describe_pages(finding: dict[str, Any]) -> dict[str, Any]:
    """Return the same of what the page's judge says."""
    evidence = finding["evidence"]
    subjects = [
        " ".join(filter(None, (each["release"], each["asset"] or each["page"])))
        for each in evidence
    ]
    return {
        "promise": finding["promise"],
        "status": finding["status"],
        "judged": finding["judged"],
        "faults": finding["faults"],
        "kinds": dict(Counter(each["kind"] for each in evidence)),
        "subjects": dict(Counter(subjects)),
        "first": strip_time(evidence[0] if evidence else None),
        "last": strip_time(evidence[-1] if evidence else None),
        "came": (evidence[0]["came"], evidence[0]["expected"]) if evidence else None,
        "faulty": sorted(finding["faulty"]),
    }


def compare(page: Page, run: Run) -> dict[str, str]:
    """See that both judges say the same of a run; return the verdict of each checker."""
    verdict, found = judge_run(run), ask_the_page(page, run)
    assert tuple(found) == SEEN_BY_A_PAGE
    for name in SEEN_BY_A_PAGE:
        own, other = verdict.finding(name), found[name]
        assert describe_pages(other) == describe_own(own), name
        assert (own.reason or "").startswith(other["reason"] or ""), name
    return {name: str(verdict.finding(name).status) for name in SEEN_BY_A_PAGE}
