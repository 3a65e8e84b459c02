"""Validated NetworkPolicies to the model, with the API server's defaults (SEMANTICS NP-2, NP-3, NP-25)."""

from __future__ import annotations

from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.cidrs import parse_cidr
from netcheck.load.report import Report
from netcheck.load.tree import Path
from netcheck.load.written import written
from netcheck.model.policy import (
    Direction,
    IPBlockPeer,
    NetworkPolicy,
    OpaquePolicy,
    Peer,
    PodPeer,
    PolicyPort,
    PolicyRule,
)
from netcheck.values.labels import LabelSelector, Operator, Requirement

BOTH = (Direction.INGRESS, Direction.EGRESS)
_EVERYTHING = LabelSelector.everything()


def labels_of(value: Any) -> dict[str, str]:
    """Return a map of labels as the API stores it: null is the empty string."""
    return {key: text(item) for key, item in mapping(value).items()}


def selector_of(value: Any) -> LabelSelector:
    """Return a valid LabelSelector of the API in canonical form (SEMANTICS NP-12)."""
    fields = mapping(value)
    if not fields:
        return _EVERYTHING
    expressions = []
    for item in listing(fields.get("matchExpressions")):
        part = mapping(item)
        values = tuple(sorted({text(entry) for entry in listing(part.get("values"))}))
        expressions.append(Requirement(text(part.get("key")), Operator(part.get("operator")), values))
    return LabelSelector.of(labels_of(fields.get("matchLabels")), expressions)


def network_policy(item: Admitted) -> NetworkPolicy:
    """Return the policy that a server stores for a valid object."""
    spec = mapping(item.value.get("spec"))
    report = item.report
    return NetworkPolicy(
        namespace=item.namespace,
        name=item.name,
        pod_selector=selector_of(spec.get("podSelector")),
        types=effective_types(spec),
        ingress=_rules(report, spec, "ingress", "from"),
        egress=_rules(report, spec, "egress", "to"),
        stated_types=bool(spec.get("policyTypes")),
        place=item.place,
    )


def effective_types(spec: dict[str, Any]) -> tuple[Direction, ...]:
    """Return the policy types in effect (SEMANTICS NP-2), each once, Ingress first."""
    stated = {text(name) for name in listing(spec.get("policyTypes"))}
    if not stated:
        stated = {"Ingress", "Egress"} if listing(spec.get("egress")) else {"Ingress"}
    return tuple(direction for direction in BOTH if direction.value in stated)


def _rules(report: Report, spec: dict[str, Any], direction: str, peers: str) -> tuple[PolicyRule, ...]:
    out = []
    for index, entry in enumerate(listing(spec.get(direction))):
        rule = mapping(entry)
        path: Path = ("spec", direction, index)
        out.append(
            PolicyRule(
                peers=tuple(
                    _peer(report, mapping(peer), (*path, peers, number))
                    for number, peer in enumerate(listing(rule.get(peers)))
                ),
                ports=tuple(
                    _port(report, mapping(port), (*path, "ports", number))
                    for number, port in enumerate(listing(rule.get("ports")))
                ),
                place=report.place(path),
            )
        )
    return tuple(out)


def _peer(report: Report, peer: dict[str, Any], path: Path) -> Peer:
    block = peer.get("ipBlock")
    if block is not None:
        return IPBlockPeer(
            cidr=canonical_cidr(block.get("cidr")),
            excepts=tuple(canonical_cidr(item) for item in listing(block.get("except"))),
            place=report.place(path),
        )
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    return PodPeer(
        pod_selector=None if pods is None else selector_of(pods),
        namespace_selector=None if namespaces is None else selector_of(namespaces),
        place=report.place(path),
    )


def canonical_cidr(written: Any) -> str:
    """Return the text of a valid CIDR, host bits masked (SEMANTICS NP-19)."""
    cidr = parse_cidr(text(written))
    assert cidr is not None, "validation let a bad CIDR pass"
    return cidr.text


def _port(report: Report, item: dict[str, Any], path: Path) -> PolicyPort:
    return PolicyPort(
        protocol=text(item.get("protocol")) or "TCP",
        port=item.get("port"),
        end_port=item.get("endPort"),
        place=report.place(path),
    )


def refused_policy(item: Admitted) -> OpaquePolicy:
    """Return what a refused NetworkPolicy may concern: its subject and types where these parts are valid."""
    spec = mapping(item.value.get("spec"))
    report = item.report
    subject = None if report.errs_in("spec", "podSelector") else selector_of(spec.get("podSelector"))
    types_stand = not report.errs_in("spec", "policyTypes") and (
        spec.get("policyTypes") or not report.errs_in("spec", "egress") or listing(spec.get("egress"))
    )
    return OpaquePolicy(
        kind="NetworkPolicy",
        namespace=item.namespace,
        name=item.name,
        directions=effective_types(spec) if types_stand else BOTH,
        subject=subject,
        additive=True,
        rule="NP-37",
        message=f"the API server refuses it: {first_error(item)}",
        text=written(item),
        place=item.place,
    )


def isolating_every_pod(why: str) -> OpaquePolicy:
    """Return what a network plugin does that isolates pods that no policy selects: whom it lets through is not told."""
    return OpaquePolicy(
        kind="ConfigMap",
        namespace=None,
        name="kube-system/cilium-config",
        directions=BOTH,
        additive=True,
        rule="CNI-2",
        message=why,
        text=why,
    )


def first_error(item: Admitted) -> str:
    """Return the message of the first error of an object."""
    return next((problem.message for problem in item.problems if problem.severity.value == "error"), "")
