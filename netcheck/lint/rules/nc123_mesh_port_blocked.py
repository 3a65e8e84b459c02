"""The mesh's tunnel port is not allowed.

What it finds: pods of Istio's ambient mesh whose ingress policies let other pods of that mesh in on some port, and none of these
on TCP 15008.
Why it matters: between two pods of the ambient mesh the connection on the wire goes to port 15008 (HBONE), whatever port the
client asked for, and that is the port that policies see. What the rule allows is never used; the connection is dropped.
When to ignore it: never while both ends are in the ambient mesh.
How it is decided: by the labels `istio.io/dataplane-mode: ambient` on namespaces and pods, then by the set engine over all
policies for the pods. Pods with a sidecar, and those of namespaces whose labels are not loaded, are left out. The denied flow is
replayed.
Source: SEMANTICS MSH-2, IST-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netcheck.lint.finding import Finding, Related
from netcheck.lint.mesh import is_ambient
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.wording import owner, owners
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.policy import Direction
from netcheck.values.ports import Protocol

BAD = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: networking.k8s.io/v1  # finds: NC123
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {}}], ports: [{port: 8080}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}], ports: [{port: 8080}, {port: 15008}]}]
  egress:
  - to: [{podSelector: {}}]
    ports: [{port: 8080}, {port: 15008}]
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: [{port: 53}, {port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: a, image: a}]}
"""

_HBONE = 15008


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each group of pods and direction in which the tunnel is shut."""
    members = dict.fromkeys(i for i, pod in enumerate(snapshot.cluster.pods) if is_ambient(snapshot, pod))
    for direction in Direction if members else ():
        for subjects in snapshot.subjects(direction):
            if subjects.certain and subjects.policies:
                yield from _shut(snapshot, subjects, direction, members)


def _shut(
    snapshot: Snapshot, subjects: Subjects, direction: Direction, members: Mapping[int, None]
) -> Iterator[Finding]:
    mine = [i for i in subjects.pods if i in members]
    if not mine:
        return
    peers = {1 << snapshot.element(i): i for i in members if i != mine[0]}
    together = sum(peers)
    tunnel = snapshot.engine.universe.ports.single(Protocol.TCP, _HBONE)
    parts = [part for table in subjects.tables.values() for part in table.parts]
    if any(part.mask & tunnel and part.may & together for part in parts):
        return
    reached = [
        i for bit, i in peers.items() if any(_is_plain(snapshot, part.mask) and part.may & bit for part in parts)
    ]
    if reached:
        yield _finding(snapshot, subjects, direction, mine, reached)


def _is_plain(snapshot: Snapshot, mask: int) -> bool:
    """Return whether a mask holds TCP ports other than those of DNS."""
    connections = snapshot.engine.connections(mask)
    return any(
        protocol is Protocol.TCP and any(low != 53 or high != 53 for low, high in ports.ranges)
        for protocol, ports in connections.items()
    )


def _finding(
    snapshot: Snapshot, subjects: Subjects, direction: Direction, mine: list[int], others: list[int]
) -> Finding:
    inward = direction is Direction.INGRESS
    policy = subjects.policies[0]
    source, destination = (others[0], mine[0]) if inward else (mine[0], others[0])
    flow = Flow(
        source=PodEnd(snapshot.pods[source]),
        destination=PodEnd(snapshot.pods[destination]),
        protocol=Protocol.TCP,
        port=_HBONE,
    )
    who = owners(snapshot.pods[i] for i in mine)
    way = "from" if inward else "to"
    return RULE.finding(
        f"{who} {'is' if len({owner(snapshot.pods[i]) for i in mine}) == 1 else 'are'} in the ambient mesh, but no "
        f"{direction.value.lower()} rule allows TCP {_HBONE} {way} other pods of it, and that is the port that policies see",
        about=policy.label,
        place=policy.place,
        related=tuple(
            Related(message="isolates the pods too", place=other.place, object=other.label)
            for other in subjects.policies[1:3]
        ),
        witness=snapshot.witness(flow, Verdict.DENIED, "through the mesh's tunnel"),
        hint=f"allow TCP {_HBONE} {way} the same pods",
    )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.policies) and any(is_ambient(snapshot, pod) for pod in snapshot.cluster.pods)


RULE = Rule(
    code="NC123",
    name="mesh-port-blocked",
    severity="error",
    basis="proved",
    summary="The mesh's tunnel port is not allowed",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
