"""What the containers may do, as Docker and the containers themselves show it."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from docker.errors import APIError
from docker.models.containers import Container
from tests.engine.buckets import act_inside, publisher
from tests.engine.projects import Project, client, service_of
from tests.engine.stacks import project_of

from lab.stacks.compose import ComposeMachine
from lab.stacks.composeproject import Clone, clone
from lab.stacks.ports import free_port
from lab.stacks.stack import Stack

pytestmark = pytest.mark.parametrize("both", ["compose"], indirect=True)

SERVING = ("gateway", "minio", "web-v1", "web-v2")
JOBS = ("publish-v1", "publish-v2", "setup")
SERVICES = SERVING + JOBS
MANIFEST = "releases/v1/staticfiles.json"
NETWORKS = {
    "gateway": {"visitors", "pages", "assets"},
    "minio": {"assets", "manifests", "publishing"},
    "setup": {"publishing"},
    "publish-v1": {"publishing"},
    "publish-v2": {"publishing"},
    "web-v1": {"pages", "manifests"},
    "web-v2": {"pages", "manifests"},
}
LEADS_OUT = "visitors"
PYTHON = {"setup": "/venv/bin/python"}
# Prints which of its arguments take a connection, each within a second; they are tried at once.
REACH = """
import concurrent.futures, socket, sys
def reach(target):
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return
    print(target + "\\n", end="")
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    list(pool.map(reach, sys.argv[1:]))
"""
PORTS = {"gateway": 8080, "minio": 9000, "web-v1": 8000, "web-v2": 8000}
GIB = 2**30


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


def networks_of(container: Container) -> set[str]:
    """Return what Docker calls the networks of a container."""
    return set(container.attrs["NetworkSettings"]["Networks"])


def megabytes(options: str) -> int:
    """Return the size of a tmpfs."""
    (size,) = re.findall(r"\bsize=(\d+)m\b", options)
    return int(size)


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

    def test_has_a_bound_on_its_memory_and_on_its_one_tmpfs(
        self, project: Project, service: str
    ) -> None:
        configured = host_config(project, service)
        assert 0 < configured["Memory"] <= (GIB if service == "minio" else GIB // 4)
        (options,) = configured["Tmpfs"].values()
        assert 0 < megabytes(options) * 2**20 <= configured["Memory"] // 2

    def test_is_in_the_networks_of_those_that_it_needs(
        self, project: Project, service: str
    ) -> None:
        joined = networks_of(project.container(service))
        assert joined == {f"{project.name}_{name}" for name in NETWORKS[service]}

    def test_has_a_clone_with_the_same_bounds_in_the_same_networks(
        self, both: Stack, project: Project, service: str
    ) -> None:
        assert isinstance(both.machine, ComposeMachine)
        made = clone(both.machine.project, service, "a-clone", Clone(ports={1: free_port()}))
        try:
            model, copied = host_config(project, service), made.attrs["HostConfig"]
            for name in ("Memory", "Tmpfs", "PidsLimit", "CapDrop", "SecurityOpt"):
                assert copied[name] == model[name]
            out = {f"{project.name}_{LEADS_OUT}"}
            assert networks_of(made) == networks_of(project.container(service)) | out
        finally:
            made.remove(force=True)

    def test_shares_nothing_with_the_machine(self, project: Project, service: str) -> None:
        configured = host_config(project, service)
        assert configured["NetworkMode"] in networks_of(project.container(service))
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

    def test_its_tmp_takes_no_more_than_it_is_given(self, project: Project, service: str) -> None:
        (options,) = host_config(project, service)["Tmpfs"].values()
        fill = ["dd", "if=/dev/zero", "of=/tmp/full", "bs=1M", f"count={megabytes(options) + 1}"]
        code, output = project.run_inside(service, fill)
        assert project.run_inside(service, ["rm", "/tmp/full"])[0] == 0  # noqa: S108
        assert (code, "No space left" in output) == (1, True)


class TestTheNetworks:
    def test_one_leads_out_and_the_others_do_not(self, project: Project) -> None:
        found = client().networks.list(filters=project.label)
        names = {
            each.name.removeprefix(f"{project.name}_"): each.attrs["Internal"] for each in found
        }
        assert names == {name: name != LEADS_OUT for name in set().union(*NETWORKS.values())}

    @pytest.mark.parametrize("service", JOBS)
    def test_a_job_reaches_the_store_and_nobody_else(self, project: Project, service: str) -> None:
        assert self.reached(project, service) == {"minio:9000"}

    @pytest.mark.parametrize("service", ["web-v1", "web-v2"])
    def test_a_web_container_reaches_the_store(self, project: Project, service: str) -> None:
        assert "minio:9000" in self.reached(project, service)

    # The store's image has no program to ask with.
    @pytest.mark.parametrize("service", sorted(PORTS.keys() - {"minio"}))
    def test_a_container_is_reached_only_by_its_address_in_a_common_network(
        self, project: Project, service: str
    ) -> None:
        own, targets = networks_of(project.container(service)), {}
        for name, port in PORTS.items():
            for network, address in addresses(project.container(name)).items():
                targets[f"{address}:{port}"] = network
        reached = self.asks(project, service, targets)
        assert reached == {target for target, network in targets.items() if network in own}

    def reached(self, project: Project, service: str) -> set[str]:
        """Return who takes a connection: by name, and by every address."""
        targets = {f"{name}:{port}" for name, port in PORTS.items()}
        others = {
            f"{a}:{port}"
            for name, port in PORTS.items()
            if name != "minio"
            for a in addresses(project.container(name)).values()
        }
        return set(self.run(project, service, REACH, *targets, *others).split())

    def run(self, project: Project, service: str, *program: str) -> str:
        """Run a program in Python, in a job or beside it, as the service's user."""
        command = [PYTHON.get(service, "python"), "-c", *program]
        if service in JOBS:
            return project.run_beside(service, command)
        return project.run_inside(service, command)[1]

    def asks(self, project: Project, service: str, targets: Iterable[str]) -> set[str]:
        """Return to whom a connection comes about; the gateway's image has no Python."""
        if service != "gateway":
            return set(self.run(project, service, REACH, *targets).split())
        ask = ["curl", "-s", "--connect-timeout", "1", "-o", "/dev/null"]
        return {
            target
            for target in targets
            if project.run_inside(service, [*ask, f"http://{target}/livez"])[0] == 0
        }


def addresses(container: Container) -> dict[str, str]:
    """Return the address of a container in each of its networks."""
    joined = container.attrs["NetworkSettings"]["Networks"]
    return {name: network["IPAddress"] for name, network in joined.items()}


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
