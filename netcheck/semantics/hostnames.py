"""Host names and wildcards: Gateway API (GW-8, GW-13, GW-6, GW-18) and Ingress (ING-4), which differ.

Names are in lower case. An empty pattern matches every host.
"""

from __future__ import annotations


def is_wildcard(pattern: str) -> bool:
    """GW-8, ING-4: `*` as the whole first label."""
    return pattern.startswith("*.")


def covers(pattern: str, host: str) -> bool:
    """GW-8: equal, or one or more labels and then what follows the `*`; the bare domain is not matched."""
    if not pattern:
        return True
    if not is_wildcard(pattern):
        return pattern == host
    suffix = pattern[1:]
    return host.endswith(suffix) and len(host) > len(suffix)


def intersection(one: str, other: str) -> str | None:
    """GW-13: the narrower of two patterns of which one covers the other, or None."""
    if not one or not other:
        return one or other
    if covers(one, other.removeprefix("*")) or one == other:
        return other
    return one if covers(other, one.removeprefix("*")) else None


def intersections(listener: str, hostnames: tuple[str, ...]) -> tuple[str, ...]:
    """GW-13: what of a route's host names lies within a listener's; `("",)`: any host. Empty iff nothing does."""
    found = [intersection(listener, hostname) for hostname in hostnames or ("",)]
    return tuple(dict.fromkeys(hostname for hostname in found if hostname is not None))


def listener_rank(pattern: str) -> tuple[int, int]:
    """GW-6: exact before wildcards, those by labels right of the `*`, before no host name. Greater is chosen."""
    if not pattern:
        return (0, 0)
    return (1, pattern.count(".")) if is_wildcard(pattern) else (2, 0)


def route_rank(hostnames: tuple[str, ...], host: str) -> tuple[int, int]:
    """GW-18: characters of a matching name without wildcard, then of any matching name. Greater is chosen."""
    matching = [hostname for hostname in hostnames if hostname and covers(hostname, host)]
    exact = [len(hostname) for hostname in matching if not is_wildcard(hostname)]
    return (max(exact, default=0), max(map(len, matching), default=0))


def ingress_covers(pattern: str, host: str) -> bool:
    """ING-4: no host is any host; `*` is exactly one label."""
    if not pattern or pattern == host:
        return True
    first, dot, rest = host.partition(".")
    return is_wildcard(pattern) and bool(first) and dot == "." and rest == pattern.removeprefix("*.")


def ingress_rank(pattern: str) -> int:
    """ING-5: exact beats wildcard beats none. Greater is chosen."""
    if not pattern:
        return 0
    return 1 if is_wildcard(pattern) else 2
