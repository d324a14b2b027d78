"""What the containers may do, as Docker and the containers themselves show it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any

import pytest
from docker.errors import APIError
from tests.engine.buckets import act_inside, publisher
from tests.engine.projects import Project, service_of
from tests.engine.stacks import project_of

from lab.stacks.stack import Stack

pytestmark = pytest.mark.parametrize("both", ["compose"], indirect=True)

SERVING = ("gateway", "minio", "web-v1", "web-v2")
JOBS = ("publish-v1", "publish-v2", "setup")
SERVICES = SERVING + JOBS
MANIFEST = "releases/v1/staticfiles.json"


@pytest.fixture
def project(both: Stack) -> Project:
    return project_of(both)


@pytest.fixture
def asset(both: Stack) -> str:
    """The key of an asset that both releases have."""
    return f"static/{both.record('v1')['paths']['css/reset.css']}"


def host_config(project: Project, service: str) -> Mapping[str, Any]:
    """What Docker was told about a container."""
    configured: Mapping[str, Any] = project.container(service).attrs["HostConfig"]
    return configured


def process_status(project: Project, service: str) -> dict[str, str]:
    """What the kernel says of the container's first process."""
    code, text = project.run_inside(service, ["cat", "/proc/1/status"])
    assert code == 0, text
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _colon, value in pairs}


def test_these_are_all_the_services(project: Project) -> None:
    assert {service_of(each) for each in project.containers()} == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
class TestEveryContainer:
    def test_is_told_to_run_as_nobody_in_particular(self, project: Project, service: str) -> None:
        assert project.container(service).attrs["Config"]["User"] == "10001:10001"

    def test_has_no_capability_and_can_gain_none(self, project: Project, service: str) -> None:
        configured = host_config(project, service)
        assert configured["CapDrop"] == ["ALL"]
        assert not configured["CapAdd"]
        assert "no-new-privileges:true" in configured["SecurityOpt"]
        assert configured["Privileged"] is False

    def test_has_a_bound_on_its_processes(self, project: Project, service: str) -> None:
        assert 0 < host_config(project, service)["PidsLimit"] <= 256

    def test_shares_nothing_with_the_machine(self, project: Project, service: str) -> None:
        configured = host_config(project, service)
        assert configured["NetworkMode"] == f"{project.name}_default"
        assert "host" not in (configured["PidMode"], configured["IpcMode"], configured["UTSMode"])
        mounts = project.container(service).attrs["Mounts"]
        wanted = [("volume", "/data")] if service == "minio" else []
        assert [(mount["Type"], mount["Destination"]) for mount in mounts] == wanted

    def test_has_a_root_that_not_even_docker_may_write(
        self, project: Project, service: str
    ) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("planted"), io.BytesIO())
        assert host_config(project, service)["ReadonlyRootfs"] is True
        with pytest.raises(APIError, match="read-only"):
            project.container(service).put_archive("/", packed.getvalue())

    def test_publishes_no_port_unless_it_is_the_gateway_and_there_on_the_loopback(
        self, both: Stack, project: Project, service: str
    ) -> None:
        ports = project.container(service).attrs["NetworkSettings"]["Ports"]
        published = [each for bindings in ports.values() for each in bindings or ()]
        port = both.base.rpartition(":")[2].strip("/")
        gateways = [{"HostIp": "127.0.0.1", "HostPort": port}]
        assert published == (gateways if service == "gateway" else [])
        assert not host_config(project, service)["PublishAllPorts"]


@pytest.mark.parametrize("service", SERVING)
def test_no_process_is_roots(project: Project, service: str) -> None:
    for container in project.containers(service):
        if container.status == "running":
            top = container.top(ps_args="-o uid,pid,comm")
            column = top["Titles"].index("UID")
            assert {row[column] for row in top["Processes"]} == {"10001"}


# MinIO's image has no program that could be run inside it but MinIO.
@pytest.mark.parametrize("service", ["gateway", "web-v1", "web-v2"])
class TestFromInside:
    def test_the_kernel_grants_no_capability_and_no_new_privilege(
        self, project: Project, service: str
    ) -> None:
        status = process_status(project, service)
        sets = {name: status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        assert set(sets.values()) == {"0" * 16}
        assert status["NoNewPrivs"] == "1"
        assert status["Uid"].split() == ["10001"] * 4

    @pytest.mark.parametrize("path", ["/planted", "/etc/planted", "/usr/local/bin/planted"])
    def test_not_even_root_could_write_the_file_system(
        self, project: Project, service: str, path: str
    ) -> None:
        code, output = project.run_inside(service, ["touch", path], user="0")
        assert code != 0
        assert "Read-only file system" in output

    def test_its_tmp_can_be_written(self, project: Project, service: str) -> None:
        assert project.run_inside(service, ["touch", "/tmp/planted"]) == (0, "")  # noqa: S108
        assert project.run_inside(service, ["rm", "/tmp/planted"]) == (0, "")  # noqa: S108


@pytest.mark.parametrize("service", ["web-v1", "web-v2"])
class TestTheBucketAsAWebContainerSeesIt:
    @pytest.mark.parametrize("key", ["static/css/planted.0123456789ab.css", MANIFEST, "planted"])
    @pytest.mark.parametrize("action", ["put", "delete"])
    def test_it_cannot_write(self, project: Project, service: str, action: str, key: str) -> None:
        assert act_inside(project, service, action, key) == "AccessDenied"

    def test_it_cannot_delete_an_asset(
        self, both: Stack, project: Project, service: str, asset: str
    ) -> None:
        assert act_inside(project, service, "delete", asset) == "AccessDenied"
        assert publisher(both)("get", asset) == "done"

    def test_it_cannot_list(self, project: Project, service: str) -> None:
        assert act_inside(project, service, "list", "") == "AccessDenied"

    def test_it_can_read_manifests(self, project: Project, service: str) -> None:
        assert act_inside(project, service, "get", MANIFEST) == "done"

    def test_it_knows_no_credentials_but_its_own(self, project: Project, service: str) -> None:
        variables = project.container(service).attrs["Config"]["Env"]
        keys = [each for each in variables if each.partition("=")[0].endswith("KEY_ID")]
        assert keys == ["AWS_ACCESS_KEY_ID=web"]
        for secret in ("root-secret", "publisher-secret"):
            assert not any(secret in each for each in variables)


class TestTheBucketAsThePublicSeesIt:
    def test_it_cannot_list(self, project: Project) -> None:
        assert act_inside(project, "web-v1", "public-list", "") == "AccessDenied"

    @pytest.mark.parametrize("key", [MANIFEST, "releases/v2/staticfiles.json", "releases/"])
    def test_it_cannot_read_what_is_private(self, project: Project, key: str) -> None:
        assert act_inside(project, "web-v1", "public-get", key) == "AccessDenied"

    @pytest.mark.parametrize("action", ["public-put", "public-delete"])
    def test_it_cannot_write(self, project: Project, action: str, asset: str) -> None:
        assert act_inside(project, "web-v1", action, asset) == "AccessDenied"

    def test_it_can_read_an_asset(self, project: Project, asset: str) -> None:
        assert act_inside(project, "web-v1", "public-get", asset) == "done"


def test_the_gateway_knows_no_credentials(project: Project) -> None:
    variables = project.container("gateway").attrs["Config"]["Env"]
    assert not [each for each in variables if "SECRET" in each or "ACCESS_KEY" in each]
