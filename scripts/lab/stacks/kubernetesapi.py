"""The API of a cluster: asked through the official client, with one line of what it refuses.

Answers stay as the API has them, dictionaries of JSON: the client's own classes are those of one
version of Kubernetes, and a user's cluster may be of another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import urllib3
import websocket
from kubernetes import config
from kubernetes.client import ApiClient, ApiException
from kubernetes.stream import ws_client
from yaml import YAMLError

from lab.errors import UnavailableError, describe_error

Object = dict[str, Any]
Query = Mapping[str, str | int]
DEFAULT_FILE = "~/.kube/config"
CONNECT_SECONDS, READ_SECONDS = 5, 60
STATUS = b"\x03"
"""The channel of a stream on which an `exec` says how it ended."""
MERGE = "application/strategic-merge-patch+json"
FAILURES = (urllib3.exceptions.HTTPError, websocket.WebSocketException, OSError)
REMEDY = 'start one, such as with "kind create cluster", or say where it is by KUBECONFIG'
IRREGULAR = {"NetworkPolicy": "networkpolicies", "StorageClass": "storageclasses"}


class RefusedError(UnavailableError):
    """The API answered, and refused; `status` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def path_of(api: str, kind: str, namespace: str | None = None, name: str = "") -> str:
    """Return where an object is, or all of its kind."""
    root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    plural = IRREGULAR.get(kind, f"{kind.lower()}s")
    place = f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"
    return f"{place}/{name}" if name else place


class Cluster:
    """One cluster, as one context of a kubeconfig leads to it."""

    def __init__(self, client: ApiClient, context: str) -> None:
        self.client, self.context = client, context
        self.host = str(client.configuration.host)

    def ask(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        query: Query | None = None,
    ) -> bytes:
        """Send one request, and return the body of its answer.

        Raises:
            RefusedError: the API refuses.
            UnavailableError: it does not answer.
        """
        try:
            answer = self.client.call_api(
                path,
                verb,
                query_params=[*(query or {}).items()],
                header_params={"Accept": "application/json, */*", "Content-Type": kind},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
            content: bytes = answer.data
        except ApiException as error:
            if not error.status:  # no HTTP: its certificate is not trusted
                raise self.silent(error.reason) from error
            raise RefusedError(explain(verb, path, error), error.status) from error
        except FAILURES as error:
            raise self.silent(describe_error(error)) from error
        return content

    def silent(self, why: object) -> UnavailableError:
        """Return the error for an API that does not answer."""
        said = " ".join(str(why).split())
        return UnavailableError(
            f"Kubernetes does not answer at {self.host}, context {self.context}: see that the "
            f"cluster runs, or choose another context ({said})"
        )

    def get(self, path: str, **query: str | int) -> Object:
        """Return an object, or a list of them."""
        found: Object = json.loads(self.ask("GET", path, query=query))
        return found

    def find(self, path: str) -> Object | None:
        """Return an object, or None where there is none."""
        try:
            return self.get(path)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, **query: str | int) -> list[Object]:
        """Return the objects of a list."""
        return list(self.get(path, **query)["items"])

    def create(self, thing: Mapping[str, Any], namespace: str | None) -> Object:
        """Create an object, in a namespace if it is one that lives in one."""
        path = path_of(thing["apiVersion"], thing["kind"], namespace)
        made: Object = json.loads(self.ask("POST", path, dict(thing)))
        return made

    def patch(self, path: str, change: Object) -> None:
        """Merge a change into an object, as `kubectl patch` does."""
        self.ask("PATCH", path, change, kind=MERGE)

    def set(self, path: str, **values: Any) -> None:
        """Give parts of an object's `spec` other values, as they are and all at once."""
        steps = [
            {"op": "add", "path": f"/spec/{name}", "value": value} for name, value in values.items()
        ]
        self.ask("PATCH", path, steps, kind="application/json-patch+json")

    def delete(self, path: str, **options: Any) -> None:
        """Delete an object with all that it owns, unless it is gone."""
        try:
            self.ask("DELETE", path, {"propagationPolicy": "Background", **options})
        except RefusedError as error:
            if error.status != 404:
                raise

    def log(self, namespace: str, pod: str, lines: int = 0, *, previous: bool = False) -> str:
        """Return what a pod wrote, or the last lines of it; empty where there is nothing yet."""
        query: dict[str, str | int] = {"tailLines": lines} if lines else {}
        if previous:
            query["previous"] = "true"
        try:
            content = self.ask("GET", path_of("v1", "Pod", namespace, pod) + "/log", query=query)
        except RefusedError as error:
            if error.status in (400, 404):  # it has not started, or is gone
                return ""
            raise
        return content.decode(errors="replace").strip()

    def open(
        self, namespace: str, pod: str, what: str, *query: tuple[str, Any]
    ) -> websocket.WebSocket:
        """Open a stream to a pod: its `exec` or its `portforward`."""
        path = path_of("v1", "Pod", namespace, pod) + f"/{what}"
        headers: dict[str, str] = {}
        self.client.update_params_for_auth(headers, [], ["BearerToken"])
        url = ws_client.get_websocket_url(f"{self.host}{path}", [*query])
        try:
            stream: websocket.WebSocket = ws_client.create_websocket(
                self.client.configuration, url, headers
            )
        except FAILURES as error:
            raise UnavailableError(
                f"pod {pod} cannot be reached ({what}): {describe_error(error)}"
            ) from error
        return stream

    @contextmanager
    def streaming(
        self, namespace: str, pod: str, what: str, *query: tuple[str, Any]
    ) -> Iterator[websocket.WebSocket]:
        """Hold a stream to a pod open while the block runs."""
        stream = self.open(namespace, pod, what, *query)
        try:
            yield stream
        finally:
            shut(stream)

    def run_in(self, namespace: str, pod: str, *command: str) -> str:
        """Run a command in a pod to its end; return what it wrote.

        Raises:
            UnavailableError: it failed; with what it wrote.
        """
        query = [("command", part) for part in command]
        query += [("stdout", "true"), ("stderr", "true")]
        said, status = b"", b""
        with self.streaming(namespace, pod, "exec", *query) as stream:
            while True:
                opcode, frame = stream.recv_data_frame(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    break
                if frame.data[:1] == STATUS:
                    status += frame.data[1:]
                elif opcode == websocket.ABNF.OPCODE_BINARY:
                    said += frame.data[1:]
        words = said.decode(errors="replace")
        if json.loads(status or b"{}").get("status") != "Success":
            line = " ".join(words.split())
            raise UnavailableError(f"{command[0]} fails in pod {pod}: {line}")
        return words


def shut(stream: websocket.WebSocket) -> None:
    """Say that a stream is over, and close it whether or not the other side still listens."""
    with suppress(*FAILURES):
        stream.close(timeout=0)
    stream.shutdown()  # type: ignore[no-untyped-call]


def reach_cluster(context: str | None = None) -> Cluster:
    """Reach the cluster of a context, or of the current one.

    Raises:
        UnavailableError: there is no such context, or nothing answers there.
    """
    file = os.environ.get("KUBECONFIG") or DEFAULT_FILE
    try:
        _, current = config.list_kube_config_contexts(config_file=file)
        context = context or str(current["name"])
        client = config.new_client_from_config(config_file=file, context=context)
    except (
        config.ConfigException,
        YAMLError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
    ) as error:
        raise UnavailableError(
            f"no Kubernetes context in {file}: {REMEDY} ({describe_error(error)})"
        ) from error
    client.configuration.retries = False
    cluster = Cluster(ApiClient(client.configuration), context)
    cluster.get("/version")
    return cluster


def explain(verb: str, path: str, error: ApiException) -> str:
    """Return what the API says of a request that it refuses, on one line."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body
    try:
        said = json.loads(body or "")["message"]
    except (ValueError, KeyError, TypeError):
        said = body or error.reason
    words = " ".join(str(said).split())
    if error.status == 401:
        return (
            f"Kubernetes does not know who asks ({words}): log in again, or choose another context"
        )
    if error.status == 403:
        return f"Kubernetes forbids it: {words}"
    return f"Kubernetes refuses {verb} {path}: {words}"
