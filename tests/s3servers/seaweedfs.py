"""SeaweedFS from its wheel: its identities come from a file that it reads when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.s3servers.process import DATA, Program, ServerError, run_script

from lab.stacks.ports import GRPC_DISTANCE, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping


def program(path: Path, folder: Path) -> Program:
    """Describe master, volume server, filer and S3 in one process that tells nobody about it."""
    ports = {name: free_port() for name in ("admin", "master", "volume", "filer", "s3")}
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    return Program(
        command=(
            *(str(path), "-logtostderr", "mini", f"-dir={DATA}", "-s3.config=s3.json"),
            # Relative paths, since those of Unix sockets may have 107 bytes at most.
            *("-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
            *("-webdav=false", "-admin.ui=false", "-s3.port.lance=0", "-s3.port.iceberg=0"),
            *(f"-{name}.port={port}" for name, port in ports.items()),
        ),
        folder=folder,
        environ={},
        endpoint=endpoint,
        health=f"{endpoint}/status",
        # It leaves these sockets behind, and has no option for where it puts them.
        litter=tuple(
            Path(f"/tmp/seaweedfs-{name}-grpc-{port + GRPC_DISTANCE}.sock")  # noqa: S108 - see above
            for name, port in ports.items()
        ),
    )


def write_identities(folder: Path, environ: Mapping[str, str], scripts: Path) -> bool:
    """Write the file of identities, and tell whether that changed it."""
    done = run_script(scripts / "seaweed.py", environ)
    if done.returncode:
        raise ServerError(f"seaweed.py exits {done.returncode}: {done.stderr}")
    path = folder / "s3.json"
    if path.exists() and path.read_text() == done.stdout:
        return False
    path.write_text(done.stdout)
    return True
