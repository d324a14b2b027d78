"""A renewal: a small private file that says that a release is wanted, by when it was written.

A publish that finds its release there writes one, as after a rollback; a ready process may. A prune
takes the release for as new as its renewal. It lies among the intents of publishes and prunes.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = "_intents"  # no release id starts like this
KIND = "renew"
START, END = f"{FOLDER}/{KIND}-", ".json"
EVERY = 3600.0  # seconds between two renewals by one process
log = logging.getLogger("skewproof")
LOCK = threading.Lock()  # of all renewers, so that a storage can be pickled


def make_renewal_key(release: str) -> str:
    """Return the key of the renewal of a release, which says it all."""
    return f"{START}{release}{END}"


def find_renewed(key: str) -> str | None:
    """Return the release whose renewal has that key, or None for any other private file."""
    is_one = key.startswith(START) and key.endswith(END)
    return key.removeprefix(START).removesuffix(END) if is_one else None


def encode(release: str) -> bytes:
    """Return the renewal as it is stored, readable as what it is: an intent without files."""
    return json.dumps({"kind": KIND, "releases": [release], "names": []}).encode()


class Renewer:
    """Renews the release of a ready process every hour, in a thread of its own.

    Args:
        renew: Writes the renewal.
        clock: Seconds.
    """

    def __init__(
        self, renew: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._renew = renew
        self._clock = clock
        self._due = clock()

    def keep(self) -> threading.Thread | None:
        """Begin to renew if it is time; what fails is logged, and tried again in an hour."""
        with LOCK:
            if self._clock() < self._due:
                return None
            self._due = self._clock() + EVERY
        thread = threading.Thread(target=self._run, name="skewproof-renewal", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            self._renew()
        except Exception as error:  # whatever it is, pages are served as before
            log.warning("the release could not be renewed, and a prune may delete it: %s", error)
