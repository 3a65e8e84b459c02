"""One end is allowed, the other denies.

What it finds: rules that allow connections between pods which they name by labels, while the policies of the other end deny
every one of them.
Why it matters: a connection needs both: egress at the client and ingress at the server. The rule reads as if the connection
worked, and it does not.
When to ignore it: the rule at the other end is still to be written, or lies in a repository that is not loaded.
How it is decided: by the set engine: no loaded pod that the rule selects and no loaded pod that it names may talk on a port of
the rule. Peers without labels (`podSelector: {}` alone) are never reported, nor ports on which no loaded pod listens, nor rules
of which some connection passes, nor servers that the client's rule opens by the port of a Service (NC109). The denied flow is replayed.
Source: SEMANTICS NP-6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netcheck.lint.dns import names_dns
from netcheck.lint.finding import Finding, Related
from netcheck.lint.listening import Listening
from netcheck.lint.reading import Read, all_rules, holds
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.wording import listed, owner, owners, port
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.objects import ContainerPort
from netcheck.model.policy import Direction, NetworkPolicy, PodPeer, PolicyPort, PolicyRule
from netcheck.queries.results import FlowText
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: a}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: b}}  # finds: NC116
    ports: [{port: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: b}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: a}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: b}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
"""

BAD_INGRESS = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: b}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: client}}  # finds: NC116
    ports: [{port: web}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: b}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress: [{ports: [{port: 53}, {port: 53, protocol: UDP}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: b, labels: {app: client}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: b, labels: {app: server}}
spec: {containers: [{name: a, image: a, ports: [{name: web, containerPort: 8080}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: b}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: server}}}]
    ports: [{port: 8080}]
  - ports: [{port: 53}, {port: 53, protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: b}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{port: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: b, labels: {app: client}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: b, labels: {app: server}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
"""

_MOST_PAIRS = 4_000
"""A rule about more pairs of pods is not looked into."""


class _Pair(NamedTuple):
    """A pod that the policy selects, one that the rule names, and the group of the latter in the other direction."""

    subject: int
    peer: int
    other: Subjects


class _Dead(NamedTuple):
    """A port of the rule (None: all ports) on which no pair passes, and one pair with a port."""

    item: PolicyPort | None
    pair: _Pair
    port: ContainerPort


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each peer of a rule all of whose connections the other end denies."""
    for policy, direction, rule, path in all_rules(snapshot):
        for peer in rule.peers:
            if isinstance(peer, PodPeer) and _is_specific(peer):
                pairs = _pairs(snapshot, policy, direction, peer)
                dead = list(_dead(snapshot, direction, rule, pairs)) if pairs else []
                if dead and not _uses_service_port(snapshot, direction, dead[0].pair):
                    yield _finding(snapshot, (policy, direction, rule, path), peer, pairs, dead)


def _is_specific(peer: PodPeer) -> bool:
    """Return whether a peer asks for some label."""
    selectors = (peer.pod_selector, peer.namespace_selector)
    return any(selector is not None and selector.requirements for selector in selectors)


def _pairs(snapshot: Snapshot, policy: NetworkPolicy, direction: Direction, peer: PodPeer) -> list[_Pair]:
    """Return the pairs that the peer speaks of; none unless the other end of each is certainly isolated by policies."""
    opposite = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
    groups = snapshot.subjects_of(policy, direction)
    real = [position for group in groups for position in snapshot.unlike(group)]
    peers = [i for i in snapshot.peers(policy.namespace, peer) if not snapshot.cluster.pods[i].host_network]
    if not real or not peers or len(real) * len(peers) > _MOST_PAIRS:
        return []
    found = []
    for position in peers:
        other = snapshot.subjects_at(position, opposite)
        if other is None or not other.policies or not other.certain:
            return []
        found += [_Pair(subject, position, other) for subject in real if subject != position]
    return found


def _dead(snapshot: Snapshot, direction: Direction, rule: PolicyRule, pairs: Sequence[_Pair]) -> Iterator[_Dead]:
    """Yield the ports of the rule on which somebody listens and no pair passes."""
    if not rule.ports:
        if not any(_passes_at_all(snapshot, pair) for pair in pairs):
            for pair in pairs:
                declared = _server(snapshot, direction, pair)
                if declared:
                    yield _Dead(None, pair, declared[0])
                    return
        return
    for item in rule.ports:
        spoken = [
            (pair, found) for pair in pairs for found in _server(snapshot, direction, pair) if _is_meant(item, found)
        ]
        if spoken and not names_dns(item) and not any(_passes(snapshot, pair, found, item) for pair, found in spoken):
            yield _Dead(item, *spoken[0])


def _server(snapshot: Snapshot, direction: Direction, pair: _Pair) -> tuple[ContainerPort, ...]:
    """Return the declared ports of the end that is connected to."""
    return snapshot.pods[pair.peer if direction is Direction.EGRESS else pair.subject].ports


def _is_meant(item: PolicyPort, found: ContainerPort) -> bool:
    if isinstance(item.port, str):
        return (item.port, item.protocol) == (found.name, found.protocol)
    return holds(item, found.protocol, found.number)


def _passes_at_all(snapshot: Snapshot, pair: _Pair) -> bool:
    bit = 1 << snapshot.element(pair.subject)
    return any(part.may & bit for table in pair.other.tables.values() for part in table.parts)


def _passes(snapshot: Snapshot, pair: _Pair, found: ContainerPort, item: PolicyPort) -> bool:
    """Return whether the other end may let the pair's connection through, on the port that is found or another of the item."""
    element, ports = 1 << snapshot.element(pair.subject), snapshot.engine.universe.ports
    mask = ports.single(Protocol(found.protocol), found.number)
    if not isinstance(item.port, str):
        numbers = PortSet.all() if item.port is None else PortSet.of((item.port, item.end_port or item.port))
        mask |= ports.mask(ConnectionSet.of({Protocol(item.protocol): numbers}))
    return any(part.mask & mask and part.may & element for table in pair.other.tables.values() for part in table.parts)


def _uses_service_port(snapshot: Snapshot, direction: Direction, pair: _Pair) -> bool:
    """Return whether the client's own rule for the server names the port of a Service: that is NC109's."""
    if direction is Direction.EGRESS:
        return False
    led = {found.item.port for found in Listening(snapshot).led((pair.subject,)) if found.number != found.item.port}
    return bool(led) and any(
        item.port in led
        for policy in pair.other.policies
        for rule in policy.egress
        if any(
            isinstance(peer, PodPeer) and pair.subject in snapshot.peers(policy.namespace, peer) for peer in rule.peers
        )
        for item in rule.ports
    )


def _finding(snapshot: Snapshot, read: Read, peer: PodPeer, pairs: Sequence[_Pair], dead: Sequence[_Dead]) -> Finding:
    policy, direction, _, path = read
    outward = direction is Direction.EGRESS
    first = dead[0]
    pods = owners(snapshot.pods[i] for i in dict.fromkeys(pair.peer for pair in pairs))
    ports = " on " + listed(port(item.item) for item in dead if item.item is not None) if first.item else ""
    other = "ingress" if outward else "egress"
    deniers = first.pair.other.policies
    subject = owner(snapshot.pods[first.pair.subject])
    to = f"`{subject}` to connect to {pods}" if outward else f"{pods} to connect to `{subject}`"
    return RULE.finding(
        f"{path} allows {to}{ports}, but the {other} policies of the other end let none of it through: "
        f"{listed(item.name for item in deniers)}",
        about=policy.label,
        place=peer.place,
        related=tuple(
            Related(message=f"isolates the other end for {other}", place=item.place, object=item.label)
            for item in deniers
        )[:3],
        witness=_witness(snapshot, first, outward),
        hint=f"add the {other} rule for it in namespace `{snapshot.pods[first.pair.peer].namespace}`, or delete this one",
    )


def _witness(snapshot: Snapshot, dead: _Dead, outward: bool) -> FlowText | None:
    subject, peer = (PodEnd(snapshot.pods[i]) for i in (dead.pair.subject, dead.pair.peer))
    flow = Flow(
        source=subject if outward else peer,
        destination=peer if outward else subject,
        protocol=Protocol(dead.port.protocol),
        port=dead.port.number,
    )
    return snapshot.witness(flow, Verdict.DENIED)


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.policies)


RULE = Rule(
    code="NC116",
    name="one-sided-allow",
    severity="warning",
    basis="proved",
    summary="One end is allowed, the other denies",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD, BAD_INGRESS),
    good=(GOOD,),
)
