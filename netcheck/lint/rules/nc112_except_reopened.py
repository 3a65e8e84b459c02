"""An `except` that another rule opens again.

What it finds: ipBlocks whose excepted addresses are all allowed, on a port that the block speaks of, by a wider rule for
the same pods.
Why it matters: `except` takes addresses out of one item only and denies nothing. The union of all rules counts, so the
excepted addresses, often those of the metadata service or of the cluster, can be reached.
When to ignore it: the wider rule is meant. A rule aimed at the excepted addresses themselves is never reported, nor one that
opens port 53 only.
How it is decided: exactly, by the set engine over the union of all policies for the same pods; where pods are loaded the
witness is replayed.
Source: SEMANTICS NP-5, NP-18.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netcheck.lint.finding import Finding, Related
from netcheck.lint.reading import Read, all_rules, block
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects, subjects_text
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PolicyRule
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet, address_text
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: internet, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}  # finds: NC112
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: http, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{ports: [{port: 80}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: internet, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 169.254.169.254/32]}
  - to: [{ipBlock: {cidr: 10.1.0.0/16}}]
    ports: [{port: 5432}]
  - ports: [{port: 53}, {port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""


class _Hole(NamedTuple):
    """An excepted range that is open: for whom, on which ports, and through which rule."""

    cidr: str
    subjects: Subjects
    ports: ConnectionSet
    policy: NetworkPolicy
    rule: PolicyRule
    path: str


_DNS_ONLY = ConnectionSet.of({Protocol.UDP: PortSet.single(53), Protocol.TCP: PortSet.single(53)})


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each ipBlock with an excepted range that is open."""
    for policy, direction, rule, path in all_rules(snapshot):
        for peer in rule.peers:
            if not isinstance(peer, IPBlockPeer) or not peer.excepts:
                continue
            holes = list(_holes(snapshot, policy, direction, rule, peer))
            if holes:
                yield _finding(snapshot, (policy, direction, rule, path), peer, holes)


def _holes(
    snapshot: Snapshot, policy: NetworkPolicy, direction: Direction, rule: PolicyRule, peer: IPBlockPeer
) -> Iterator[_Hole]:
    for subjects in snapshot.subjects_of(policy, direction):
        if subjects.certain:
            for cidr in peer.excepts:
                hole = _hole(snapshot, subjects, direction, rule, cidr)
                if hole is not None:
                    yield hole


def _hole(snapshot: Snapshot, subjects: Subjects, direction: Direction, rule: PolicyRule, cidr: str) -> _Hole | None:
    """Return the hole iff on some port of the rule all of `cidr` is allowed through a rule that is not aimed at it."""
    opened = _number_ports(rule) & _open_ports(snapshot, subjects, cidr)
    if not opened or opened <= _DNS_ONLY:
        return None
    for other, other_rule, path in _written(subjects, direction):
        if other_rule is rule or not _is_wider(other_rule, cidr):
            continue
        shared = opened & _number_ports(other_rule)
        if shared and not shared <= _DNS_ONLY:
            return _Hole(cidr, subjects, shared, other, other_rule, path)
    return None


def _open_ports(snapshot: Snapshot, subjects: Subjects, cidr: str) -> ConnectionSet:
    """Return the ports on which every address of a range is certainly let through."""
    engine = snapshot.engine
    addresses = IPSet.of_cidrs(cidr)
    wanted = engine.universe.addresses.bits(addresses) << engine.universe.atom_offset
    table = subjects.tables[6 if addresses.v6 else 4]
    mask = 0
    for part in table.parts:
        mask |= part.mask if not wanted & ~part.must else 0
    return engine.connections(mask)


def _number_ports(rule: PolicyRule) -> ConnectionSet:
    """Return the ports of a rule by number; names are left out, for they hold for no address (NP-27)."""
    if not rule.ports:
        return ConnectionSet.all()
    found = ConnectionSet.none()
    for item in rule.ports:
        if isinstance(item.port, str):
            continue
        ports = PortSet.all()
        if item.port is not None:
            ports = PortSet.of((item.port, item.end_port or item.port))
        found |= ConnectionSet.of({Protocol(item.protocol): ports})
    return found


def _written(subjects: Subjects, direction: Direction) -> Iterator[tuple[NetworkPolicy, PolicyRule, str]]:
    for policy in subjects.policies:
        for index, rule in enumerate(policy.rules(direction)):
            yield policy, rule, f"spec.{direction.value.lower()}[{index}]"


def _is_wider(rule: PolicyRule, cidr: str) -> bool:
    """Return whether a rule holds more than the range: any peer, or an ipBlock that strictly contains it."""
    if not rule.peers:
        return True
    wanted = IPSet.of_cidrs(cidr)
    return any(
        isinstance(peer, IPBlockPeer) and wanted <= block(peer) and IPSet.of_cidrs(peer.cidr) != wanted
        for peer in rule.peers
    )


def _finding(snapshot: Snapshot, read: Read, peer: IPBlockPeer, holes: list[_Hole]) -> Finding:
    policy, direction, _, path = read
    first = holes[0]
    cidrs = ", ".join(f"`{cidr}`" for cidr in dict.fromkeys(hole.cidr for hole in holes))
    way = "reached by" if direction is Direction.EGRESS else "allowed into"
    same = first.policy is policy
    return RULE.finding(
        f"{path} excepts {cidrs}, but {'this policy' if same else f'`{first.policy.label}`'} ({first.path}) allows it "
        f"again: it can be {way} {subjects_text(snapshot, first.subjects.pods)} on {first.ports}",
        about=policy.label,
        place=peer.place,
        basis="proved",
        related=(Related(message="allows what is excepted", place=first.rule.place, object=first.policy.label),),
        witness=_witness(snapshot, direction, first),
        hint=f"narrow {first.path} of {first.policy.label}: `except` denies nothing",
    )


def _witness(snapshot: Snapshot, direction: Direction, hole: _Hole) -> FlowText | None:
    pod = snapshot.pods[hole.subjects.pods[0]]
    addresses = IPSet.of_cidrs(hole.cidr)
    version = 6 if addresses.v6 else 4
    end = AddressEnd(address_text(version, addresses.of_family(version)[0][0]))
    protocol, ports = next((protocol, ports) for protocol, ports in hole.ports.items() if ports)
    outward = direction is Direction.EGRESS
    flow = Flow(
        source=PodEnd(pod) if outward else end,
        destination=end if outward else PodEnd(pod),
        protocol=protocol,
        port=ports.lowest,
    )
    return snapshot.witness(flow, Verdict.ALLOWED, f"in the excepted range {hole.cidr}")


RULE = Rule(
    code="NC112",
    name="except-reopened",
    severity="warning",
    basis="proved",
    summary="An `except` that another rule opens again",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
