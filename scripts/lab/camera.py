"""Takes pictures of what visitors see."""

from __future__ import annotations

import importlib.util
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lab.errors import UnavailableError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright, ViewportSize

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
# The browser is to show pages, and to make no requests of its own.
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
    downloaded = {
        int(revision): path
        for path in cache.glob("chromium-*/chrome-linux*/chrome")
        if (revision := path.parts[-3].partition("-")[2]).isdigit()
    }
    if not downloaded:
        raise LookupError(f"there is no {' or '.join(CHROMIUMS)} on PATH")
    return downloaded[max(downloaded)]


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
    """Start the browser; it ends with the process that started it.

    Raises:
        LookupError: there is none.
    """
    # As root it cannot make its sandbox.
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else [*FLAGS]
    # A Ctrl-C is for the lab to handle, which then closes it.
    return playwright.chromium.launch(
        executable_path=find_chromium(), args=flags, handle_sigint=False
    )


SUFFIX = ".webp"
SCREEN: ViewportSize = {"width": 1280, "height": 800}
SCALE = 0.5
QUALITY = 60
MILLISECONDS = 15_000
TRIES = 5
# Compared as a whole with what Playwright reports: docs/adr/0030.
DISTURBED = "net::ERR_NETWORK_CHANGED"
"""What Chromium makes of requests on the way while any container of the machine starts or stops."""


class CameraError(UnavailableError):
    """A picture could not be taken."""


class Camera:
    """One browser for all threads; it runs in a thread of its own, which Playwright requires."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="camera")
        self.resources = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.thread.submit(self.start).result()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.thread.submit(self.resources.close).result()
        self.thread.shutdown()

    def start(self) -> None:
        """Start the browser.

        Raises:
            CameraError: it does not start.
        """
        from playwright.sync_api import Error, sync_playwright

        try:
            self.browser = launch_chromium(self.resources.enter_context(sync_playwright()))
        except (Error, LookupError) as error:
            raise CameraError(f"no pictures: {first_line(error)}") from error
        self.resources.callback(self.stop)

    def stop(self) -> None:
        """Stop the browser, if it has not died."""
        from playwright.sync_api import Error

        with suppress(Error):
            self.browser.close()

    def take(self, url: str, release: str, *, hard: bool = True) -> bytes:
        """Return a picture of what a visitor of one release sees first.

        Args:
            url: the page.
            release: which.
            hard: past every cache.

        Raises:
            CameraError: the browser does not show it.
        """
        return self.thread.submit(self.visit, url, release, hard).result()

    def visit(self, url: str, release: str, hard: bool) -> bytes:
        """Open the page in the browser's own thread, once more where the machine disturbed it."""
        from playwright.sync_api import Error

        try:
            for _ in range(TRIES):
                picture, failures = self.look(url, release, hard)
                if DISTURBED not in failures:
                    return picture
        except Error as error:
            raise CameraError(first_line(error)) from error
        raise CameraError(f"{DISTURBED} {TRIES} times")

    def look(self, url: str, release: str, hard: bool) -> tuple[bytes, list[str | None]]:
        """Open the page as a visitor who has never been there; return what failed and how."""
        from playwright.sync_api import Error

        headers = {"Cache-Control": "no-cache"} if hard else {}
        failures: list[str | None] = []
        with self.browser.new_context(
            viewport=SCREEN, device_scale_factor=SCALE, extra_http_headers=headers
        ) as visitor:
            visitor.set_default_timeout(MILLISECONDS)
            visitor.add_cookies([{"name": "release", "value": release, "url": url}])
            page = visitor.new_page()
            page.on("requestfailed", lambda request: failures.append(request.failure))
            with suppress(Error):  # that nothing answers, or not to its end, is a picture too
                page.goto(url)
            picture = page.screenshot(type="webp", quality=QUALITY, animations="disabled")
        return picture, failures


def first_line(error: Exception) -> str:
    """Return Playwright's message without its log of calls."""
    return str(error).strip().partition("\n")[0]
