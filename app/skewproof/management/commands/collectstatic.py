"""``collectstatic`` that publishes a release; for any other storage it is Django's own."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.management.commands import collectstatic
from django.core.files.storage import FileSystemStorage
from django.core.management.base import CommandError

from skewproof.errors import conceal, quote
from skewproof.management.base import report_errors, show_progress_on
from skewproof.manifest import match_baked, write_whole
from skewproof.publishing.collection import Collection, collect_release
from skewproof.publishing.hashing import StagingStorage
from skewproof.publishing.plan import look_up, plan_publish
from skewproof.publishing.publish import publish
from skewproof.release import release_id
from skewproof.storage import find_publishing_storage, require_release_storage

if TYPE_CHECKING:
    from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
    from django.core.management.base import CommandParser

    from skewproof.publishing.plan import PublishPlan
    from skewproof.stores.store import PublishingStorage, Store

USUAL = 2**20  # bytes of a file for which the store is opened before its size is known
CUT_SHORT = "every release is as it was, run the same command again"
NO_CLEAR = (
    "--clear would delete files that other releases are serving, since all releases share them; "
    "leave it out: publishing only ever adds to what is there, and what no release needs any more "
    'goes with "manage.py prune_releases"'
)
NO_FILES = (
    "--no-post-process hashes nothing, and the option unhashed_copies of the storage leaves "
    "everything else out, so nothing would be published; take one of them out"
)
NOWHERE = (
    '--bake needs a file to write: set the option baked_manifest of STORAGES["staticfiles"], as in '
    '"baked_manifest": BASE_DIR / "staticfiles.json"'
)
NO_LINK = (
    "--link would make the store point into this release's own files, which go when it goes; "
    "leave it out"
)


def advise(error: OSError) -> str:
    """Return what to do, where it is the place for temporary files that is to blame."""
    place = tempfile.gettempdir()
    names = map(str, filter(None, (error.filename, error.filename2)))
    if any(name.startswith(f"{place}/skewproof-") for name in names):
        return "; the variable TMPDIR chooses another place for temporary files"
    return ""


def be_patient(storage: PublishingStorage, store: Store, largest: int) -> Store:
    """Return the store, opened anew with longer time-outs where a file is unusually large."""
    if largest <= USUAL:
        return store
    opened = storage.open_store(largest)
    opened.calls.add(store.calls.total)
    return opened


def is_on_disk(storage: Any) -> bool:
    """Return whether opening a file of a finder's storage is opening its path, and no more."""
    return all(
        getattr(type(storage), name, None) is getattr(FileSystemStorage, name)
        for name in ("open", "_open")
    )


class CopiedFiles(list[str]):
    """Django's list of what it has copied, in which it looks for every file."""

    def __init__(self) -> None:
        super().__init__()
        self._names: set[str] = set()

    def append(self, name: str) -> None:
        """Add a name."""
        self._names.add(name)
        super().append(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names


class Command(collectstatic.Command):
    """Collect static files and publish them as one release.

    Nothing is asked, with or without --no-input: a publish deletes nothing, and of all files only
    the unhashed copies are ever overwritten.
    """

    help = "Collect static files and publish them as one release (for storages of skewproof)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the one option that Django's collectstatic lacks."""
        super().add_arguments(parser)
        parser.add_argument(
            "--bake",
            action="store_true",
            help="write the manifest to the file that the option baked_manifest names, for the "
            "image that is being built; the store is not asked, and nothing is published",
        )

    def handle(self, **options: Any) -> str | None:
        """Publish or bake, and turn every error into one line and an exit code."""
        bake = bool(options.get("bake"))
        with report_errors(CUT_SHORT) as self.directories:
            storage = find_publishing_storage()
            if storage is not None or bake:
                self.set_options(**options)
                return self.publish(storage or require_release_storage(), bake=bake)
        return super().handle(**options)

    def publish(self, storage: PublishingStorage, *, bake: bool) -> str | None:
        """Collect into a temporary directory, then bring the image or the store up to date."""
        if self.clear or self.symlink:
            raise CommandError(NO_CLEAR if self.clear else NO_LINK)
        if not self.post_process and not storage.unhashed_copies:
            raise CommandError(NO_FILES)
        release = release_id()
        if not bake:  # what is wrong with the store is said before the files are hashed
            store = storage.open_store(USUAL)
            found = look_up(release, store)
        try:
            with tempfile.TemporaryDirectory(prefix="skewproof-") as directory:
                self.directories.append(directory)
                collection = collect_release(storage, Path(directory), self.fill)
                if bake:
                    return self.bake(release, collection, storage.baked_manifest)
                if storage.baked_manifest and collection.is_release():
                    made = collection.make_manifest(release)
                    baked = match_baked(storage.baked_manifest, made)
                    collection = replace(collection, baked=baked)
                store = be_patient(storage, store, collection.largest())
                if way := getattr(store, "way", ""):  # a project's own store may have one way
                    self.log(f"Talking to {store.place} {way}", level=2)
                if self.dry_run:
                    return self.pretend(plan_publish(release, collection, store, found), release)
                shown = self.verbosity == 1  # with more of it each file is named anyway
                with show_progress_on(self.stderr, "publishing", wanted=shown) as progress:
                    report = publish(release, collection, store, self.log, progress, found=found)
        except OSError as error:
            raise CommandError(
                f"collecting the files of release {release} failed: {quote(error)}{advise(error)}"
            ) from conceal(error)
        return str(report) if self.verbosity >= 1 else None

    def fill(self, local: ManifestStaticFilesStorage) -> None:
        """Run Django's own collecting and hashing against a local storage."""
        self.storage, self.copied_files = local, CopiedFiles()
        pretending, self.dry_run = self.dry_run, False
        try:
            self.collect()
        except (CommandError, ValueError, RuntimeError) as error:
            # Newer versions of Django say on further lines where a reference is.
            raise CommandError(quote(error)) from conceal(error)
        finally:
            self.dry_run = pretending

    def copy_file(self, path: str, prefixed_path: str, source_storage: Any) -> None:
        """Have a file in the local storage; one that lies on the disk stays where it is."""
        if not isinstance(self.storage, StagingStorage) or not is_on_disk(source_storage):
            super().copy_file(path, prefixed_path, source_storage)
            return
        source = source_storage.path(path)
        self.log(f"Copying '{source}'", level=2)
        self.storage.stage(prefixed_path, source)
        self.copied_files.append(prefixed_path)

    def bake(self, release: str, collection: Collection, file: Path | None) -> str | None:
        """Write the manifest into the image."""
        if file is None:
            raise CommandError(NOWHERE)
        if not collection.is_release():
            raise CommandError(f"no manifest of release {release} to bake, as nothing was hashed")
        if not self.dry_run:
            try:
                write_whole(file, collection.encode(release))
            except OSError as error:
                raise CommandError(
                    f"the manifest cannot be written to {file}: {quote(error)}"
                ) from conceal(error)
        done = "would be baked (dry run)" if self.dry_run else "is baked"
        names = len(collection.paths)
        text = f"the manifest of release {release}, {names} names, {done} into {file}"
        return text if self.verbosity >= 1 else None

    def pretend(self, plan: PublishPlan, release: str) -> str | None:
        """Say what would be written; the store is only read."""
        writes = plan.assets + plan.copies
        for upload in writes:
            self.log(f"Pretending to upload '{upload.name}'", level=1)
        state = "is published already" if plan.is_published else "would be published"
        text = f"release {release} {state}: {len(writes)} new, {plan.reused} reused (dry run)"
        return text if self.verbosity >= 1 else None
