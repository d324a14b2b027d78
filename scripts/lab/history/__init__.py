"""The history of a run: one JSON line for everything that was seen, written as it happens.

A run only writes it; the checkers only read it, so that an old run can be judged again. The kinds
of line:

* `run`: first; what ran (`Header`).
* `record`: what a release consists of, as its build says (`Record`).
* `event`: something that was done to the stack (`Event`); of an external site, what was left out.
  `serving` says who serves from then on: `weights` in percent and `replicas`, both by release.
* `fetch`: one request and what came (`Fetch`); `id` numbers it.
* `reuse`: assets that a page names and that its visitor had already fetched for another page, as a
  browser has them in its cache. They are not requested again, yet they are judged again, for they
  may fit one page and not the next. One line a page: `uses` lists [id of the fetch, how it was
  named, id of the fetch of the file that named it]. `read_history` turns each of these into a
  `Fetch` with `cached` set.
* `end`: last; without it the run was interrupted, and no verdict of PASS is possible.
"""

from __future__ import annotations

from lab.history.reader import parse_record, read_history
from lab.history.text import show_plainly
from lab.history.values import (
    FORMAT,
    Answer,
    Asset,
    Event,
    Fetch,
    Header,
    HistoryError,
    Record,
    Reuse,
    Role,
    Run,
)
from lab.history.writer import About, History, Interrupted, open_history

__all__ = [
    "FORMAT",
    "About",
    "Answer",
    "Asset",
    "Event",
    "Fetch",
    "Header",
    "History",
    "HistoryError",
    "Interrupted",
    "Record",
    "Reuse",
    "Role",
    "Run",
    "open_history",
    "parse_record",
    "read_history",
    "show_plainly",
]
