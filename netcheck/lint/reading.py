"""How rules walk policies: every rule with its direction and field path, and what of it counts."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.snapshot import Snapshot
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PolicyPort, PolicyRule
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

Read = tuple[NetworkPolicy, Direction, PolicyRule, str]


def all_rules(snapshot: Snapshot) -> Iterator[Read]:
    """Yield (policy, direction, rule, `spec.ingress[0]`) of every rule whose direction is in effect."""
    for policy in snapshot.cluster.policies:
        for direction in policy.types:
            for index, rule in enumerate(policy.rules(direction)):
                yield policy, direction, rule, f"spec.{direction.value.lower()}[{index}]"


def holds(item: PolicyPort, protocol: str, number: int) -> bool:
    """Return whether a port item covers a number by itself, not through a name."""
    if item.protocol != protocol or isinstance(item.port, str):
        return False
    if item.port is None:
        return True
    return item.port <= number <= (item.port if item.end_port is None else item.end_port)


def block(peer: IPBlockPeer) -> IPSet:
    """Return the addresses of an ipBlock."""
    return IPSet.of_cidrs(peer.cidr) - IPSet.of_cidrs(*peer.excepts)


def single_address(peer: IPBlockPeer) -> str:
    """Return the address of an ipBlock that holds one address only, else nothing."""
    address, _, length = peer.cidr.partition("/")
    return address if length in ("", "128" if ":" in address else "32") else ""


def protocol_of(item: PolicyPort) -> Protocol:
    """Return the protocol of a port item as a value."""
    return Protocol(item.protocol)
