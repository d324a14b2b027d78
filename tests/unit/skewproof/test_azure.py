from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobProperties,
    ResourceTypes,
    generate_account_sas,
)
from django.core.management import CommandError

from skewproof.backends import azure
from skewproof.checks.privacy import check_privacy
from skewproof.errors import OptionError
from skewproof.stores import azure as azure_store

from .clouds import ACCOUNT, ask, connection_string, failure

if TYPE_CHECKING:
    from .clouds import AzurePlace
    from .project import Project

pytestmark = pytest.mark.engine

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
    monkeypatch.setitem(azure_store.OPTIONS, "results_per_page", 4)
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        assert len(store.list_assets()) == 14
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
    """A managed identity, as far as Azure's libraries ask it."""

    def get_token(self, *scopes: str, **_: Any) -> Any:
        if scopes != ("https://storage.azure.com/.default",):
            raise ClientAuthenticationError("no such scope")
        return SimpleNamespace(token="given", expires_on=1795464000)


def made(**options: Any) -> Any:
    return azure.AzureReleaseStorage(
        azure_container="static", releases_container="releases", account_name="shop", **options
    )


def test_credentials_are_those_of_the_configured_storage() -> None:
    def given(**options: Any) -> Any:
        return azure_store.find_credential(made(**options))()

    assert given(account_key="key", sas_token="sas") == {"access_key": "key", "expires_at": None}
    assert given(sas_token="?sig=a")["sas_token"] == "sig=a"
    assert given(sas_token=AzureSasCredential("sig=b"))["sas_token"] == "sig=b"
    assert given(token_credential=Identity()) == {
        "token": "given",
        "expires_at": datetime.fromtimestamp(1795464000, UTC),
    }
    string = connection_string("http://azure.test/shop", "a2V5")
    assert given(connection_string=string, account_key="other")["access_key"] == "a2V5"
    with pytest.raises(OptionError, match="set the option account_key"):
        given()


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


def test_time_outs_that_the_project_sets_win(cloud_project: Project) -> None:
    storage = cloud_project.storage(client_options={"read_timeout": 7})
    assert storage.service_client._config.retry_policy.total_retries == 3
    assert azure.choose_patience(storage) == {"connection_timeout": 1, "retry_total": 0}
