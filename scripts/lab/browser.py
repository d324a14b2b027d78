"""Chromium, driven by Playwright: the one thing that the lab has a use for and does not bring."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import UnavailableError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
# It shall show pages, and talk to nobody else.
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> Path:
    """Find the browser: one of the system's, or one that playwright has downloaded.

    Raises:
        LookupError: there is none.
    """
    for name in CHROMIUMS:
        if path := shutil.which(name):
            return Path(path)
    default = Path.home() / ".cache" / "ms-playwright"
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or default)
    downloaded = sorted(cache.glob("chromium-*/chrome-linux*/chrome"))
    if not downloaded:
        raise LookupError(f"there is no {' or '.join(CHROMIUMS)} on PATH")
    return downloaded[-1]


def require_browser() -> None:
    """See that there is all that a picture needs.

    Raises:
        UnavailableError: Playwright or Chromium is missing.
    """
    if importlib.util.find_spec("playwright") is None:
        raise UnavailableError(
            'no pictures without playwright: "pip install playwright" beside the lab'
        )
    try:
        find_chromium()
    except LookupError as error:
        raise UnavailableError(
            f'no pictures without a browser: {error}; "playwright install chromium" fetches one'
        ) from error


def launch_chromium(playwright: Playwright) -> Browser:
    """Start the browser, which ends with whoever started it.

    Raises:
        LookupError: there is none.
    """
    # As root it cannot make its sandbox.
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else [*FLAGS]
    # A Ctrl-C is for the lab to handle, which then closes it.
    return playwright.chromium.launch(
        executable_path=find_chromium(), args=flags, handle_sigint=False
    )
