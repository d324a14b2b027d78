"""The probe: fetches pages and everything that they name, as visitors do, and writes a history."""

from __future__ import annotations

from lab.probe.client import Client, follow, make_session
from lab.probe.manners import Guest, is_loopback
from lab.probe.probe import Probe
from lab.probe.robots import Robots
from lab.probe.site import Limits, Site

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
