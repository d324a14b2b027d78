"""``releases``: what the store holds, release by release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from skewproof.management.base import ReleaseCommand, report_errors
from skewproof.publishing.listing import HEADS, format_table, list_entries
from skewproof.publishing.retention import take_survey
from skewproof.release import known_release_id
from skewproof.storage import require_release_storage

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from skewproof.publishing.listing import Entry

EPILOG = """\
SHARED are the bytes of files that other releases have as well, OWN those that would be free without
the release. * marks the release that this process belongs to.

exit codes: 0 done; 1 or 2 a mistake in options or settings; 4 the store failed; 130 interrupted;
143 terminated

example: manage.py releases --json
"""


class Command(ReleaseCommand):
    """List the releases; nothing is changed."""

    help = "List the releases in the store, newest first."
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--json", action="store_true", help="print JSON, with exact numbers")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print a table, or JSON."""
        with report_errors("nothing was changed"):
            store = require_release_storage().open_store(0)
            survey = take_survey(store)
            found = list_entries(survey, store.list_assets(survey.names()), known_release_id())
        if options["json"]:
            self.stdout.write(json.dumps([entry.document() for entry in found], indent=2))
        else:
            self.show(found, store.place)

    def show(self, found: list[Entry], place: str) -> None:
        """Print the table, and what is wrong with a release on stderr."""
        if not found:
            self.stdout.write(f"no release in {place}")
            return
        self.stdout.write("\n".join(format_table(HEADS, [entry.row() for entry in found])))
        for entry in found:
            for remark in entry.remarks():
                self.stderr.write(remark)
