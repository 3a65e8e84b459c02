"""Hostnames of the Gateway API: what a wildcard covers, and what a listener leaves of a route's hostnames.

A wildcard `*.example.com` covers one label or more before its suffix (GW-8); of an Ingress it would be exactly one
(ING-4), which is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

ANY = ""
"""The hostname of a listener or route that names none: every host."""


def is_wildcard(hostname: str) -> bool:
    """Return whether a hostname begins with the label `*`."""
    return hostname.startswith("*.")


def covers(wide: str, narrow: str) -> bool:
    """Return whether every host that `narrow` stands for is one that `wide` stands for (GW-8)."""
    if wide in (ANY, narrow):
        return True
    return is_wildcard(wide) and narrow.endswith(wide[1:])


def suffixes(hostname: str) -> Iterator[str]:
    """Yield what covers a hostname, itself first, then wildcards from the longest, then any host."""
    yield hostname
    labels = hostname.removeprefix("*.").split(".") if hostname else []
    start = 0 if is_wildcard(hostname) else 1
    for index in range(start, len(labels)):
        wide = "*." + ".".join(labels[index:])
        if wide != hostname:
            yield wide
    if hostname:
        yield ANY


@lru_cache(maxsize=65536)
def intersection(listener: str, route: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hostnames under which a route answers at a listener (GW-13): sorted; `("",)`: any; empty: none.

    Of two hostnames that intersect, one covers the other, and the narrower one remains.
    """
    if not route:
        return (listener,)
    found = {narrow for item in route if (narrow := _narrower(listener, item)) is not None}
    return tuple(sorted(found))


def _narrower(one: str, other: str) -> str | None:
    if covers(one, other):
        return other
    return one if covers(other, one) else None
