"""The app that goes into INSTALLED_APPS, before ``django.contrib.staticfiles``."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class SkewproofConfig(AppConfig):
    """Registers the checks."""

    name = "skewproof"

    def ready(self) -> None:
        """Register what ``manage.py check --deploy`` looks at."""
        from skewproof.checks import check_apps, check_release, check_storage

        for check in (check_release, check_apps, check_storage):
            checks.register(check, checks.Tags.staticfiles, deploy=True)
