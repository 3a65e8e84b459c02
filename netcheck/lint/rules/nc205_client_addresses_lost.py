"""A policy that tells clients apart whose addresses it never sees.

What it finds: policies that let some public addresses in to the pods of a NodePort or LoadBalancer Service and others not,
where the Service has `externalTrafficPolicy: Cluster`. With `--pedantic` also such Services that nothing restricts.
Why it matters: with `Cluster` the connection is forwarded with the address of the node that took it. The policy judges that
address, so either nobody gets in through the Service, or everybody.
When to ignore it: the load balancer sends to the pods themselves, or clients come to them on another way.
How it is decided: by the set engine: who is let in to the port that the Service leads to; where its pods are not loaded, to
pods with just the labels that the policies ask for. Proved where all nodes are let in,
or none but the pod's own; else the nodes' addresses are not known. Silent for implementations that are named
(`loadBalancerClass`) or send to pods by annotation, and under profiles that do not match nodes by address.
Source: SEMANTICS NP-22, SVC-18, SVC-20.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netcheck.errors import Place
from netcheck.lint.finding import Basis, Finding
from netcheck.lint.gates import FAMILIES, PUBLIC, Admitted, Gates
from netcheck.lint.reading import block
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import Behind, behind, is_exposed, label, related, sends_to_pods
from netcheck.lint.wording import owner
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, PodEnd, Verdict
from netcheck.model.objects import Service, ServicePort
from netcheck.model.policy import IPBlockPeer, NetworkPolicy
from netcheck.model.profile import Switch
from netcheck.queries.doors import source_ranges
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

BAD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 443}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - ipBlock: {cidr: 203.0.113.0/24}  # finds: NC205
    ports: [{port: 443}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 443}]}]}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 443}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 443}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 443}]}]}
"""


_EITHER = "the policy sees nodes instead of clients, so all of them get in through it or none"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """A Service port behind which policies tell public addresses of one family apart; `end` is one of its pods."""

    service: Service
    item: ServicePort
    end: Behind
    version: int
    let: Admitted


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each ipBlock, or for its policy, and one for each Service that nothing restricts."""
    profile = snapshot.cluster.profile
    if profile.enforced is Switch.NO or profile.cidr_matches_nodes is not Switch.YES:
        return
    gates = Gates(snapshot)
    for service in snapshot.cluster.services:
        if is_exposed(service) and not sends_to_pods(service):
            yield from _of_service(snapshot, gates, service)


def _of_service(snapshot: Snapshot, gates: Gates, service: Service) -> Iterator[Finding]:
    seen: set[tuple[str, Place | None]] = set()
    for item in service.ports:
        for found in _filters(snapshot, gates, service, item):
            for policy, place, path in _blocks(gates, found):
                if (policy.label, place) not in seen and service.external_traffic_policy == "Cluster":
                    seen.add((policy.label, place))
                    yield _finding(snapshot, gates, found, (policy, place, path))
    yield from _open(snapshot, gates, service)


def _filters(snapshot: Snapshot, gates: Gates, service: Service, item: ServicePort) -> Iterator[_Filter]:
    groups: set[int] = set()
    for end in behind(snapshot, service, item) or _imagined(snapshot, service, item):
        subjects = gates.subjects(end.pod)
        if subjects is None or not subjects.isolated or id(subjects) in groups:
            continue
        groups.add(id(subjects))
        for version in FAMILIES:
            let = gates.into(end, version)
            public = gates.public(version)
            if let is not None and let.must & public and public & ~let.may:
                yield _Filter(service=service, item=item, end=end, version=version, let=let)


def _imagined(snapshot: Snapshot, service: Service, item: ServicePort) -> tuple[Behind, ...]:
    """Return the pods that policies of the namespace ask for, of which none is loaded, where the Service may mean them."""
    if not service.selector or snapshot.backends(service) or not isinstance(item.target_port, int):
        return ()
    wanted = service.selector.items()
    return tuple(
        Behind(position, item.target_port, Protocol(item.protocol))
        for position in snapshot.imagined_in.get(service.namespace, ())
        if wanted <= (labels := snapshot.pods[position].labels.items()) or labels <= wanted
    )


def _blocks(gates: Gates, found: _Filter) -> Iterator[tuple[NetworkPolicy, Place | None, str]]:
    """Yield the ipBlocks of public addresses among the rules for the port, with policy, place and field path."""
    subjects = gates.subjects(found.end.pod)
    for policy in subjects.policies if subjects is not None else ():
        for index, rule in enumerate(policy.ingress):
            if rule.ports and not any(_covers(item.port, item.end_port, found) for item in rule.ports):
                continue
            for number, peer in enumerate(rule.peers):
                if isinstance(peer, IPBlockPeer) and (block(peer) & PUBLIC).of_family(found.version):
                    yield policy, peer.place or rule.place, f"spec.ingress[{index}].from[{number}]"


def _covers(port: int | str | None, last: int | None, found: _Filter) -> bool:
    return not isinstance(port, int) or port <= found.end.number <= (last or port)


def _finding(
    snapshot: Snapshot, gates: Gates, found: _Filter, read: tuple[NetworkPolicy, Place | None, str]
) -> Finding:
    policy, place, path = read
    service = found.service
    basis, effect = _effect(gates, found) if snapshot.is_real(found.end.pod) else ("syntactic", _EITHER)
    whose = f"`{owner(snapshot.pods[found.end.pod])}`" if snapshot.is_real(found.end.pod) else "its pods"
    return RULE.finding(
        f"{path} tells clients of {whose} apart by address, but {label(service)} "
        f"forwards them with the address of the node that took the connection: {effect}",
        about=policy.label,
        place=place,
        basis=basis,
        related=(related(service, "has `externalTrafficPolicy: Cluster`"),),
        witness=_witness(snapshot, gates, found) if basis == "proved" else None,
        hint="set `externalTrafficPolicy: Local`, or restrict clients by `loadBalancerSourceRanges`",
    )


def _effect(gates: Gates, found: _Filter) -> tuple[Basis, str]:
    nodes = gates.nodes(found.version)
    if nodes and not nodes & found.let.may:
        return "proved", "nobody gets in through it, but for what reaches the pod's own node"
    if nodes and not nodes & ~found.let.must:
        return "proved", "everybody gets in through it"
    return "syntactic", _EITHER


def _witness(snapshot: Snapshot, gates: Gates, found: _Filter) -> FlowText | None:
    let_in = bool(gates.nodes(found.version) & found.let.must)
    source = _node(snapshot, gates, found.version)
    if source is None:
        return None
    flow = Flow(
        source=source,
        destination=PodEnd(snapshot.cluster.pods[found.end.pod]),
        protocol=found.end.protocol,
        port=found.end.number,
    )
    return snapshot.witness(
        flow, Verdict.ALLOWED if let_in else Verdict.DENIED, "with the address of a node, as any client is forwarded"
    )


def _node(snapshot: Snapshot, gates: Gates, version: int) -> End | None:
    for node in snapshot.cluster.nodes:
        return NodeEnd(node)
    address = gates.example(gates.nodes(version), IPSet.of_cidrs(*snapshot.cluster.addressing.nodes_lie_in()))
    return AddressEnd(address) if address else None


def _open(snapshot: Snapshot, gates: Gates, service: Service) -> Iterator[Finding]:
    """Yield the Service iff it lets every public address in, and policies do too: for `--pedantic` only."""
    if source_ranges(service):
        return
    for item in service.ports:
        for end in behind(snapshot, service, item):
            let = gates.into(end, 4)
            if let is not None and not gates.public(4) & ~let.must:
                yield RULE.finding(
                    f"nothing restricts who may connect to port {item.port} from outside: no `loadBalancerSourceRanges`, and "
                    f"policies let every address in to `{owner(snapshot.cluster.pods[end.pod])}`",
                    about=label(service),
                    place=item.place or service.place,
                    severity="info",
                    basis="heuristic",
                )
                return


def has_exposed(snapshot: Snapshot) -> bool:
    """Return whether a Service that is exposed by nodes or load balancers was read."""
    return any(is_exposed(service) for service in snapshot.cluster.services)


RULE = Rule(
    code="NC205",
    name="client-addresses-lost",
    severity="warning",
    basis="proved",
    summary="A policy that tells clients apart whose addresses it never sees",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_exposed,
    bad=(BAD,),
    good=(GOOD,),
)
