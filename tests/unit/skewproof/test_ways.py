"""Which of the two ways to a bucket a storage goes (ADR 32)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from botocore.config import Config
from django.test import override_settings
from tests.unit.skewproof.ownstorages import Own, OwnWrites

from skewproof.backends.s3 import S3ReleaseStorage
from skewproof.stores.s3 import Boto3Client
from skewproof.stores.s3_allowed import CERTIFICATES, find_hindrance

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project


pytestmark = pytest.mark.usefixtures("no_certificates")
PLAIN = {"bucket_name": "shop", "location": "static", "access_key": "a", "secret_key": "s"}
PLAIN |= {"region_name": "us-east-1", "endpoint_url": "https://s.test"}


def hindrance(backend: type[S3ReleaseStorage] = S3ReleaseStorage, **options: Any) -> str | None:
    return find_hindrance(backend(**{**PLAIN, **options}))


class Harmless(S3ReleaseStorage):
    """Sets options, and what has no say in a publish."""

    pause = 2.0
    gzip = True


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"endpoint_url": None},
        {"gzip": True, "custom_domain": "cdn.test", "addressing_style": "path"},
        {"object_parameters": {"CacheControl": "no-cache", "ServerSideEncryption": "AES256"}},
        {"client_config": Config(read_timeout=3, s3={"addressing_style": "virtual"})},
        {"backend": Harmless},
    ],
)
def test_what_is_understood_goes_the_fast_way(options: dict[str, Any]) -> None:
    assert hindrance(**options) is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"backend": Own}, "Own has default_content_type of its own"),
        ({"backend": OwnWrites}, "OwnWrites has _get_write_parameters of its own"),
        ({"default_acl": "private"}, "the option default_acl is set"),
        ({"proxies": {"https": "http://p"}}, "the option proxies is set"),
        ({"verify": False}, "the option verify is set"),
        ({"object_parameters": {"Tagging": "a=b"}}, "object_parameters has Tagging"),
        ({"bucket_name": "arn:aws:s3:eu-west-1:1:accesspoint/a"}, "no plain name of a bucket"),
        ({"bucket_name": "b--use1-az4--x-s3"}, "no plain name of a bucket"),
        ({"signature_version": "s3"}, "client_config has signature_version"),
        ({"client_config": Config(s3={"use_accelerate_endpoint": True})}, "client_config has s3"),
        ({"client_config": Config(user_agent_extra="x")}, "client_config has user_agent_extra"),
    ],
)
def test_anything_else_goes_by_the_rule(options: dict[str, Any], why: str) -> None:
    assert why in str(hindrance(**options))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"AWS_DEFAULT_ACL": "public-read"}, "the option default_acl is set"),
        ({"AWS_S3_OBJECT_PARAMETERS": {"Tagging": "a=b"}}, "object_parameters has Tagging"),
        ({"AWS_S3_PROXIES": {"https": "http://p"}}, "the option proxies is set"),
    ],
)
def test_settings_count_as_options_do(settings: dict[str, Any], why: str) -> None:
    with override_settings(**settings):
        assert hindrance() == why


@pytest.mark.parametrize("name", [*CERTIFICATES, "https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_variables_that_the_libraries_read_differently_go_by_the_rule(name: str) -> None:
    with mock.patch.dict(os.environ, {name: "x"}):
        assert hindrance() == f"{name} is set"
        if "PROXY" not in name.upper():
            assert hindrance(endpoint_url="http://s.test") is None


def test_the_rule_is_the_client_that_the_storage_makes(s3_project: Project) -> None:
    seen = []

    class Hooked(S3ReleaseStorage):
        @property
        def connection(self) -> Any:
            made = super().connection
            made.meta.client.meta.events.register("before-sign.s3", lambda **_: seen.append(1))
            return made

    with s3_project.active("v1"):
        made = Hooked(**s3_project.place.configured()["OPTIONS"])
        store: Any = made.open_store(0)
        assert isinstance(store._assets.client, Boto3Client)
        store.list_assets()
    assert seen
