"""The gateway finds out by itself who knows the names of the other parts, and completes them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.machine import MOUNT_NAMESPACE, lacks

from lab.checkout import NGINX, ROOT

TEMPLATE = "resolver: ${RESOLVER}\nstore: ${STORE}\n$lower_case\n"
TRAFFIC = ROOT / "deploy" / "kubernetes" / "base" / "gateway.yaml"
CLUSTER = "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n"
pytestmark = pytest.mark.skipif(
    bool(lacks("mounts")) or not shutil.which("envsubst"),
    reason="it needs a mount namespace, and envsubst as in the image",
)


def start(tmp_path: Path, resolv: str, **environment: str) -> tuple[str, str]:
    """Start the gateway where /etc is as told; return what nginx would read."""
    etc, programs, run = tmp_path / "etc", tmp_path / "bin", tmp_path / "run"
    (etc / "gateway").mkdir(parents=True)
    (etc / "resolv.conf").write_text(resolv)
    (etc / "gateway" / "gateway.conf.template").write_text(TEMPLATE)
    (etc / "gateway" / "answers.js").touch()
    (etc / "gateway" / "traffic.conf").write_text("server web${DOMAIN}:8000; $drawn\n")
    programs.mkdir()
    (programs / "nginx").write_text("#!/bin/sh\nexit 0\n")
    (programs / "nginx").chmod(0o755)
    subprocess.run(
        [
            *MOUNT_NAMESPACE,
            *("sh", "-euc", 'mount --bind "$1" /etc; exec "$2"', "sh", etc, NGINX / "gateway"),
        ],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "RUN_DIR": str(run),
            "STORE": "minio${DOMAIN}:9000 resolve",
            **environment,
        },
        check=True,
    )
    return (run / "nginx.conf").read_text(), (run / "traffic.conf").read_text()


def test_in_kubernetes_names_are_made_whole(tmp_path: Path) -> None:
    configuration, traffic = start(tmp_path, CLUSTER)
    assert "resolver: resolver 10.96.0.10 valid=1s ipv6=off;\n" in configuration
    assert "store: minio.shop.svc.cluster.local:9000 resolve\n" in configuration
    assert "$lower_case" in configuration
    assert traffic == "server web.shop.svc.cluster.local:8000; $drawn\n"


def test_in_docker_names_are_whole_whatever_the_host_searches(tmp_path: Path) -> None:
    configuration, traffic = start(tmp_path, "search example.com\nnameserver 127.0.0.11\n")
    assert "resolver: resolver 127.0.0.11 valid=1s ipv6=off;\n" in configuration
    assert "store: minio:9000 resolve\n" in configuration
    assert traffic == "server web:8000; $drawn\n"


def test_an_address_of_ipv6_stands_in_brackets(tmp_path: Path) -> None:
    configuration, _ = start(tmp_path, "nameserver fd00:10:96::a\nnameserver 10.96.0.10\n")
    assert "resolver: resolver [fd00:10:96::a] valid=1s;\n" in configuration


@pytest.mark.parametrize("told", ["", "resolver 192.0.2.1;"])
def test_what_the_environment_says_wins(tmp_path: Path, told: str) -> None:
    configuration, _ = start(tmp_path, CLUSTER, RESOLVER=told)
    assert f"resolver: {told}\n" in configuration


def test_the_manifests_leave_the_domain_to_the_gateway() -> None:
    assert TRAFFIC.read_text().count("${DOMAIN}") == 3  # a comment, web and the store
