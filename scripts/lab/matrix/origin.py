"""Where the gateway gets assets from, when that is no bucket: one more server of the same nginx.

To the gateway it is the store: the gateway's own template, its cache and its promises are the same
for every strategy.
"""

from __future__ import annotations

from pathlib import Path

TYPES = """types {
    text/css css; text/javascript js; application/json json map; image/svg+xml svg;
    image/jpeg jpg; image/png png; image/webp webp; font/woff2 woff2;
}"""


def directory_server(port: int, root: Path, bucket: str) -> str:
    """A directory behind nginx; `root` has a folder of the bucket's name in it."""
    location = f"location /{bucket}/ {{ root {root}; }}"
    return f"server {{ listen 127.0.0.1:{port}; {TYPES} {location} }}\n"


def replica_server(port: int, bucket: str) -> str:
    """The replicas themselves, drawn by weight: a CDN in front hands no cookie on."""
    return (
        f"server {{ listen 127.0.0.1:{port}; location ~ ^/{bucket}(/static/.*)$ {{ "
        f"proxy_pass http://web_$drawn$1; proxy_set_header Host $http_host; }} }}\n"
    )
