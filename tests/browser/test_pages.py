"""Every page of both releases, side by side under `skewproof`, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect
from tests.browser.visit import visiting

if TYPE_CHECKING:
    from tests.browser.conftest import Open

    from lab.stacks.stack import Stack

FONTS = {"v1": {"Karla"}, "v2": {"Karla", "Garamond Latin"}}
NOTES = {"v1": "Note Brush", "v2": "Note Quill"}
DRAWN = """canvas => {
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(width / 2 - 20, height / 2 - 20, 40, 40);
  return data.every((value, i) => i % 4 < 3 || value === 255);
}"""


def test_every_page_is_whole(
    healthy: Stack, visitor: Open, pages: tuple[str, ...], release: str
) -> None:
    """Nothing fails, nothing is missing, and every file is one of the page's own release."""
    page = visitor(healthy, release)
    own = set(healthy.record(release)["assets"])
    wrong = {}
    for path in pages:
        with visiting(page) as visit:
            answer = visit.open(path)
            found = list(visit.problems)
        if (answer.status, answer.headers.get("x-release")) != (200, release):
            found.append(f"{answer.status} of release {answer.headers.get('x-release')}")
        found += [f"of another release: {asset}" for asset in visit.assets - own]
        if not path.startswith("/admin/") and visit.fonts != FONTS[release]:
            found.append(f"fonts: {visit.fonts}")
        if found:
            wrong[path] = found
    assert not wrong


def test_the_workshop_fetches_its_wheel_and_its_font_on_a_click(
    healthy: Stack, visitor: Open, release: str
) -> None:
    page = visitor(healthy, release)
    paths = healthy.record(release)["paths"]
    late = {paths["js/viewer.js"], paths["js/profile.js"]}
    font = next(asset for name, asset in paths.items() if name.startswith("fonts/note-"))
    with visiting(page) as visit:
        visit.open("/workshop/")
        assert not visit.assets & {*late, font}
        page.get_by_role("button", name="Sit down at the wheel").click()
        expect(page.locator("[data-wheel] canvas")).to_be_visible()
        assert page.wait_for_function(DRAWN, arg=page.query_selector("canvas"))
        page.get_by_role("button", name="Unfold it").click()
        expect(page.locator("[data-note]")).to_be_visible()
        visit.look()
        assert late | {font} <= visit.assets
        assert NOTES[release] in visit.fonts
        assert visit.problems == []


def test_the_levers_of_the_wheel_change_the_pot(
    healthy: Stack, visitor: Open, release: str
) -> None:
    page = visitor(healthy, release)
    page.goto("/workshop/")
    page.get_by_role("button", name="Sit down at the wheel").click()
    for lever in page.locator("[data-wheel] input").all():
        name = lever.get_attribute("name")
        assert name
        expect(page.get_by_label(name)).to_be_editable()
        lever.fill("0.9")


def test_a_piece_goes_into_the_cart_and_out_again(
    healthy: Stack, visitor: Open, release: str
) -> None:
    page = visitor(healthy, release)
    with visiting(page) as visit:
        visit.open("/products/quayside-mug/")
        page.get_by_label("How many").fill("3")
        expect(page.locator("[data-buy] [data-total]")).to_have_text("€78.00")
        page.locator("[data-buy] button").click()
        expect(page).to_have_url(f"{healthy.base}cart/")
        expect(page.locator("[data-count]")).to_have_text("3")
        expect(page.get_by_role("cell", name="€78.00").first).to_be_visible()
        hint = "Another €12.00" if release == "v1" else "Another €42.00"
        expect(page.get_by_text(hint)).to_be_visible()
        visit.look()
        page.get_by_role("button", name="Take").click()
        expect(page.get_by_text("Still empty.")).to_be_visible()
        expect(page.locator("[data-count]")).to_have_text("0")
        visit.look()
        assert visit.problems == []


def test_the_catalogue_shows_the_pieces_of_one_kind(
    healthy: Stack, visitor: Open, release: str
) -> None:
    page = visitor(healthy, release)
    page.goto("/catalogue/")
    assert page.locator("[data-kind]:visible").count() == 8
    page.get_by_role("button", name="Drinking").click()
    kinds = page.locator("[data-kind]:visible").evaluate_all("all => all.map(e => e.dataset.kind)")
    assert set(kinds) == {"drinking"}
    assert 0 < len(kinds) < 8


def test_a_photograph_comes_nearer_under_the_pointer(
    healthy: Stack, visitor: Open, release: str
) -> None:
    page = visitor(healthy, release)
    page.goto("/products/moon-jar/")
    page.locator("[data-zoom]").hover()
    scale = "getComputedStyle(document.querySelector('[data-zoom] img')).transform"
    page.wait_for_function(f"parseFloat({scale}.slice(7)) >= 2")


def test_release_v2_says_what_is_in_a_glaze(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy, "v2")
    with visiting(page) as visit:
        visit.open("/products/tide-bowl/")
        page.get_by_role("button", name="What is in celadon").click()
        expect(page.locator("[data-recipe]")).to_contain_text("red iron oxide")
        expect(page.locator("[data-announcer]")).to_contain_text("kaolin 11 %, red iron oxide 2 %")
        assert visit.problems == []


def test_a_visitor_who_is_not_pinned_sees_whole_pages_of_either_release(
    healthy: Stack, visitor: Open
) -> None:
    """As behind a load balancer: each page may be of the other release, and is whole by itself."""
    page = visitor(healthy)
    seen = set()
    for _ in range(12):
        with visiting(page) as visit:
            seen.add(visit.open("/").headers["x-release"])
            assert visit.problems == []
    assert seen == {"v1", "v2"}
