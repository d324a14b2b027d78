"""How patiently a publish talks to an object store, whichever it is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError

from skewproof.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore.store import ClientConfig, ObjectStore, RetryConfig

RETRIES = 10  # they take ten seconds or so, when each fails at once
GIVING_UP = 30  # seconds after which a request that fails is not tried again
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 3.0
PATIENCE = 10  # seconds for a request that carries nothing
SLOWEST = 256 * 1024  # bytes a second at which the largest file must still arrive in time


def opened(
    open_with: Callable[[RetryConfig], ObjectStore],
) -> tuple[ObjectStore, ObjectStore]:
    """Return the same store twice: trying again, and asking once.

    Raises:
        OptionError: The options, or variables that obstore looks at by itself, make no sense.
    """
    try:
        return open_with(retry_config(RETRIES)), open_with(retry_config(0))
    except BaseError as error:
        cause = str(error).partition("\n")[0]
        raise OptionError(f"obstore cannot open the store: {cause}") from error


def client_options(
    endpoint: str,
    largest: int,
    proxies: Mapping[str, str] | None = None,
    verify: bool | str | None = None,
) -> ClientConfig:
    """Return time-outs, proxy and certificates.

    Args:
        endpoint: The URL of the store.
        largest: Bytes of the largest file that will be sent; time-outs grow with it.
        proxies: URLs of proxies by the scheme of what is asked for.
        verify: Whether to check certificates, or a file of those to trust.
    """
    options: ClientConfig = {
        "allow_http": endpoint.startswith("http:"),
        "connect_timeout": timedelta(seconds=3),
        "timeout": timedelta(seconds=PATIENCE + largest / SLOWEST),
    }
    proxy = (proxies or {}).get(endpoint.partition(":")[0])
    if proxy:
        options["proxy_url"] = proxy
    if verify is False:
        options["allow_invalid_certificates"] = True
    elif isinstance(verify, str):
        options["root_certificate"] = Path(verify).read_bytes()
    return options


def retry_config(retries: int) -> RetryConfig:
    """Return a bounded back-off after throttling, 5xx answers and lost connections."""
    return {
        "max_retries": retries,
        "retry_timeout": timedelta(seconds=GIVING_UP),
        "backoff": {
            "init_backoff": timedelta(seconds=FIRST_PAUSE),
            "max_backoff": timedelta(seconds=LONGEST_PAUSE),
            # obstore draws each pause from between the first and this multiple of the last: with 2,
            # they would hardly grow.
            "base": 3,
        },
    }
