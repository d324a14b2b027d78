"""The parts of the explore page by themselves: what they remember, notice and find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.explorejudge import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(1800)  # on a busy machine the page slows down by itself
ROLLS = """
  const visits = (marks, count, draw) => {
    for (let left = count; left; left -= 1) {
      t += 0.25;
      const [release, replica, pid, strategy = "skewproof"] = draw(Math.random);
      const page = { t, status: 200, release, replica, pid: `${pid}`, strategy };
      const visit = { at: 1000 * t, path: "/", conclusion: "whole", page, fetches: [] };
      marks.take({ ...visit, pinned: false });
    }
    return marks.list.splice(0).map(({ text }) => text);
  };
  let t = 0;
"""
DAY = """async (count) => {
  const { Marks } = await import("/marks.js");
  const { Mix } = await import("/mix.js");
  const { Seen } = await import("/tour.js");
  const { Chart } = await import("/chart.js");
  const { Grid } = await import("/grid.js");
  const list = document.body.appendChild(document.createElement("ol"));
  const [marks, mix, seen] = [new Marks(), new Mix(), new Seen()];
  const chart = new Chart(document.body.appendChild(document.createElement("div")), null, () => []);
  const grid = new Grid(list, 120, () => {});
  const outcomes = ["whole", "wrong", "broken", "refused", "unknown"];
  for (let number = 0; number < count; number += 1) {
    const release = `sha${number % 997}`;
    const [replica, pid] = [`web-${number}`, `${number}`];
    const page = { t: number, status: 200, release, replica, pid, strategy: "shared" };
    const conclusion = outcomes[number % outcomes.length];
    const visit = { at: 1000 * number, path: "/", conclusion, page, fetches: [], pinned: false };
    mix.take(visit);
    marks.take(visit);
    seen.take(visit, []);
    chart.add(visit);
    grid.add(visit);
  }
  return {
    marks: marks.list.length,
    replicas: mix.replicas.size,
    shares: mix.pages.length,
    releases: mix.releases.length,
    steps: chart.steps.size,
    keys: chart.keys.length,
    squares: list.querySelectorAll("button").length,
    whole: seen.wholeOf.size,
    workers: marks.workers.replicas.size,
    present: marks.replicas.recent.length,
    known: marks.replicas.known.size,
    last: marks.replicas.last.size,
    mixed: marks.shares.before.size,
  };
}"""
MOST = {
    "marks": 100,
    "replicas": 301,
    "shares": 100,
    "releases": 8,
    "steps": 150,
    "keys": 24,
    "squares": 120,
    "whole": 51,
    "workers": 50,
    "present": 400,
    "known": 1000,
    "last": 400,
    "mixed": 400,
}
"""What each part may remember; some hundred things."""


@pytest.fixture(scope="module")
def modules(chromium: Browser) -> Iterator[Page]:
    """A page that has the modules of the explore page."""
    page = serve(chromium.new_page())
    yield page
    page.close()


def notice(page: Page, script: str) -> Any:
    """Return what marks come of some visits."""
    return page.evaluate(
        f"""async () => {{
          const {{ Marks }} = await import("/marks.js");
          const marks = new Marks();
          {ROLLS}
          {script}
        }}"""
    )


def test_a_page_that_is_open_all_day_remembers_no_more_than_in_its_first_hour(
    modules: Page,
) -> None:
    """Each visit of another release, replica and worker: the worst there is."""
    kept = modules.evaluate(DAY, 1200)
    assert {name: count for name, count in kept.items() if count > MOST[name]} == {}
    assert min(kept.values()) > 0


def test_a_slow_answer_halves_the_pace_and_quick_ones_bring_it_back(modules: Page) -> None:
    said = modules.evaluate(
        """async () => {
          const { Pace } = await import("/pace.js");
          const pace = new Pace();
          const said = [pace.describe()];
          for (const ms of [1500, 900, 1500, 9000, 9000, 9000, 9000, 9000]) {
            pace.note(ms);
            said.push(pace.describe());
          }
          for (let left = 100; left; left -= 1) pace.note(50);
          return [...said, pace.describe()];
        }"""
    )
    assert said == [
        "at most 4 pages a second",
        "at most 2 pages a second",
        "at most 2 pages a second",
        "at most 1 pages a second",
        "at most a page every 2 seconds",
        "at most a page every 4 seconds",
        *["at most a page every 8 seconds"] * 3,
        "at most 4 pages a second",
    ]


def test_nothing_is_noticed_while_nothing_happens(modules: Page) -> None:
    """An hour of a canary with uneven workers, at four pages a second."""
    marks = notice(
        modules,
        """
        const draw = (random) => {
          const release = random() < 0.9 ? "v1" : "v2";
          const replica = random() < 0.5 ? 1 : 2;
          return [release, `web-${release}-${replica}`, 10 * replica + (random() < 0.9 ? 0 : 1)];
        };
        const first = visits(marks, 200, draw);
        return [first, visits(marks, 14400, draw)];
        """,
    )
    assert {"Release v1 answers", "Release v2 answers"} <= set(marks[0])
    assert [mark for mark in marks[1] if "Replica" not in mark] == []
    assert len(marks[1]) <= 4  # a replica with a twentieth of the pages may be silent for a while


def test_each_step_of_a_rollout_is_noticed(modules: Page) -> None:
    found = notice(
        modules,
        """
        const v1 = (pid) => (random) => ["v1", "web-v1-1", pid + (random() < 0.5)];
        const both = (random) => (random() < 0.5 ? v1(20)(random) : ["v2", "web-v2-2", 30]);
        return {
          calm: visits(marks, 100, v1(10)),
          recycled: visits(marks, 30, v1(20)),
          both: visits(marks, 150, both),
          more: visits(marks, 60, () => ["v2", "web-v2-3", 40]),
          strategy: visits(marks, 8, () => ["v2", "web-v2-3", 40, "shared"]),
          gone: visits(marks, 100, () => ["v2", "web-v2-3", 40, "shared"]),
        };
        """,
    )
    assert found["calm"] == ["Release v1 answers"]
    assert found["recycled"] == ["Fresh workers in web-v1-1 of v1"]
    assert found["both"][0] == "Release v2 answers"
    assert found["both"][1].startswith("The mix shifts to about v1 ")
    assert len(found["both"]) == 2
    assert "Replica web-v2-3 of v2 comes" in found["more"]
    assert found["strategy"] == ["Strategy shared in the place of skewproof"]
    rest = found["more"] + found["gone"]
    assert "Release v1 answers no more" in rest
    assert "Replica web-v1-1 of v1 leaves" not in rest  # nobody expects one
    assert "Replica web-v2-2 of v2 leaves" in rest


def test_a_record_that_never_comes_is_asked_for_a_bounded_number_of_times(modules: Page) -> None:
    asked = modules.evaluate(
        """async () => {
          const { Records } = await import("/records.js");
          const records = new Records();
          let asked = 0;
          records.fetch = async () => ((asked += 1), { release: "v2", paths: {}, assets: {} });
          for (let now = 0; now < 1e9; now += 1e7) await records.want("v1", now);
          return [asked, records.known.size, records.lacking(["v1"])];
        }"""
    )
    assert asked == [30, 0, "No record of v1 came in 30 tries: start over to ask again."]


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("Stylesheet", '@import "a.css"; @import url(b.css) print;', ["css/a.css", "css/b.css"]),
        ("Stylesheet", "b { background: url('../c.svg#d') } /* url(no) */", ["c.svg"]),
        ("Stylesheet", "b { background: url(data:image/png;base64,AA) }", []),
        (
            "Script",
            'import a from "./a.js"; import "/b.js"; import "shop/c";',
            ["css/a.js", "/b.js"],
        ),
        ("Script", "// import './no.js'\nconst a = () => import('../late.js')", ["late.js"]),
    ],
)
def test_what_a_file_names_is_found(modules: Page, kind: str, text: str, found: list[str]) -> None:
    urls = modules.evaluate(
        f"""async (text) => {{
          const {{ read{kind} }} = await import("/links.js");
          return read{kind}(text, "http://shop.test/static/css/x").map(({{ url }}) => url);
        }}""",
        text,
    )
    assert urls == [
        f"http://shop.test{name}" if name[0] == "/" else f"http://shop.test/static/{name}"
        for name in found
    ]


def test_what_a_page_names_is_found_and_how(modules: Page) -> None:
    html = """<!doctype html>
      <link rel=stylesheet href=/static/a.css><link rel=icon href=/static/i.svg>
      <link rel=canonical href=/elsewhere/>
      <script type=importmap>{"imports": {"x": "/static/x.js"}}</script>
      <script type=module src=/static/m.js></script><script src=/static/c.js></script>
      <style>b { background: url(/static/s.png) }</style>
      <img src=/static/p.webp srcset="/static/p.webp 1x, /static/q.webp 2x">
      <svg><use href=/static/u.svg#a /></svg>
      <p style="background: url('/static/d.png')">
      <a href=/about/>no</a><a href=/static/f.pdf>yes</a>"""
    found = modules.evaluate(
        """async (html) => {
          const { readPage } = await import("/links.js");
          const links = readPage(html, "http://shop.test/", (url) => url.includes("/static/"));
          return links.map(({ url, how }) => `${how} ${url.split("/static/")[1]}`);
        }""",
        html,
    )
    assert set(found) == {
        *("stylesheet a.css", "icon i.svg", "import-map x.js", "module m.js", "script c.js"),
        *("css-url s.png", "img p.webp", "srcset p.webp", "srcset q.webp", "svg u.svg"),
        *("css-url d.png", "a f.pdf"),
    }
