"""What stands between every peer and the store: nginx, which counts requests and can be late."""

from __future__ import annotations

import os
import sys
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from lab.deadline import wait_until
from lab.stacks.nginx import find_nginx
from lab.stacks.ports import free_port
from lab.stacks.processes import Processes, base_environment

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME, DELAY = "gateway", "delay"
MARK = "/-/mark/"
START_SECONDS = 10.0
# Bodies go through unbuffered, as the largest have 50 MiB; the Host is part of what is signed.
CONFIGURATION = """\
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  log_format counted '$server_port $request_method $status $uri';
  access_log access.log counted;
  client_body_temp_path temp; proxy_temp_path temp;
  fastcgi_temp_path temp; scgi_temp_path temp; uwsgi_temp_path temp;
  client_max_body_size 0;
  keepalive_requests 1000000; keepalive_timeout 60s;
  merge_slashes off;
  proxy_http_version 1.1;
  proxy_request_buffering off; proxy_buffering on;
  proxy_set_header Host $http_host;
  proxy_set_header Connection "";
  upstream store {{ server 127.0.0.1:{store}; keepalive 512; keepalive_requests 1000000; }}
  upstream delay {{ server unix:{socket}; keepalive 512; keepalive_requests 1000000; }}
{servers}
}}
"""
SERVER = """\
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location {mark} {{ return 204; }}
    location / {{ {late} proxy_pass http://store; }}
    location = /-/delay {{
      internal; log_subrequest on; access_log delay.log counted;
      proxy_pass http://delay; proxy_pass_request_body off; proxy_pass_request_headers off;
    }}
  }}
"""
LATE = "auth_request /-/delay;"


class Gateway:
    """Ports of 127.0.0.1 that lead to one store, each with a latency of its own.

    Args:
        processes: Runs it; its folder holds the configuration and the access log.
        store: The store's port.
        latency: Milliseconds that the second port adds to each request; the first adds none.
    """

    def __init__(self, processes: Processes, store: int, latency: int) -> None:
        self.processes, self.store, self.latency = processes, store, latency
        self.folder = processes.folder / NAME
        self.prompt, self.late = free_port(), free_port()
        self.marks = 0

    def start(self) -> None:
        """Start what delays, and nginx; return when both answer."""
        self.folder.mkdir(parents=True)
        socket = self.folder / "delay.sock"
        delay = Path(__file__).with_name("delay.py")
        command: list[str | Path] = [sys.executable, delay, socket, str(self.latency)]
        self.processes.start(DELAY, command, base_environment(), self.folder)
        servers = [
            SERVER.format(port=self.prompt, mark=MARK, late=""),
            SERVER.format(port=self.late, mark=MARK, late=LATE),
        ]
        configuration = CONFIGURATION.format(
            store=self.store, socket=socket, servers="".join(servers)
        )
        (self.folder / "nginx.conf").write_text(configuration)
        # As root nginx would hand its workers to a user who may not read the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        nginx: list[str | Path] = [find_nginx(), "-e", "stderr"]
        nginx += ["-p", self.folder, "-c", "nginx.conf", "-g", f"daemon off; {user}"]
        self.processes.start(NAME, nginx, base_environment(), self.folder)
        wait_until(socket.exists, START_SECONDS, "no delay", lambda: self.processes.log(DELAY))
        wait_until(self.is_up, START_SECONDS, "no gateway", lambda: self.processes.log(NAME))

    def is_up(self) -> bool:
        """Return whether nginx answers."""
        try:
            return ask(self.prompt, MARK) == 204
        except OSError:
            return False

    def endpoint(self, latency: int) -> str:
        """Return the URL with that latency, which is none or the one that there is."""
        return f"http://127.0.0.1:{self.late if latency else self.prompt}"

    def count(self) -> Counter[str]:
        """Return the requests since the last call, by method, and "failed" if not below 400.

        A 404 or 412 is an answer like any other; what counts as failed is 500 and more.
        """
        self.marks += 1
        mark = f"{MARK}{self.marks}"
        ask(self.prompt, mark)
        log = self.folder / "access.log"
        wait_until(
            lambda: log.read_text().rstrip().endswith(mark), START_SECONDS, "no log", lambda: ""
        )
        lines = log.read_text().splitlines()
        os.truncate(log, 0)
        return counted(line for line in lines if MARK not in line)


def counted(lines: Iterable[str]) -> Counter[str]:
    """Return how many requests of each method there are in lines of the access log."""
    found: Counter[str] = Counter()
    for line in lines:
        _port, method, status, _path = line.split(" ", 3)
        found[method] += 1
        found["failed"] += status >= "500"
    return +found


def ask(port: int, path: str) -> int:
    """Return the status of one GET on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
