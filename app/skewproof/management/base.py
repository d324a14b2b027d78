"""What the commands of this package have in common."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.management.base import BaseCommand, DjangoHelpFormatter

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the line breaks of an epilog."""


class ReleaseCommand(BaseCommand):
    """A command whose help ends with exit codes and examples."""

    epilog: ClassVar[str] = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser of its options."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=Formatter, epilog=self.epilog, **kwargs
        )
