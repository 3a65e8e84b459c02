"""A block of all addresses where the internet was meant.

What it finds: egress rules whose ipBlock holds every IPv4 or IPv6 address, and through which alone some pod reaches other
loaded pods on ports on which these listen.
Why it matters: the addresses of pods and nodes, and those of the cloud's metadata service, are addresses too. Under most
plugins such a block opens the whole cluster, as `- {}` would.
When to ignore it: the whole cluster is meant. A warning where other egress rules for the same pods name pods, so that who wrote
them tells pods and the internet apart, and the policy's name does not say "all"; else info. A block in ingress rules is never reported: load balancers need it.
How it is decided: by the set engine, with the policies of both ends and with what all other rules for the same pods allow. The
witness is replayed. Under plugins whose blocks match no pods (Cilium) there is no finding.
Source: SEMANTICS NP-20, NP-21, NET-20, SEMANTICS 14.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from netcheck.lint.finding import Finding, Related
from netcheck.lint.reading import Read, all_rules, block, holds
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.wording import listed, owner
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.objects import ContainerPort
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PodPeer, PolicyRule
from netcheck.model.profile import PRIVATE_V4, PRIVATE_V6
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 8080}]
  - to:
    - ipBlock: {cidr: 0.0.0.0/0}  # finds: NC113
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: vault, labels: {app: db}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
    ports: [{port: 8443}]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16]}}]
    ports: [{port: 443}]
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: [{port: 53}, {port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8443}]}]}
"""

_INSIDE = {4: IPSet.of_cidrs(*PRIVATE_V4), 6: IPSet.of_cidrs(*PRIVATE_V6)}
_ALL = {"0.0.0.0/0": 4, "::/0": 6}
_MOST_SOURCES = 3
_ENOUGH = 4
"""So many opened pods are looked for; more are not counted."""


class _Opened(NamedTuple):
    """A pod that a block opens: who reaches it, and on which port."""

    source: int
    destination: int
    port: ContainerPort
    subjects: Subjects


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each block of all addresses that opens loaded pods."""
    targets = _targets(snapshot)
    for policy, direction, rule, path in all_rules(snapshot):
        if direction is Direction.EGRESS:
            for peer in rule.peers:
                if isinstance(peer, IPBlockPeer) and is_everything(peer):
                    opened = list(_opened(snapshot, policy, rule, peer, targets))
                    if opened:
                        yield _finding(snapshot, (policy, direction, rule, path), peer, opened)


def is_everything(peer: IPBlockPeer) -> bool:
    """Return whether a block holds all addresses of a family, the private ones among them."""
    version = _ALL.get(peer.cidr)
    return version is not None and _INSIDE[version] <= block(peer)


def _targets(snapshot: Snapshot) -> list[tuple[int, tuple[ContainerPort, ...]]]:
    """Return one loaded pod for each class of pods and set of declared ports."""
    found: dict[object, tuple[int, tuple[ContainerPort, ...]]] = {}
    for position, pod in enumerate(snapshot.cluster.pods):
        if pod.ports and not pod.host_network:
            found.setdefault((snapshot.element(position), pod.ports), (position, pod.ports))
    return list(found.values())


def _opened(
    snapshot: Snapshot,
    policy: NetworkPolicy,
    rule: PolicyRule,
    peer: IPBlockPeer,
    targets: Sequence[tuple[int, tuple[ContainerPort, ...]]],
) -> Iterator[_Opened]:
    """Yield pods that the policy's pods certainly reach, and that only blocks of all addresses open."""
    count = 0
    for subjects in snapshot.subjects_of(policy, Direction.EGRESS):
        sources = snapshot.unlike(subjects)[:_MOST_SOURCES] if subjects.certain else ()
        for destination, ports in targets:
            for source, port in product(sources, ports):
                if destination != source and _opens(snapshot, subjects, (rule, peer), (source, destination), port):
                    yield _Opened(source, destination, port, subjects)
                    count += 1
                    break
            if count == _ENOUGH:
                return


def _opens(
    snapshot: Snapshot,
    subjects: Subjects,
    read: tuple[PolicyRule, IPBlockPeer],
    ends: tuple[int, int],
    port: ContainerPort,
) -> bool:
    (rule, peer), (source, destination) = read, ends
    if rule.ports and not any(holds(item, port.protocol, port.number) for item in rule.ports):
        return False
    engine = snapshot.engine
    bit = engine.universe.ports.single(Protocol(port.protocol), port.number)
    target = 1 << snapshot.element(destination)
    table = subjects.tables[_ALL[peer.cidr]]
    if not any(part.mask & bit and part.must & target for part in table.parts):
        return False
    if not engine.pair(snapshot.element(source), snapshot.element(destination)).allowed & bit:
        return False
    return not any(_is_meant(snapshot, other, destination, port) for other in _rules(subjects))


def _rules(subjects: Subjects) -> Iterator[tuple[NetworkPolicy, PolicyRule]]:
    for policy in subjects.policies:
        for rule in policy.rules(Direction.EGRESS):
            yield policy, rule


def _is_meant(
    snapshot: Snapshot, other: tuple[NetworkPolicy, PolicyRule], destination: int, port: ContainerPort
) -> bool:
    """Return whether a rule opens a pod by its labels, as one of all peers, or through a block that is not of all addresses."""
    policy, rule = other
    pod = snapshot.pods[destination]
    if rule.ports and not any(
        holds(item, port.protocol, port.number)
        or (item.port in {found.name for found in pod.ports if found.number == port.number} and item.port)
        for item in rule.ports
    ):
        return False
    return not rule.peers or any(
        destination in snapshot.peers(policy.namespace, peer) if isinstance(peer, PodPeer) else not is_everything(peer)
        for peer in rule.peers
    )


def _finding(snapshot: Snapshot, read: Read, peer: IPBlockPeer, opened: Sequence[_Opened]) -> Finding:
    policy, _, _, path = read
    first = opened[0]
    pods = [snapshot.pods[item.destination] for item in opened]
    tells_apart = any(isinstance(item, PodPeer) for _, rule in _rules(first.subjects) for item in rule.peers)
    version = _ALL[peer.cidr]
    others = "fc00::/7" if version == 6 else "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16"
    more = " and more" if len(opened) == _ENOUGH else ""
    return RULE.finding(
        f"{path} allows `{peer.cidr}`, which holds the addresses of pods and nodes too: it alone lets "
        f"`{owner(snapshot.pods[first.source])}` reach {listed(owner(pod) for pod in pods)}{more}",
        about=policy.label,
        place=peer.place,
        severity="warning" if tells_apart and "all" not in policy.name.split("-") else "info",
        related=tuple(
            Related(message=f"is opened on {item.port.protocol} {item.port.number}", place=pod.place, object=owner(pod))
            for item, pod in zip(opened, pods, strict=True)
        )[:3],
        witness=_witness(snapshot, first),
        hint=f"if the internet is meant, write `except: [{others}]` with your pods', nodes' and Services' ranges"
        + ("" if version == 6 else ", and `::/0` likewise if the pods use IPv6"),
    )


def _witness(snapshot: Snapshot, opened: _Opened) -> FlowText | None:
    flow = Flow(
        source=PodEnd(snapshot.pods[opened.source]),
        destination=PodEnd(snapshot.pods[opened.destination]),
        protocol=Protocol(opened.port.protocol),
        port=opened.port.number,
    )
    return snapshot.witness(flow, Verdict.ALLOWED)


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.policies)


RULE = Rule(
    code="NC113",
    name="internet-block-opens-pods",
    severity="warning",
    basis="proved",
    summary="A block of all addresses where the internet was meant",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
