"""Two ways to a bucket: whatever is configured is honoured, by one of them (ADR 32)."""

from __future__ import annotations

import mimetypes
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from tests.unit.skewproof.ownstorages import Own, OwnWrites
from tests.unit.skewproof.proxy import Failure, Handler, proxying
from tests.unit.skewproof.service import serving

from skewproof.errors import ManifestError
from skewproof.stores import folders

if TYPE_CHECKING:
    from tests.unit.skewproof.places import BucketPlace
    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Fault, Proxy, Request

pytestmark = pytest.mark.usefixtures("no_certificates")
PEM = Path(__file__).parents[1] / "lab_probe" / "self-signed.pem"
FAST: dict[str, Any] = {}
RULE = {"object_parameters": {"ContentLanguage": "de", "Tagging": "team=shop"}}
WAYS = pytest.mark.parametrize("way", [FAST, RULE], ids=["fast", "rule"])
STRANGE = ["/x", "img//logo.0123456789ab.png", "img/../x", "./a", "a\tb", "folder/"]
PUBLISHED = "release v1 is published: 14 new"


@pytest.fixture
def service(bucket: BucketPlace) -> Iterator[Proxy]:
    with serving(bucket) as found:
        yield found


def configured(project: Project, backend: type, **options: Any) -> dict[str, Any]:
    made = project.place.configured(**{**project.options, **options})
    return {"staticfiles": {**made, "BACKEND": f"{backend.__module__}.{backend.__name__}"}}


def always(fault: Fault, where: Callable[[Request], bool]) -> Callable[[int, Request], Fault]:
    return lambda _, request: fault if where(request) else None


def header(request: Request, name: str) -> str:
    return {key.lower(): value for key, value in request.headers.items()}.get(name, "")


def refused(project: Project, **changed: Any) -> CommandError:
    with pytest.raises(CommandError) as caught:
        project.publish("v1", **changed)
    assert "\n" not in str(caught.value)
    return caught.value


@WAYS
def test_the_way_is_said_once(way: dict[str, Any], s3_project: Project) -> None:
    s3_project.options = {"verify": None, **way}  # which leaves it to boto3 to find the bucket
    said = [line for line in s3_project.publish("v1", "-v", "2").splitlines() if "through" in line]
    why = "boto3, since object_parameters has Tagging" if way else "obstore, as the options"
    assert len(said) == 1
    assert f"through {why}" in said[0]
    assert "through" not in s3_project.publish("v1")


@WAYS
@pytest.mark.parametrize("many", [0, folders.MANY])
def test_keys_that_no_file_could_have_are_left_alone(
    many: int,
    way: dict[str, Any],
    s3_project: Project,
    bucket: BucketPlace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folders, "MANY", many)
    monkeypatch.setattr(folders, "FEW", 1)
    s3_project.write({"a/a.css": "a", "b/b.txt": "b"})
    with serving(bucket, strange=STRANGE) as service:
        s3_project.options = {**way, "endpoint_url": service.endpoint}
        assert "4 new" in s3_project.publish("v1")
        assert "0 new, 4 reused" in s3_project.publish("v1", "--dry-run")
        service.reset(lambda *_: None)
        with s3_project.active("v1"):
            call_command("releases")
            call_command("prune_releases", "--keep", "1", "--orphans", "--min-age", "0", "--delete")
        assert not service.writes()
    s3_project.assert_whole("v1")


@WAYS
def test_a_checksum_that_the_store_wants_is_sent(
    way: dict[str, Any], s3_project: Project, service: Proxy
) -> None:
    """As for a bucket with Object Lock, in Amazon's words."""
    wants = Failure(
        400,
        code="InvalidRequest",
        message="Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests "
        "with Object Lock parameters",
    )

    def lacks(request: Request) -> bool:
        return request.method == "PUT" and not header(request, "x-amz-checksum-crc32")

    service.reset(always(wants, lacks))
    s3_project.options = {**way, "endpoint_url": service.endpoint}
    assert PUBLISHED in s3_project.publish("v1")
    s3_project.assert_whole("v1")


@WAYS
def test_a_bucket_in_another_region_is_found(
    way: dict[str, Any], s3_project: Project, service: Proxy
) -> None:
    elsewhere = Failure(
        400,
        code="AuthorizationHeaderMalformed",
        message="the region 'us-east-1' is wrong; expecting 'eu-west-1'",
        more="<Region>eu-west-1</Region>",
    )
    service.reset(always(elsewhere, lambda each: "/eu-west-1/s3/" not in str(each.headers)))
    s3_project.options = {**way, "endpoint_url": service.endpoint}
    assert PUBLISHED in s3_project.publish("v1")
    s3_project.assert_whole("v1")


def test_a_bucket_of_amazon_is_followed_to_its_region(s3_project: Project, service: Proxy) -> None:
    """Without an endpoint, through a proxy, as a company has it."""
    elsewhere = Failure(301, code="PermanentRedirect", more="<Region>eu-west-1</Region>")
    service.reset(always(elsewhere, lambda each: "s3.eu-west-1.amazonaws.com" not in each.path))
    proxies = {"http": service.endpoint}
    s3_project.options = {"endpoint_url": None, "use_ssl": False, "proxies": proxies}
    assert PUBLISHED in s3_project.publish("v1")
    s3_project.assert_whole("v1")


@WAYS
def test_a_type_that_the_project_adds_is_sent(
    way: dict[str, Any], s3_project: Project, bucket: BucketPlace
) -> None:
    s3_project.options = way
    s3_project.write({"a.own": "a", "b.mjs": "b", "c.css": "c"})
    mimetypes.add_type("application/x-own", ".own")
    mimetypes.add_type("text/x-module", ".mjs")
    try:
        s3_project.publish("v1")
    finally:
        mimetypes.init()
    types = [bucket.head(f"static/{name}")["ContentType"] for name in ("a.own", "b.mjs", "c.css")]
    assert types == ["application/x-own", "text/x-module", "text/css"]


def test_what_a_subclass_asks_for_is_sent_with_each_asset(
    s3_project: Project, bucket: BucketPlace, service: Proxy
) -> None:
    s3_project.write({"a.css": "a", "b.nobody-knows": "b"})
    s3_project.publish("v1", STORAGES=configured(s3_project, Own, endpoint_url=service.endpoint))
    puts = {each.path.partition("?")[0]: each for each in service.requests if each.method == "PUT"}
    assets = [each for path, each in puts.items() if "/static/" in path]
    private = [each for path, each in puts.items() if "/releases/" in path]
    assert len(assets) == 4 + 1  # the claim
    assert len(private) == 2
    for each in assets:
        assert header(each, "x-amz-acl") == "public-read"
        key = header(each, "x-amz-meta-key")
        assert each.path == f"/{bucket.server.bucket}/{key}"
        assert key.startswith(f"static/{bucket.prefix}/")
    for each in assets + private:
        assert header(each, "x-amz-server-side-encryption") == "AES256"
        assert header(each, "x-amz-tagging") == "team=shop"
    assert not any(header(each, "x-amz-acl") for each in private)
    assert bucket.head("static/b.nobody-knows")["ContentType"] == "application/x-own"
    assert bucket.head("static/a.css")["ContentType"] == "text/css"


def test_the_parameters_of_a_write_are_those_of_a_subclass(
    s3_project: Project, bucket: BucketPlace
) -> None:
    s3_project.publish("v1", STORAGES=configured(s3_project, OwnWrites))
    assert bucket.head("static/css/site.css")["ContentType"] == "text/x-own"


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"default_acl": "public-read"}, "x-amz-acl", "public-read"),
        ({"object_parameters": {"ACL": "public-read"}}, "x-amz-acl", "public-read"),
        ({"object_parameters": {"Tagging": "a=b"}}, "x-amz-tagging", "a=b"),
        (
            {"object_parameters": {"StorageClass": "GLACIER_IR"}},
            "x-amz-storage-class",
            "GLACIER_IR",
        ),
    ],
)
def test_what_the_options_ask_for_is_sent(
    options: dict[str, Any], name: str, value: str, s3_project: Project, service: Proxy
) -> None:
    s3_project.options = {**options, "endpoint_url": service.endpoint}
    s3_project.publish("v1")
    puts = [each for each in service.requests if each.method == "PUT" and "/static/" in each.path]
    assert {header(each, name) for each in puts} == {value}


@contextmanager
def trusting(where: str, file: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """Name a file of certificates; yield the options for that."""
    if where == "verify":
        yield {"verify": str(file)}
        return
    (folder / "config").write_text(f"[default]\nca_bundle = {file}\n", encoding="utf-8")
    profile = {"AWS_CONFIG_FILE": str(folder / "config")}
    with mock.patch.dict(os.environ, profile if where == "ca_bundle" else {where: str(file)}):
        yield {}


BUNDLES = ["verify", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ca_bundle"]


@pytest.mark.parametrize("where", BUNDLES)
def test_certificates_are_trusted_where_boto3_would_trust_them(
    where: str, s3_project: Project, bucket: BucketPlace, tmp_path: Path
) -> None:
    with (
        serving(bucket, certificate=PEM) as service,
        trusting(where, PEM, tmp_path) as options,
    ):
        s3_project.options = {**options, "endpoint_url": service.endpoint}
        assert PUBLISHED in s3_project.publish("v1")
    s3_project.assert_whole("v1")


@pytest.mark.parametrize("content", [None, "no PEM"], ids=["missing", "no PEM"])
@pytest.mark.parametrize("where", BUNDLES)
def test_certificates_that_cannot_be_read_are_named_at_once(
    where: str, content: str | None, s3_project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content, encoding="utf-8")
    started = time.monotonic()
    with trusting(where, file, tmp_path) as options:
        s3_project.options = {**options, "endpoint_url": "https://127.0.0.1:1"}
        said = str(refused(s3_project))
    assert re.search(rf"{where}( in the profile)? names {file}, from which no certificates", said)
    assert time.monotonic() - started < 10


GRANTED = """<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{}</AccessKeyId>
<SecretAccessKey>{}</SecretAccessKey><SessionToken>token</SessionToken><Expiration>{}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""
DENIED = b"""<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error>
</ErrorResponse>"""
ROLE = {"access_key": None, "secret_key": None, "session_profile": "shop"}


@contextmanager
def role(folder: Path, bucket: BucketPlace, times: int) -> Iterator[None]:
    """Have a profile with a role that is granted so many times, for a minute each.

    As that is less than what boto3 wants, each request asks for it again.
    """
    left = iter(range(times))

    class Sts(Handler):
        def serve(self) -> None:
            self.read_body()
            if next(left, None) is None:
                self.answer(403, {}, DENIED)
                return
            until = datetime.now(UTC) + timedelta(minutes=1)
            keys = bucket.identity("root").values()
            self.answer(200, {}, GRANTED.format(*keys, until.isoformat()).encode())

        do_POST = serve  # noqa: N815 - the name that http.server calls

    config = folder / "config"
    config.write_text(
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
        "[profile shop]\nrole_arn = arn:aws:iam::1:role/shop\nsource_profile = base\n",
        encoding="utf-8",
    )
    with proxying("http://127.0.0.1:1", Sts) as sts:
        variables = {"AWS_CONFIG_FILE": str(config), "AWS_ENDPOINT_URL_STS": sts.endpoint}
        with mock.patch.dict(os.environ, variables):
            yield


@WAYS
def test_a_role_that_is_refused_names_the_call(
    way: dict[str, Any], s3_project: Project, bucket: BucketPlace, tmp_path: Path
) -> None:
    s3_project.options = {**ROLE, **way}
    with role(tmp_path, bucket, 0):
        error = refused(s3_project)
        with pytest.raises(ManifestError) as caught:
            s3_project.storage().read_release_manifest("v1")
    assert error.returncode == 4
    for said in (str(error), str(caught.value)):
        assert "AccessDenied" in said
        assert "AssumeRole operation: not for you" in said
        assert "the store answers" not in said


@WAYS
@pytest.mark.parametrize("times", [1, 2, 4, 7])
def test_credentials_that_can_no_longer_be_renewed_name_the_call(
    times: int,
    way: dict[str, Any],
    s3_project: Project,
    tmp_path: Path,
    bucket: BucketPlace,
    service: Proxy,
) -> None:
    s3_project.options = {**ROLE, **way, "endpoint_url": service.endpoint}
    with role(tmp_path, bucket, times):
        error = refused(s3_project)
    assert error.returncode == 4
    assert "AssumeRole operation: not for you" in str(error)


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1"])
def test_a_profile_that_is_not_there_is_named(endpoint: str | None, s3_project: Project) -> None:
    s3_project.options = {**ROLE, "endpoint_url": endpoint}
    error = refused(s3_project)
    assert error.returncode == 1
    assert "The config profile (shop) could not be found" in str(error)


@WAYS
@pytest.mark.parametrize("status", [501, 400])
def test_a_store_without_conditional_writes_is_told_at_its_first_answer(
    status: int, way: dict[str, Any], s3_project: Project, service: Proxy
) -> None:
    lacks = Failure(status, code="NotImplemented", message="A header is not implemented.")
    service.reset(always(lacks, lambda each: bool(header(each, "if-none-match"))))
    s3_project.options = {**way, "endpoint_url": service.endpoint}
    started = time.monotonic()
    said = str(refused(s3_project))
    assert time.monotonic() - started < 5
    assert "A header is not implemented.; it seems to lack conditional writes" in said
    assert "conditional_writes to False" in said
    assert len(service.writes()) <= 2
    goes_on_without_conditions(s3_project)


@WAYS
def test_a_store_that_ignores_conditions_is_found_out(
    way: dict[str, Any], s3_project: Project, bucket: BucketPlace
) -> None:
    with serving(bucket, ignored={"if-none-match"}) as service:
        s3_project.options = {**way, "endpoint_url": service.endpoint}
        said = str(refused(s3_project))
        assert "overwrites what is there though it was asked not to" in said
        assert "nothing was written" in said
        assert not bucket.entries()
        goes_on_without_conditions(s3_project)


def goes_on_without_conditions(project: Project) -> None:
    project.options = {**project.options, "conditional_writes": False}
    assert PUBLISHED in project.publish("v1")
    project.assert_whole("v1")
    assert "published already" in project.publish("v1")
    project.write({"other.css": "x"})
    assert refused(project).returncode == 3


@WAYS
@pytest.mark.parametrize("status", [501, 405])
def test_a_store_without_multi_object_delete_deletes_one_by_one(
    status: int, way: dict[str, Any], s3_project: Project, bucket: BucketPlace, service: Proxy
) -> None:
    lacks = Failure(status, code="NotImplemented" if status == 501 else "MethodNotAllowed")
    service.reset(always(lacks, lambda each: each.method == "POST"))
    s3_project.options = {**way, "endpoint_url": service.endpoint}
    started = time.monotonic()
    s3_project.publish("v1")
    s3_project.write({"a.css": "b"})
    s3_project.publish("v2")
    with s3_project.active("v2"):
        call_command("prune_releases", "--keep", "1", "--min-age", "0", "--delete")
    assert time.monotonic() - started < 10
    there = bucket.entries()
    assert not [key for key in there if "_intents" in key]
    assert "releases/v1/staticfiles.json" not in there
    assert len(there) == 3


@WAYS
def test_what_the_service_says_is_in_the_error(
    way: dict[str, Any], s3_project: Project, service: Proxy
) -> None:
    denied = Failure(403, code="AccessDenied", message="User shop is not\n authorized: &lt;deny>")
    service.reset(always(denied, lambda each: "/static/" in each.path))
    s3_project.options = {**way, "endpoint_url": service.endpoint}
    said = str(refused(s3_project))
    assert "403 Forbidden (AccessDenied): User shop is not authorized: <deny>" in said
