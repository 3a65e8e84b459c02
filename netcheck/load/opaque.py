"""Policies of kinds that are not modelled: which pods and directions they can concern, never what they do.

Whatever cannot be read for certain widens the reach (SEMANTICS NET-18; CIL, CAL, ANT, OVN, IST, LKD).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.build_policy import BOTH, labels_of, selector_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.kinds import Concerns
from netcheck.load.written import family_of, written
from netcheck.model.policy import Direction, OpaquePolicy
from netcheck.values.labels import LabelSelector, Operator, Requirement

Reach = tuple[LabelSelector | None, LabelSelector | None, tuple[Direction, ...]]
"""Subject, namespace selector (None: any) and directions."""

_OPERATORS = tuple(operator.value for operator in Operator)
_CALICO_EQUAL = re.compile(r"""\s*([\w./-]+)\s*==\s*(?:'([^']*)'|"([^"]*)")\s*\Z""")
_CALICO_HAS = re.compile(r"\s*(!?)\s*has\(\s*([\w./-]+)\s*\)\s*\Z")


def opaque_policies(item: Admitted) -> list[OpaquePolicy]:
    """Return what a policy of a kind that is not modelled can concern; nothing if it has no effect."""
    row = item.row
    assert row is not None, "only kinds of the table are opaque"
    shown = written(item)
    return [
        OpaquePolicy(
            kind=item.kind,
            namespace=_scope(item),
            name=item.name,
            directions=directions,
            subject=subject,
            namespace_selector=namespaces,
            message=f"{item.kind} is not modelled: it {row.effect}",
            family=family_of(item.group),
            text=shown,
            place=item.place,
        )
        for subject, namespaces, directions in _reaches(item)
        if directions
    ]


def _scope(item: Admitted) -> str | None:
    if item.kind in ("AuthorizationPolicy", "PeerAuthentication") and item.namespace == "istio-system":
        return None  # the root namespace's policies hold in every namespace
    return item.namespace or None


def _reaches(item: Admitted) -> Iterator[Reach]:
    spec = mapping(item.value.get("spec"))
    group = item.group
    if group == "cilium.io":
        for part in [spec, *map(mapping, listing(item.value.get("specs")))]:
            if part:
                yield _cilium(part)
    elif group.endswith("projectcalico.org"):
        yield _calico(spec, item.kind == "NetworkPolicy")
    elif group == "crd.antrea.io":
        yield _antrea(spec)
    elif item.row is not None and item.row.subject == "udn":
        yield from _network(spec)
    elif group == "security.istio.io":
        yield from _istio(item.kind, spec)
    elif item.kind == "Server":
        yield selector(spec.get("podSelector")), None, (Direction.INGRESS,)
    else:
        concerns = item.row.concerns if item.row else Concerns.BOTH
        yield None, None, (Direction.EGRESS,) if concerns is Concerns.EGRESS else (Direction.INGRESS,)


def selector(value: Any) -> LabelSelector | None:
    """Return a LabelSelector that was not validated, or None (any) if it cannot be read for certain."""
    if not isinstance(value, dict) or set(value) - {"matchLabels", "matchExpressions"}:
        return None
    for item in listing(value.get("matchExpressions")):
        part = mapping(item)
        takes = part.get("operator") in ("In", "NotIn")
        if part.get("operator") not in _OPERATORS or bool(listing(part.get("values"))) != takes:
            return None
    return selector_of(value)


def _rule_directions(spec: dict[str, Any], *more: str) -> tuple[Direction, ...]:
    return tuple(
        direction for direction in BOTH if any(spec.get(direction.value.lower() + suffix) for suffix in ("", *more))
    )


def admin_reach(spec: dict[str, Any]) -> Reach:
    """Return what an admin policy with this spec concerns if its subject is valid (SEMANTICS ADM-2)."""
    subject = mapping(spec.get("subject"))
    directions = _rule_directions(spec)
    if isinstance(subject.get("namespaces"), dict):
        return None, selector(subject["namespaces"]), directions
    pods = mapping(subject.get("pods"))
    return selector(pods.get("podSelector")), selector(pods.get("namespaceSelector")), directions


def _cilium(spec: dict[str, Any]) -> Reach:
    found = spec.get("endpointSelector")
    directions = _rule_directions(spec, "Deny")
    written = mapping(found)
    keys = [*mapping(written.get("matchLabels"))]
    keys += [text(mapping(item).get("key")) for item in listing(written.get("matchExpressions"))]
    if found is None or any(":" in key and not key.startswith("k8s:") for key in keys):
        return None, None, directions
    if any("io.kubernetes.pod." in key or "io.cilium." in key for key in keys):
        return None, None, directions
    labels = {key.removeprefix("k8s:"): value for key, value in mapping(written.get("matchLabels")).items()}
    expressions = [
        {**mapping(item), "key": text(mapping(item).get("key")).removeprefix("k8s:")}
        for item in listing(written.get("matchExpressions"))
    ]
    return selector({"matchLabels": labels, "matchExpressions": expressions}), None, directions


def _calico(spec: dict[str, Any], namespaced: bool) -> Reach:
    stated = {text(item) for item in listing(spec.get("types"))}
    directions = tuple(direction for direction in BOTH if direction.value in stated)
    if not stated:  # CAL-7
        directions = _rule_directions(spec) or (Direction.INGRESS,)
    namespaces = None if namespaced else calico_selector(text(spec.get("namespaceSelector")))
    return calico_selector(text(spec.get("selector"))), namespaces, directions


def calico_selector(written: str) -> LabelSelector | None:
    """Return a Calico selector made of `==`, `has`, `!has` and `&&`, or None (any) for every other (CAL-8)."""
    if written.strip() in ("", "all()"):
        return None
    parts = []
    for part in written.split("&&"):
        equal, has = _CALICO_EQUAL.match(part), _CALICO_HAS.match(part)
        if equal:
            parts.append(Requirement(equal[1], Operator.IN, (equal[2] or equal[3] or "",)))
        elif has:
            parts.append(Requirement(has[2], Operator.DOES_NOT_EXIST if has[1] else Operator.EXISTS))
        else:
            return None
    if any("projectcalico.org/" in part.key for part in parts):
        return None
    return LabelSelector.of(None, parts)


def _antrea(spec: dict[str, Any]) -> Reach:
    applied = [mapping(item) for item in listing(spec.get("appliedTo"))]
    directions = _rule_directions(spec)
    if len(applied) != 1 or set(applied[0]) - {"podSelector", "namespaceSelector"}:
        return None, None, directions
    return selector(applied[0].get("podSelector")), selector(applied[0].get("namespaceSelector")), directions


def _network(spec: dict[str, Any]) -> Iterator[Reach]:
    network = mapping(spec.get("network")) or spec
    roles = [mapping(network.get(layer)).get("role") for layer in ("layer2", "layer3", "localnet")]
    if "Primary" in roles:
        yield None, selector(spec.get("namespaceSelector")), BOTH


def _istio(kind: str, spec: dict[str, Any]) -> Iterator[Reach]:
    labels = mapping(mapping(spec.get("selector")).get("matchLabels"))
    subject = LabelSelector.of(labels_of(labels)) if labels else None
    if kind == "PeerAuthentication":
        ports = mapping(spec.get("portLevelMtls")).values()
        modes = [mapping(part).get("mode") for part in (spec.get("mtls"), *ports)]
        if "STRICT" in modes:
            yield subject, None, (Direction.INGRESS,)
    elif spec.get("action") != "AUDIT":
        yield subject, None, (Direction.INGRESS,)
