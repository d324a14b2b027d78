"""Where a publish is held: the races of a publish, made certain.

A gate sees each write and each delete before it is carried out, and says at which one to stop. It
stands in the store proxy for a bucket and in the publish process itself for a directory, so it
imports nothing of the lab.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MANIFEST = re.compile(r"(?:^|/)staticfiles[^/]*\.json$")


@dataclass
class Gate:
    """Says at which operation of a publish to stop, once.

    Attributes:
        kind: "rewrite", before an asset in use is written that the publish has deleted; "manifest
            gap", the same for the manifest; "half-way", after so many writes; "last", before
            anything is done to the manifest, or where there is none half-way.
        used: the keys of the assets that a release is serving.
        manifest: whether the strategy writes a manifest.
        after: how many writes go through.
    """

    kind: str
    used: frozenset[str] = frozenset()
    manifest: bool = True
    after: int = 0
    deleted: set[str] = field(default_factory=set)
    writes: int = 0
    shut: bool = True

    def stops(self, operation: str, key: str) -> bool:
        """Whether to stop before this operation: "write" or "delete" of a key."""
        deletes = operation == "delete"
        self.writes += not deletes
        if self.shut and self.holds(key, deletes=deletes):
            self.shut = False
            return True
        if deletes:
            self.deleted.add(key)
        return False

    def holds(self, key: str, *, deletes: bool) -> bool:
        """Whether this is what the gate waits for."""
        is_manifest = bool(MANIFEST.search(key))
        if self.kind == "last" and self.manifest:
            return is_manifest
        if deletes:
            return False
        if self.kind == "manifest gap":
            return is_manifest and key in self.deleted
        if self.kind == "rewrite":
            return key in self.deleted and key in self.used
        return self.writes > self.after
