"""A Service's port where the pod's port is needed.

What it finds: a rule that allows the port of a Service on pods that listen on another port, which nothing allows.
Why it matters: policies see a connection after the Service's address and port were translated, so the port of the rule is
never used and the connection is denied.
When to ignore it: something else listens on that port, which no container declares and no Service leads to.
Fix: the port is replaced by the Service's target port, if all Services concerned agree on it.
How it is decided: by the Services that select the rule's pods; the pods' real port is then put to the set engine, and the
denied flow is replayed.
Source: SEMANTICS SVC-7, SVC-23, NP-23.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.lint.finding import Finding, Related
from netcheck.lint.fix import Fix, stated
from netcheck.lint.listening import Led, Listening, declares
from netcheck.lint.reading import Read, all_rules, protocol_of
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owner, port
from netcheck.model.edits import SetField
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, NetworkPolicy, PodPeer, PolicyPort, PolicyRule
from netcheck.queries.results import FlowText

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: shop}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: web}}}]
    ports:
    - port: 80  # finds: NC109
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
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
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each port item that names a Service's port."""
    listening = Listening(snapshot)
    for policy, direction, rule, path in all_rules(snapshot):
        items = [item for item in rule.ports if isinstance(item.port, int) and item.end_port is None]
        if not items:
            continue
        pods = _destinations(snapshot, policy, direction, rule)
        for item in items:
            led = _misled(snapshot, listening, pods, item)
            if led and not _is_open(snapshot, policy, direction, led[0]):
                yield _finding(snapshot, (policy, direction, rule, path), item, led)


def _destinations(snapshot: Snapshot, policy: NetworkPolicy, direction: Direction, rule: PolicyRule) -> tuple[int, ...]:
    """Return the loaded pods to whose ports the rule speaks."""
    if direction is Direction.INGRESS:
        return snapshot.selected(policy)
    if not rule.peers or not all(isinstance(peer, PodPeer) for peer in rule.peers):
        return ()
    peers = [peer for peer in rule.peers if isinstance(peer, PodPeer)]
    if len(peers) == 1:
        return snapshot.peers(policy.namespace, peers[0])
    return tuple(sorted({i for peer in peers for i in snapshot.peers(policy.namespace, peer)}))


def _misled(snapshot: Snapshot, listening: Listening, pods: tuple[int, ...], item: PolicyPort) -> list[Led]:
    """Return the Service ports that the item names, iff no pod listens on a port of that number."""
    assert isinstance(item.port, int)
    led = [found for found in listening.led(pods) if found.item.protocol == item.protocol]
    named = [found for found in led if found.item.port == item.port and found.number != item.port]
    if not named or any(found.number == item.port for found in led):
        return []
    if any(declares(snapshot.cluster.pods[i], item.protocol, item.port) for i in pods):
        return []
    return named


def _is_open(snapshot: Snapshot, policy: NetworkPolicy, direction: Direction, led: Led) -> bool:
    """Return whether some pod of the policy may be reached, or may reach the backend, on the backend's real port."""
    protocol = protocol_of(PolicyPort(protocol=led.item.protocol))
    groups = snapshot.subjects_of(policy, direction)
    peers = snapshot.anyone
    if direction is Direction.EGRESS:
        peers = 1 << snapshot.element(led.pod)
    else:
        groups = tuple(found for found in groups if led.pod in found.pods)
    if not groups:
        return True  # nothing restricts the pods: none is loaded as a subject, or no policy is enforced
    return any(not found.certain or snapshot.may_pass(found, peers, protocol, led.number) for found in groups)


def _finding(snapshot: Snapshot, read: Read, item: PolicyPort, every: list[Led]) -> Finding:
    policy, direction, rule, path = read
    led = every[0]
    service = f"{led.service.namespace}/{led.service.name}"
    target = owner(snapshot.cluster.pods[led.pod])
    witness = _witness(snapshot, policy, direction, led)
    return RULE.finding(
        f"{path} allows {port(item)}, the port of Service `{service}`, but `{target}` listens on {led.number} and "
        f"policies see the pod's port: connections through the Service are denied",
        about=policy.label,
        place=item.place,
        basis="proved" if witness else "syntactic",
        related=(
            Related(
                message=f"translates {led.item.port} to {led.item.target_port}",
                place=led.item.place,
                object=f"Service {service}",
            ),
        ),
        witness=witness,
        fix=_fix(policy, direction, rule, item, every),
        hint=f"allow port {led.item.target_port} instead of {item.port}",
    )


def _fix(policy: NetworkPolicy, direction: Direction, rule: PolicyRule, item: PolicyPort, led: list[Led]) -> Fix | None:
    """Return the fix that allows the port to which every Service concerned translates the item's."""
    targets = {found.item.target_port for found in led}
    if item.place is None or len(targets) > 1:
        return None
    target = targets.pop()
    return Fix(
        title=f"write port: {target}",
        file=item.place.file,
        about=policy.label,
        operations=(SetField(at=item.place, key="port", value=target),),
        added=(stated(policy, direction, rule.peers, (replace(item, port=target),)),),
        removed=(stated(policy, direction, rule.peers, (item,)),),
    )


def _witness(snapshot: Snapshot, policy: NetworkPolicy, direction: Direction, led: Led) -> FlowText | None:
    """Return the connection that is denied, where both ends are loaded."""
    backend = snapshot.cluster.pods[led.pod]
    if direction is Direction.EGRESS:
        sources = [i for i in snapshot.selected(policy) if i != led.pod]
    else:
        rules = [rule for rule in policy.ingress if any(item.port == led.item.port for item in rule.ports)]
        peers = [peer for rule in rules for peer in rule.peers if isinstance(peer, PodPeer)]
        sources = [i for peer in peers for i in snapshot.peers(policy.namespace, peer) if i != led.pod]
    if not sources:
        return None
    flow = Flow(
        source=PodEnd(snapshot.cluster.pods[sources[0]]),
        destination=PodEnd(backend),
        protocol=protocol_of(PolicyPort(protocol=led.item.protocol)),
        port=led.number,
    )
    return snapshot.witness(flow, Verdict.DENIED, f"through Service {led.service.namespace}/{led.service.name}")


RULE = Rule(
    code="NC109",
    name="service-port-used",
    severity="error",
    basis="syntactic",
    summary="A Service's port where the pod's port is needed",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
