"""A podSelector alone for pods that run in another namespace.

What it finds: peers with only a podSelector that matches no pod of the policy's namespace, but pods of other namespaces.
Why it matters: a podSelector without a namespaceSelector never reaches another namespace, so the rule allows nobody.
When to ignore it: the pods of the policy's own namespace are deployed from elsewhere. An info where none of them is loaded.
Fix: a namespaceSelector for the one namespace that has such pods. Safe only if the input is known to be whole.
How it is decided: by matching the selector against the labels of all loaded pods.
Source: SEMANTICS NP-8, NP-10.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.lint.finding import Finding, Related
from netcheck.lint.fix import Fix, stated
from netcheck.lint.reading import Read, all_rules, or_pair
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed, owner
from netcheck.model.edits import Field, InsertField
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Pod
from netcheck.model.policy import Direction, NetworkPolicy, Peer, PodPeer
from netcheck.values.labels import LabelSelector

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: db}
spec:
  podSelector: {}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: api}}  # finds: NC115
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: db, labels: {app: db}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: db}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: api}}
      namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: db, labels: {app: db}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each peer that looks in the wrong namespace."""
    for policy, direction, rule, path in all_rules(snapshot):
        if or_pair(rule) is not None:
            continue  # NC101
        field = "from" if direction is Direction.INGRESS else "to"
        for number, peer in enumerate(rule.peers):
            found = _elsewhere(snapshot, policy, peer)
            if found and isinstance(peer, PodPeer):
                at = f"{path}.{field}[{number}]"
                yield _finding(snapshot, (policy, direction, rule, at), peer, found)


def _elsewhere(snapshot: Snapshot, policy: NetworkPolicy, peer: Peer) -> list[Pod]:
    """Return the pods that a podSelector alone matches in other namespaces, iff it matches none in the policy's own."""
    if not isinstance(peer, PodPeer) or peer.namespace_selector is not None or peer.pod_selector is None:
        return []
    if not peer.pod_selector.requirements or snapshot.peers(policy.namespace, peer):
        return []
    return [snapshot.cluster.pods[i] for i in snapshot.index.matching(None, peer.pod_selector)]


def _finding(snapshot: Snapshot, read: Read, peer: PodPeer, found: list[Pod]) -> Finding:
    policy, _, _, path = read
    certain = snapshot.whole or snapshot.index.within(policy.namespace)
    names = list(dict.fromkeys(map(owner, found)))
    have, are = ("has", "is") if len(names) == 1 else ("have", "are")
    return RULE.finding(
        f"{path}: podSelector `{peer.pod_selector}` looks in namespace `{policy.namespace}` only and matches nothing there; "
        f"{listed(names)} {have} the labels but {are} not allowed",
        about=policy.label,
        place=peer.place,
        severity="warning" if certain else "info",
        related=(Related(message="has the labels", place=found[0].place, object=names[0]),),
        fix=_fix(read, peer, found, is_safe=snapshot.whole),
        hint=f"add `namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {found[0].namespace}}}}}` to the same "
        "list item",
    )


def _fix(read: Read, peer: PodPeer, found: list[Pod], *, is_safe: bool) -> Fix | None:
    """Return the fix that looks for the pods in the one namespace that has them."""
    policy, direction, rule, _ = read
    names = sorted({pod.namespace for pod in found})
    if peer.place is None or len(names) > 1:
        return None
    there = replace(peer, namespace_selector=LabelSelector.of({NAMESPACE_NAME_LABEL: names[0]}))
    field = Field("namespaceSelector", (Field("matchLabels", (Field(NAMESPACE_NAME_LABEL, names[0]),)),))
    return Fix(
        title=f"look in namespace {names[0]}",
        file=peer.place.file,
        about=policy.label,
        operations=(InsertField(at=peer.place, field=field, before=("podSelector",)),),
        added=(stated(policy, direction, (there,), rule.ports),),
        removed=(stated(policy, direction, (peer,), rule.ports),),
        is_safe=is_safe,
    )


RULE = Rule(
    code="NC115",
    name="cross-namespace-pod-selector",
    severity="warning",
    basis="syntactic",
    summary="A podSelector alone for pods that run in another namespace",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
