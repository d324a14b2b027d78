"""Real S3 servers for tests, as local processes: SeaweedFS from its wheel, MinIO where it is found.

    with start("seaweedfs", tmp_path / "store", credentials()) as server:
        server.set_up()  # bucket, policies and identities, by minio/setup.py
        server.client("publisher").put_object(Bucket=server.bucket, Key="static/x", Body=b"")

A server listens on free ports of 127.0.0.1, keeps everything in its folder, and is killed with its
process group at the end.
"""

from tests.s3servers.process import ServerError, run_script
from tests.s3servers.server import KINDS, SCRIPTS, S3Server, credentials, found, start, wanted

__all__ = [
    "KINDS",
    "SCRIPTS",
    "S3Server",
    "ServerError",
    "credentials",
    "found",
    "run_script",
    "start",
    "wanted",
]
