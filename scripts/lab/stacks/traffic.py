"""Who gets which share of the requests: traffic.conf, and weights as a person types them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lab.errors import LabError

WHOLE = re.compile(r"[0-9]{1,3}")
HEADER = (
    "# Which replicas serve a release, which share of the requests it draws, "
    "and who may be pinned to it."
)


def parse_weights(text: str, known: Sequence[str]) -> dict[str, int]:
    """Read weights such as `v1=90,v2=10`: whole percents of known releases that add up to 100.

    Raises:
        LabError: anything else, with the part that is wrong.
    """
    weights: dict[str, int] = {}
    for part in text.split(","):
        release, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals or not WHOLE.fullmatch(number):
            raise LabError(f'no weights: "{part}" in "{text}"; write them as v1=90,v2=10')
        if release not in known:
            raise LabError(
                f'unknown release {release} in the weights "{text}": there are {", ".join(known)}'
            )
        if release in weights:
            raise LabError(f'release {release} stands twice in the weights "{text}"')
        weights[release] = int(number)
    if sum(weights.values()) != 100:
        raise LabError(f'the weights "{text}" add up to {sum(weights.values())}, not to 100')
    return weights


def render_traffic(weights: Mapping[str, int], servers: Mapping[str, Sequence[str]]) -> str:
    """Write the gateway's traffic.conf.

    Args:
        weights: percent of the requests a release draws; all of them together are 100. A release
            with 0 is reached by visitors who ask for it, and by nobody else.
        servers: per release the arguments of nginx's `server` directives.
    """
    lines = [HEADER]
    for release in weights:
        listed = " ".join(f"server {server};" for server in servers[release])
        lines.append(f"upstream web_{release} {{ zone web_{release} 64k; {listed} }}")
    # split_clients knows no 0%: who draws nothing is left out, and the last one gets the rest.
    *drawing, last = [release for release, weight in weights.items() if weight]
    shares = "".join(f"{weights[release]}% {release}; " for release in drawing)
    lines.append(f"split_clients $request_id $drawn {{ {shares}* {last}; }}")
    pins = " ".join(f"{release} {release};" for release in weights)
    lines.append(f'map $asked $pinned {{ default ""; {pins} }}')
    return "\n".join(lines) + "\n"
