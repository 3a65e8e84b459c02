"""A port name that stands for several numbers.

What it finds: port names in rules that mean different numbers on the loaded pods that the rule speaks of, where these are chosen
by labels and belong to different workloads. A rule for every pod means each by its own number.
Why it matters: each pod is opened on its own number. That is what names are for, but a container that is renamed or renumbered
changes what the policy allows without anybody touching the policy.
When to ignore it: the workloads are meant to differ.
How it is decided: by the container ports of the loaded pods. A name that some pods lack is NC110's.
Source: SEMANTICS NP-26.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related
from netcheck.lint.reading import all_rules
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owner
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, NetworkPolicy, PodPeer, PolicyPort, PolicyRule

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: scrape, namespace: shop}
spec:
  podSelector: {matchLabels: {team: a}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {}}]
    ports:
    - port: metrics  # finds: NC131
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {team: a}}
spec: {containers: [{name: a, image: a, ports: [{name: metrics, containerPort: 9090}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {team: a}}
spec: {containers: [{name: a, image: a, ports: [{name: metrics, containerPort: 9187}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: scrape, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}], ports: [{port: metrics}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a, ports: [{name: metrics, containerPort: 9090}]}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each named port that has several numbers."""
    for policy, direction, rule, path in all_rules(snapshot):
        named = [item for item in rule.ports if isinstance(item.port, str)]
        pods = _concerned(snapshot, policy, direction, rule) if named else []
        for item in named:
            numbers = _numbers(pods, item)
            if len(numbers) > 1:
                yield _finding(policy, path, item, numbers)


def _concerned(snapshot: Snapshot, policy: NetworkPolicy, direction: Direction, rule: PolicyRule) -> list[Pod]:
    """Return the loaded pods whose ports the rule names, where it chooses them by labels."""
    if direction is Direction.INGRESS:
        aimed = policy.pod_selector.requirements
        return [snapshot.cluster.pods[i] for i in snapshot.selected(policy)] if aimed else []
    peers = [p for p in rule.peers if isinstance(p, PodPeer) and p.pod_selector and p.pod_selector.requirements]
    found = sorted({i for peer in peers for i in snapshot.peers(policy.namespace, peer)})
    return [snapshot.cluster.pods[i] for i in found]


def _numbers(pods: list[Pod], item: PolicyPort) -> dict[int, Pod]:
    """Return for each number that the name stands for one pod that declares it, and only it, under that name."""
    found: dict[int, Pod] = {}
    for pod in pods:
        numbers = [port.number for port in pod.ports if (port.name, port.protocol) == (item.port, item.protocol)]
        if len(numbers) == 1:
            found.setdefault(numbers[0], pod)
    return found


def _finding(policy: NetworkPolicy, path: str, item: PolicyPort, numbers: dict[int, Pod]) -> Finding:
    each = ", ".join(f"{number} on `{owner(pod)}`" for number, pod in sorted(numbers.items()))
    return RULE.finding(
        f"{path}: port `{item.port}` is {each}",
        about=policy.label,
        place=item.place,
        related=tuple(
            Related(message=f"declares it as {number}", place=pod.place, object=owner(pod))
            for number, pod in sorted(numbers.items())
        ),
        hint="name the numbers if they are what is meant",
    )


def _looks_at(snapshot: Snapshot) -> bool:
    return any(isinstance(item.port, str) for _, _, rule, _ in all_rules(snapshot) for item in rule.ports)


RULE = Rule(
    code="NC131",
    name="named-port-differs",
    severity="info",
    basis="syntactic",
    summary="A port name that stands for several numbers",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
