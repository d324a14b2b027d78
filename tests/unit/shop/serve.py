"""Serve the shop with Django's own manifest in a directory, in the place of the store.

``serve.py FOLDER [--collect]`` collects this release's files into the folder first, if asked to,
and prints the port that it listens on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from shop import settings

FOLDER = Path(sys.argv[1])
settings.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
    "OPTIONS": {"location": str(FOLDER), "base_url": "/static/"},
}


class Quiet(WSGIRequestHandler):
    """Writes no access log."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def main() -> None:
    """Serve until somebody ends the process."""
    from shop.management.commands.record import collect
    from shop.wsgi import application

    if "--collect" in sys.argv:
        collect(FOLDER)
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
