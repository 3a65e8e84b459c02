"""What may pass between two ends: for each protocol a set of destination ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netcheck.values.ports import PROTOCOLS, PortSet, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSet:
    """A set of (protocol, destination port); two are equal iff they hold the same pairs."""

    tcp: PortSet = PortSet.none()
    udp: PortSet = PortSet.none()
    sctp: PortSet = PortSet.none()

    @classmethod
    def all(cls) -> ConnectionSet:
        """Return every port of every protocol."""
        return _ALL

    @classmethod
    def none(cls) -> ConnectionSet:
        """Return the empty set."""
        return _NONE

    @classmethod
    def of(cls, ports: Mapping[Protocol, PortSet]) -> ConnectionSet:
        """Build from a mapping; a protocol that is not in it has no port."""
        empty = PortSet.none()
        return cls(
            tcp=ports.get(Protocol.TCP, empty),
            udp=ports.get(Protocol.UDP, empty),
            sctp=ports.get(Protocol.SCTP, empty),
        )

    def of_protocol(self, protocol: Protocol) -> PortSet:
        """Return the ports of one protocol."""
        return self.tcp if protocol is Protocol.TCP else self.udp if protocol is Protocol.UDP else self.sctp

    def items(self) -> Iterator[tuple[Protocol, PortSet]]:
        """Yield each protocol that has ports, in the order TCP, UDP, SCTP."""
        for protocol in PROTOCOLS:
            if ports := self.of_protocol(protocol):
                yield protocol, ports

    def __and__(self, other: ConnectionSet) -> ConnectionSet:
        return ConnectionSet(tcp=self.tcp & other.tcp, udp=self.udp & other.udp, sctp=self.sctp & other.sctp)

    def __or__(self, other: ConnectionSet) -> ConnectionSet:
        return ConnectionSet(tcp=self.tcp | other.tcp, udp=self.udp | other.udp, sctp=self.sctp | other.sctp)

    def __sub__(self, other: ConnectionSet) -> ConnectionSet:
        return ConnectionSet(tcp=self.tcp - other.tcp, udp=self.udp - other.udp, sctp=self.sctp - other.sctp)

    def __invert__(self) -> ConnectionSet:
        return ConnectionSet(tcp=~self.tcp, udp=~self.udp, sctp=~self.sctp)

    def __bool__(self) -> bool:
        return bool(self.tcp or self.udp or self.sctp)

    def __le__(self, other: ConnectionSet) -> bool:
        return self.tcp <= other.tcp and self.udp <= other.udp and self.sctp <= other.sctp

    def __str__(self) -> str:
        if self == _ALL:
            return "all"
        return " ".join(f"{protocol.value}/{ports}" for protocol, ports in self.items()) or "none"


_NONE = ConnectionSet()
_ALL = ConnectionSet(tcp=PortSet.all(), udp=PortSet.all(), sctp=PortSet.all())
