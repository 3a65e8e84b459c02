"""Validation of NetworkPolicy, after pkg/apis/networking/validation (SEMANTICS NP-37)."""

from __future__ import annotations

from typing import Any

from netcheck.load.check_common import (
    PROTOCOLS,
    check_cidr,
    check_port,
    check_selector,
    faults,
    listing,
    mapping,
    text,
    unsupported,
)
from netcheck.load.names import port_number
from netcheck.load.report import Report
from netcheck.load.tree import Path

TYPES = ("Ingress", "Egress")


def check_network_policy(report: Report, value: dict[str, Any]) -> None:
    """Check the spec of a NetworkPolicy."""
    spec = mapping(value.get("spec"))
    check_selector(report, spec.get("podSelector"), ("spec", "podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(listing(spec.get(direction))):
            _check_rule(report, mapping(rule), ("spec", direction, index), peers)
    check_types(report, spec.get("policyTypes"))


def check_types(report: Report, types: Any) -> None:
    """Check `policyTypes` (SEMANTICS NP-32)."""
    path: Path = ("spec", "policyTypes")
    if len(listing(types)) > len(TYPES):
        report.error(path, "may not specify more than two policyTypes")
        return
    for index, item in enumerate(listing(types)):
        if item is None or (isinstance(item, str) and item not in TYPES):
            unsupported(report, (*path, index), item, TYPES)


def _check_rule(report: Report, rule: dict[str, Any], path: Path, peers: str) -> None:
    for index, item in enumerate(listing(rule.get("ports"))):
        _check_port(report, mapping(item), (*path, "ports", index))
    for index, item in enumerate(listing(rule.get(peers))):
        if item is None or isinstance(item, dict):
            _check_peer(report, mapping(item), (*path, peers, index))


def _check_port(report: Report, item: dict[str, Any], path: Path) -> None:
    protocol, port, end = item.get("protocol"), item.get("port"), item.get("endPort")
    if isinstance(protocol, str) and protocol not in PROTOCOLS:
        unsupported(report, (*path, "protocol"), protocol, PROTOCOLS)
    if port is not None:
        check_port(report, (*path, "port"), port)
    if not isinstance(end, int):
        return
    at = (*path, "endPort")
    if port is None:
        report.error(at, f"invalid value `{end}`: may not be specified when `port` is not specified")
    elif isinstance(port, str):
        report.error(at, f"invalid value `{end}`: may not be specified when `port` is non-numeric")
    elif isinstance(port, int):
        if end < port:
            report.error(at, f"invalid value `{end}`: must be greater than or equal to `port`")
        faults(report, at, str(end), port_number(end))


def _check_peer(report: Report, peer: dict[str, Any], path: Path) -> None:
    given = [key for key in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(key) is not None]
    if not given:
        hint = "write `podSelector: {}` for every pod" if "podSelector" in peer else ""
        report.error(path, "required value: must specify a peer", hint)
    if "ipBlock" in given and len(given) > 1:
        hint = "write two list items: start `ipBlock` with its own `- `"
        report.error(path, "forbidden: may not specify both ipBlock and another peer", hint)
    for key in ("podSelector", "namespaceSelector"):
        check_selector(report, peer.get(key), (*path, key))
    if isinstance(peer.get("ipBlock"), dict):
        _check_block(report, peer["ipBlock"], (*path, "ipBlock"))


def _check_block(report: Report, block: dict[str, Any], path: Path) -> None:
    written = block.get("cidr")
    if not written:
        report.error((*path, "cidr"), "required value")
        return
    if not isinstance(written, str):
        return
    cidr = check_cidr(report, (*path, "cidr"), written)
    for index, item in enumerate(listing(block.get("except"))):
        at = (*path, "except", index)
        excepted = check_cidr(report, at, text(item)) if item is None or isinstance(item, str) else None
        if cidr and excepted and not cidr.holds_strictly(excepted):
            report.error(at, f"invalid value `{item}`: must be a strict subset of `cidr`")
