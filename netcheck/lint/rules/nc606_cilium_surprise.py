"""A Cilium policy that does other than it reads.

What it finds: policies with deny rules only, where no other loaded policy allows anything in that direction; empty rules
(`- {}`) in policies that are called "allow"; and CIDRs that hold the address of one loaded pod or node only.
Why it matters: a policy with deny rules switches default deny on, so it denies everything and not only what it lists. An empty
rule allows nothing in a CiliumNetworkPolicy, while in a NetworkPolicy it allows everything. CIDRs match what has no identity:
never pods, and nodes only where that is configured.
When to ignore it: policies that allow are not loaded.
How it is decided: by the text and the loaded policies, pods and nodes.
Source: SEMANTICS CIL-3, CIL-6, CIL-8.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed, owner
from netcheck.model.foreign import CiliumPolicy
from netcheck.model.policy import Direction
from netcheck.values.addresses import address_number

BAD = """
apiVersion: cilium.io/v2  # finds: NC606
kind: CiliumNetworkPolicy
metadata: {name: no-batch, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingressDeny: [{fromEndpoints: [{matchLabels: {app: batch}}]}]
"""

BAD_EMPTY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: allow-all, namespace: shop}
spec:
  endpointSelector: {}
  ingress:
  - {}  # finds: NC606
"""

BAD_CIDR = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
  - toCIDR:
    - 10.244.0.7/32  # finds: NC606
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.244.0.7, podIPs: [{ip: 10.244.0.7}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the deny-only policies, the empty rules and the CIDRs."""
    addresses = _addresses(snapshot)
    for policy in snapshot.cluster.cilium:
        yield from _deny_only(snapshot, policy)
        if "allow" in policy.name and "deny" not in policy.name:
            yield from _empty(policy)
        for block in policy.blocks:
            address, _, length = block.cidr.partition("/")
            whose = addresses.get(_number(address)) if length in ("", "32", "128") else None
            if whose:
                yield RULE.finding(
                    f"the CIDR `{block.cidr}` is the address of {whose}, which CIDRs do not match unless Cilium is told so",
                    about=policy.label,
                    place=block.place,
                    hint="select it by labels, or by entity (`host`, `remote-node`, `kube-apiserver`)",
                )


def _deny_only(snapshot: Snapshot, policy: CiliumPolicy) -> Iterator[Finding]:
    shut = [d for d in policy.denies if d in policy.isolates and not _allowed_by_some(snapshot, policy, d)]
    if shut:
        names = listed(direction.value.lower() for direction in shut)
        yield RULE.finding(
            f"the policy has deny rules only, which switches default deny on: all {names} of its pods is denied, not only "
            "what it lists",
            about=policy.label,
            place=policy.place,
            hint="set `enableDefaultDeny` to false for the direction, or add what is allowed",
        )


def _allowed_by_some(snapshot: Snapshot, policy: CiliumPolicy, direction: Direction) -> bool:
    """Return whether some loaded policy that may select the same pods allows something in a direction."""
    cilium = any(
        direction in other.allows and (not policy.namespace or other.namespace in ("", policy.namespace))
        for other in snapshot.cluster.cilium
    )
    plain = any(
        direction in other.types and other.rules(direction) and policy.namespace in ("", other.namespace)
        for other in snapshot.cluster.policies
    )
    return cilium or plain


def _empty(policy: CiliumPolicy) -> Iterator[Finding]:
    for direction, place in policy.empty:
        yield RULE.finding(
            f"an empty {direction.value.lower()} rule allows nothing in Cilium: it only switches default deny on",
            about=policy.label,
            place=place,
            hint="write `fromEntities: [all]`" if direction is Direction.INGRESS else "write `toEntities: [all]`",
        )


def _addresses(snapshot: Snapshot) -> dict[object, str]:
    """Return address -> the pod or node that has it, in words."""
    if not any(policy.blocks for policy in snapshot.cluster.cilium):
        return {}
    found: dict[object, str] = {}
    for node in snapshot.cluster.nodes:
        found |= {_number(text): f"node `{node.name}`" for text in node.addresses}
    for pod in snapshot.cluster.pods:
        if not pod.host_network:
            found |= {_number(text): f"a pod of `{owner(pod)}`" for text in pod.addresses}
    return found


def _number(text: str) -> object:
    try:
        return address_number(text)
    except ValueError:
        return None


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.cilium)


RULE = Rule(
    code="NC606",
    name="cilium-surprise",
    severity="warning",
    basis="syntactic",
    summary="A Cilium policy that does other than it reads",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD, BAD_EMPTY, BAD_CIDR),
    good=(GOOD,),
)
