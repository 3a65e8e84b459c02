"""How rules walk policies: every rule with its direction and field path, and what of it counts."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.snapshot import Snapshot
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PodPeer, PolicyPort, PolicyRule
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


def or_pair(rule: PolicyRule) -> tuple[PodPeer, PodPeer] | None:
    """Return the one peer by namespaces only and the one by pods only, iff a rule has exactly these by selectors.

    An empty podSelector makes no such pair: together with a namespaceSelector it would say nothing.
    """
    peers = [peer for peer in rule.peers if isinstance(peer, PodPeer)]
    spaces = [peer for peer in peers if peer.pod_selector is None]
    pods = [peer for peer in peers if peer.namespace_selector is None]
    if (len(peers), len(spaces), len(pods)) != (2, 1, 1):
        return None
    selector = pods[0].pod_selector
    return (spaces[0], pods[0]) if selector is not None and selector.requirements else None
