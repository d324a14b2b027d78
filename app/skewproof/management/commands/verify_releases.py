"""``verify_releases``: whether every release in the store is whole; on demand, made whole again."""

from __future__ import annotations

import json
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from skewproof.management.base import Exit, ReleaseCommand, report_errors, show_progress_on
from skewproof.management.commands import collectstatic
from skewproof.publishing.collection import (
    collect_release,
    find_added_types,
    find_headers,
    is_compressed,
)
from skewproof.publishing.listing import format_count, format_size, format_table
from skewproof.publishing.verify import KINDS, Verification, repair, verify
from skewproof.release import known_release_id
from skewproof.storage import require_release_storage

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from skewproof.stores.store import PublishingStorage, Store

EPILOG = """\
A listing proves that assets are there, their sizes, and their contents where the store lists MD5s.
--read reads every asset. --repair needs no --read: it mends what is found, with the files of this
image that are the very ones that are missing or damaged; nothing else is written.

exit codes: 0 every release is whole; 1 or 2 a mistake in options or settings; 4 the store failed;
5 a release is not whole; 130 interrupted, 143 terminated (run it again)

examples: manage.py verify_releases
          manage.py verify_releases --read --json
          manage.py verify_releases --read --repair
"""
HEADS = ("RELEASE", "ASSETS", *(kind.upper() for kind in KINDS))
SHOWN = 10


class Command(ReleaseCommand):
    """Look at every release, and mend what this image can mend if that is wanted."""

    help = "Check that every release is whole; change nothing, unless --repair is given."
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add("releases", nargs="*", metavar="ID", help="releases to look at; all without any")
        add("--read", action="store_true", help="read every asset, and compare its content")
        add(
            "--repair",
            action="store_true",
            help="write again what is missing or damaged, as far as this image has it",
        )
        add("--json", action="store_true", help="print JSON, with every name")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print what was found, and end with 5 if a release is not whole."""
        self.verbosity = options["verbosity"]
        with report_errors("no release is worse than it was") as self.directories:
            storage = require_release_storage()
            store = storage.open_store(0)
            found = self.verify(storage, store, options["releases"], read=options["read"])
            mended: tuple[str, ...] = ()
            if options["repair"] and found.faults:
                mended = self.repair(storage, found)
                found = self.verify(storage, store, options["releases"], read=options["read"])
        if options["json"]:
            document = {**found.document(), "repaired": list(mended)}
            self.stdout.write(json.dumps(document, indent=2))
        else:
            self.show(found, store.place, mended, read=options["read"])
        if broken := found.find_broken():
            more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
            raise CommandError(
                f"release {broken[0]}{more} in {store.place} is not whole; run "
                f'"manage.py verify_releases --read --repair" in an image of release {broken[0]}',
                returncode=Exit.NOT_WHOLE,
            )

    def verify(
        self, storage: PublishingStorage, store: Store, chosen: list[str], *, read: bool
    ) -> Verification:
        """Return what is wrong; the releases that were named have to be there."""
        added = find_added_types()
        is_any = bool(storage.find_compressed_types())

        def compresses(name: str) -> bool:
            return is_any and is_compressed(storage, find_headers(storage, added, name))

        shown = self.verbosity >= 1
        with show_progress_on(self.stderr, "reading", wanted=shown) as progress:
            found = verify(store, chosen, compresses, progress, read=read)
        unknown = sorted(set(chosen) - set(found.chosen))
        if unknown:
            raise CommandError(
                f"there is no release {unknown[0]} in {store.place}; "
                '"manage.py releases" shows those that there are'
            )
        return found

    def repair(self, storage: PublishingStorage, found: Verification) -> tuple[str, ...]:
        """Collect the files of this image, and write those that are missing or damaged."""
        collector = collectstatic.Command(stdout=self.stdout, stderr=self.stderr)
        defaults = vars(collector.create_parser("manage.py", "collectstatic").parse_args([]))
        collector.set_options(**{**defaults, "verbosity": 0})
        with tempfile.TemporaryDirectory(prefix="skewproof-") as directory:
            self.directories.append(directory)
            collection = collect_release(storage, Path(directory), collector.fill)
            store = storage.open_store(collection.largest())
            return repair(found.faults, collection.assets, store)

    def show(self, found: Verification, place: str, mended: tuple[str, ...], *, read: bool) -> None:
        """Print a table of the releases, and what is wrong with them on stderr."""
        releases = format_count(len(found.chosen), "release")
        assets = format_count(found.assets, "asset")
        self.stdout.write(
            f"{releases} in {place}: {assets}, {format_size(found.size)}, {found.read:,} read"
        )
        rows = [
            (
                f"{each}{' *' if each == self.running else ''}",
                f"{len(found.survey.releases[each].assets):,}",
                *(f"{len(found.find_faults(each, kind)):,}" for kind in KINDS),
            )
            for each in found.chosen
        ]
        if rows:
            self.stdout.write("\n".join(format_table(HEADS, rows, left=1)))
        for name in mended:
            self.stdout.write(f"repaired {name}")
        if found.untold:
            told = "nothing" if read else "only --read"
            self.stdout.write(
                f"{format_count(found.untold, 'asset')} with a possible size: {told} tells whether "
                "the content is right"
            )
        counted = ", ".join(f"{number} {kind}" for kind, number in found.count_intents().items())
        self.stdout.write(
            f"files that no release has: {found.orphans:,} with hashed names, {found.strangers:,} "
            f"others; intents: {counted}"
        )
        self.name_faults(found)
        if found.is_whole():
            self.stdout.write("every release is whole" if found.chosen else "there is no release")

    def name_faults(self, found: Verification) -> None:
        """Print what is wrong, all of it when asked."""
        for fault in found.unreadable():
            self.stderr.write(fault)
        names = sorted(found.faults)
        shown = names[: None if self.verbosity > 1 else SHOWN]
        users = found.find_users()
        for name in shown:
            first, *others = users[name]
            more = f" and {len(others)} more" if others else ""
            self.stderr.write(f"{name} is {found.faults[name].kind}: release {first}{more}")
        if len(names) > len(shown):
            self.stderr.write(f"and {len(names) - len(shown):,} more (-v 2 shows all)")

    @cached_property
    def running(self) -> str | None:
        """Return the release that this process belongs to, if it is known."""
        return known_release_id()
