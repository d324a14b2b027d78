"""Django's command line for the demo site."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from shop.environment import BadVariableError

EX_CONFIG = 78  # sysexits.h: something was found in an unconfigured or misconfigured state


def main() -> None:
    """Run one command; a bad environment ends it with one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    try:
        execute_from_command_line(sys.argv)
    except BadVariableError as error:
        print(f"manage.py: {error}", file=sys.stderr)
        sys.exit(EX_CONFIG)


if __name__ == "__main__":
    main()
