"""The app that goes into INSTALLED_APPS, before ``django.contrib.staticfiles``."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class SkewproofConfig(AppConfig):
    """Registers the checks."""

    name = "skewproof"

    def ready(self) -> None:
        """Register what ``manage.py check --deploy`` looks at, and what every command does."""
        from skewproof.checks import CHECKS
        from skewproof.checks.storage import check_apps

        for check in CHECKS:
            checks.register(check, checks.Tags.staticfiles, deploy=check is not check_apps)
