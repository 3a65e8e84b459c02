"""A Local traffic policy with nodes that have no backend.

What it finds: Services with `internalTrafficPolicy: Local` where pods run on nodes without a backend, and NodePort Services
with `externalTrafficPolicy: Local` where nodes have none.
Why it matters: with `Local` a node leads connections to its own backends only. Where it has none it drops them, and the
client sees a timeout.
When to ignore it: no client runs on these nodes, or nobody connects to them. An info where only pods of other namespaces
run there. Load balancers leave out nodes without backends by themselves and are not reported.
How it is decided: by the nodes that the loaded pods name; a client is a pod that policies let connect to a backend. Silent
where no pod names its node, as in plain manifests.
Source: SEMANTICS SVC-20, SVC-21, SVC-25.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from netcheck.lint.finding import Finding, Related
from netcheck.lint.gates import Gates
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import Behind, behind, label
from netcheck.lint.wording import counted, listed, owner
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.objects import Service, ServiceType

BAD = """
apiVersion: v1  # finds: NC209
kind: Service
metadata: {name: agent, namespace: shop}
spec: {internalTrafficPolicy: Local, selector: {app: agent}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop, labels: {app: agent}}
spec: {nodeName: node-a, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: node-b, containers: [{name: a, image: a}]}
"""

BAD_NODE_PORT = """
apiVersion: v1  # finds: NC209
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-a, containers: [{name: a, image: a}]}
---
{apiVersion: v1, kind: Node, metadata: {name: node-a}}
---
{apiVersion: v1, kind: Node, metadata: {name: node-b}}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: agent, namespace: shop}
spec: {internalTrafficPolicy: Local, selector: {app: agent}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop, labels: {app: agent}}
spec: {nodeName: node-a, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: node-a, containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Service and direction in which nodes have no backend."""
    local = [service for service in snapshot.cluster.services if _is_local(service)]
    if not local:
        return
    gates = Gates(snapshot)
    pods_on = _pods_by_node(snapshot)
    for service in local:
        ends = [end for item in service.ports for end in behind(snapshot, service, item) if _serves(snapshot, end)]
        homes = {snapshot.cluster.pods[end.pod].node for end in ends}
        if not ends or "" in homes:  # a backend may run on any node
            continue
        if service.internal_traffic_policy == "Local":
            yield from _inside(snapshot, gates, service, ends, {n: p for n, p in pods_on.items() if n not in homes})
        if service.external_traffic_policy == "Local" and service.type is ServiceType.NODE_PORT:
            yield from _outside(snapshot, service, homes)


def _is_local(service: Service) -> bool:
    if service.headless or not service.selector:
        return False
    return "Local" in (service.internal_traffic_policy, service.external_traffic_policy)


def _serves(snapshot: Snapshot, end: Behind) -> bool:
    pod = snapshot.cluster.pods[end.pod]
    return pod.ready or pod.terminating


def _pods_by_node(snapshot: Snapshot) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for position, pod in enumerate(snapshot.cluster.pods):
        if pod.node and not pod.host_network:
            found.setdefault(pod.node, []).append(position)
    return found


def _inside(
    snapshot: Snapshot, gates: Gates, service: Service, ends: list[Behind], others: Mapping[str, list[int]]
) -> Iterator[Finding]:
    clients: dict[str, int] = {}
    for node, pods in sorted(others.items()):
        ordered = sorted(pods, key=partial(_is_stranger, snapshot, service))
        client = next((position for position in ordered if gates.passes(position, ends[0])), None)
        if client is not None:
            clients[node] = client
    if not clients:
        return
    near = [position for position in clients.values() if not _is_stranger(snapshot, service, position)]
    first = (near or list(clients.values()))[0]
    pod = snapshot.cluster.pods[first]
    flow = Flow(
        source=PodEnd(pod),
        destination=PodEnd(snapshot.cluster.pods[ends[0].pod]),
        protocol=ends[0].protocol,
        port=ends[0].number,
    )
    yield RULE.finding(
        f"`internalTrafficPolicy: Local`: {_nodes(clients)} no backend, so connections to the Service from pods there, such "
        f"as `{owner(pod)}`, are dropped",
        about=label(service),
        place=service.place,
        severity="warning" if near else "info",
        related=(Related(message="runs on a node without a backend", place=pod.place, object=owner(pod)),),
        witness=snapshot.witness(flow, Verdict.ALLOWED, "policies allow it, but the Service does not lead there"),
        hint="use `internalTrafficPolicy: Cluster`, or run a backend on every node",
    )


def _is_stranger(snapshot: Snapshot, service: Service, position: int) -> bool:
    return snapshot.cluster.pods[position].namespace != service.namespace


def _outside(snapshot: Snapshot, service: Service, homes: set[str]) -> Iterator[Finding]:
    empty = [node.name for node in snapshot.cluster.nodes if node.name not in homes]
    if empty:
        yield RULE.finding(
            f"`externalTrafficPolicy: Local`: {_nodes(empty)} no backend, so connections to the node ports there are dropped",
            about=label(service),
            place=service.place,
            basis="syntactic",
            hint="connect to nodes with a backend only, or use `externalTrafficPolicy: Cluster`",
        )


def _nodes(names: Mapping[str, int] | list[str]) -> str:
    return f"{counted(len(names), 'node')} ({listed(names)}) {'have' if len(names) > 1 else 'has'}"


def has_local(snapshot: Snapshot) -> bool:
    """Return whether a Service with a Local traffic policy was read."""
    return any(_is_local(service) for service in snapshot.cluster.services)


RULE = Rule(
    code="NC209",
    name="local-policy-gaps",
    severity="warning",
    basis="proved",
    summary="A Local traffic policy with nodes that have no backend",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_local,
    bad=(BAD, BAD_NODE_PORT),
    good=(GOOD,),
)
