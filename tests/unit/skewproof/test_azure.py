from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import (
    AccountSasPermissions,
    BlobProperties,
    ResourceTypes,
    generate_account_sas,
)
from django.core.management import CommandError
from requests.exceptions import SSLError
from tests.unit.skewproof.clouds import ACCOUNT, ask, connection_string, failure, find_writes

from skewproof.backends import azure
from skewproof.checks.privacy import check_privacy
from skewproof.errors import OptionError, StoreError
from skewproof.publishing.claim import is_claim
from skewproof.publishing.collection import IMMUTABLE
from skewproof.stores import azure as azure_store
from skewproof.stores.store import Stored, md5

if TYPE_CHECKING:
    from tests.unit.skewproof.clouds import AzurePlace
    from tests.unit.skewproof.project import Project

pytestmark = pytest.mark.engine

HERE = "tests.unit.skewproof.test_azure"
MANIFEST = "releases/v1/staticfiles.json"


@pytest.fixture
def cloud_kind() -> str:
    return "azure"


def with_sas(cloud: AzurePlace, rights: str) -> dict[str, str]:
    """Return the options of an identity that has no key, only a token."""
    token = generate_account_sas(
        ACCOUNT,
        cloud.account_key,
        ResourceTypes.from_string("co"),
        AccountSasPermissions.from_string(rights),
        datetime.now(UTC) + timedelta(hours=1),
    )
    url = cloud.account_url
    return {"connection_string": f"BlobEndpoint={url};SharedAccessSignature={token}"}


def test_anybody_can_read_assets_and_nobody_manifests(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.publish("v1")
    with cloud_project.active("v1"):
        url = cloud_project.storage().url("css/site.css")
    assert url.startswith(f"{cloud.account_url}/static/{cloud.prefix}/css/site.")
    path = url.removeprefix(cloud.proxy.endpoint)
    assert ask(cloud.proxy.endpoint, "GET", path)[0] == 200
    manifest = f"/{ACCOUNT}/{cloud.key(MANIFEST)}"
    assert ask(cloud.proxy.endpoint, "GET", manifest)[0] in (403, 404)


def test_a_token_with_few_rights_publishes_and_is_in_no_url(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.options = with_sas(cloud, "rwdlc")
    assert "is published" in cloud_project.publish("v1")
    with cloud_project.active("v1"):
        url = cloud_project.storage(**with_sas(cloud, "r")).url("css/site.css")
    assert url.endswith(".css")
    assert ask(cloud.proxy.endpoint, "GET", url.removeprefix(cloud.proxy.endpoint))[0] == 200


def test_a_publisher_without_a_right_is_told_which_request_was_refused(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.options = with_sas(cloud, "rl")
    with pytest.raises(CommandError, match=r"writing .*_intents/.* in http://.*: 403") as caught:
        cloud_project.publish("v1")
    assert caught.value.returncode == 4
    assert "sig=" not in str(caught.value)


def test_an_identity_that_may_not_read_is_told_so(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.publish("v1")
    error = failure(cloud_project, cloud_project.storage(**with_sas(cloud, "l")))
    assert error.reason == "forbidden"
    assert "sig=" not in str(error)


def test_wrong_credentials_are_not_mistaken_for_a_missing_manifest(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    wrong = connection_string(cloud.account_url, "d3Jvbmc=")
    storage = cloud_project.storage(connection_string=wrong)
    error = failure(cloud_project, storage)
    assert error.reason == "forbidden"
    assert "AuthorizationFailure" in str(error) or "AuthenticationFailed" in str(error)


def test_a_missing_container_is_said_to_be_missing(cloud_project: Project) -> None:
    storage = cloud_project.storage(releases_container="nowhere")
    assert "ContainerNotFound" in str(failure(cloud_project, storage))
    cloud_project.options = {"releases_container": "nowhere"}
    with pytest.raises(CommandError, match=r"404 Not Found \(ContainerNotFound\)") as caught:
        cloud_project.publish("v1")
    assert caught.value.returncode == 4


@pytest.mark.parametrize("given", [None, "", "static"])
def test_manifests_in_the_container_that_the_public_reads_are_refused(
    given: str | None, cloud_project: Project
) -> None:
    with pytest.raises(OptionError, match="set the option releases_container"):
        cloud_project.storage(releases_container=given)


def test_without_prefixes_names_are_those_of_the_containers(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.options = {"location": "", "releases_location": None}
    with cloud_project.active("v1"):
        storage = cloud_project.storage()
        store = storage.open_store(0)
        assert store.create_private(f"{cloud.prefix}/staticfiles.json", b"{}")
        assert store.create_asset(f"{cloud.prefix}.css", b"", {})
        assert f"{cloud.prefix}.css" in store.list_assets()
        assert f"{cloud.prefix}/staticfiles.json" in store.list_private()
        store.delete_assets([f"{cloud.prefix}.css"])
        assert f"{cloud.prefix}.css" not in store.list_assets()
        assert storage.manifest_key("v1") == "v1/staticfiles.json"


def test_a_listing_of_several_pages_is_whole_and_counted(
    cloud_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud_project.publish("v1")
    monkeypatch.setattr(azure_store, "PAGE", 4)
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        assert len(store.list_assets()) == 14 + 1  # the claim
    assert store.calls.total == 4


def test_directories_of_a_hierarchical_namespace_are_no_files() -> None:
    assert azure_store.is_directory(BlobProperties(metadata={"hdi_isfolder": "true"}))
    assert not azure_store.is_directory(BlobProperties(metadata={"owner": "shop"}))
    assert not azure_store.is_directory(BlobProperties())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["skewproof.W006"]),
        ({"expiration_secs": 60}, []),
        ({"azure_container": "media"}, []),
    ],
    ids=repr,
)
def test_w006_files_of_users_that_are_public_in_the_container_of_the_manifests(
    options: dict[str, Any], expected: list[str], cloud_project: Project
) -> None:
    media = {"account_name": ACCOUNT, "azure_container": "releases", **options}
    default = {"BACKEND": "storages.backends.azure_storage.AzureStorage", "OPTIONS": media}
    staticfiles = cloud_project.place.configured()
    with cloud_project.active("v1", STORAGES={"default": default, "staticfiles": staticfiles}):
        assert [message.id for message in check_privacy()] == expected


class Identity:
    """A managed identity, as far as Azure's libraries ask it, on a machine that has none."""

    def get_token(self, *_: str, **__: Any) -> Any:
        raise ClientAuthenticationError("there is no identity\non this machine")


def answered(status: int) -> Exception:
    error = HttpResponseError()
    error.status_code = status
    return error


def made(**options: Any) -> Any:
    return azure.AzureReleaseStorage(
        azure_container="static", releases_container="releases", account_name="shop", **options
    )


def test_an_identity_that_gives_no_token_is_an_error_in_one_line() -> None:
    store = made(token_credential=Identity()).open_store(0)
    with pytest.raises(StoreError, match=r"no identity on this machine; set the option") as caught:
        store.list_assets()
    assert "\n" not in str(caught.value)


def test_without_any_credentials_the_error_says_what_to_set(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.options = {"connection_string": f"BlobEndpoint={cloud.account_url}"}
    with pytest.raises(CommandError, match=r"403 .*; set the option account_key, sas") as caught:
        cloud_project.publish("v1")
    assert caught.value.returncode == 4


def test_content_settings_go_with_assets_and_not_with_manifests(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.options = {
        "cache_control": "max-age=7",
        "object_parameters": {
            "content_disposition": "inline",
            "content_language": "de",
            "content_type": "text/own",
            "metadata": {"team": "shop"},
        },
    }
    cloud_project.publish("v1")
    writes = find_writes(cloud.proxy)
    assets = [each for each in writes if is_asset(each.key)]
    private = [each for each in writes if f"/{ACCOUNT}/releases/" in each.key]
    assert len(assets) == 14
    for each in assets:
        wanted = IMMUTABLE if each.is_conditional else "max-age=7"
        assert each.headers["x-ms-blob-cache-control"] == wanted
        assert each.headers["x-ms-blob-content-disposition"] == "inline"
        assert each.headers["x-ms-blob-content-language"] == "de"
        assert each.headers["x-ms-blob-content-type"] == "text/own"
        assert each.headers["x-ms-meta-team"] == "shop"
    assert len(private) == 2  # the intent and the manifest
    for each in private:
        settings = {name for name in each.headers if name.startswith(("x-ms-blob-", "x-ms-meta"))}
        assert settings == {
            "x-ms-blob-content-md5",
            "x-ms-blob-content-type",
            "x-ms-blob-type",
        }


def is_asset(key: str) -> bool:
    return f"/{ACCOUNT}/static/" in key and not is_claim(key)


class ByKey(azure.AzureReleaseStorage):
    """A project's own storage."""

    def _get_content_settings_parameters(self, name: str, content: Any = None) -> dict[str, Any]:
        settings = super()._get_content_settings_parameters(name, content)
        return {**settings, "content_disposition": name}


def test_a_method_of_the_project_is_asked_for_each_key(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    made = {**cloud.configured(), "BACKEND": f"{HERE}.ByKey"}
    cloud_project.publish("v1", STORAGES={"staticfiles": made})
    assets = [each for each in find_writes(cloud.proxy) if is_asset(each.key)]
    assert len(assets) == 14
    for each in assets:
        name = each.headers["x-ms-blob-content-disposition"]
        assert each.key == f"/{ACCOUNT}/static/{name}"


def test_a_file_in_several_requests_has_its_md5_as_well(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    cloud_project.options = {
        "client_options": {"max_single_put_size": 1000, "max_block_size": 1000}
    }
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        assert store.create_asset("a.bin", bytes(3500), {})
        assert not store.create_asset("a.bin", bytes(3500), {})
        expected = Stored(3500, md5(bytes(3500)))
        assert store.holds("a.bin", store.list_assets()["a.bin"], expected)
    assert len(cloud.proxy.requests) == 5 + 5 + 1


def test_an_empty_page_does_not_end_a_listing() -> None:
    pages = iter([iter([]), iter([BlobProperties(name="a.css", size=1)])])
    container = SimpleNamespace(list_blobs=lambda *_, **__: SimpleNamespace(by_page=lambda: pages))
    client = azure_store.AzureClient(container, lambda *_: {}, {}, 1)  # type: ignore[arg-type]
    found = {key for page in client.list_pages("") for key in page}
    assert found == {"a.css"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answered(403), True),
        (answered(409), True),
        (answered(429), False),
        (answered(503), False),
        (ServiceRequestError("refused", error=OSError()), False),
        (ServiceRequestError("certificate", error=SSLError()), True),
        (ServiceResponseError("reset"), False),
        (ClientAuthenticationError("no identity"), True),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: Exception, expected: bool) -> None:
    assert azure_store.is_final(error) is expected


def test_no_token_is_in_a_message() -> None:
    error = ServiceRequestError("Max retries exceeded with url: /a?sv=1&sig=secret (refused)")
    assert azure_store.describe(error) == "Max retries exceeded with url: /a?*** (refused)"


@pytest.mark.parametrize(
    ("options", "account"),
    [
        ({"account_key": "a2V5"}, "https://shop.blob.core.windows.net"),
        (
            {"account_key": "a2V5", "azure_ssl": False, "endpoint_suffix": "azure.test"},
            "http://shop.blob.azure.test",
        ),
        ({"token_credential": Identity()}, "https://shop.blob.core.windows.net"),
        ({"sas_token": "sig=secret"}, "https://shop.blob.core.windows.net"),
        (
            {"connection_string": connection_string("http://127.0.0.1:1/shop", "a2V5")},
            "http://127.0.0.1:1/shop",
        ),
    ],
)
def test_the_account_is_the_one_that_django_storages_would_use(
    options: dict[str, Any], account: str
) -> None:
    storage = made(**options)
    assert storage.account() == account
    assert storage.open_store(0).place == account
    assert storage.manifest_place("v1") == f"releases/v1/staticfiles.json in {account}"


def test_a_connection_string_that_is_none_is_an_error_in_one_line(cloud_project: Project) -> None:
    with pytest.raises(OptionError, match=r"connection_string is of no use: .*malformed"):
        cloud_project.storage(connection_string="nonsense")


def test_a_publish_takes_the_proxy_of_the_storage(
    cloud_project: Project, cloud: AzurePlace
) -> None:
    options = with_sas(cloud, "rwdlc")
    endpoint = cloud.proxy.endpoint
    options["connection_string"] = options["connection_string"].replace(
        endpoint, "http://azure.test"
    )
    cloud_project.options = {**options, "client_options": {"proxies": {"http": endpoint}}}
    cloud.proxy.reset(lambda number, request: 403)  # noqa: ARG005
    with pytest.raises(CommandError, match=r"in http://azure\.test/shop failed: 403 Forbidden"):
        cloud_project.publish("v1")
    assert cloud.proxy.requests[0].path.startswith("http://azure.test/shop/releases/")


def test_time_outs_that_the_project_sets_win_and_retries_are_ours(cloud_project: Project) -> None:
    storage = cloud_project.storage(client_options={"read_timeout": 7, "retry_total": 3})
    assert azure_store.choose_patience(storage, 0) == {"connection_timeout": 3, "retry_total": 0}
    storage = cloud_project.storage(client_options={"read_timeout": 7})
    assert storage.service_client._config.retry_policy.total_retries == 3
    assert azure.choose_patience(storage) == {"connection_timeout": 1, "retry_total": 0}
