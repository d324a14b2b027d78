from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import RefreshError

from skewproof.errors import OptionError
from skewproof.stores.gcs import make_token_source

from .clouds import failure

if TYPE_CHECKING:
    from .clouds import CloudPlace
    from .project import Project

pytestmark = pytest.mark.engine


@pytest.fixture
def cloud_kind() -> str:
    return "gcs"


def test_urls_are_those_of_public_objects(cloud_project: Project, cloud: CloudPlace) -> None:
    cloud_project.publish("v1")
    with cloud_project.active("v1"):
        url = cloud_project.storage().url("css/site.css")
        ours = cloud_project.storage(custom_endpoint="https://cdn.test").url("css/site.css")
    asset = cloud.key(f"static/{cloud_project.manifest('v1')['paths']['css/site.css']}")
    assert url.endswith(f"/skew/{asset}")
    assert ours == f"https://cdn.test/{asset}"


def test_with_gzip_text_is_stored_compressed_and_not_sent_again(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    cloud_project.options = {"gzip": True}
    cloud_project.publish("v1")
    copy = cloud.headers("static/css/base.css")
    assert copy["content-encoding"] == "gzip"
    assert b"@font-face" in gzip.decompress(cloud.read("static/css/base.css"))
    assert "0 new, 14 reused" in cloud_project.publish("v1")


def test_an_acl_is_refused_with_what_to_do_instead(cloud_project: Project) -> None:
    cloud_project.options = {"default_acl": "publicRead"}
    with pytest.raises(CommandError, match=r"cannot send default_acl .* by IAM"):
        cloud_project.publish("v1")


@pytest.mark.parametrize("location", ["", "static/.."])
def test_a_bucket_whose_manifests_would_be_public_is_refused(
    location: str, cloud_project: Project
) -> None:
    with pytest.raises(OptionError, match="the public can read"):
        cloud_project.storage(location=location, releases_location=f"{location}/releases")


def test_a_missing_bucket_is_an_error_that_names_it(cloud_project: Project) -> None:
    error = failure(cloud_project, cloud_project.storage(bucket_name="nowhere"))
    assert error.reason == "absent"
    assert "gs://nowhere/" in str(error)


def test_no_credentials_at_all_are_an_error_that_says_so(
    cloud_project: Project, cloud: CloudPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
    storage = cloud_project.storage()
    cloud.environ = {}
    assert "/nonexistent" in str(failure(cloud_project, storage))
    with pytest.raises(CommandError, match=r"no credentials for gs://skew: set the option"):
        cloud_project.publish("v1")


def test_a_variable_that_obstore_cannot_read_is_an_error_in_one_line(
    cloud_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", "{}")
    with pytest.raises(CommandError, match="service account file: missing field") as caught:
        cloud_project.publish("v1")
    assert caught.value.returncode == 1
    assert "\n" not in str(caught.value)


class Token(Credentials):
    """Credentials as Google's library has them."""

    def __init__(self, token: str | None, expiry: datetime | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token, self.expiry = token, expiry

    def refresh(self, _: Any) -> None:
        if self.token == "revoked":
            raise RefreshError("the key was deleted")
        self.token, self.expiry = "renewed", None


def test_a_token_is_taken_as_it_is_and_renewed_when_it_has_to_be() -> None:
    past, future = (datetime(year, 1, 1) for year in (2001, 2999))
    token = make_token_source(Token("given", future))
    assert token() == {"token": "given", "expires_at": future.replace(tzinfo=UTC)}
    assert make_token_source(Token("given", past))() == {
        "token": "renewed",
        "expires_at": None,
    }
    assert make_token_source(AnonymousCredentials())() == {"token": "", "expires_at": None}


def test_credentials_that_have_been_revoked_are_an_error_in_one_line(
    cloud_project: Project,
) -> None:
    past = datetime(2001, 1, 1)
    cloud_project.options = {"credentials": Token("revoked", past)}
    with pytest.raises(CommandError, match="the key was deleted") as caught:
        cloud_project.publish("v1")
    assert caught.value.returncode == 4
    assert "\n" not in str(caught.value)
    error = failure(cloud_project, cloud_project.storage())
    assert error.reason == "unreachable"
    assert "the key was deleted" in str(error)
