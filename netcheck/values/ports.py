"""Sets of ports, and the three protocols that NetworkPolicy is defined for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netcheck.values import intervals
from netcheck.values.intervals import Ranges

MIN_PORT = 1
MAX_PORT = 65535


class Protocol(Enum):
    """A transport protocol that has ports and that the API can name (SEMANTICS NET-15, NP-31)."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


PROTOCOLS = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)


@dataclass(frozen=True, slots=True)
class PortSet:
    """A set of ports (1..65535); two are equal iff they hold the same ports.

    Build one with `of`, `single`, `all` or `none`; the constructor takes canonical ranges only.

    Raises:
        ValueError: the ranges are not canonical or not within 1..65535.
    """

    ranges: Ranges = ()

    def __post_init__(self) -> None:
        if not intervals.is_canonical(self.ranges, MIN_PORT, MAX_PORT):
            raise ValueError(f"not canonical port ranges: {self.ranges}")

    @classmethod
    def of(cls, *ranges: tuple[int, int]) -> PortSet:
        """Build from closed ranges in any order, overlapping or not."""
        return cls(intervals.canonical(ranges))

    @classmethod
    def single(cls, port: int) -> PortSet:
        """Build the set that holds exactly `port`."""
        return cls(((port, port),))

    @classmethod
    def all(cls) -> PortSet:
        """Return the set of all ports."""
        return _ALL

    @classmethod
    def none(cls) -> PortSet:
        """Return the empty set."""
        return _NONE

    def __and__(self, other: PortSet) -> PortSet:
        return PortSet(intervals.intersection(self.ranges, other.ranges))

    def __or__(self, other: PortSet) -> PortSet:
        return PortSet(intervals.union(self.ranges, other.ranges))

    def __sub__(self, other: PortSet) -> PortSet:
        return PortSet(intervals.difference(self.ranges, other.ranges))

    def __invert__(self) -> PortSet:
        return PortSet(intervals.complement(self.ranges, MIN_PORT, MAX_PORT))

    def __contains__(self, port: int) -> bool:
        return intervals.contains(self.ranges, port)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __le__(self, other: PortSet) -> bool:
        return intervals.is_subset(self.ranges, other.ranges)

    def __len__(self) -> int:
        return intervals.size(self.ranges)

    @property
    def lowest(self) -> int:
        """The lowest port of a non-empty set.

        Raises:
            ValueError: the set is empty.
        """
        if not self.ranges:
            raise ValueError("an empty set has no lowest port")
        return self.ranges[0][0]

    def __str__(self) -> str:
        if self == _ALL:
            return "*"
        return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)


_NONE = PortSet()
_ALL = PortSet(((MIN_PORT, MAX_PORT),))
