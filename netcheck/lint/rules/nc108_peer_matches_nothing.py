"""A peer that can match nothing.

What it finds: items of `from` and `to` that no pod or address can ever match, and items that match nothing loaded.
Why it matters: the rule allows nobody through that item, so the connection that it is there for is denied. The usual
cause is a namespace label that is not there: namespaces carry `kubernetes.io/metadata.name`, not `name`.
When to ignore it: the peer is deployed from elsewhere, or not yet. An info unless the item contradicts itself, the input
is known to be whole, or a namespace has the wanted value under another label.
Fix: a label in `matchLabels` that should be `kubernetes.io/metadata.name` is renamed, if a namespace has the wanted value
as its name.
How it is decided: contradictions by the text, for every cluster; the rest by matching against the loaded pods and
namespaces, where unknown labels of a namespace are never held against the selector.
Source: SEMANTICS NP-8, NP-15, NP-16, WL-3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from netcheck.engines.lowering import bounds_with_open_labels
from netcheck.lint.finding import Finding, Related, Severity
from netcheck.lint.fix import Fix, stated
from netcheck.lint.matching import meant_labels, named_namespaces
from netcheck.lint.reading import all_rules, block
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import example_labels
from netcheck.lint.wording import wanted_values
from netcheck.model.edits import RenameKey
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, Peer, PodPeer, PolicyRule
from netcheck.values.labels import LabelSelector, Operator, Requirement

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {name: monitoring}}  # finds: NC108
    - podSelector:  # finds: NC108
        matchLabels: {app: web}
        matchExpressions: [{key: app, operator: NotIn, values: [web]}]
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/9]}  # finds: NC108
---
{apiVersion: v1, kind: Namespace, metadata: {name: monitoring}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"""

BAD_WHOLE = """
# whole: true
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: wbe}}  # finds: NC108
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: a, image: a}]}
---
{apiVersion: v1, kind: Namespace, metadata: {name: monitoring}}
"""


_SYSTEM = ("kube-system",)


class _Fault(NamedTuple):
    message: str
    severity: Severity
    proved: bool = False
    hint: str = ""
    related: tuple[Related, ...] = ()
    misnamed: str = ""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each peer that matches nothing."""
    for policy, direction, rule, path in all_rules(snapshot):
        field = "from" if direction.value == "Ingress" else "to"
        for number, peer in enumerate(rule.peers):
            fault = _impossible(peer) or _unmatched(snapshot, policy, peer)
            if fault is None:
                continue
            certain = fault.proved or snapshot.whole
            alone = f", so {path} allows nothing" if certain and len(rule.peers) == 1 else ""
            yield RULE.finding(
                f"{path}.{field}[{number}]: {fault.message}{alone}",
                about=policy.label,
                place=peer.place,
                severity=fault.severity,
                basis="proved" if fault.proved else "syntactic",
                related=fault.related,
                fix=_fix(policy, direction, rule, peer, fault.misnamed),
                hint=fault.hint,
            )


def _impossible(peer: Peer) -> _Fault | None:
    """Return what is wrong with a peer that matches nothing in any cluster."""
    if isinstance(peer, IPBlockPeer):
        if block(peer):
            return None
        return _Fault(f"the `except` ranges cover all of `{peer.cidr}`", "error", proved=True)
    if peer.pod_selector is not None and example_labels(peer.pod_selector) is None:
        return _Fault(
            f"podSelector `{peer.pod_selector}` contradicts itself: no pod can match it", "error", proved=True
        )
    selector = peer.namespace_selector
    if selector is not None and example_labels(selector) is None:
        return _Fault(
            f"namespaceSelector `{selector}` contradicts itself: no namespace can match it", "error", proved=True
        )
    return None


def _unmatched(snapshot: Snapshot, policy: NetworkPolicy, peer: Peer) -> _Fault | None:
    """Return what is wrong with a peer that matches nothing of what is loaded."""
    if isinstance(peer, IPBlockPeer):
        return None
    if peer.namespace_selector is not None:
        mislabelled = _mislabelled(snapshot, peer.namespace_selector)
        if mislabelled is not None:
            return mislabelled
        if _means_unloaded(snapshot, peer.namespace_selector):
            return None
        if not snapshot.namespaces_matching(peer.namespace_selector):
            message = f"namespaceSelector `{peer.namespace_selector}` matches no loaded namespace"
            return _Fault(message, "error" if snapshot.whole else "info", hint=_name_hint(peer.namespace_selector))
    return _no_pod(snapshot, policy, peer)


def _means_unloaded(snapshot: Snapshot, selector: LabelSelector) -> bool:
    """Return whether a selector matches namespaces by name of which nothing is loaded and that may well exist.

    The one of the system always exists, others only where the input is not known to be whole.
    """
    names = list(_SYSTEM) if snapshot.whole else [*_SYSTEM, *named_namespaces(selector)]
    return any(not snapshot.index.within(name) and selector.matches({NAMESPACE_NAME_LABEL: name}) for name in names)


def _mislabelled(snapshot: Snapshot, selector: LabelSelector) -> _Fault | None:
    """Return a fault iff no namespace has the wanted label for certain, but one has its value under another."""
    if any(_certainly(namespace, selector) for namespace in snapshot.cluster.namespaces.values()):
        return None
    for key, value in wanted_values(selector):
        for namespace in snapshot.cluster.namespaces.values():
            others = [name for name, found in namespace.labels.items() if found == value and name != key]
            if not others or not namespace.labels_known or key in namespace.labels:
                continue
            other = NAMESPACE_NAME_LABEL if NAMESPACE_NAME_LABEL in others else min(others)
            return _Fault(
                f"namespaceSelector `{selector}` does not match namespace `{namespace.name}`, which has no label "
                f"`{key}` but `{other}: {value}`",
                "error" if snapshot.whole else "warning",
                hint=f"select it by `{other}: {value}`",
                related=(Related(message="its labels", place=namespace.place, object=f"Namespace {namespace.name}"),),
                misnamed=key if other == NAMESPACE_NAME_LABEL else "",
            )
    return None


def _fix(policy: NetworkPolicy, direction: Direction, rule: PolicyRule, peer: Peer, key: str) -> Fix | None:
    """Return the fix that selects by the name label in place of `key`."""
    if not key or peer.place is None or not isinstance(peer, PodPeer) or peer.namespace_selector is None:
        return None
    labels = peer.namespace_selector.requirements
    if any(item.key == NAMESPACE_NAME_LABEL for item in labels):
        return None
    renamed = LabelSelector.of(
        expressions=[
            Requirement(NAMESPACE_NAME_LABEL, item.operator, item.values)
            if item.key == key and item.operator is Operator.IN
            else item
            for item in labels
        ]
    )
    path = ("namespaceSelector", "matchLabels")
    return Fix(
        title=f"select the namespace by {NAMESPACE_NAME_LABEL}, not {key}",
        file=peer.place.file,
        about=policy.label,
        operations=(RenameKey(at=peer.place, path=path, old=key, new=NAMESPACE_NAME_LABEL),),
        added=(stated(policy, direction, (replace(peer, namespace_selector=renamed),), rule.ports),),
        removed=(stated(policy, direction, (peer,), rule.ports),),
    )


def _certainly(namespace: Namespace, selector: LabelSelector) -> bool:
    """Return whether a selector matches a namespace whatever its unknown labels are."""
    if namespace.labels_known:
        return selector.matches(namespace.labels)
    return bounds_with_open_labels(selector, namespace.labels)[0]


def _name_hint(selector: LabelSelector) -> str:
    names = [value for key, value in wanted_values(selector) if key == "name"]
    return f"namespaces carry `{NAMESPACE_NAME_LABEL}: {names[0]}`, not `name: {names[0]}`" if names else ""


def _no_pod(snapshot: Snapshot, policy: NetworkPolicy, peer: PodPeer) -> _Fault | None:
    selector = peer.pod_selector
    if selector is None or not _asks_for_a_label(selector) or snapshot.peers(policy.namespace, peer):
        return None
    elsewhere = snapshot.index.matching(None, selector)
    if peer.namespace_selector is None and elsewhere:
        return None  # NC115
    if not snapshot.whole and not _has_pods(snapshot, policy, peer):
        return None
    where = f"namespace `{policy.namespace}`"
    if peer.namespace_selector is not None:
        where = f"the namespaces matching `{peer.namespace_selector}`"
    meant = meant_labels(snapshot, policy.namespace if peer.namespace_selector is None else None, selector)
    return _Fault(
        f"podSelector `{selector}` matches no loaded pod in {where}",
        "error" if snapshot.whole and not snapshot.cluster.lost else "info",
        hint=f"did you mean {meant}?" if meant else "",
    )


def _has_pods(snapshot: Snapshot, policy: NetworkPolicy, peer: PodPeer) -> bool:
    """Return whether pods are loaded in every namespace that the peer means; else nothing is known of them.

    A selector that does not ask for names may mean namespaces that are not loaded.
    """
    if peer.namespace_selector is None:
        return bool(snapshot.index.within(policy.namespace))
    names = named_namespaces(peer.namespace_selector)
    return bool(names) and all(snapshot.index.within(name) for name in names)


def _asks_for_a_label(selector: LabelSelector) -> bool:
    return any(_is_positive(requirement) for requirement in selector.requirements)


def _is_positive(requirement: Requirement) -> bool:
    return requirement.operator in (Operator.IN, Operator.EXISTS)


RULE = Rule(
    code="NC108",
    name="peer-matches-nothing",
    severity="warning",
    basis="syntactic",
    summary="A peer that can match nothing",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD, BAD_WHOLE),
    good=(GOOD,),
)
