"""Validated admin policies to the model (SEMANTICS section 3), and those of which only the reach is known.

Source: network-policy-api, v1alpha1 (AdminNetworkPolicy, BaselineAdminNetworkPolicy), v1alpha2 (ClusterNetworkPolicy).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from netcheck.errors import Problem, Severity
from netcheck.load.admit import Admitted
from netcheck.load.build_policy import canonical_cidr, first_error, selector_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.opaque import admin_reach
from netcheck.load.report import Report
from netcheck.load.tree import Path
from netcheck.load.written import written
from netcheck.model.admin import (
    AdminAction,
    AdminDomains,
    AdminNetworks,
    AdminNodes,
    AdminPeer,
    AdminPods,
    AdminPolicy,
    AdminPort,
    AdminRule,
)
from netcheck.model.flow import Tier
from netcheck.model.policy import OpaquePolicy

OLDER_FORM = "is written in the form of network-policy-api before v0.1.2, which servers of today read otherwise"
_CLUSTER_KIND = "ClusterNetworkPolicy"
_BASELINE_KIND = "BaselineAdminNetworkPolicy"
_ACTIONS = {
    "Accept": AdminAction.ACCEPT,
    "Allow": AdminAction.ACCEPT,
    "Deny": AdminAction.DENY,
    "Pass": AdminAction.PASS,
}
_OLDER_FIELDS = ("sameLabels", "notSameLabels", "namespaceSelector")
_DESTINATIONS = ("tcp", "udp", "sctp")


def admin_policy(item: Admitted) -> AdminPolicy:
    """Return the policy that a server stores for a valid object of one of the three kinds."""
    spec = mapping(item.value.get("spec"))
    return AdminPolicy(
        kind=item.kind,
        name=item.name,
        tier=_tier(item.kind, spec),
        priority=spec.get("priority") or 0,
        subject=_pods(item.report, mapping(spec.get("subject")), ("spec", "subject")),
        ingress=_rules(item, "ingress", "from"),
        egress=_rules(item, "egress", "to"),
        place=item.place,
    )


def _tier(kind: str, spec: dict[str, Any]) -> Tier:
    if kind == _CLUSTER_KIND:
        return Tier(spec.get("tier"))
    return Tier.BASELINE if kind == _BASELINE_KIND else Tier.ADMIN


def _rules(item: Admitted, direction: str, peers: str) -> tuple[AdminRule, ...]:
    spec = mapping(item.value.get("spec"))
    rules = enumerate(map(mapping, listing(spec.get(direction))))
    return tuple(_rule(item, rule, ("spec", direction, index), peers) for index, rule in rules)


def _rule(item: Admitted, rule: dict[str, Any], path: Path, peers: str) -> AdminRule:
    report = item.report
    ports, port = ("protocols", _protocol) if item.kind == _CLUSTER_KIND else ("ports", _port)
    return AdminRule(
        action=_ACTIONS[text(rule.get("action"))],
        peers=tuple(
            _peer(report, mapping(peer), (*path, peers, index)) for index, peer in enumerate(listing(rule.get(peers)))
        ),
        ports=tuple(
            port(report, mapping(entry), (*path, ports, index)) for index, entry in enumerate(listing(rule.get(ports)))
        ),
        name=text(rule.get("name")),
        place=report.place(path),
    )


def _peer(report: Report, peer: dict[str, Any], path: Path) -> AdminPeer:
    if peer.get("networks") is not None:
        return AdminNetworks(cidrs=tuple(map(canonical_cidr, peer["networks"])), place=report.place(path))
    if peer.get("domainNames") is not None:
        return AdminDomains(names=tuple(map(text, peer["domainNames"])), place=report.place(path))
    if peer.get("nodes") is not None:
        return AdminNodes(selector=selector_of(peer["nodes"]), place=report.place(path))
    return _pods(report, peer, path)


def _pods(report: Report, fields: dict[str, Any], path: Path) -> AdminPods:
    """Return a subject or peer; a selector that is missing within `pods` selects everything, as stored."""
    place = report.place(path)
    if fields.get("namespaces") is not None:
        return AdminPods(namespace_selector=selector_of(fields["namespaces"]), place=place)
    pods = mapping(fields.get("pods"))
    return AdminPods(
        namespace_selector=selector_of(pods.get("namespaceSelector")),
        pod_selector=selector_of(pods.get("podSelector")),
        place=place,
    )


def _port(report: Report, item: dict[str, Any], path: Path) -> AdminPort:
    """Return a v1alpha1 port item (ADM-18)."""
    place = report.place(path)
    if item.get("namedPort") is not None:
        return AdminPort(protocol=None, name=text(item["namedPort"]), place=place)
    if item.get("portNumber") is not None:
        number = mapping(item["portNumber"])
        return _number(number, number.get("port"), number.get("port"), report, path)
    numbers = mapping(item.get("portRange"))
    return _number(numbers, numbers.get("start"), numbers.get("end"), report, path)


def _number(fields: dict[str, Any], first: Any, last: Any, report: Report, path: Path) -> AdminPort:
    protocol = text(fields.get("protocol")) or "TCP"
    return AdminPort(protocol=protocol, first=first, last=last, place=report.place(path))


def _protocol(report: Report, item: dict[str, Any], path: Path) -> AdminPort:
    """Return a v1alpha2 item of `protocols` (ADM-19)."""
    place = report.place(path)
    if item.get("destinationNamedPort") is not None:
        return AdminPort(protocol=None, name=text(item["destinationNamedPort"]), place=place)
    key = next(key for key in _DESTINATIONS if item.get(key) is not None)
    port = mapping(mapping(item[key]).get("destinationPort"))
    if port.get("number") is not None:
        return AdminPort(protocol=key.upper(), first=port["number"], last=port["number"], place=place)
    numbers = mapping(port.get("range"))
    return AdminPort(protocol=key.upper(), first=numbers["start"], last=numbers["end"], place=place)


def is_older_form(item: Admitted) -> bool:
    """Return whether a subject or peer has a field that the API had before v0.1.2.

    A server of today drops such a field, and what is left (`namespaces: {}`) selects more than was meant; a server of
    then does what is not modelled.
    """
    spec = mapping(item.value.get("spec"))
    return any(map(_is_older, [mapping(spec.get("subject")), *_written_peers(spec)]))


def _written_peers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for rule in listing(spec.get(direction)):
            yield from map(mapping, listing(mapping(rule).get(peers)))


def _is_older(fields: dict[str, Any]) -> bool:
    return "namespaces" in mapping(fields.get("pods")) or any(
        key in mapping(fields.get("namespaces")) for key in _OLDER_FIELDS
    )


def refused_policy(item: Admitted) -> list[OpaquePolicy]:
    """Return what a refused admin policy may concern: its subject and directions where these parts are valid."""
    return _opaque(item, f"the API server refuses it: {first_error(item)}")


def older_policy(item: Admitted) -> list[OpaquePolicy]:
    """Return what a policy in the form of an older API may concern."""
    return _opaque(item, f"it {OLDER_FORM}")


def _opaque(item: Admitted, message: str) -> list[OpaquePolicy]:
    subject, namespaces, directions = admin_reach(mapping(item.value.get("spec")))
    if item.report.errs_in("spec", "subject"):
        subject = namespaces = None
    reach = OpaquePolicy(
        kind=item.kind,
        namespace=None,
        name=item.name,
        directions=directions,
        subject=subject,
        namespace_selector=namespaces,
        rule="ADM-1",
        message=message,
        text=written(item),
        place=item.place,
    )
    return [reach] if directions else []


def mixed_versions(policies: Iterable[AdminPolicy]) -> list[Problem]:
    """Return a warning if policies of v1alpha1 and of the v1alpha2 that replaces it are used side by side (ADM-1)."""
    found = list(policies)
    older = [policy for policy in found if policy.kind != _CLUSTER_KIND]
    if not older or len(older) == len(found):
        return []
    return [
        Problem(
            severity=Severity.WARNING,
            message=f"`{_CLUSTER_KIND}` (v1alpha2), which replaces this kind, is used beside it; they share the tiers",
            hint=f"write it as a `{_CLUSTER_KIND}`",
            place=older[0].place,
            object=older[0].label,
        )
    ]
