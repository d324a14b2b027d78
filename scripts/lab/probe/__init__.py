"""The probe: fetches pages and everything that they name, as visitors do, and writes a history."""

from __future__ import annotations

from .probe import Probe
from .site import Limits, Site

__all__ = ["Limits", "Probe", "Site"]
