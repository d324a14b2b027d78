"""MinIO, where one is on PATH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.s3servers.process import DATA, Program

from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def program(path: Path, folder: Path, environ: Mapping[str, str]) -> Program:
    """Describe a server with one drive, without its console and its look for updates."""
    address = f"127.0.0.1:{free_port()}"
    return Program(
        command=(str(path), "server", DATA, "--address", address),
        folder=folder,
        environ={
            "MINIO_ROOT_USER": environ["MINIO_ROOT_USER"],
            "MINIO_ROOT_PASSWORD": environ["MINIO_ROOT_PASSWORD"],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
        endpoint=f"http://{address}",
        health=f"http://{address}/minio/health/ready",
    )
