"""Release storages: what all have in common, and the one that keeps files in a directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.staticfiles.storage import ManifestFilesMixin, ManifestStaticFilesStorage
from django.utils.functional import cached_property

from skewproof import manifest
from skewproof.backends import loader
from skewproof.backends.importing import explain_import
from skewproof.backends.loader import Loader
from skewproof.errors import ManifestError, OptionError, ReleaseIdError, SkewproofError
from skewproof.release import release_id
from skewproof.renewal import Renewer, encode, make_renewal_key

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    from skewproof.manifest import Manifest
    from skewproof.stores.store import Store

PUBLISH = 'publish the release with "manage.py collectstatic" before its processes serve pages'
WAITING = "this process asks again by itself, no restart is needed"
# What a project may set on its storage to change hashed names or contents. Where it wants scripts
# to be looked into, Django's constructor has added that to the patterns.
HASHING = ("default_template", "max_post_process_passes", "patterns")
# What it must override in the class that hashes instead.
METHODS = (
    "_post_process",
    "_stored_name",
    "clean_name",
    "file_hash",
    "hash_key",
    "hashed_name",
    "post_process",
    "url_converter",
)


class ReleaseManifestMixin(ManifestFilesMixin):
    """Reads the manifest of the running release, when a server starts or it is first needed.

    A manifest that is missing, broken or out of reach raises ManifestError at every look-up, and is
    asked for again at most once a second, until it is there. From then on a look-up costs what it
    costs in stock Django. The storage never writes: publishing does.

    Attributes:
        hashing: The local storage whose code computes names and contents when publishing. A project
            that changes how Django hashes files sets a subclass of its own.
        pause: Seconds between two attempts to load the manifest.
        unhashed_copies: Whether a publish stores files under their source names as well, as stock
            Django does.
        baked_manifest: The manifest in the image, if the build wrote one; then no look-up needs
            the store.
        publish_barrier: Whether a process with a baked manifest is ready only when the store holds
            the release.
        renew: Whether a ready process renews its release once an hour, so that no prune deletes
            what is still serving; it needs the right to write.
    """

    hashing: ClassVar[type[ManifestStaticFilesStorage]] = ManifestStaticFilesStorage
    pause: ClassVar[float] = 1.0
    # What an option leaves open a subclass may set, as on the storages of django-storages.
    releases_location: Any = None
    unhashed_copies: bool = True
    baked_manifest: Any = None
    publish_barrier: bool = False
    renew: bool = False
    _is_made = False

    def __init__(
        self,
        *args: Any,
        releases_location: str | os.PathLike[str] | None = None,
        unhashed_copies: bool | None = None,
        baked_manifest: str | os.PathLike[str] | None = None,
        publish_barrier: bool | None = None,
        renew: bool | None = None,
        **options: Any,
    ) -> None:
        if "manifest_storage" in options:
            raise OptionError(
                f"{type(self).__name__} keeps the manifests beside the assets and takes no option "
                "manifest_storage; take it out, and set releases_location to keep them elsewhere"
            )
        super().__init__(*args, **options)
        chosen = self.releases_location if releases_location is None else releases_location
        self.releases_location = self.checked_releases_location(chosen)
        if unhashed_copies is not None:
            self.unhashed_copies = unhashed_copies
        baked = self.baked_manifest if baked_manifest is None else baked_manifest
        self.baked_manifest = Path(baked) if baked else None
        if publish_barrier is not None:
            self.publish_barrier = publish_barrier
        if renew is not None:
            self.renew = renew
        self._loader: Loader[Manifest] = Loader(self.pause)
        self._barrier: Loader[bool] = Loader(self.pause)
        self._renewer = Renewer(self.write_renewal)
        # ADR 29: Django's constructor has set what is empty; without it the properties take over.
        del self.__dict__["hashed_files"], self.__dict__["manifest_hash"]
        self._is_made = True

    def load_manifest(self) -> tuple[dict[str, str], str | None]:  # type: ignore[override] # stubs err
        """Return paths and hash of the running release; nothing to Django's constructor."""
        return (self.hashed_files, self.manifest_hash) if self._is_made else ({}, "")

    def read_manifest(self) -> str:
        """Return the manifest of the running release as it is stored, or raise SkewproofError."""
        release = release_id()
        if self.baked_manifest:
            return manifest.read_baked(self.baked_manifest, release).decode()
        return self.read_release_manifest(release).decode()

    @cached_property
    def hashed_files(self) -> dict[str, str]:  # type: ignore[override] # an attribute in Django
        """Asset name by source name; once loaded, an attribute as in stock Django.

        Raises:
            SkewproofError: There is no release id, or its manifest cannot be used now.
        """
        return self._load_once().paths

    @cached_property
    def manifest_hash(self) -> str | None:  # type: ignore[override] # likewise
        """Django's hash of the paths; raises as hashed_files does."""
        return self._load_once().hash

    @property
    def load_seconds(self) -> float | None:
        """Return how long the fetch took that loaded the manifest; None while none has."""
        return self._loader.seconds

    def load_at_start(self) -> None:
        """Load the manifest while nobody waits for a page, once; a look-up says what is wrong.

        Raises:
            SkewproofError: It cannot be had now, or not in PATIENCE_AT_START.
        """
        if not self._loader.has_failed:
            self._load_once(loader.PATIENCE_AT_START)

    def _load_once(self, patience: float | None = None) -> Manifest:
        try:
            return self._loader.load(self.fetch_manifest, self.make_late_error, patience)
        except (ManifestError, ReleaseIdError) as error:
            explain_import(error)
            raise

    def fetch_manifest(self) -> Manifest:
        """Return the manifest of the running release, from the image or from the store."""
        release = release_id()
        if self.baked_manifest:
            return manifest.load_baked(self.baked_manifest, release)
        return self.load_stored_manifest(release)

    def assert_ready(self) -> None:
        """Raise unless pages can be rendered and, if that was asked for, the release is published.

        Raises:
            SkewproofError: Why not.
        """
        paths = self.hashed_files
        if self.baked_manifest and self.publish_barrier:
            self._barrier.load(lambda: self.check_published(paths), self.make_late_error)
        if self.renew:
            self._renewer.keep()

    def write_renewal(self) -> None:
        """Say in the store that the running release is wanted."""
        release = release_id()
        self.open_store(0).replace_private(make_renewal_key(release), encode(release))

    def check_published(self, paths: dict[str, str]) -> bool:
        """Return True if the release is in the store with these paths, else raise ManifestError."""
        release = release_id()
        differences = manifest.find_difference(self.load_stored_manifest(release).paths, paths)
        if differences:
            raise ManifestError(
                "unusable",
                f"release {release}: the manifest at {self.manifest_place(release)} is not that of "
                f"this image: {differences}; two images have one id: build this one under another",
            )
        return True

    def load_stored_manifest(self, release: str) -> Manifest:
        """Return the manifest of a release from the store."""
        content = self.read_release_manifest(release)
        return manifest.parse(content, release, self.manifest_place(release))

    def make_late_error(self, seconds: float, fetches: int = 1) -> ManifestError:
        """Return the error for a store that has not answered in full after so many seconds."""
        why = f"the store has not answered in full within {seconds:g} seconds"
        if fetches > 1:
            why += f", and {fetches} fetches of the manifest hang (at most {loader.MOST} do)"
        return self.no_manifest("unreachable", release_id(), why)

    def no_manifest(self, reason: str, release: str, why: str) -> ManifestError:
        """Return the error for a manifest that cannot be had now."""
        place = self.manifest_place(release)
        todo = f"{PUBLISH}; {WAITING}" if reason == "absent" else WAITING
        return ManifestError(reason, f"release {release}: no manifest from {place}: {why}; {todo}")

    def checked_releases_location(self, given: str | os.PathLike[str] | None) -> str:
        """Return where the manifests are, which must not be where the public reads."""
        raise NotImplementedError

    def manifest_place(self, release: str) -> str:
        """Return where the manifest of a release is, for messages."""
        raise NotImplementedError

    def read_release_manifest(self, release: str) -> bytes:
        """Return the manifest of a release as it is stored, or raise ManifestError."""
        raise NotImplementedError

    def open_store(self, largest: int) -> Store:
        """Return the store for a publish whose largest file has so many bytes."""
        raise NotImplementedError

    def assert_publishable(self) -> None:
        """Raise OptionError if a publish would refuse the storage; the store is not asked."""
        self.make_hashing_class()

    def make_hashing_class(self) -> type[ManifestStaticFilesStorage]:
        """Return the class of a local storage that hashes as the project wants it.

        Raises:
            OptionError: The project overrides a method that no publish would call.
        """
        cls = type(self)
        if cls.hashing is not ManifestStaticFilesStorage:
            return cls.hashing
        lost = [
            name for name in METHODS if getattr(cls, name) is not getattr(ManifestFilesMixin, name)
        ]
        if lost:
            raise OptionError(
                f"{cls.__name__} overrides {', '.join(lost)}, which has no effect, as files are "
                "hashed by a local storage; override it in a subclass of "
                "ManifestStaticFilesStorage and set the attribute hashing of "
                f"{cls.__name__} to that subclass"
            )
        # ADR 29: Django looks its settings up on the class, so that a class of their own has them.
        options = {name: getattr(self, name) for name in HASHING}
        return type("LocalStorage", (ManifestStaticFilesStorage,), options)

    def find_compressed_types(self) -> Collection[str]:
        """Return the types of content that the option gzip of django-storages has compressed."""
        types: Collection[str] = getattr(self, "gzip_content_types", ())
        return types if getattr(self, "gzip", False) else ()

    def asset_headers(self, name: str) -> dict[str, str]:
        """Return the headers that the options ask for on an asset."""
        raise NotImplementedError

    def _save(self, name: str, content: Any) -> str:  # noqa: ARG002 - Django's signature
        raise SkewproofError(self.describe_refusal(f"write {name!r}"))

    def delete(self, name: str) -> None:
        """Refuse: other releases may be serving the file."""
        raise SkewproofError(self.describe_refusal(f"delete {name!r}"))

    def describe_refusal(self, what: str) -> str:
        """Return the message for an attempt to write past the publish."""
        return (
            f"{type(self).__name__} cannot {what}: other releases may be serving it; publish with "
            'collectstatic, and put "skewproof" before "django.contrib.staticfiles" in '
            "INSTALLED_APPS so that its collectstatic is the one that runs"
        )


class FileSystemReleaseStorage(ReleaseManifestMixin, ManifestStaticFilesStorage):  # type: ignore[misc] # as Django does
    """Keeps assets in a directory that a web server serves, and the manifests beside it.

    Takes the options of Django's StaticFilesStorage. ``location`` is ``STATIC_ROOT`` by default,
    ``releases_location`` the directory ``releases`` beside it.
    """

    def checked_releases_location(self, given: str | os.PathLike[str] | None) -> str:
        """Return the directory of the manifests, which must not be within the served one."""
        if not self.location:
            raise OptionError(f"{type(self).__name__} needs a location: set STATIC_ROOT")
        # Where each deployment links to the same files, it has to find the same manifests.
        served = Path(self.location).resolve()
        chosen = Path(given).resolve() if given else served.parent / "releases"
        if chosen == served or served in chosen.parents:
            raise OptionError(
                f"releases_location {chosen} is within {served}, which the public can read; "
                "set it to a directory beside it"
            )
        return str(chosen)

    def manifest_file(self, release: str) -> Path:
        """Return the file of a release's manifest."""
        return Path(self.releases_location, release, manifest.NAME)

    def manifest_place(self, release: str) -> str:
        """Return the path of the manifest."""
        return str(self.manifest_file(release))

    def read_release_manifest(self, release: str) -> bytes:
        """Return the manifest of a release, from its file."""
        try:
            with self.manifest_file(release).open("rb") as file:
                return file.read(manifest.LARGEST + 1)
        except FileNotFoundError as error:
            raise self.no_manifest("absent", release, "there is no such file") from error
        except PermissionError as error:
            raise self.no_manifest(
                "forbidden", release, "this process may not read it; give its user the right"
            ) from error
        except OSError as error:
            raise self.no_manifest("unreachable", release, f"reading failed ({error})") from error

    def open_store(self, largest: int) -> Store:  # noqa: ARG002 - no time-outs on a disk
        """Return the directories as a store."""
        from skewproof.stores.directory import Directory

        return Directory(Path(self.location), Path(self.releases_location), self)

    def asset_headers(self, name: str) -> dict[str, str]:  # noqa: ARG002 - the web server sets them
        """Return nothing: files have no headers."""
        return {}
