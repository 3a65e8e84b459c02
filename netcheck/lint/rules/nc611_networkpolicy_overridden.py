"""A NetworkPolicy whose rule an Admin Deny overrides.

What it finds: rules of NetworkPolicies that name pods as peers, where a rule of the Admin tier denies what they allow between
loaded pods.
Why it matters: the Admin tier comes first and its Deny is final. Who wrote the NetworkPolicy believes that the flow passes.
When to ignore it: the administrator means to overrule. A warning where every flow that was looked at is denied, an info where
only some are.
How it is decided: the oracle decides one flow for each of some pairs of loaded pods that differ in labels; each finding
shows one that was denied.
Source: SEMANTICS ADM-3, ADM-7, ADM-28.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from netcheck.lint.admin import AdminRead, are_enforced, are_used, deciders, denying, matching, unlike
from netcheck.lint.finding import Finding
from netcheck.lint.reading import Read, all_rules
from netcheck.lint.rule import Rule, Snapshot
from netcheck.model.flow import Flow, PodEnd, Tier, Verdict
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, PodPeer, PolicyPort
from netcheck.queries.results import FlowText
from netcheck.values.ports import Protocol

MOST_FLOWS = 60
"""So many flows are decided for each rule of a NetworkPolicy."""

MOST_RULES = 500
"""So many rules of NetworkPolicies are looked at."""

BAD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants-apart}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress:
  - {action: Deny, from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: lab}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lab}}}]  # finds: NC611
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: probe, namespace: lab}, spec: {containers: [{name: a, image: a}]}}
"""

GOOD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants-apart}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress:
  - {action: Pass, from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: lab}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lab}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: lab, namespace: lab}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: probe, namespace: lab}, spec: {containers: [{name: a, image: a}]}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule of a NetworkPolicy and the first Admin rule that denies what it allows."""
    reads = denying(snapshot) if are_enforced(snapshot) else ()
    if not reads:
        return
    for rule in islice(all_rules(snapshot), MOST_RULES):
        found = _overridden(snapshot, rule, [read for read in reads if read.direction is rule[1]])
        if found is not None:
            yield found


def _overridden(snapshot: Snapshot, allowing: Read, reads: Sequence[AdminRead]) -> Finding | None:
    policy, _, rule, path = allowing
    first: tuple[AdminRead, FlowText] | None = None
    asked = denied = 0
    for flow in islice(_flows(snapshot, allowing, reads), MOST_FLOWS):
        asked += 1
        read = _denied_by(snapshot, flow, reads)
        witness = snapshot.witness(flow, Verdict.DENIED) if read is not None else None
        if read is not None and witness is not None:
            denied += 1
            first = first or (read, witness)
    if first is None:
        return None
    read, witness = first
    what = "what it allows" if denied == asked else "some of what it allows"
    return RULE.finding(
        f"{path}: `{read.policy.label}` denies {what}, and comes before every NetworkPolicy",
        about=policy.label,
        place=rule.place,
        severity="warning" if denied == asked else "info",
        related=(read.related(f"denies it with {read.path}"),),
        witness=witness,
    )


def _denied_by(snapshot: Snapshot, flow: Flow, reads: Sequence[AdminRead]) -> AdminRead | None:
    """Return the Admin rule that the oracle names as what denies a flow."""
    for decider in deciders(snapshot.cluster, flow):
        if decider.tier is Tier.ADMIN:
            for read in reads:
                if read.is_decider(decider):
                    return read
    return None


def _flows(snapshot: Snapshot, allowing: Read, reads: Sequence[AdminRead]) -> Iterator[Flow]:
    """Yield flows between loaded pods that the rule allows by name, and some Admin Deny may speak of."""
    policy, direction, rule, _ = allowing
    under = {id(pod) for read in reads for pod in matching(snapshot, read.policy.subject)}
    pods = snapshot.cluster.pods
    subjects = unlike(pods[i] for i in snapshot.selected(policy) if id(pods[i]) in under)
    if not subjects:
        return
    named = [peer for peer in rule.peers if isinstance(peer, PodPeer)]
    peers = unlike(pods[i] for peer in named for i in snapshot.peers(policy.namespace, peer))
    for subject in subjects:
        for peer in peers:
            source, destination = (peer, subject) if direction is Direction.INGRESS else (subject, peer)
            if source is destination or peer.host_network:
                continue
            for protocol, port in _ports(rule.ports, reads, destination):
                yield Flow(source=PodEnd(source), destination=PodEnd(destination), protocol=protocol, port=port)


def _ports(items: Sequence[PolicyPort], reads: Sequence[AdminRead], destination: Pod) -> Iterator[tuple[Protocol, int]]:
    """Yield ports that the rule allows: those it names, else those of the Admin rules, else TCP 80."""
    denied = [item for read in reads for item in read.rule.ports if item.protocol is not None and not item.name]
    numbers = [(Protocol(item.protocol), item.first) for item in denied] or [(Protocol.TCP, 80)]
    if not items:
        yield from numbers
    for item in items:
        if isinstance(item.port, int):
            yield Protocol(item.protocol), item.port
        elif item.port is None:
            own = [pair for pair in numbers if pair[0].value == item.protocol]
            yield from own or [(Protocol(item.protocol), 80)]
        else:
            yield from (
                (Protocol(port.protocol), port.number)
                for port in destination.ports
                if (port.name, port.protocol) == (item.port, item.protocol)
            )


RULE = Rule(
    code="NC611",
    name="networkpolicy-overridden",
    severity="warning",
    basis="proved",
    summary="A NetworkPolicy whose rule an Admin Deny overrides",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
