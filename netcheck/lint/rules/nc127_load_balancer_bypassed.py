"""Source ranges of a load balancer that another way in goes round.

What it finds: LoadBalancer Services with `loadBalancerSourceRanges` whose pods can also be reached through a node port, a
host port, or another Service without such ranges.
Why it matters: source ranges restrict clients of the load balancer's address only. Whoever reaches a node comes in through
its ports, whatever the ranges say.
When to ignore it: a firewall lets nobody but the load balancer reach the nodes' ports. An info where the node port is one
that the cluster allocates by itself; `allocateLoadBalancerNodePorts: false` goes without.
How it is decided: by the Services and host ports that lead to the same port of the same pods. A way on which policies let
nobody in is left out: where the pod sees the client's address, nobody from outside the ranges, which the witness shows.
Source: SEMANTICS NET-16, NP-22, SVC-17, SVC-18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netcheck.errors import Place
from netcheck.lint.finding import Finding, Related
from netcheck.lint.gates import FAMILIES, PUBLIC, Gates
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import Behind, behind, is_exposed, label
from netcheck.lint.wording import listed, owner
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.objects import Service, ServicePort, ServiceType
from netcheck.queries.doors import source_ranges
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

BAD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  loadBalancerSourceRanges: [203.0.113.0/24]
  selector: {app: web}
  ports:
  - {port: 443, targetPort: 8443, nodePort: 30443}  # finds: NC127
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8443}]}]}
"""

BAD_HOST_PORT = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  allocateLoadBalancerNodePorts: false
  loadBalancerSourceRanges: [203.0.113.0/24]
  selector: {app: web}
  ports:
  - {port: 443, targetPort: 8443}  # finds: NC127
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8443, hostPort: 443}]}]}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  loadBalancerSourceRanges: [203.0.113.0/24]
  selector: {app: web}
  ports: [{port: 443, targetPort: 8443, nodePort: 30443}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8443}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 8443}]
"""


_HINT_OWN = (
    "set `allocateLoadBalancerNodePorts: false` and no `nodePort`, or `externalTrafficPolicy: Local` with a policy of the same "
    "ranges"
)
_HINT_OTHER = "drop the other way in, or isolate the pods with a policy of the same ranges"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Another way to a pod's port: `plain` iff the cluster allocates it without being asked."""

    text: str
    end: Behind
    keeps_source: bool
    object: str
    place: Place | None
    plain: bool = False


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield at most one finding for each port of a load balancer with source ranges."""
    guarded = [service for service in snapshot.cluster.services if _is_guarded(service)]
    if not guarded:
        return
    gates = Gates(snapshot)
    others = _other_ways(snapshot)
    for service in guarded:
        for item in service.ports:
            yield from _port(snapshot, gates, service, item, others)


def _is_guarded(service: Service) -> bool:
    balanced = service.type is ServiceType.LOAD_BALANCER
    return balanced and bool(source_ranges(service)) and bool(PUBLIC - _ranges(service))


def _ranges(service: Service) -> IPSet:
    try:
        return IPSet.of_cidrs(*source_ranges(service))
    except ValueError:  # of the annotation, which NC114 reports
        return IPSet.all()


def _port(
    snapshot: Snapshot, gates: Gates, service: Service, item: ServicePort, others: Mapping[Behind, tuple[_Way, ...]]
) -> Iterator[Finding]:
    allowed = _ranges(service)
    ends = behind(snapshot, service, item)
    ways = [*_own_way(service, item, ends)]
    ways += [way for end in ends for way in others.get(end, ()) if way.object != label(service)]
    open_ways = [way for way in ways if _is_open(gates, way, allowed)]
    if open_ways:
        yield _finding(snapshot, gates, service, item, open_ways)


def _own_way(service: Service, item: ServicePort, ends: tuple[Behind, ...]) -> Iterator[_Way]:
    if item.node_port or service.allocate_node_ports:
        text = f"node port {item.node_port}" if item.node_port else "a node port that the cluster allocates"
        local = service.external_traffic_policy == "Local"
        for end in ends:
            yield _Way(
                text=text,
                end=end,
                keeps_source=local,
                object=label(service),
                place=item.place,
                plain=not item.node_port,
            )


def _other_ways(snapshot: Snapshot) -> Mapping[Behind, tuple[_Way, ...]]:
    """Return pod and port -> the host ports and unrestricted Services that lead there."""
    found: dict[Behind, list[_Way]] = {}
    for way in (*_host_ports(snapshot), *_services(snapshot)):
        found.setdefault(way.end, []).append(way)
    return {end: tuple(ways) for end, ways in found.items()}


def _host_ports(snapshot: Snapshot) -> Iterator[_Way]:
    for position, pod in enumerate(snapshot.cluster.pods):
        for port in pod.ports if not pod.host_network else ():
            if port.host_port:
                yield _Way(
                    text=f"host port {port.host_port}",
                    end=Behind(position, port.number, Protocol(port.protocol)),
                    keeps_source=True,
                    object=owner(pod),
                    place=pod.place,
                )


def _services(snapshot: Snapshot) -> Iterator[_Way]:
    for service in snapshot.cluster.services:
        if is_exposed(service) and not source_ranges(service):
            local = service.external_traffic_policy == "Local"
            for item in service.ports:
                for end in behind(snapshot, service, item):
                    yield _Way(
                        text=label(service), end=end, keeps_source=local, object=label(service), place=item.place
                    )


def _is_open(gates: Gates, way: _Way, allowed: IPSet) -> bool:
    """Return whether policies may let in, on this way, a client that the ranges keep out."""
    for version in FAMILIES:
        let = gates.into(way.end, version)
        if let is None:
            return True
        if not way.keeps_source and gates.nodes(version) & let.may:
            return True
        if way.keeps_source and gates.example(gates.public(version) & let.may, PUBLIC - allowed):
            return True
    return False


def _finding(snapshot: Snapshot, gates: Gates, service: Service, item: ServicePort, ways: list[_Way]) -> Finding:
    others = {way.object: way for way in ways if way.object != label(service)}
    return RULE.finding(
        f"`loadBalancerSourceRanges` restrict port {item.port} of the load balancer only: they do not apply to "
        f"{listed(way.text for way in ways)}, which leads to the same pods",
        about=label(service),
        place=item.place or service.place,
        severity="info" if all(way.plain for way in ways) else "warning",
        related=tuple(
            Related(message="leads to the same port of the same pods", place=way.place, object=name)
            for name, way in list(others.items())[:5]
        ),
        witness=_witness(snapshot, gates, service, ways),
        hint=_HINT_OWN if len(others) < len({way.object for way in ways}) else _HINT_OTHER,
    )


def _witness(snapshot: Snapshot, gates: Gates, service: Service, ways: list[_Way]) -> FlowText | None:
    for way in ways:
        let = gates.into(way.end, 4) if way.keeps_source else None
        address = gates.example(gates.public(4) & let.must, PUBLIC - _ranges(service)) if let is not None else ""
        if address:
            flow = Flow(
                source=AddressEnd(address),
                destination=PodEnd(snapshot.cluster.pods[way.end.pod]),
                protocol=way.end.protocol,
                port=way.end.number,
            )
            return snapshot.witness(flow, Verdict.ALLOWED, f"through {way.text}")
    return None


def has_load_balancers(snapshot: Snapshot) -> bool:
    """Return whether a LoadBalancer Service was read."""
    return any(service.type is ServiceType.LOAD_BALANCER for service in snapshot.cluster.services)


RULE = Rule(
    code="NC127",
    name="load-balancer-bypassed",
    severity="warning",
    basis="syntactic",
    summary="Source ranges of a load balancer that another way in goes round",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_load_balancers,
    bad=(BAD, BAD_HOST_PORT),
    good=(GOOD,),
)
