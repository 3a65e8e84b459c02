"""A named port that no pod concerned declares.

What it finds: rules with a port by name, where the pods to whose ports the rule speaks declare no port of that name and
protocol.
Why it matters: such an item matches nothing, and the pods stay isolated.
When to ignore it: a container that is injected later declares the port. A warning where only some of the pods lack it, and
an info where lacking it is expected: the selector asks for no label, or the pods declare another port of the rule.
Fix: the one declared name that is close to the written one. Never safe: `http` is close to `https`.
How it is decided: by the container ports of the selected pods for ingress, and of the peers' pods for egress. A name beside
ipBlocks only is proved to match nothing: an address has no named ports.
Source: SEMANTICS NP-26, NP-27.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from netcheck.lint.finding import Finding, Severity
from netcheck.lint.fix import Fix, stated
from netcheck.lint.listening import declares_name
from netcheck.lint.reading import all_rules
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import closest, owners
from netcheck.model.edits import SetField
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PodPeer, PolicyPort, PolicyRule
from netcheck.values.labels import LabelSelector

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports:
    - port: metrics  # finds: NC110
  egress:
  - to: [{ipBlock: {cidr: 192.0.2.0/24}}]
    ports:
    - port: http  # finds: NC110
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http-metrics, containerPort: 9090}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - ports: [{port: http-metrics}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http-metrics, containerPort: 9090}]}]}
"""


class _Fault(NamedTuple):
    message: str
    severity: Severity
    proved: bool = False


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each named port that some pod concerned lacks."""
    for policy, direction, rule, path in all_rules(snapshot):
        named = [(number, item) for number, item in enumerate(rule.ports) if isinstance(item.port, str)]
        if not named:
            continue
        pods = [snapshot.cluster.pods[i] for i in _concerned(snapshot, policy, direction, rule)]
        for number, item in named:
            fault = _fault(policy, direction, rule, item, pods)
            if fault is not None:
                yield RULE.finding(
                    f"{path}.ports[{number}]: {fault.message}",
                    about=policy.label,
                    place=item.place,
                    severity=fault.severity,
                    basis="proved" if fault.proved else "syntactic",
                    fix=_fix(policy, direction, rule, item, pods),
                    hint=_hint(item, pods),
                )


def _concerned(snapshot: Snapshot, policy: NetworkPolicy, direction: Direction, rule: PolicyRule) -> tuple[int, ...]:
    """Return the loaded pods whose ports the rule names."""
    if direction is Direction.INGRESS:
        return snapshot.selected(policy)
    peers = [peer for peer in rule.peers if isinstance(peer, PodPeer)]
    if len(peers) == 1:
        return snapshot.peers(policy.namespace, peers[0])
    return tuple(sorted({i for peer in peers for i in snapshot.peers(policy.namespace, peer)}))


def _fault(
    policy: NetworkPolicy, direction: Direction, rule: PolicyRule, item: PolicyPort, pods: Sequence[Pod]
) -> _Fault | None:
    by_address = bool(rule.peers) and all(isinstance(peer, IPBlockPeer) for peer in rule.peers)
    if direction is Direction.EGRESS and by_address:
        return _Fault(
            f"an address has no port named `{item.port}`, and the peers are ipBlocks only", "error", proved=True
        )
    lacking = [pod for pod in pods if not declares_name(pod, item.protocol, str(item.port))]
    if not lacking:
        return None
    if len(lacking) == len(pods):
        return _Fault(f"no container of {owners(pods)} declares a {item.protocol} port named `{item.port}`", "error")
    aimed = _is_aimed(policy, direction, rule) and not all(_declares_another(pod, rule) for pod in lacking)
    message = f"{owners(lacking)} declares no {item.protocol} port named `{item.port}`, so nothing is allowed there"
    return _Fault(message, "warning" if aimed else "info")


def _is_aimed(policy: NetworkPolicy, direction: Direction, rule: PolicyRule) -> bool:
    """Return whether the pods concerned were chosen by their labels."""
    if direction is Direction.INGRESS:
        return bool(policy.pod_selector.requirements)
    none = LabelSelector.everything()
    return all(isinstance(peer, PodPeer) and (peer.pod_selector or none).requirements for peer in rule.peers)


def _declares_another(pod: Pod, rule: PolicyRule) -> bool:
    """Return whether a pod has some port that the rule names: then the rule speaks of it all the same."""
    return any(isinstance(item.port, str) and declares_name(pod, item.protocol, item.port) for item in rule.ports)


def _hint(item: PolicyPort, pods: Sequence[Pod]) -> str:
    """Return the declared port that was probably meant: of the same name, or of a name that is close or contains it."""
    ports = [port for pod in pods for port in pod.ports if port.name]
    for port in ports:
        if port.name == item.port and port.protocol != item.protocol:
            return f"port `{port.name}` is declared with protocol {port.protocol}"
    names = {port.name for port in ports if port.protocol == item.protocol and port.name != item.port}
    containing = sorted(name for name in names if str(item.port) in name.split("-"))
    close = closest(str(item.port), names) or (containing[0] if containing else "")
    return f"did you mean `{close}`?" if close else ""


def _fix(
    policy: NetworkPolicy, direction: Direction, rule: PolicyRule, item: PolicyPort, pods: Sequence[Pod]
) -> Fix | None:
    """Return the fix that writes the one name that each pod declares and that is close to the item's."""
    names = {port.name for pod in pods for port in pod.ports if port.name and port.protocol == item.protocol}
    shared = {name for name in names if all(declares_name(pod, item.protocol, name) for pod in pods)}
    meant = closest(str(item.port), shared)
    if item.place is None or not meant or closest(str(item.port), names - {meant}):
        return None
    return Fix(
        title=f"write port: {meant}",
        file=item.place.file,
        about=policy.label,
        operations=(SetField(at=item.place, key="port", value=meant),),
        added=(stated(policy, direction, rule.peers, (replace(item, port=meant),)),),
        removed=(stated(policy, direction, rule.peers, (item,)),),
        is_safe=False,
    )


RULE = Rule(
    code="NC110",
    name="named-port-missing",
    severity="error",
    basis="syntactic",
    summary="A named port that no pod concerned declares",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
