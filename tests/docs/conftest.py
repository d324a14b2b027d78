"""What of these tests needs more than Python."""

from __future__ import annotations

from tests.machine import lacks

collect_ignore = ["test_own_release.py"] if lacks("embedded") else []
