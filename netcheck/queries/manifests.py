"""Policies as the objects that are applied: their fields, and their text as YAML that every parser reads alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, Peer, PolicyPort, PolicyRule
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector, Operator
from netcheck.values.ports import PROTOCOLS, PortSet

_EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_READ_AS_OTHERWISE = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def network_policy(policy: NetworkPolicy) -> dict[str, Any]:
    """Return a NetworkPolicy as the object to apply; `policyTypes` are always written (NP-2)."""
    spec: dict[str, Any] = {
        "podSelector": selector_fields(policy.pod_selector),
        "policyTypes": [direction.value for direction in Direction if direction in policy.types],
    }
    for field, peers, rules in (("ingress", "from", policy.ingress), ("egress", "to", policy.egress)):
        if rules:
            spec[field] = [_rule(rule, peers) for rule in rules]
    metadata = {"name": policy.name, "namespace": policy.namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def network_policy_text(policy: NetworkPolicy) -> str:
    """Return a NetworkPolicy as YAML."""
    return "".join(f"{line}\n" for line in yaml_lines(network_policy(policy)))


def _rule(rule: PolicyRule, peers: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rule.peers:
        found[peers] = [_peer(peer) for peer in rule.peers]
    if rule.ports:
        found["ports"] = [_port(port) for port in rule.ports]
    return found


def _peer(peer: Peer) -> dict[str, Any]:
    if isinstance(peer, IPBlockPeer):
        return {"ipBlock": {"cidr": peer.cidr, **({"except": list(peer.excepts)} if peer.excepts else {})}}
    found: dict[str, Any] = {}
    if peer.namespace_selector is not None:
        found["namespaceSelector"] = selector_fields(peer.namespace_selector)
    if peer.pod_selector is not None:
        found["podSelector"] = selector_fields(peer.pod_selector)
    return found


def _port(port: PolicyPort) -> dict[str, Any]:
    found: dict[str, Any] = {"protocol": port.protocol}
    if port.port is not None:
        found["port"] = port.port
    if port.end_port is not None:
        found["endPort"] = port.end_port
    return found


def selector_fields(selector: LabelSelector) -> dict[str, Any]:
    """Return a label selector as the API writes it."""
    labels: dict[str, str] = {}
    expressions = []
    for item in selector.requirements:
        if item.operator is Operator.IN and len(item.values) == 1 and item.key not in labels:
            labels[item.key] = item.values[0]
            continue
        values = {"values": list(item.values)} if item.values else {}
        expressions.append({"key": item.key, "operator": item.operator.value, **values})
    found: dict[str, Any] = {"matchLabels": labels} if labels else {}
    return {**found, "matchExpressions": expressions} if expressions else found


def yaml_lines(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a mapping as YAML, in block style; empty mappings and scalars stand on their key's line."""
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield f"{_scalar(key)}:"
            yield from (f"  {line}" for line in yaml_lines(item))
        elif isinstance(item, list) and item:
            yield f"{_scalar(key)}:"
            yield from _items(item)
        else:
            yield f"{_scalar(key)}: {_scalar(item)}"


def _items(items: Iterable[Any]) -> Iterator[str]:
    for item in items:
        lines = yaml_lines(item) if isinstance(item, dict) and item else iter((_scalar(item),))
        yield f"- {next(lines)}"
        yield from (f"  {line}" for line in lines)


def _scalar(value: Any) -> str:
    """Return a scalar, quoted wherever YAML might read it as something else than a text."""
    if value in ({}, []):
        return "[]" if value == [] else "{}"
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _READ_AS_OTHERWISE:
        return value
    return json.dumps(value)


# ---- fields of rules from what they mean -------------------------------------------------------------------------------


def ports_of(connections: ConnectionSet) -> tuple[PolicyPort, ...]:
    """Return the port items of a rule for some connections; none iff all are meant (NP-3)."""
    if connections == ConnectionSet.all():
        return ()
    found = []
    for protocol, ports in connections.items():
        if ports == PortSet.all():
            found.append(PolicyPort(protocol=protocol.value))
            continue
        for low, high in ports.ranges:
            found.append(PolicyPort(protocol=protocol.value, port=low, end_port=high if high != low else None))
    order = [protocol.value for protocol in PROTOCOLS]
    return tuple(sorted(found, key=lambda item: (order.index(item.protocol), item.port or 0)))


def blocks_of(addresses: IPSet) -> tuple[IPBlockPeer, ...]:
    """Return the fewest ipBlocks that are exactly some addresses: CIDRs, or everything with exceptions."""
    found: list[IPBlockPeer] = []
    for version, everything in _EVERYTHING.items():
        plain = addresses.cidrs_of_family(version)
        rest = (IPSet.of_cidrs(everything) - addresses).cidrs_of_family(version)
        if len(rest) < len(plain):
            found.append(IPBlockPeer(cidr=everything, excepts=tuple(rest)))
        else:
            found += [IPBlockPeer(cidr=cidr) for cidr in plain]
    return tuple(found)
