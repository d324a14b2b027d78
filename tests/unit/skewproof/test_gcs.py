from __future__ import annotations

import gzip
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError
from google.api_core.exceptions import Forbidden, from_http_status
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError, TransportError
from google.cloud import storage as google
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as LostError
from requests.exceptions import SSLError
from tests.unit.skewproof.clouds import failure, find_writes
from tests.unit.skewproof.proxy import Failure

from skewproof.checks.storage import check_options
from skewproof.errors import OptionError, StoreError
from skewproof.storage import GoogleCloudReleaseStorage
from skewproof.stores import bucket
from skewproof.stores.gcs import describe, is_final
from skewproof.stores.store import Stored, md5

if TYPE_CHECKING:
    from tests.unit.skewproof.clouds import CloudPlace
    from tests.unit.skewproof.project import Project

pytestmark = pytest.mark.engine

HERE = "tests.unit.skewproof.test_gcs"
BROKEN = "an asset cannot be sent as the options ask: "


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


def test_what_the_options_ask_for_goes_with_assets_and_no_acl_with_manifests(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    cloud_project.options = {
        "default_acl": "publicRead",
        "object_parameters": {
            "storage_class": "NEARLINE",
            "custom_time": datetime(2026, 1, 2),
            "metadata": {"team": "shop"},
            "kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
        },
    }
    cloud_project.publish("v1")
    writes = find_writes(cloud.proxy)
    assets = [each.sent for each in writes if each.key.startswith("/static/")]
    private = [each.sent for each in writes if each.key.startswith("/releases/")]
    assert len(assets) == 14 + 1  # the claim
    for sent in assets:
        assert (sent["predefinedAcl"], sent["storageClass"]) == ("publicRead", "NEARLINE")
        assert sent["customTime"].startswith("2026-01-02")
        assert sent["metadata"] == {"team": "shop"}
    assert len(private) == 2  # the intent and the manifest
    for sent in private:
        assert sent.keys().isdisjoint({"predefinedAcl", "storageClass", "metadata", "customTime"})
    assert {sent["kmsKeyName"] for sent in (*assets, *private)} == {
        "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    }


class ByKey(GoogleCloudReleaseStorage):
    """A project's own storage."""

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        return {
            "acl": "private" if name.endswith(".txt") else "publicRead",
            "metadata": {"as": name},
        }


def test_a_method_of_the_project_is_asked_for_each_key(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    cloud_project.write({"a.css": "a", "b.txt": "b"})
    made = {**cloud.configured(), "BACKEND": f"{HERE}.ByKey"}
    cloud_project.publish("v1", STORAGES={"staticfiles": made})
    assets = [each for each in find_writes(cloud.proxy) if each.key.startswith("/static/")]
    assert {f"/{each.sent['metadata']['as']}" for each in assets} == {each.key for each in assets}
    for each in assets:
        acl = "private" if each.key.endswith(".txt") else "publicRead"
        assert each.sent["predefinedAcl"] == acl


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"default_acl": "nonsense"}, f"{BROKEN}Invalid predefined ACL: nonsense"),
        ({"object_parameters": {"custom_time": "now"}}, f"{BROKEN}'str' object has no"),
        ({"blob_chunk_size": 5}, f"{BROKEN}Chunk size must be a multiple"),
        ({"object_parameters": {"retention": {}}}, "cannot send retention"),
    ],
    ids=repr,
)
def test_a_value_that_cannot_be_sent_is_an_error_in_one_line(
    options: dict[str, Any], message: str, cloud_project: Project, cloud: CloudPlace
) -> None:
    cloud_project.options = options
    with pytest.raises(CommandError, match=message) as caught:
        cloud_project.publish("v1")
    assert caught.value.returncode == 1
    assert "\n" not in str(caught.value)
    assert not find_writes(cloud.proxy)
    with cloud_project.active("v1"):
        assert [each.id for each in check_options()] == ["skewproof.E003"]


def test_a_large_file_comes_in_the_chunks_that_are_configured(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    cloud_project.options = {"blob_chunk_size": 2**22}
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        body = bytes(9 * 2**20)
        assert store.create_asset("a.bin", body, {})
        assert not store.create_asset("a.bin", body, {})
        assert store.holds("a.bin", store.list_assets()["a.bin"], Stored(len(body), md5(body)))
    assert cloud.read("static/a.bin") == body


def test_a_listing_of_several_pages_is_whole_counted_and_outlives_a_fault(
    cloud_project: Project, cloud: CloudPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud_project.publish("v1")
    monkeypatch.setattr(bucket, "PAGE", 4)
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        cloud.proxy.reset(lambda number, request: 503 if number == 2 else None)  # noqa: ARG005
        assert len(store.list_assets()) == 14 + 1  # the claim
    assert store.calls.total == 4
    assert len(cloud.proxy.requests) == 5


class OwnAdapter(HTTPAdapter):
    """What a project may have for certificates of its own."""


class OwnClient(GoogleCloudReleaseStorage):
    """A storage whose client the project makes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._client = google.Client(project="test")
        self._client._http.mount("http://", OwnAdapter())


def test_a_client_of_the_project_is_used_and_keeps_a_connection_for_each_thread(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    with cloud_project.active("v1"):
        storage = OwnClient(**cloud.configured()["OPTIONS"])
        storage.open_store(0)
        adapter = storage.client._http.get_adapter("http://127.0.0.1")
    assert isinstance(adapter, OwnAdapter)
    assert adapter.poolmanager.connection_pool_kw["maxsize"] == bucket.WORKERS


@pytest.mark.parametrize("location", ["", "static"])
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


class Token(Credentials):
    """Credentials as Google's library has them."""

    def __init__(self, token: str | None, expiry: datetime | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token, self.expiry = token, expiry

    def refresh(self, _: Any) -> None:
        if self.token == "revoked":
            raise RefreshError("the key was deleted")
        self.token, self.expiry = "renewed", None


def test_credentials_that_have_been_revoked_are_an_error_in_one_line(
    cloud_project: Project,
) -> None:
    past = datetime(2001, 1, 1)
    cloud_project.options = {"credentials": Token("revoked", past)}
    with pytest.raises(
        CommandError, match=r"the key was deleted\); set the option credentials"
    ) as caught:
        cloud_project.publish("v1")
    assert caught.value.returncode == 4
    assert "\n" not in str(caught.value)
    error = failure(cloud_project, cloud_project.storage())
    assert error.reason == "unreachable"
    assert "the key was deleted" in str(error)


def answered(status: int, json: Any = None, text: str = "") -> Exception:
    def parse() -> Any:
        if json is None:
            raise ValueError(text)
        return json

    return from_http_status(status, "", response=SimpleNamespace(json=parse, text=text))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            answered(
                403,
                {"error": {"message": "Not\nyours.", "errors": [{"reason": "forbidden"}]}},
            ),
            "403 Forbidden (forbidden): Not yours.",
        ),
        (answered(412, text="At least one condition"), "412 Precondition Failed: At least one "),
        (answered(502, text="<html>Long"), "502 Bad Gateway"),
        (answered(400, ["what?"], "what?"), "400 Bad Request: what?"),
        (answered(401), "401 Unauthorized; set the option credentials"),
        (Forbidden("nothing of it"), "403 Forbidden"),
        (LostError(SimpleNamespace(reason=OSError("refused"))), "refused"),
        (LostError("reset"), "reset"),
        (LostError(), "ConnectionError"),
    ],
    ids=repr,
)
def test_the_service_is_quoted_in_one_line(error: Exception, cause: str) -> None:
    assert describe(error).startswith(cause)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answered(403), True),
        (answered(409), True),
        (answered(408), False),
        (answered(429), False),
        (answered(503), False),
        (LostError(), False),
        (SSLError(), True),
        (FileNotFoundError(), True),
        (RefreshError("revoked"), True),
        (RefreshError("busy", retryable=True), False),
        (TransportError(), False),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: Exception, expected: bool) -> None:
    assert is_final(error) is expected


def test_a_missing_bucket_is_no_missing_object(cloud_project: Project, cloud: CloudPlace) -> None:
    said = Failure(404, code="notFound", message="The specified bucket does not exist.")
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        assert store.read_private("nothing") is None
        store.delete_private(["nothing"])
        cloud.proxy.reset(lambda number, request: said)  # noqa: ARG005
        for ask in (lambda: store.read_private("a"), lambda: store.delete_private(["a"])):
            with pytest.raises(
                StoreError, match=r"404 Not Found \(notFound\): The specified bucket"
            ):
                ask()
