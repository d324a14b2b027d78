"""Storages of a project's own, which decide about what is sent."""

from __future__ import annotations

from typing import Any

from skewproof.backends.s3 import S3ReleaseStorage


class Own(S3ReleaseStorage):
    """A project's own storage, which decides about each object."""

    default_content_type = "application/x-own"

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        own = {"Metadata": {"key": name}, "ServerSideEncryption": "AES256", "Tagging": "team=shop"}
        return {**super().get_object_parameters(name), **own, "ACL": "public-read"}


class OwnWrites(S3ReleaseStorage):
    """A project's own storage, which decides about types."""

    def _get_write_parameters(self, name: str, content: Any = None) -> dict[str, Any]:
        parameters: dict[str, Any] = super()._get_write_parameters(name, content)
        return {**parameters, "ContentType": "text/x-own"}
