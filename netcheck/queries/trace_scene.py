"""What all traces of one cluster share, made once: flows, proxies, doors, indexes; and who may send a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.logic.attachment import Attachments, attachments
from netcheck.logic.backends import Backends
from netcheck.logic.services import Target, targets
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Verdict
from netcheck.model.objects import Service, ServicePort
from netcheck.model.policy import IPBlockPeer, NetworkPolicy, PolicyRule
from netcheck.model.profile import Switch
from netcheck.queries.asked import pod_text
from netcheck.queries.dataplane import DataPlane, DataPlanes
from netcheck.queries.doors import Door, doors
from netcheck.queries.trace_flows import Flows, Judged
from netcheck.queries.trace_routing import Routing
from netcheck.values.addresses import IPSet


class Scene:
    """One cluster as traces see it. `cluster` has the pods of proxies that only the user named (`with_phantoms`)."""

    def __init__(self, cluster: Cluster) -> None:
        self.flows = Flows(cluster)
        self.cluster = self.flows.cluster
        self.services = {(item.namespace, item.name): item for item in cluster.services}
        self._targets: dict[tuple[str, str, ServicePort, bool], tuple[Target, ...]] = {}

    @cached_property
    def routing(self) -> Routing:
        """Routing, compiled."""
        return Routing(self.cluster, self.attached)

    @cached_property
    def attached(self) -> Attachments:
        """Which routes are attached to which listeners."""
        return attachments(self.cluster)

    @cached_property
    def planes(self) -> DataPlanes:
        """The proxies."""
        return DataPlanes(self.cluster)

    @cached_property
    def doors(self) -> tuple[Door, ...]:
        """Every way in that needs no proxy."""
        return doors(self.cluster)

    @cached_property
    def backends(self) -> Backends:
        """Backends of routes, and the policies about their TLS."""
        return self.attached.backends

    def targets(self, service: Service, item: ServicePort, *, endpoints: bool) -> tuple[Target, ...]:
        """Return the backends of a Service port; `endpoints`: as a proxy that reads slices sees them (SVC-11, GW-27)."""
        key = (service.namespace, service.name, item, endpoints)
        found = self._targets.get(key)
        if found is None:
            seen = _translated(service) if endpoints else service
            found = self._targets[key] = targets(self.cluster, seen, item)
        return found

    def representatives(self, positions: Sequence[int]) -> tuple[int, ...]:
        """Return one position for each kind of pod."""
        kept: dict[tuple[object, ...], int] = {}
        for position in positions:
            kept.setdefault(self.kind(position), position)
        return tuple(kept.values())

    def kind(self, position: int) -> tuple[object, ...]:
        """Return what tells a pod from others of its workload: nothing else can matter to a trace."""
        pod = self.cluster.pods[position]
        addresses = pod.addresses if self._reads_addresses else ()
        return (pod.workload, tuple(sorted(pod.labels.items())), pod.ports, pod.host_network, addresses, pod.node)

    @cached_property
    def _reads_addresses(self) -> bool:
        """Whether some policy tells addresses apart."""
        peers = (peer for policy in self.cluster.policies for rule in _rules(policy) for peer in rule.peers)
        return bool(self.cluster.admin) or any(isinstance(peer, IPBlockPeer) for peer in peers)


def _rules(policy: NetworkPolicy) -> tuple[PolicyRule, ...]:
    return (*policy.ingress, *policy.egress)


def _translated(service: Service) -> Service:
    return replace(service, headless=False) if service.headless else service


# ---- senders ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSenders:
    """Loaded pods, one for each kind that policies may tell apart: a flow passes iff it passes from each."""

    text: str
    positions: tuple[int, ...]

    def judge(self, scene: Scene, target: Target) -> Judged:
        """Return the verdict about flows from each of them to a target."""
        return worst([self._judge(scene, position, target) for position in self.positions])

    def _judge(self, scene: Scene, position: int, target: Target) -> Judged:
        if target.pod is None:
            return scene.flows.to_address(position, target.address, target.protocol, target.number)
        return scene.flows.between(position, target.pod, target.protocol, target.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSenders:
    """Outside addresses, as the destination sees them."""

    text: str
    addresses: IPSet

    def judge(self, scene: Scene, target: Target) -> Judged:
        """Return the verdict about flows from each address to a target; no policy speaks of one that is no pod."""
        if target.pod is None:
            return Judged(verdict=Verdict.ALLOWED)
        return scene.flows.from_addresses(self.addresses, target.pod, target.protocol, target.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSenders:
    """A node (its position), or any node: what is on it, or what a node forwards under its own address (NP-22)."""

    text: str
    position: int | None = None

    def judge(self, scene: Scene, target: Target) -> Judged:
        """Return the verdict about flows from the node, or from each node, to a target."""
        if target.pod is None:
            return Judged(verdict=Verdict.ALLOWED)
        if self.position is None:
            return scene.flows.from_nodes(target.pod, target.protocol, target.number)
        return scene.flows.from_node(self.position, target.pod, target.protocol, target.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownProxy:
    """A proxy whose pods are not in the input, or that has none; `pods`: it is known to be pods."""

    text: str
    reasons: tuple[Reason, ...]
    pods: bool = False

    def judge(self, scene: Scene, target: Target) -> Judged:
        """Return the verdict about flows from it to a target."""
        if target.pod is None:
            return Judged(verdict=Verdict.ALLOWED)
        return scene.flows.from_proxy(target.pod, target.protocol, target.number, self.reasons, pods=self.pods)


Senders = PodSenders | AddressSenders | NodeSenders | UnknownProxy


def worst(found: Sequence[Judged]) -> Judged:
    """Return the first denial, else the first unknown, else the first."""
    for verdict in (Verdict.DENIED, Verdict.UNKNOWN):
        for item in found:
            if item.verdict is verdict:
                return item
    return found[0]


def best(found: Sequence[Judged]) -> Judged:
    """Return the first that passes, else the first unknown, else the first."""
    for verdict in (Verdict.ALLOWED, Verdict.UNKNOWN):
        for item in found:
            if item.verdict is verdict:
                return item
    return found[0]


def pod_senders(scene: Scene, positions: Sequence[int]) -> PodSenders:
    """Return the senders that loaded pods are."""
    chosen = scene.representatives(positions)
    names = dict.fromkeys(pod_text(scene.cluster.pods[position]) for position in chosen)
    shown = list(names)
    text = shown[0] if len(shown) == 1 else f"{shown[0]} and {len(shown) - 1} more"
    return PodSenders(text=text, positions=chosen)


def plane_senders(scene: Scene, plane: DataPlane) -> Senders:
    """Return the proxy as a sender."""
    if plane.positions:
        return pod_senders(scene, plane.positions)
    return UnknownProxy(text=plane.label, reasons=plane.reasons, pods=plane.are_pods)


def target_text(scene: Scene, target: Target) -> str:
    """Return `shop/web[Deployment] TCP/8080`."""
    end = target.address if target.pod is None else pod_text(scene.cluster.pods[target.pod])
    return f"{end} {target.protocol.value}/{target.number}"


def via_itself(scene: Scene, senders: Senders, target: Target) -> Switch | None:
    """NET-7: whether a pod that reaches itself through a Service passes; None: it is not the only sender and target."""
    if not isinstance(senders, PodSenders) or senders.positions != (target.pod,) or target.pod is None:
        return None
    pod = scene.cluster.pods[target.pod]
    return None if pod.template else scene.cluster.profile.self_via_service
