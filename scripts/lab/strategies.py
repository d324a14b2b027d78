"""The strategies: how static files are kept, as data.

What a strategy sets in Django is in app/shop/settings.py; here is what the lab has to know of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Strategy:
    """One way of keeping static files.

    Attributes:
        name: the value of STATICFILES_STRATEGY.
        what: it in a few words.
        keeps: where the assets are: in the bucket, in a directory that all replicas share, or in
            the image of each release, from which its replicas serve them.
        image: the strategy whose collectstatic fills STATIC_ROOT when an image is built, if any.
        prefix: what stands before an asset's name, with the release for `{release}`.
        hashed: whether names carry the hash of the content.
        apart: whether web processes and publish jobs have identities of their own. django-storages'
            documentation has one for both, which may list.
        alone: whether a publish leaves the assets of other releases alone.
        cleans: what is left of a release that has been retired.
    """

    name: str
    what: str
    keeps: Literal["bucket", "disk", "image"] = "bucket"
    image: str | None = None
    prefix: str = ""
    hashed: bool = True
    apart: bool = False
    alone: bool = False
    cleans: Literal["nothing", "prefix", "unreachable"] = "nothing"

    def prefix_of(self, release: str) -> str:
        """What stands before the names of a release's assets."""
        return self.prefix.format(release=release)


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("shared", "one manifest for all releases, in the bucket: the stock storage"),
        Strategy("versioned", "a manifest per release in the bucket, by `manifest_name`"),
        Strategy(
            "skewproof", "the app in `app/skewproof`", apart=True, alone=True, cleans="unreachable"
        ),
        Strategy(
            "baked",
            "the manifest in the image, by `manifest_storage`; assets in the bucket",
            image="shared-disk",
        ),
        Strategy(
            "prefix",
            "a prefix in the bucket for each release",
            prefix="{release}/",
            alone=True,
            cleans="prefix",
        ),
        Strategy("shared-disk", "one manifest, in a directory that all share", keeps="disk"),
        Strategy("versioned-disk", "a manifest per release in such a directory", keeps="disk"),
        Strategy(
            "whitenoise",
            "assets in each container, by WhiteNoise",
            keeps="image",
            image="whitenoise",
        ),
        Strategy("unhashed", "plain names in the bucket", hashed=False),
    )
}

CURE = "skewproof"
CONTROL = "shared"
"""What must fail for a run to prove anything."""
COMPARED = (CURE, "versioned", CONTROL)
"""Those that a stack can be started with and that "lab gotcha" compares; the default first."""
