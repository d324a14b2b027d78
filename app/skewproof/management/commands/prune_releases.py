"""``prune_releases``: what no kept release reaches goes."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from skewproof.errors import StoreError
from skewproof.management.base import ReleaseCommand, report_errors
from skewproof.publishing.listing import format_count, format_size, format_table, format_time
from skewproof.publishing.prune import PrunePlan, plan_prune, prune
from skewproof.publishing.retention import Policy
from skewproof.release import release_id
from skewproof.storage import require_release_storage

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

EPILOG = """\
A release stays if it is one of the newest --keep, was replaced less than --min-age ago, is named
by --keep-release, is being published, or is the one that this process belongs to. If visitors are
sent to an older one, as after a rollback, name it.
A file goes if a release that goes, or a publish that died, has it and no release that stays does.
Its age does not matter. Unhashed copies are files like others. What no release ever had stays.

exit codes: 0 done, or nothing to do; 1 or 2 a mistake in options or settings; 3 refused, since
it cannot be told what is in use; 4 the store failed, 130 interrupted, 143 terminated (run it again)

examples: manage.py prune_releases --keep 5
          manage.py prune_releases --keep 5 --min-age 14d --keep-release v7 --delete
"""
UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60}
CUT_SHORT = "every release that stays is whole, run the same command again"
SHOWN = 10


class Command(ReleaseCommand):
    """Show what would be deleted, or delete it; publishes may go on meanwhile."""

    help = "Delete releases, and the files that no other release has. A dry run unless --delete."
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add("--keep", type=int, required=True, metavar="N", help="keep the newest N releases")
        add(
            "--min-age",
            type=parse_length,
            default="7d",
            metavar="TIME",
            help="keep a release for so long after the next one was published: 7d, 12h, 2w, 0 "
            "(default: 7d); pages of it may be open that long",
        )
        add(
            "--keep-release",
            action="append",
            default=[],
            metavar="ID",
            help="keep this release; may be given several times",
        )
        add(
            "--grace",
            type=parse_length,
            default="1d",
            metavar="TIME",
            help="keep the files of a publish that has not come to its end for so long (default: "
            "1d, at least 1h)",
        )
        add(
            "--orphans",
            action="store_true",
            help="also delete files with hashed names that no release has ever had, and that are "
            "older than --grace: what other tools left",
        )
        add("--delete", action="store_true", help="really delete")

    def handle(self, *_: Any, **options: Any) -> None:
        """Show the plan, and carry it out if that is wanted."""
        self.verbosity = options["verbosity"]
        with report_errors(CUT_SHORT):
            policy = Policy(
                keep=options["keep"],
                running=release_id(),
                min_age=options["min_age"],
                named=frozenset(options["keep_release"]),
                grace=options["grace"],
                orphans=options["orphans"],
            )
            store = require_release_storage().open_store(0)
            plan = self.plan(store, policy)
            self.show(plan, store.place, policy.running)
            if plan.is_empty() or not options["delete"]:
                self.stdout.write(conclude(plan))
                return
            report = prune(plan, store, policy)
        for release in report.spared:
            self.stdout.write(f"release {release} is spared: it has come into use meanwhile")
        self.stdout.write(str(report))

    def plan(self, store: Any, policy: Policy) -> PrunePlan:
        """Make the plan; a release that is to be kept has to be there."""
        try:
            plan = plan_prune(store, policy, datetime.now(UTC))
        except StoreError as error:
            raise StoreError(f"{error}; nothing was deleted") from error
        unknown = sorted(policy.named - plan.survey.releases.keys())
        if unknown:
            raise CommandError(
                f"--keep-release {unknown[0]}: there is no such release in {store.place}; "
                '"manage.py releases" shows those that there are'
            )
        return plan

    def show(self, plan: PrunePlan, place: str, running: str) -> None:
        """Print what stays and what goes, and why."""
        survey, choice = plan.survey, plan.choice
        self.stdout.write(f"{format_count(len(survey.releases), 'release')} in {place}")
        if running not in survey.releases:
            self.stdout.write(f"release {running}, which this process belongs to, is not published")
        rows = [
            (
                "delete" if release.id in choice.pruned else "keep",
                release.id,
                format_time(release.published),
                choice.pruned.get(release.id) or choice.kept[release.id],
            )
            for release in survey.newest_first()
        ]
        if rows:
            heads = ("", "RELEASE", "PUBLISHED (UTC)", "BECAUSE")
            self.stdout.write("\n".join(format_table(heads, rows, left=4)))
        for key in sorted(choice.expired):
            ids = ", ".join(sorted(survey.intents[key].intent.releases))
            began = format_time(survey.intents[key].written)
            self.stdout.write(f"the publish of {ids} that began {began} died")
        self.files(plan)

    def files(self, plan: PrunePlan) -> None:
        """Print the files that go, all of them when asked, and how many are left alone."""
        shown = sorted(plan.files)[: None if self.verbosity > 1 else SHOWN]
        for name in shown:
            self.stdout.write(f"  {name}  {format_size(plan.listing[name].size)}")
        if len(plan.files) > len(shown):
            self.stdout.write(f"  and {len(plan.files) - len(shown)} more (-v 2 shows all)")
        if plan.unnamed:
            self.stdout.write(f"files that no release ever had, left alone: {len(plan.unnamed)}")


def conclude(plan: PrunePlan) -> str:
    """Return what would be done."""
    if plan.is_empty():
        return "nothing to delete"
    releases = format_count(len(plan.choice.pruned), "release")
    files = f"{format_count(len(plan.files), 'file')}, {format_size(plan.size(plan.files))}"
    return f"would delete {releases} and {files} (dry run; --delete really does it)"


def parse_length(text: str) -> timedelta:
    """Return the length of time that the text names."""
    found = re.fullmatch(r"(\d{1,6})([wdhm])", text)
    if text == "0":
        return timedelta()
    if not found:
        raise ArgumentTypeError(f"{text!r} is no length of time such as 7d, 12h, 90m, 2w or 0")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])
