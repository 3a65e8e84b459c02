"""Structural checks of admin network policies, after their CRDs (policy.networking.k8s.io, SEMANTICS section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from netcheck.load.check_common import check_selector, faults, listing, mapping, text, unsupported
from netcheck.load.cidrs import parse_cidr
from netcheck.load.names import port_name
from netcheck.load.report import Report
from netcheck.load.tree import Path

_MOST_PORTS = 100
_MOST_ITEMS = 25
_LAST_PRIORITY = 1000
_TIERS = ("Admin", "Baseline")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_DOMAIN = re.compile(r"(\*\.)?([a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?\Z")
_OUTSIDE = ("networks", "nodes", "domainNames")
_PODS = frozenset({"namespaces", "pods"})
_EGRESS = _PODS | frozenset(_OUTSIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """Where the CRDs of the kinds differ.

    Attributes:
        most: rules in a direction, and peers in a rule (ADM-21).
        selectors: those that `pods` must have.
        ports: checks the ports of a rule: (report, rule, its path, the name of its peers).
    """

    actions: tuple[str, ...]
    egress: frozenset[str]
    most: int
    selectors: tuple[str, ...]
    ports: Callable[[Report, dict[str, Any], Path, str], None]


def check_admin_policy(report: Report, value: dict[str, Any]) -> None:
    """Check an AdminNetworkPolicy or BaselineAdminNetworkPolicy (v1alpha1)."""
    spec = _spec(report, value)
    baseline = value.get("kind") == "BaselineAdminNetworkPolicy"
    form = _Form(
        actions=("Allow", "Deny") if baseline else ("Allow", "Deny", "Pass"),
        egress=_EGRESS - {"domainNames"} if baseline else _EGRESS,
        most=100,
        selectors=("namespaceSelector", "podSelector"),
        ports=_v1alpha1_ports,
    )
    if baseline:
        if mapping(value.get("metadata")).get("name") != "default":
            message = "invalid value: only one baseline admin network policy with the name `default` can be created"
            report.error(("metadata", "name"), message)
    else:
        _priority(report, spec)
    _subject(report, spec, form)
    _rules(report, spec, form)


def check_cluster_policy(report: Report, value: dict[str, Any]) -> None:
    """Check a ClusterNetworkPolicy (v1alpha2)."""
    spec = _spec(report, value)
    tier = spec.get("tier")
    if tier is None:
        report.error(("spec", "tier"), "required value")
    elif tier not in _TIERS:
        unsupported(report, ("spec", "tier"), tier, _TIERS)
    _priority(report, spec)
    form = _Form(
        actions=("Accept", "Deny", "Pass"),
        egress=_EGRESS,
        most=25,
        selectors=("podSelector",),
        ports=_v1alpha2_protocols,
    )
    _subject(report, spec, form)
    _rules(report, spec, form)


def _spec(report: Report, value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value.get("spec"), dict):
        report.error(("spec",), "required value")
    return mapping(value.get("spec"))


def _priority(report: Report, spec: dict[str, Any]) -> None:
    at: Path = ("spec", "priority")
    priority = spec.get("priority")
    if priority is None:
        report.error(at, "required value")
    elif isinstance(priority, int) and not 0 <= priority <= _LAST_PRIORITY:
        report.error(at, f"invalid value `{priority}`: must be between 0 and {_LAST_PRIORITY}")


def _exactly_one(report: Report, value: Any, path: Path, known: Collection[str]) -> dict[str, Any]:
    """Check a union: exactly one of `known` is set."""
    fields = mapping(value)
    given = sorted(key for key in fields if fields[key] is not None)
    listed = ", ".join(f"`{key}`" for key in sorted(known))
    if not given:
        report.error(path, f"required value: exactly one of {listed} must be set")
    elif len(given) > 1 or given[0] not in known:
        wrong = ", ".join(f"`{key}`" for key in given)
        report.error(path, f"invalid value: exactly one of {listed} must be set, but {wrong} is")
    return fields


def _subject(report: Report, spec: dict[str, Any], form: _Form) -> None:
    path: Path = ("spec", "subject")
    if spec.get("subject") is None:
        report.error(path, "required value")
        return
    _pods_or_namespaces(report, _exactly_one(report, spec["subject"], path, _PODS), path, form)


def _pods_or_namespaces(report: Report, fields: dict[str, Any], path: Path, form: _Form) -> None:
    _selector(report, fields.get("namespaces"), (*path, "namespaces"))
    pods = fields.get("pods")
    if pods is None:
        return
    for key in ("namespaceSelector", "podSelector"):
        if key in form.selectors and mapping(pods).get(key) is None:
            hint = f"write `{key}: {{}}` for all"
            report.blemish((*path, "pods", key), "required value", hint, error=True)
        _selector(report, mapping(pods).get(key), (*path, "pods", key))


def _selector(report: Report, value: Any, path: Path) -> None:
    # The CRD's schema takes any operator and value; controllers cannot evaluate a bad selector, so nor can a reader.
    check_selector(report, value, path)


def _rules(report: Report, spec: dict[str, Any], form: _Form) -> None:
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        rules = listing(spec.get(direction))
        if len(rules) > form.most:
            report.error(("spec", direction), f"too many: {len(rules)}: must have at most {form.most} items")
        for index, rule in enumerate(rules):
            _rule(report, mapping(rule), ("spec", direction, index), peers, form)
            form.ports(report, mapping(rule), ("spec", direction, index), peers)


def _rule(report: Report, rule: dict[str, Any], path: Path, peers: str, form: _Form) -> None:
    if rule.get("action") is None:
        report.error((*path, "action"), "required value")
    elif rule["action"] not in form.actions:
        unsupported(report, (*path, "action"), rule["action"], form.actions)
    if len(text(rule.get("name"))) > 100:
        report.error((*path, "name"), "too long: may not be more than 100 bytes")
    _peers(report, rule.get(peers), (*path, peers), form, _PODS if peers == "from" else form.egress)


def _peers(report: Report, items: Any, at: Path, form: _Form, known: frozenset[str]) -> None:
    if items is None or items == []:
        report.error(at, "required value: must have at least 1 item")
    elif len(listing(items)) > form.most:
        report.error(at, f"too many: {len(listing(items))}: must have at most {form.most} items")
    for index, peer in enumerate(listing(items)):
        fields = _exactly_one(report, peer, (*at, index), known)
        _pods_or_namespaces(report, fields, (*at, index), form)
        _outside(report, fields, (*at, index))


def _outside(report: Report, fields: dict[str, Any], path: Path) -> None:
    for key in ("networks", "domainNames"):
        found = fields.get(key)
        if found is not None and not listing(found):
            report.error((*path, key), "invalid value: must have at least 1 item")
        if len(listing(found)) > _MOST_ITEMS:
            report.error((*path, key), f"too many: must have at most {_MOST_ITEMS} items")
    for index, network in enumerate(listing(fields.get("networks"))):
        cidr = parse_cidr(text(network))
        if cidr is None or "leading 0s" in cidr.legacy or (":" in text(network) and cidr.version == 4):
            message = f"invalid value `{text(network)[:80]}`: must be a CIDR such as 10.0.0.0/8 or fd00::/8"
            report.error((*path, "networks", index), message)
    for index, name in enumerate(listing(fields.get("domainNames"))):
        if not _DOMAIN.match(text(name)):
            message = f"invalid value `{text(name)[:80]}`: must be a domain name, or `*.` and one"
            report.error((*path, "domainNames", index), message)
    _selector(report, fields.get("nodes"), (*path, "nodes"))


def _port(report: Report, path: Path, value: Any) -> int | None:
    if value is None:
        report.error(path, "required value")
    elif isinstance(value, int) and not 1 <= value <= 65535:
        report.error(path, f"invalid value `{value}`: must be between 1 and 65535")
    elif isinstance(value, int):
        return value
    return None


def _range(report: Report, value: Any, path: Path, *, equal: bool) -> None:
    fields = mapping(value)
    start = _port(report, (*path, "start"), fields.get("start"))
    end = _port(report, (*path, "end"), fields.get("end"))
    if start and end and (end < start or (end == start and not equal)):
        report.error(path, f"invalid value: `start` {start} must be less than `end` {end}")


def _protocol(report: Report, protocol: Any, path: Path) -> None:
    """Check a protocol: the CRD takes any text; "if not specified, this field defaults to TCP" is its comment."""
    if protocol == "":
        report.blemish(path, "an empty protocol is read as TCP", "write `TCP`")
    elif protocol is not None and protocol not in _PROTOCOLS:
        unsupported(report, path, protocol, _PROTOCOLS)


def _v1alpha1_ports(report: Report, rule: dict[str, Any], path: Path, peers: str) -> None:
    at = (*path, "ports")
    ports = listing(rule.get("ports"))
    if len(ports) > _MOST_PORTS:
        report.error(at, f"too many: {len(ports)}: must have at most {_MOST_PORTS} items")
    named = False
    for index, port in enumerate(ports):
        fields = _exactly_one(report, port, (*at, index), {"portNumber", "portRange", "namedPort"})
        for key in ("portNumber", "portRange"):
            _protocol(report, mapping(fields.get(key)).get("protocol"), (*at, index, key, "protocol"))
        if fields.get("portNumber") is not None:
            _port(report, (*at, index, "portNumber", "port"), mapping(fields["portNumber"]).get("port"))
        if fields.get("portRange") is not None:
            _range(report, fields["portRange"], (*at, index, "portRange"), equal=True)
        if fields.get("namedPort") == "":
            report.error((*at, index, "namedPort"), "invalid value: no port has an empty name")
        named = named or fields.get("namedPort") is not None
    _no_named_port_outside(report, rule, path, peers, named=named)


def _no_named_port_outside(report: Report, rule: dict[str, Any], path: Path, peers: str, *, named: bool) -> None:
    outside = any(mapping(peer).get(key) is not None for peer in listing(rule.get(peers)) for key in _OUTSIDE)
    if named and outside:
        message = "invalid value: networks/nodes/domainNames peers have no named ports"
        report.error(path, message, "give the port's number")


def _v1alpha2_protocols(report: Report, rule: dict[str, Any], path: Path, peers: str) -> None:
    at = (*path, "protocols")
    protocols = rule.get("protocols")
    if protocols is not None and not listing(protocols):
        report.error(at, "invalid value: must have at least 1 item")
    if len(listing(protocols)) > _MOST_ITEMS:
        report.error(at, f"too many: must have at most {_MOST_ITEMS} items")
    named = False
    for index, item in enumerate(listing(protocols)):
        fields = _exactly_one(report, item, (*at, index), {"tcp", "udp", "sctp", "destinationNamedPort"})
        name = fields.get("destinationNamedPort")
        if isinstance(name, str):
            named = True
            faults(report, (*at, index, "destinationNamedPort"), name, port_name(name))
        for key in ("tcp", "udp", "sctp"):
            if fields.get(key) is not None:
                _destination(report, mapping(fields[key]), (*at, index, key))
    _no_named_port_outside(report, rule, path, peers, named=named)


def _destination(report: Report, fields: dict[str, Any], path: Path) -> None:
    port = fields.get("destinationPort")
    if port is None:  # other fields and null are dropped before the schema asks for one property
        report.error(path, "invalid value: must have at least 1 property", "write `destinationPort`")
        return
    at = (*path, "destinationPort")
    chosen = _exactly_one(report, port, at, {"number", "range"})
    if chosen.get("number") is not None:
        _port(report, (*at, "number"), chosen["number"])
    if chosen.get("range") is not None:
        _range(report, chosen["range"], (*at, "range"), equal=False)
