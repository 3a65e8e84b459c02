"""Metrics that Prometheus is told to collect and cannot reach.

What it finds: ports that a ServiceMonitor, a PodMonitor or the annotations `prometheus.io/scrape` offer, and that no
Prometheus pod may connect to.
Why it matters: the target is down for Prometheus. Its metrics are missing, and alerts on them never fire.
When to ignore it: the metrics are collected by an agent, or by a Prometheus that is not loaded. An info where none is loaded
and only annotations speak of metrics.
How it is decided: by the set engine, for the loaded pods labelled `app.kubernetes.io/name: prometheus` or `app: prometheus`;
where none is loaded, only if nobody at all is let in to the port, nodes and outside addresses included, and no rule for the
port names pods, which need not be loaded. A selector counts for
the loaded Services and pods, and a port by name for the pods that declare it. The denied flow is replayed.
Source: SEMANTICS SVC-7, SVC-23, NP-26.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.errors import Place
from netcheck.lint.finding import Finding, Related
from netcheck.lint.gates import FAMILIES, Gates
from netcheck.lint.podindex import PodIndex
from netcheck.lint.reading import holds
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import Behind, behind
from netcheck.lint.wording import listed, owner
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.objects import Monitor, Pod
from netcheck.model.policy import PodPeer, PolicyPort
from netcheck.queries.results import FlowText
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol

BAD = """
apiVersion: monitoring.coreos.com/v1  # finds: NC129
kind: ServiceMonitor
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: metrics}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: metrics, port: 9090, targetPort: 9090}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9090}]}]}
---
apiVersion: v1  # finds: NC129
kind: Pod
metadata: {name: worker, namespace: shop, annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9102"}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring, labels: {app.kubernetes.io/name: prometheus}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress: [{from: [{podSelector: {}}]}]
"""

BAD_ALONE = """
apiVersion: monitoring.coreos.com/v1  # finds: NC129
kind: PodMonitor
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, podMetricsEndpoints: [{port: metrics}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{ports: [{port: 8080}]}]
"""

GOOD = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: metrics}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: metrics, port: 9090, targetPort: 9090}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9090}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
    ports: [{port: 9090}]
"""

_LABELS = (LabelSelector.of({"app.kubernetes.io/name": "prometheus"}), LabelSelector.of({"app": "prometheus"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """Ports that one object offers to Prometheus: `object` is what findings are about.

    `some` is true iff it names no port: every declared one is tried, and one that answers will do. `asked` is false iff
    only annotations offer them, which many charts write whether anybody reads them or not.
    """

    object: str
    place: Place | None
    ends: tuple[Behind, ...]
    some: bool = False
    asked: bool = True


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each object whose ports Prometheus cannot reach."""
    gates = Gates(snapshot)
    collectors = sorted({i for selector in _LABELS for i in snapshot.index.matching(None, selector)})
    if any(snapshot.cluster.pods[i].host_network for i in collectors):
        return
    judge = _Judge(snapshot, gates, tuple(collectors))
    for offer in (*_monitors(snapshot), *_annotated(snapshot)):
        blocked = [end for end in offer.ends if judge.is_blocked(end)]
        if blocked and not (offer.some and len(blocked) < len(offer.ends)):
            yield _finding(snapshot, judge, offer, blocked)


class _Judge:
    """Says of a port of a pod whether no Prometheus can reach it; pods that are isolated alike are judged once."""

    def __init__(self, snapshot: Snapshot, gates: Gates, collectors: tuple[int, ...]) -> None:
        self._snapshot = snapshot
        self._gates = gates
        self._members = frozenset(collectors)
        self._memo: dict[tuple[int, int, Protocol], bool] = {}
        alike = {snapshot.element(position): position for position in reversed(collectors)}
        self.collectors = tuple(sorted(alike.values()))

    def is_blocked(self, end: Behind) -> bool:
        """Return whether it is certain that no Prometheus can connect."""
        if end.pod in self._members or self._gates.subjects(end.pod) is None:
            return False
        key = (self._snapshot.element(end.pod), end.number, end.protocol)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._decide(end)
        return found

    def _decide(self, end: Behind) -> bool:
        if self.collectors:
            return all(self._gates.passes(position, end) is False for position in self.collectors)
        if self._may_be_elsewhere(end):
            return False
        for version in FAMILIES:
            let = self._gates.into(end, version)
            if let is None or let.may & self._snapshot.anyone:
                return False
        return True

    def _may_be_elsewhere(self, end: Behind) -> bool:
        """Return whether a rule for the port is about pods, of which some may not be loaded."""
        subjects = self._gates.subjects(end.pod)
        if self._snapshot.whole or subjects is None:
            return not self._snapshot.whole
        return bool(self._snapshot.cluster.admin) or any(
            not rule.ports or any(isinstance(item.port, str) or _covers(item, end) for item in rule.ports)
            for policy in subjects.policies
            for rule in policy.ingress
            if any(isinstance(peer, PodPeer) for peer in rule.peers)
        )


def _covers(item: PolicyPort, end: Behind) -> bool:
    return holds(item, end.protocol.value, end.number)


def _monitors(snapshot: Snapshot) -> Iterator[_Offer]:
    services = _Services(snapshot)
    for monitor in snapshot.cluster.monitors:
        ends = services.offered(monitor) if monitor.kind == "ServiceMonitor" else _of_pods(snapshot, monitor)
        yield _Offer(
            object=f"{monitor.kind} {monitor.namespace}/{monitor.name}",
            place=monitor.place,
            ends=tuple(dict.fromkeys(ends)),
        )


class _Services:
    """The Services by label, and what is behind their ports; each is looked up once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._index = PodIndex(snapshot.cluster.services)
        self._behind: dict[int, tuple[tuple[str, tuple[Behind, ...]], ...]] = {}

    def offered(self, monitor: Monitor) -> Iterator[Behind]:
        """Yield the ports of pods that a ServiceMonitor names."""
        for namespace in [None] if monitor.namespaces is None else sorted(monitor.namespaces):
            for position in self._index.matching(namespace, monitor.selector):
                yield from self._of_one(position, monitor)

    def _of_one(self, position: int, monitor: Monitor) -> Iterator[Behind]:
        """Yield the ends of one Service: a word that names one of its ports is no name of a pod's port."""
        ports = self._ports(position)
        others = tuple(port for port in monitor.ports if port not in {name for name, _ in ports})
        for name, ends in ports:
            yield from ends if name in monitor.ports else self._by_pod(ends, others)

    def _ports(self, position: int) -> tuple[tuple[str, tuple[Behind, ...]], ...]:
        found = self._behind.get(position)
        if found is None:
            service = self._snapshot.cluster.services[position]
            found = tuple((item.name, behind(self._snapshot, service, item)) for item in service.ports)
            self._behind[position] = found
        return found

    def _by_pod(self, ends: Iterable[Behind], ports: tuple[int | str, ...]) -> Iterator[Behind]:
        return (end for end in ends if _has(self._snapshot.cluster.pods[end.pod], end, ports))


def _has(pod: Pod, end: Behind, ports: tuple[int | str, ...]) -> bool:
    """Return whether a pod's port is meant by its number, or by the name that the pod gives it."""
    return end.number in ports or any(
        port.number == end.number and port.name in ports for port in pod.ports if port.name
    )


def _of_pods(snapshot: Snapshot, monitor: Monitor) -> Iterator[Behind]:
    namespaces: list[str | None] = [None] if monitor.namespaces is None else [*sorted(monitor.namespaces)]
    for namespace in namespaces:
        for position in snapshot.index.matching(namespace, monitor.selector):
            for port in snapshot.cluster.pods[position].ports:
                if port.number in monitor.ports or (port.name and port.name in monitor.ports):
                    yield Behind(position, port.number, Protocol(port.protocol))


def _annotated(snapshot: Snapshot) -> Iterator[_Offer]:
    found: dict[str, list[tuple[int, Pod]]] = {}
    for position, pod in enumerate(snapshot.cluster.pods):
        if pod.scrape is not None:
            found.setdefault(owner(pod), []).append((position, pod))
    for name, members in found.items():
        ends = [Behind(i, number, Protocol.TCP) for i, pod in members for number in _annotated_ports(pod)]
        some = not any(pod.scrape for _, pod in members)
        yield _Offer(object=name, place=members[0][1].place, ends=tuple(ends), some=some, asked=False)


def _annotated_ports(pod: Pod) -> tuple[int, ...]:
    return pod.scrape or tuple(port.number for port in pod.ports if port.protocol == "TCP")


def _finding(snapshot: Snapshot, judge: _Judge, offer: _Offer, blocked: list[Behind]) -> Finding:
    shown = [f"{owner(snapshot.cluster.pods[end.pod])} {end.protocol.value} {end.number}" for end in blocked]
    who = (
        f"{listed(owner(snapshot.cluster.pods[i]) for i in judge.collectors)} cannot connect to"
        if judge.collectors
        else "policies let nobody in to"
    )
    return RULE.finding(
        f"metrics are offered to Prometheus here, but {who} {listed(shown)}",
        about=offer.object,
        place=offer.place,
        severity="warning" if offer.asked or judge.collectors else "info",
        related=_isolating(snapshot, blocked),
        witness=_witness(snapshot, judge, blocked[0]),
        hint="let the pods of Prometheus in to the port",
    )


def _isolating(snapshot: Snapshot, blocked: list[Behind]) -> tuple[Related, ...]:
    gates = Gates(snapshot)
    groups = [gates.subjects(end.pod) for end in blocked[:5]]
    policies = {policy.label: policy for subjects in groups if subjects is not None for policy in subjects.policies}
    return tuple(
        Related(message="isolates the pods", place=policy.place, object=name)
        for name, policy in sorted(policies.items())[:5]
    )


def _witness(snapshot: Snapshot, judge: _Judge, end: Behind) -> FlowText | None:
    if not judge.collectors:
        return None
    flow = Flow(
        source=PodEnd(snapshot.cluster.pods[judge.collectors[0]]),
        destination=PodEnd(snapshot.cluster.pods[end.pod]),
        protocol=end.protocol,
        port=end.number,
    )
    return snapshot.witness(flow, Verdict.DENIED, "a scrape")


def has_offers(snapshot: Snapshot) -> bool:
    """Return whether something is offered to Prometheus."""
    cluster = snapshot.cluster
    return bool(cluster.monitors) or any(pod.scrape is not None for pod in cluster.pods)


RULE = Rule(
    code="NC129",
    name="scrape-blocked",
    severity="warning",
    basis="proved",
    summary="Metrics that Prometheus is told to collect and cannot reach",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_offers,
    bad=(BAD, BAD_ALONE),
    good=(GOOD,),
)
