"""What a process says of its release to Prometheus; optional, as it needs prometheus_client.

A view for a project's URLs, and a collector for a registry that a project has already::

    path("metrics", skewproof.metrics.metrics)
    prometheus_client.REGISTRY.register(skewproof.metrics.ReleaseCollector())

A process speaks for itself alone: where several share a port, a scrape hears one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from skewproof.health import BY_ADDRESS, find_obstacle, forbid_caching
from skewproof.release import known_release_id
from skewproof.storage import find_release_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

STATES = ("loaded", "absent", "forbidden", "unreachable", "unusable", "unknown")
"""What a manifest is to a process: at hand, or why not; unknown where another fault came first."""


class ReleaseCollector(Collector):
    """Asks what `/readyz` asks, at each scrape, and so loads a manifest that is there by now."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield release, readiness, the state of the manifest and how long it took to load."""
        obstacle = find_obstacle()
        release = GaugeMetricFamily(
            "skewproof_release_info", "1, with the release of this process.", labels=["release"]
        )
        release.add_metric([known_release_id() or ""], 1)
        yield release
        ready = "1 where /readyz answers 200, else 0."
        yield GaugeMetricFamily("skewproof_ready", ready, value=int(obstacle is None))
        state = find_state(obstacle)
        if state:
            manifest = GaugeMetricFamily(
                "skewproof_manifest",
                "1 for what the manifest is, 0 for the rest.",
                labels=["state"],
            )
            for each in STATES:
                manifest.add_metric([each], int(each == state))
            yield manifest
        seconds = find_load_seconds()
        if seconds is not None:
            took = "How long the fetch took that loaded the manifest."
            yield GaugeMetricFamily("skewproof_manifest_load_seconds", took, value=seconds)


def find_state(obstacle: dict[str, str] | None) -> str | None:
    """Return one of STATES; None where pages need no manifest of a release."""
    seconds = find_load_seconds()
    if seconds is not None:
        return "loaded"
    if obstacle is None:
        return None
    state = obstacle["reason"].removeprefix("manifest ")
    return state if state in STATES else "unknown"


def find_load_seconds() -> float | None:
    """Return how long the manifest took to load; None where none has been loaded."""
    if settings.DEBUG:
        return None
    try:
        storage = find_release_storage()
    except Exception:  # also of a library; find_obstacle says what it is
        return None
    return storage.load_seconds if storage else None


@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """Answer in the format that a scraper asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ReleaseCollector())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return forbid_caching(HttpResponse(encode(registry), content_type=content_type))


setattr(metrics, BY_ADDRESS, True)
