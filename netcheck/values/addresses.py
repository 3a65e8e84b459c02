"""Sets of IP addresses, IPv4 and IPv6 kept apart (SEMANTICS NET-2).

Inside, an address is an integer; text is parsed and printed at the rim only.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from netcheck.values import intervals
from netcheck.values.intervals import Ranges

MAX_V4 = 2**32 - 1
MAX_V6 = 2**128 - 1


def _parse_cidr(text: str) -> tuple[int, int, int]:
    """Return (version, first, last) of a CIDR or a single address; host bits are masked.

    Raises:
        ValueError: `text` is neither.
    """
    network = ipaddress.ip_network(text, strict=False)
    first = int(network.network_address)
    return network.version, first, first + network.num_addresses - 1


@dataclass(frozen=True, slots=True)
class IPSet:
    """A set of addresses; two are equal iff they hold the same addresses of both families.

    Raises:
        ValueError: the ranges are not canonical.
    """

    v4: Ranges = ()
    v6: Ranges = ()

    def __post_init__(self) -> None:
        if not (intervals.is_canonical(self.v4, 0, MAX_V4) and intervals.is_canonical(self.v6, 0, MAX_V6)):
            raise ValueError(f"not canonical address ranges: {self.v4} {self.v6}")

    @classmethod
    def of_cidrs(cls, *cidrs: str) -> IPSet:
        """Build the set that holds exactly the addresses of `cidrs` (single addresses are allowed).

        Raises:
            ValueError: a text is neither a CIDR nor an address.
        """
        parsed = [_parse_cidr(text) for text in cidrs]
        return cls(
            intervals.canonical((low, high) for version, low, high in parsed if version == 4),
            intervals.canonical((low, high) for version, low, high in parsed if version == 6),
        )

    @classmethod
    def all(cls) -> IPSet:
        """Return all addresses of both families."""
        return _ALL

    @classmethod
    def none(cls) -> IPSet:
        """Return the empty set."""
        return _NONE

    def of_family(self, version: int) -> Ranges:
        """Return the ranges of one family, 4 or 6."""
        return self.v4 if version == 4 else self.v6

    def __and__(self, other: IPSet) -> IPSet:
        return IPSet(intervals.intersection(self.v4, other.v4), intervals.intersection(self.v6, other.v6))

    def __or__(self, other: IPSet) -> IPSet:
        return IPSet(intervals.union(self.v4, other.v4), intervals.union(self.v6, other.v6))

    def __sub__(self, other: IPSet) -> IPSet:
        return IPSet(intervals.difference(self.v4, other.v4), intervals.difference(self.v6, other.v6))

    def __invert__(self) -> IPSet:
        return IPSet(intervals.complement(self.v4, 0, MAX_V4), intervals.complement(self.v6, 0, MAX_V6))

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def __le__(self, other: IPSet) -> bool:
        return intervals.is_subset(self.v4, other.v4) and intervals.is_subset(self.v6, other.v6)

    def cidrs(self) -> tuple[str, ...]:
        """Return the fewest CIDRs that hold exactly this set, IPv4 first, ascending."""
        return (*self.cidrs_of_family(4), *self.cidrs_of_family(6))

    def cidrs_of_family(self, version: int) -> tuple[str, ...]:
        """Return the fewest CIDRs that hold exactly this set's addresses of one family, ascending."""
        ranges = self.of_family(version)
        return tuple(text for low, high in ranges for text in _cidrs_of_range(version, low, high))

    def __str__(self) -> str:
        return ",".join(self.cidrs()) or "none"


def _cidrs_of_range(version: int, low: int, high: int) -> list[str]:
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    return [str(network) for network in ipaddress.summarize_address_range(kind(low), kind(high))]


def address_text(version: int, number: int) -> str:
    """Return the usual text of an address given as an integer."""
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def address_number(text: str) -> tuple[int, int]:
    """Return (version, integer) of an address.

    Raises:
        ValueError: `text` is not an address.
    """
    kind, version = (socket.AF_INET6, 6) if ":" in text else (socket.AF_INET, 4)
    try:
        return version, int.from_bytes(socket.inet_pton(kind, text), "big")
    except OSError:
        raise ValueError(f"`{text}` is no address") from None


def describe(addresses: IPSet) -> str:
    """Return a short exact text of `addresses`: its CIDRs, or a covering CIDR and what is excepted from it.

    The shorter of the two is taken for each family, so `10.0.0.0/8 except 10.1.0.0/16` stands for eight CIDRs.
    """
    if addresses == _ALL:
        return "any address"
    families = [
        ", ".join(_describe_family(version, ranges))
        for version, ranges in ((4, addresses.v4), (6, addresses.v6))
        if ranges
    ]
    # A comma after an except would read as excepting the other family too.
    return ("; " if any(" except " in text for text in families) else ", ").join(families) or "none"


def _describe_family(version: int, ranges: Ranges) -> Iterable[str]:
    plain = [text for low, high in ranges for text in _cidrs_of_range(version, low, high)]
    bits = 32 if version == 4 else 128
    low, high = ranges[0][0], ranges[-1][1]
    length = bits - (low ^ high).bit_length()
    first = low >> (bits - length) << (bits - length)
    last = first + (1 << (bits - length)) - 1
    holes = intervals.difference(((first, last),), ranges)
    excepted = [text for a, b in holes for text in _cidrs_of_range(version, a, b)]
    if len(plain) <= len(excepted) + 1:
        return plain
    return [f"{address_text(version, first)}/{length} except {', '.join(excepted)}"]


_NONE = IPSet()
_ALL = IPSet(((0, MAX_V4),), ((0, MAX_V6),))
