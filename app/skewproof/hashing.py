"""Hashed names and contents that are Django's own, in one pass instead of up to six.

Django writes every stylesheet and script anew, pass after pass, until no name changes any more.
Here a file is hashed once, after all that it refers to, which ends in the same names: there is
only one way to name files that do not refer to each other in a circle. The rules (what is a
reference, what it becomes, how a name is made) are not repeated here: Django's own methods are
called for each of them.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.utils import matches_patterns
from django.core.files.base import ContentFile

from skewproof.references import Names, in_depth_first_order

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from skewproof.staging import StagingStorage

Result = tuple[str, str, bool]
"""Source name, asset name, and whether that was new; as Django's collectstatic wants it."""


class UnusualError(Exception):
    """What Django makes of the files depends on the order in which it writes them."""


class Pass:
    """One depth-first pass over the files that were collected.

    Memory holds the content of one file at a time, and of that only if it may have references.

    Attributes:
        names: The asset name of every source name that has one by now.
    """

    def __init__(self, storage: StagingStorage, paths: Mapping[str, Any]) -> None:
        """Prepare the pass.

        Args:
            storage: Holds the files, and has Django's methods.
            paths: By source name, where the file came from: its storage, and its path in there.
        """
        self._storage = storage
        self._paths = paths
        by_depth = sorted(paths, key=lambda name: name.count(os.sep), reverse=True)
        self._sources = {storage.clean_name(name): name for name in by_depth}
        adjustable = {name: matches_patterns(name, storage._patterns) for name in by_depth}
        self._adjustable = [key for key, name in self._sources.items() if adjustable[name]]
        self.names = Names(self._adjustable)

    def run(self) -> list[Result]:
        """Hash all files, and return them in Django's order.

        Raises:
            CycleError: Files refer to each other in a circle.
            UnusualError: Only Django can tell what comes of it.
            ValueError: A reference leads nowhere, or a file with references is not UTF-8.
        """
        plain = [key for key in self._sources if key not in self.names.later]
        new = {key: self._keep(key) for key in plain}
        in_depth_first_order(self._adjustable, self._adjust)
        new |= dict.fromkeys(self._adjustable, True)
        return [(self._sources[key], self.names[key], is_new) for key, is_new in new.items()]

    def _adjust(self, key: str) -> list[str]:
        """Put hashed names into one file; return what must have its hashed name before."""
        name = self._sources[key]
        source = self._storage.copies[key].path.read_bytes().decode("utf-8")
        content = self._rewritten(name, source)
        wanted = self.names.take_wanted()
        if not wanted:
            self._keep(key, None if content == source else ContentFile(content.encode()))
        return wanted

    def _rewritten(self, name: str, content: str) -> str:
        """Return the content of a file with its references replaced, pattern by pattern."""
        _, path = self._paths[name]
        for extension, patterns in self._storage._patterns.items():
            if matches_patterns(path, (extension,)):
                for pattern, template, *ignored in patterns:
                    convert = self._converter(name, template, content, ignored)
                    content = pattern.sub(convert, content)
        return content

    def _converter(
        self, name: str, template: str, content: str, ignored: list[re.Pattern[str]]
    ) -> Callable[[re.Match[str]], str]:
        """Return Django's converter, made when something matches, as most patterns never do.

        Args:
            name: The file whose references are replaced.
            template: How a reference is written.
            content: The content of the file.
            ignored: What must not be looked into; since Django 6 every pattern brings one along.
        """
        storage: Any = self._storage

        @functools.cache
        def converter() -> Callable[[re.Match[str]], str]:
            blocks = [storage.get_ignored_blocks(content, each) for each in ignored]
            made: Callable[[re.Match[str]], str] = storage.url_converter(
                name, self.names, template, *blocks
            )
            return made

        return lambda match: converter()(match)

    def _keep(self, key: str, changed: ContentFile[bytes] | None = None) -> bool:
        """Name a file by its content; return whether no other file has that name."""
        storage = self._storage
        content: Any = changed or storage.copies[key]
        hashed = storage.clean_name(storage.hashed_name(self._sources[key], content))
        if hashed in self._paths:
            raise UnusualError(hashed)
        self.names.add(key, hashed)
        return storage.add_asset(hashed, content)
