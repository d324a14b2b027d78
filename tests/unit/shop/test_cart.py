from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.shop.conftest import Site


@pytest.fixture
def visitor() -> Iterator[requests.Session]:
    """A visitor who keeps cookies."""
    with requests.Session() as session:
        yield session


def send(visitor: requests.Session, site: Site, page: str, action: str, **values: str) -> int:
    """Fill in the form of a page that has this action, and return the status of the answer."""
    html = LexborHTMLParser(visitor.get(site.url + page, timeout=10).text)
    form = html.css_first(f'form[action="{action}"]')
    assert form, f"{page} has no form {action}"
    fields = {str(i.attributes["name"]): i.attributes.get("value") for i in form.css("input[name]")}
    answer = visitor.post(site.url + action, data={**fields, **values}, timeout=10)
    return answer.status_code


def count(visitor: requests.Session, site: Site) -> str:
    """Return the number beside the word cart."""
    place = LexborHTMLParser(visitor.get(site.url, timeout=10).text).css_first("[data-count]")
    assert place
    return place.text()


def test_a_piece_goes_into_the_cart_and_out_again(visitor: requests.Session, site: Site) -> None:
    assert send(visitor, site, "/products/tide-bowl/", "/cart/add/", quantity="2") == 200
    cart = visitor.get(f"{site.url}/cart/", timeout=10).text
    assert "Tide bowl" in cart
    assert "€76.00" in cart
    assert count(visitor, site) == "2"
    assert send(visitor, site, "/cart/", "/cart/remove/") == 200
    assert count(visitor, site) == "0"


def test_a_cart_is_kept_when_the_next_release_answers(
    visitor: requests.Session, sites: dict[str, Site]
) -> None:
    send(visitor, sites["v1"], "/products/moon-jar/", "/cart/add/")
    assert "Moon jar" in visitor.get(f"{sites['v2'].url}/cart/", timeout=10).text


def test_the_same_piece_twice_is_one_line_up_to_a_firing(
    visitor: requests.Session, site: Site
) -> None:
    for quantity in ("7", "9"):
        send(visitor, site, "/products/larder-jar/", "/cart/add/", quantity=quantity)
    assert count(visitor, site) == "12"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("many", "1"),
        ("", "1"),
        ("0", "1"),
        ("999", "12"),
        pytest.param("9" * 5000, "12", id="long"),
    ],
)
def test_a_strange_number_becomes_a_possible_one(
    visitor: requests.Session, site: Site, asked: str, given: str
) -> None:
    send(visitor, site, "/products/ember-teapot/", "/cart/add/", quantity=asked)
    assert count(visitor, site) == given


def test_an_unknown_piece_is_a_404(visitor: requests.Session, site: Site) -> None:
    page = "/products/ember-teapot/"
    assert send(visitor, site, page, "/cart/add/", slug="chamber-pot") == 404


def test_a_post_without_its_token_is_refused(visitor: requests.Session, site: Site) -> None:
    answer = visitor.post(f"{site.url}/cart/add/", data={"slug": "tide-bowl"}, timeout=10)
    assert answer.status_code == 403


def test_the_cart_changes_by_post_only(visitor: requests.Session, site: Site) -> None:
    for action in ("/cart/add/", "/cart/remove/"):
        assert visitor.get(site.url + action, timeout=10).status_code == 405


def test_a_forged_cart_is_an_empty_one(visitor: requests.Session, site: Site) -> None:
    send(visitor, site, "/products/tide-bowl/", "/cart/add/")
    visitor.cookies.set("sessionid", "forged", domain="127.0.0.1", path="/")
    fresh = requests.get(site.url, cookies={"sessionid": "forged"}, timeout=10)
    assert fresh.status_code == 200
    assert "data-count>0<" in fresh.text
