"""The cloud's metadata service can be reached.

What it finds: egress rules through which pods reach the address at which clouds serve instance metadata: 169.254.169.254, and
where it is open too fd00:ec2::254 (AWS) and 100.100.100.200 (Alibaba).
Why it matters: the metadata service hands out the credentials of the node to whoever asks it.
When to ignore it: the cluster runs in no cloud, or the nodes themselves keep pods from it (IMDSv2 with hop limit 1, workload
identity).
How it is decided: by the set engine over all policies for the same pods, so an `except` that another rule opens again counts as
open. A warning where the rule excepts private ranges, so that its author meant to keep pods from what is inside; else info.
Pods that nothing isolates for egress are NC120's, and a rule that says `- {}` means everything.
Source: SEMANTICS NP-21, NET-20.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netcheck.lint.finding import Finding
from netcheck.lint.reading import block, holds
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.wording import listed, owners
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PolicyRule
from netcheck.model.profile import PRIVATE_V4, Switch
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to:  # finds: NC130
    - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 169.254.169.254/32]}}]
  - ports: [{port: 53}, {port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
"""

_ADDRESS, _OTHERS = "169.254.169.254", ("fd00:ec2::254", "100.100.100.200")
_HTTP = 80
_IMDS = IPSet.of_cidrs(f"{_ADDRESS}/32")
_INSIDE = IPSet.of_cidrs(*PRIVATE_V4)
_LINK_LOCAL = IPSet.of_cidrs("169.254.0.0/16")


class _Way(NamedTuple):
    """The rule through which pods get there."""

    policy: NetworkPolicy
    rule: PolicyRule
    path: str


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule that opens the way."""
    if snapshot.cluster.profile.enforced is Switch.NO:
        return
    ways: dict[int, tuple[_Way, list[int]]] = {}
    for subjects in snapshot.subjects(Direction.EGRESS):
        way = _way(subjects) if subjects.certain and subjects.policies else None
        if way is not None:
            pods = [position for position in subjects.pods if snapshot.is_real(position)]
            ways.setdefault(id(way.rule), (way, []))[1].extend(i for i in pods if _is_open(snapshot, i, _ADDRESS))
    for way, pods in ways.values():
        if pods:
            yield _finding(snapshot, way, pods)


def _is_open(snapshot: Snapshot, position: int, address: str) -> bool:
    """Return whether a pod certainly reaches an address over HTTP, in a family that both have."""
    bit = snapshot.engine.universe.ports.single(Protocol.TCP, _HTTP)
    return bool(snapshot.engine.pair(snapshot.element(position), snapshot.address_element(address)).allowed & bit)


def _way(subjects: Subjects) -> _Way | None:
    """Return the first rule that lets HTTP through to the address; none where a rule is aimed at it, or says `- {}`."""
    found = None
    for policy in subjects.policies:
        for index, rule in enumerate(policy.egress):
            blocks = [block(peer) for peer in rule.peers if isinstance(peer, IPBlockPeer)]
            holding = [item for item in blocks if item >= _IMDS]
            if any(item <= _LINK_LOCAL for item in holding) or not (rule.peers or rule.ports):
                return None
            http = not rule.ports or any(holds(item, "TCP", _HTTP) for item in rule.ports)
            if found is None and http and (holding or not rule.peers):
                found = _Way(policy, rule, f"spec.egress[{index}]")
    return found


def _excepts_the_inside(rule: PolicyRule) -> bool:
    return any(isinstance(peer, IPBlockPeer) and IPSet.of_cidrs(*peer.excepts) & _INSIDE for peer in rule.peers)


def _finding(snapshot: Snapshot, way: _Way, pods: list[int]) -> Finding:
    also = [address for address in _OTHERS if all(_is_open(snapshot, position, address) for position in pods)]
    return RULE.finding(
        f"{way.path} lets {owners(snapshot.pods[i] for i in pods)} reach the cloud's metadata service at `{_ADDRESS}`"
        + (f" (also {listed(also)})" if also else ""),
        about=way.policy.label,
        place=way.rule.place or way.policy.place,
        severity="warning" if _excepts_the_inside(way.rule) else "info",
        witness=_witness(snapshot, pods[0]),
        hint="allow `0.0.0.0/0` with `except: [169.254.0.0/16]` instead, or name the pods that are meant"
        if not any(isinstance(peer, IPBlockPeer) for peer in way.rule.peers)
        else "add 169.254.169.254/32 to `except`",
    )


def _witness(snapshot: Snapshot, position: int) -> FlowText | None:
    pod = snapshot.pods[position]
    flow = Flow(source=PodEnd(pod), destination=AddressEnd(_ADDRESS), protocol=Protocol.TCP, port=_HTTP)
    return snapshot.witness(flow, Verdict.ALLOWED)


def _looks_at(snapshot: Snapshot) -> bool:
    return any(Direction.EGRESS in policy.types for policy in snapshot.cluster.policies)


RULE = Rule(
    code="NC130",
    name="metadata-reachable",
    severity="info",
    basis="proved",
    summary="The cloud's metadata service can be reached",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
