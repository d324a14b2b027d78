"""Health checks: ``path("", include("skewproof.urls"))``."""

from __future__ import annotations

from django.urls import path

from skewproof.health import livez, readyz

urlpatterns = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
]
