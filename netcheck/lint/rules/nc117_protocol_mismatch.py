"""A port allowed with another protocol than the pods use.

What it finds: ingress rules that allow a port number by one protocol, where the selected pods declare that number by
another one only, which no rule allows.
Why it matters: `protocol` defaults to TCP. Syslog, DNS, SIP and QUIC use UDP, and their traffic is denied.
When to ignore it: the containers listen by both protocols and declare one.
Fix: the protocol that the pods declare, in place of the other.
How it is decided: by the container ports of the selected pods; the set engine tells whether the declared protocol is
allowed after all.
Source: SEMANTICS NP-25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.lint.finding import Finding, Related
from netcheck.lint.fix import Fix, stated
from netcheck.lint.listening import declares
from netcheck.lint.reading import all_rules
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owner, owners, port
from netcheck.model.edits import SetField
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, NetworkPolicy, PolicyPort, PolicyRule
from netcheck.values.ports import Protocol

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: syslog, namespace: shop}
spec:
  podSelector: {matchLabels: {app: syslog}}
  ingress:
  - ports:
    - port: 514  # finds: NC117
---
apiVersion: v1
kind: Pod
metadata: {name: syslog, namespace: shop, labels: {app: syslog}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 514, protocol: UDP}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: syslog, namespace: shop}
spec:
  podSelector: {matchLabels: {app: syslog}}
  policyTypes: [Ingress, Egress]
  ingress:
  - ports: [{port: 514}, {port: 514, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: syslog, namespace: shop, labels: {app: syslog}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 514, protocol: UDP}]}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each port item whose number the pods declare by another protocol."""
    for policy, direction, rule, path in all_rules(snapshot):
        if direction is not Direction.INGRESS:
            continue
        for number, item in enumerate(rule.ports):
            found = _mismatch(snapshot, policy, item)
            if found is None:
                continue
            pods, protocol = found
            yield RULE.finding(
                f"{path}.ports[{number}] allows {port(item)}, but {owners(pods)} declares {item.port} as {protocol} and "
                f"nothing allows {protocol} {item.port}",
                about=policy.label,
                place=item.place,
                related=(
                    Related(message=f"declares {item.port} as {protocol}", place=pods[0].place, object=owner(pods[0])),
                ),
                fix=_fix(policy, rule, item, protocol),
                hint=f"write `protocol: {protocol}`",
            )


def _mismatch(snapshot: Snapshot, policy: NetworkPolicy, item: PolicyPort) -> tuple[list[Pod], str] | None:
    """Return the selected pods that declare the number, and their protocol, iff none declares the item's."""
    if not isinstance(item.port, int) or item.end_port is not None:
        return None
    positions = snapshot.selected(policy)
    pods = [snapshot.cluster.pods[i] for i in positions]
    if any(declares(pod, item.protocol, item.port) for pod in pods):
        return None
    for protocol in Protocol:
        declaring = [i for i in positions if declares(snapshot.cluster.pods[i], protocol.value, item.port)]
        if declaring and not _is_open(snapshot, policy, declaring, protocol, item.port):
            return [snapshot.cluster.pods[i] for i in declaring], protocol.value
    return None


def _is_open(snapshot: Snapshot, policy: NetworkPolicy, pods: list[int], protocol: Protocol, number: int) -> bool:
    """Return whether one of the pods may be reached on a port; host-network pods always may."""
    groups = [
        found for found in snapshot.subjects_of(policy, Direction.INGRESS) if not set(pods).isdisjoint(found.pods)
    ]
    return not groups or any(
        not found.certain or snapshot.may_pass(found, snapshot.anyone, protocol, number) for found in groups
    )


def _fix(policy: NetworkPolicy, rule: PolicyRule, item: PolicyPort, protocol: str) -> Fix | None:
    if item.place is None:
        return None
    return Fix(
        title=f"write protocol: {protocol}",
        file=item.place.file,
        about=policy.label,
        operations=(SetField(at=item.place, key="protocol", value=protocol),),
        added=(stated(policy, Direction.INGRESS, rule.peers, (replace(item, protocol=protocol),)),),
        removed=(stated(policy, Direction.INGRESS, rule.peers, (item,)),),
    )


RULE = Rule(
    code="NC117",
    name="protocol-mismatch",
    severity="warning",
    basis="syntactic",
    summary="A port allowed with another protocol than the pods use",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
