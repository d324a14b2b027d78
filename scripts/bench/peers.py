"""Who is measured: each peer's part of a Django project, and the command that a user types."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skewproof import storage as storages

from bench.project import Project
from bench.servers import BUCKET, KEY, REGION, SECRET
from lab.checkout import APP
from lab.engines.processes import base_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.servers import Servers

COLD, AGAIN, RENAMED, ONE, FIVE = "cold", "again", "renamed", "one", "five"
SITUATIONS = {
    COLD: "cold",
    AGAIN: "nothing changed",
    RENAMED: "nothing changed, another release",
    ONE: "one file changed",
    FIVE: "5% changed",
}
THREADS = 32
