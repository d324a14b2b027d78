"""The probe: fetches pages and everything that they name, as visitors do, and writes a history."""

from __future__ import annotations

from lab.probe.client import Client, follow, follow_to, make_session
from lab.probe.manners import LONGEST_DELAY, Guest, Manners, Robots, is_loopback
from lab.probe.probe import Probe
from lab.probe.site import Limits, Site
from lab.probe.wire import Reach, read_address, resolve_host

__all__ = [
    "LONGEST_DELAY",
    "Client",
    "Guest",
    "Limits",
    "Manners",
    "Probe",
    "Reach",
    "Robots",
    "Site",
    "follow",
    "follow_to",
    "is_loopback",
    "make_session",
    "read_address",
    "resolve_host",
]
