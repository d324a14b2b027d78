"""The probe: fetches pages and everything that they name, as visitors do, and writes a history."""

from __future__ import annotations

from .client import Client, follow, make_session
from .manners import Guest, is_loopback
from .probe import Probe
from .robots import Robots
from .site import Limits, Site

__all__ = [
    "Client",
    "Guest",
    "Limits",
    "Probe",
    "Robots",
    "Site",
    "follow",
    "is_loopback",
    "make_session",
]
