"""A workload that no policy isolates.

What it finds: workloads that no policy selects for ingress or for egress, and isolated pods whose rules restrict IPv4 but
leave all of IPv6 open.
Why it matters: a pod that no policy selects in a direction may talk to everything in that direction.
When to ignore it: the workload is meant to be open; write a policy that says so. A warning where policies of the namespace
isolate other workloads in that direction, else one info for each namespace.
How it is decided: by the set engine: no policy of any loaded kind restricts the pods, so everyone can reach them (or be
reached by them) whom the other end lets. The witness is replayed.
Source: SEMANTICS NP-4, NP-40, NET-2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netcheck.errors import Place
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.wording import counted, listed, owner, owners
from netcheck.model.flow import AddressEnd, End, Flow, PodEnd, Verdict
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.model.profile import Switch
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

BAD = """
apiVersion: v1  # finds: NC120
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
"""

BAD_V6 = """
apiVersion: networking.k8s.io/v1  # finds: NC120
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: "::/0"}}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""

_LINK_LOCAL = IPSet.of_cidrs("169.254.0.0/16")
_OUTSIDE = {4: "198.51.100.1", 6: "2001:db8::1"}
_SHOWN = 12
"""At most so many related workloads are attached to one finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """The workloads of one namespace that are open in one direction, one pod of each, and what isolates others."""

    namespace: str
    direction: Direction
    pods: tuple[Pod, ...]
    isolating: tuple[NetworkPolicy, ...]


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the gaps of each direction, then the pods that are restricted in one family only."""
    if snapshot.cluster.profile.enforced is Switch.NO:
        return
    for direction in Direction:
        for gap in _gaps(snapshot, direction):
            if gap.isolating:
                yield from (_open_workload(snapshot, gap, pod) for pod in gap.pods)
            else:
                yield _open_namespace(snapshot, gap)
        yield from _open_family(snapshot, direction)


def _gaps(snapshot: Snapshot, direction: Direction) -> Iterator[_Gap]:
    """Yield the gaps by namespace; a workload of which some pods only are open counts as open."""
    found: dict[str, dict[str, Pod]] = {}
    isolating: dict[str, dict[int, NetworkPolicy]] = {}
    for subjects in snapshot.subjects(direction):
        if subjects.isolated:
            isolated = isolating.setdefault(snapshot.pods[subjects.pods[0]].namespace, {})
            isolated.update((id(policy), policy) for policy in subjects.policies)
        for position in subjects.pods:
            pod = snapshot.pods[position]
            if not subjects.isolated and snapshot.is_real(position):
                found.setdefault(pod.namespace, {}).setdefault(owner(pod), pod)
    for namespace, pods in sorted(found.items()):
        ordered = tuple(pods[name] for name in sorted(pods))
        policies = tuple(sorted(isolating.get(namespace, {}).values(), key=lambda policy: policy.label))
        yield _Gap(namespace=namespace, direction=direction, pods=ordered, isolating=policies)


def _open_workload(snapshot: Snapshot, gap: _Gap, pod: Pod) -> Finding:
    others = listed(policy.name for policy in gap.isolating)
    one = len(gap.isolating) == 1
    selects_some = any(snapshot.selected(policy) for policy in gap.isolating)
    pods = f"other pods of namespace `{gap.namespace}`" if selects_some else "no pod that is loaded"
    reach = "everything may connect to it" if gap.direction is Direction.INGRESS else "it may connect to everything"
    return RULE.finding(
        f"no policy isolates `{owner(pod)}` for {gap.direction.value.lower()}, so {reach}, while {others} "
        f"{'isolates' if one else 'isolate'} {pods}",
        about=owner(pod),
        place=_place(snapshot, pod),
        severity="warning",
        related=tuple(
            Related(
                message="isolates other pods" if selects_some else "selects no loaded pod",
                place=policy.place,
                object=policy.label,
            )
            for policy in gap.isolating[:3]
        ),
        witness=_witness(snapshot, gap.direction, pod),
        hint=_hint(gap.direction),
    )


def _open_namespace(snapshot: Snapshot, gap: _Gap) -> Finding:
    number = counted(len(gap.pods), "workload")
    name = gap.direction.value.lower()
    alone = len(gap.pods) == 1
    return RULE.finding(
        f"no policy isolates {owners(gap.pods)} for {name}"
        + (f": all {number} of namespace `{gap.namespace}` are open" if not alone else ""),
        about=owner(gap.pods[0]) if alone else f"Namespace {gap.namespace}",
        place=_place(snapshot, gap.pods[0]),
        severity="info",
        related=tuple(
            Related(message=f"is open for {name}", place=_place(snapshot, pod), object=owner(pod))
            for pod in gap.pods[1:_SHOWN]
        ),
        witness=_witness(snapshot, gap.direction, gap.pods[0]),
        hint=_hint(gap.direction),
    )


def _place(snapshot: Snapshot, pod: Pod) -> Place | None:
    workload = snapshot.cluster.workloads.get(pod.workload)
    return workload.place if workload is not None and workload.place is not None else pod.place


def _hint(direction: Direction) -> str:
    return (
        f"add a policy with `podSelector: {{}}` and `policyTypes: [{direction.value}]` that denies by default, and one that "
        "allows what is needed; `netcheck suggest` writes both"
    )


def _witness(snapshot: Snapshot, direction: Direction, pod: Pod) -> FlowText | None:
    """Return a flow between the open pod and a pod of another namespace, or else an outside address."""
    port = next((found for found in pod.ports if direction is Direction.INGRESS), None)
    protocol = Protocol(port.protocol) if port is not None else Protocol.TCP
    number = port.number if port is not None else 80
    for end in _other_ends(snapshot, direction, pod):
        inward = direction is Direction.INGRESS
        flow = Flow(
            source=end if inward else PodEnd(pod),
            destination=PodEnd(pod) if inward else end,
            protocol=protocol,
            port=number,
        )
        found = snapshot.witness(flow, Verdict.ALLOWED)
        if found is not None:
            return found
    return None


def _other_ends(snapshot: Snapshot, direction: Direction, pod: Pod) -> Iterator[End]:
    opposite = Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
    for candidate in snapshot.open_pods(opposite):
        if candidate.namespace != pod.namespace:
            yield PodEnd(candidate)
            break
    version = 6 if pod.addresses and all(":" in address for address in pod.addresses) else 4
    yield AddressEnd(_OUTSIDE[version])


# ---- one family only -----------------------------------------------------------------------------------------------


def _open_family(snapshot: Snapshot, direction: Direction) -> Iterator[Finding]:
    """Yield a finding for each policy whose pods may talk to all of IPv6, but to a part of IPv4 only."""
    found: dict[int, tuple[NetworkPolicy, list[Subjects]]] = {}
    for subjects in snapshot.subjects(direction):
        if subjects.isolated and subjects.certain and _may_use_v6(snapshot, subjects):
            culprit = _opens_v6(subjects, direction)
            if culprit is not None and _only_v4_restricted(snapshot, subjects):
                found.setdefault(id(culprit), (culprit, []))[1].append(subjects)
    for policy, groups in found.values():
        positions = [i for subjects in groups for i in subjects.pods if snapshot.is_real(i)]
        who = owners(snapshot.pods[i] for i in positions) or "the pods that it would select"
        way = "from" if direction is Direction.INGRESS else "to"
        yield RULE.finding(
            f"{direction.value.lower()} of {who} is restricted for IPv4 but open {way} every IPv6 address",
            about=policy.label,
            place=policy.place,
            severity="warning",
            basis="proved",
            hint="restrict `::/0` likewise, e.g. with `except: [fc00::/7]`",
        )


def _may_use_v6(snapshot: Snapshot, subjects: Subjects) -> bool:
    """Return whether some pod has an IPv6 address, or none that is known."""
    pods = (snapshot.pods[i] for i in subjects.pods)
    return any(not pod.addresses or any(":" in address for address in pod.addresses) for pod in pods)


def _only_v4_restricted(snapshot: Snapshot, subjects: Subjects) -> bool:
    """Return whether on some port all IPv6 addresses are let through, and IPv4 addresses only in part."""
    addresses, offset = snapshot.engine.universe.addresses, snapshot.engine.universe.atom_offset
    all_v6, all_v4 = addresses.of_family(6) << offset, addresses.of_family(4) << offset
    for six in subjects.tables[6].parts:
        if all_v6 & ~six.must:
            continue
        for four in subjects.tables[4].parts:
            closed = all_v4 & ~four.may
            if four.mask & six.mask and closed and all_v4 & four.must:
                return not addresses.addresses(_numbers(closed >> offset)) <= _LINK_LOCAL
    return False


def _numbers(bits: int) -> list[int]:
    return [number for number in range(bits.bit_length()) if bits >> number & 1]


def _opens_v6(subjects: Subjects, direction: Direction) -> NetworkPolicy | None:
    """Return the policy that names `::/0`; rules without peers open both families alike."""
    for policy in subjects.policies:
        for rule in policy.rules(direction):
            if any(getattr(peer, "cidr", "") == "::/0" for peer in rule.peers):
                return policy
    return None


RULE = Rule(
    code="NC120",
    name="default-allow",
    severity="warning",
    basis="proved",
    summary="A workload that no policy isolates",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD, BAD_V6),
    good=(GOOD,),
)
