"""The last part of a way: from a Service to the pods behind it, and whether policies let the sender in at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netcheck.logic.services import Target, selected, slices_of
from netcheck.model.flow import Reason, Verdict
from netcheck.model.objects import Service, ServicePort, ServiceType
from netcheck.model.profile import Switch
from netcheck.model.request import Scheme
from netcheck.queries.trace_flows import Judged
from netcheck.queries.trace_results import BackendShare, Delivered
from netcheck.queries.trace_scene import PodSenders, Scene, Senders, target_text, via_itself
from netcheck.queries.trace_way import AS_DELIVERED, Way

MOST_TARGETS = 20
"""So many backends of one Service have a hop of their own; of more, those that decide and their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What becomes of the requests for one Service: `status` is what a proxy answers for it if none arrives."""

    verdict: Verdict
    targets: str = ""
    status: int | None = None


def service_port(service: Service, port: int | str | None, scheme: Scheme) -> ServicePort | None:
    """Return the port of a Service that a number or name means."""
    wanted = "UDP" if scheme is Scheme.UDP else "TCP"
    found = [item for item in service.ports if port in (item.port, item.name) and item.protocol == wanted]
    return found[0] if found else None


def to_service(
    scene: Scene, way: Way, senders: Senders, service: Service, item: ServicePort, *, proxy: bool
) -> Arrival:
    """Add the hops from a Service port to its backends; `proxy`: a proxy sends, so it reads the endpoints (GW-27).

    Backends that are not reached are shown beside the others: whether the whole is blocked is the caller's to say.
    """
    name = f"Service {service.namespace}/{service.name} port {item.port}"
    place = item.place or service.place
    if service.type is ServiceType.EXTERNAL_NAME:
        return _external(way, name, service)
    found = scene.targets(service, item, endpoints=proxy)
    if not found:
        return _no_targets(scene, way, name, service, item)
    usable = _usable(scene, service, found)
    if not usable:
        way.add(name, Verdict.DENIED, "none of its endpoints is ready", rule="SVC-25", place=place, aside=True)
        return Arrival(verdict=Verdict.DENIED, targets="none", status=503)
    usable, doubt = _on_the_same_node(scene, senders, service, usable, proxy=proxy)
    if doubt is not None:
        way.unknown(name, (doubt,), place=place, aside=True)
        return Arrival(verdict=Verdict.UNKNOWN)
    if not usable:
        message = "no endpoint is on the client's node, and internalTrafficPolicy is Local"
        way.add(name, Verdict.DENIED, message, rule="SVC-21", place=place, aside=True)
        return Arrival(verdict=Verdict.DENIED, targets="none")
    count = len({(target.pod, target.address) for target in usable})
    text = f"{count} endpoint{'' if count == 1 else 's'}{'' if len(usable) == len(found) else ' ready'}"
    translation = _translation(scene, service, item, usable, proxy=proxy)
    way.add(name, Verdict.ALLOWED, text, rule="SVC-23", translation=translation, place=place)
    return to_targets(scene, way, senders, usable)


def _translation(scene: Scene, service: Service, item: ServicePort, usable: Sequence[Target], *, proxy: bool) -> str:
    shown = list(dict.fromkeys(target_text(scene, target) for target in usable))
    behind = ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
    if service.headless and not proxy:
        return f"none: the name stands for {behind}"
    address = service.cluster_ips[0] if service.cluster_ips else "its cluster IP"
    return f"{address} {item.protocol}/{item.port} -> {behind}"


def _external(way: Way, name: str, service: Service) -> Arrival:
    message = f"it is a DNS alias of `{service.external_name}`, whose addresses are not in the input"
    way.unknown(name, (Reason(rule="SVC-12", message=message, place=service.place),), aside=True)
    return Arrival(verdict=Verdict.UNKNOWN)


def _no_targets(scene: Scene, way: Way, name: str, service: Service, item: ServicePort) -> Arrival:
    """SVC-2, SVC-7, SVC-13, SVC-25: no endpoint at all, if the input can tell."""
    place = item.place or service.place
    if service.selector and selected(scene.cluster, service):
        message = f"no pod that it selects declares a {item.protocol} port `{item.target_port}`"
        way.add(name, Verdict.DENIED, message, rule="SVC-7", place=place, aside=True)
        return Arrival(verdict=Verdict.DENIED, targets="none", status=503)
    if scene.cluster.whole or (not service.selector and slices_of(scene.cluster, service)):
        way.add(name, Verdict.DENIED, "it has no endpoints", rule="SVC-25", place=place, aside=True)
        return Arrival(verdict=Verdict.DENIED, targets="none", status=503)
    if service.selector:
        message = "no loaded pod serves it; if the input is all there is, say so (closedWorld: true)"
        reason = Reason(rule="SVC-2", message=message, place=place)
    else:
        message = "it selects no pods itself, and the input has no EndpointSlice for it"
        reason = Reason(rule="SVC-13", message=message, place=place)
    way.unknown(name, (reason,), aside=True)
    return Arrival(verdict=Verdict.UNKNOWN)


def _usable(scene: Scene, service: Service, found: Sequence[Target]) -> tuple[Target, ...]:
    """SVC-6: the ready endpoints; if there are none, those that still serve while they terminate."""
    ready = tuple(target for target in found if target.ready)
    if ready or not service.selector:
        return ready
    pods = scene.cluster.pods
    return tuple(target for target in found if target.pod is not None and pods[target.pod].ready)


def _on_the_same_node(
    scene: Scene, senders: Senders, service: Service, usable: tuple[Target, ...], *, proxy: bool
) -> tuple[tuple[Target, ...], Reason | None]:
    """SVC-21: with `internalTrafficPolicy: Local` only the endpoints on the client's node are used."""
    if service.internal_traffic_policy != "Local" or service.headless or proxy or not isinstance(senders, PodSenders):
        return usable, None
    pods = scene.cluster.pods
    nodes = {pods[position].node for position in senders.positions}
    homes = {pods[target.pod].node for target in usable if target.pod is not None}
    if "" in nodes | homes or len(nodes) > 1:
        message = "internalTrafficPolicy is Local, and whether an endpoint is on each client's node is not in the input"
        return usable, Reason(rule="SVC-21", message=message, place=service.place)
    return tuple(t for t in usable if t.pod is not None and pods[t.pod].node in nodes), None


# ---- targets ---------------------------------------------------------------------------------------------------------


def to_targets(scene: Scene, way: Way, senders: Senders, usable: Sequence[Target]) -> Arrival:
    """Add a hop for each kind of backend, and return whether all, some or none of them is reached (SVC-37)."""
    kinds = _kinds(scene, usable)
    judged = [(target, _judge(scene, senders, target)) for target in kinds]
    verdicts = {item.verdict for _, item in judged}
    shown = judged if len(judged) <= MOST_TARGETS else _deciding(judged)
    for target, item in shown:
        way.flow(f"{senders.text} -> {target_text(scene, target)}", item, aside=True)
    if len(shown) < len(judged):
        way.add("and more", Verdict.ALLOWED, f"{len(judged) - len(shown)} more backends are alike", aside=True)
    if verdicts == {Verdict.ALLOWED}:
        return Arrival(verdict=Verdict.ALLOWED, targets="all")
    if Verdict.ALLOWED in verdicts:
        return Arrival(verdict=Verdict.ALLOWED, targets="some")
    if Verdict.UNKNOWN in verdicts:
        return Arrival(verdict=Verdict.UNKNOWN)
    return Arrival(verdict=Verdict.DENIED, targets="none")


def _deciding(judged: Sequence[tuple[Target, Judged]]) -> list[tuple[Target, Judged]]:
    """Return the first few of each verdict."""
    most = MOST_TARGETS // 3
    return [pair for verdict in Verdict for pair in [p for p in judged if p[1].verdict is verdict][:most]]


def _kinds(scene: Scene, usable: Sequence[Target]) -> list[Target]:
    kept: dict[tuple[object, ...], Target] = {}
    for target in usable:
        key = (scene.kind(target.pod) if target.pod is not None else target.address, target.number, target.protocol)
        kept.setdefault(key, target)
    return list(kept.values())


def _judge(scene: Scene, senders: Senders, target: Target) -> Judged:
    switch = via_itself(scene, senders, target)
    if switch is None or (switch is Switch.YES and not scene.cluster.admin):
        return senders.judge(scene, target)
    if scene.cluster.admin:
        message = "a pod that reaches itself through a Service is subject to admin policies, at which end is not known"
        return Judged(verdict=Verdict.UNKNOWN, reasons=(Reason(rule="ADM-24", message=message),))
    message = "whether a pod reaches itself through a Service is the implementation's (--assume selfViaService=yes|no)"
    return Judged(verdict=Verdict.UNKNOWN, reasons=(Reason(rule="NET-7", message=message),))


# ---- several backends ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What becomes of a request that several backends share: delivered iff one with a weight receives it."""

    verdict: Verdict
    backends: tuple[BackendShare, ...]
    status: int | None = None


def together(arrivals: Sequence[tuple[BackendShare, Arrival]]) -> Shares:
    """Return what the shares amount to; the status is that of all of them, where they have one."""
    backends = tuple(
        replace(share, reached=AS_DELIVERED[arrival.verdict], targets=arrival.targets) for share, arrival in arrivals
    )
    counted = [arrival for share, arrival in arrivals if share.weight]
    verdicts = {arrival.verdict for arrival in counted}
    if Verdict.ALLOWED in verdicts:
        return Shares(verdict=Verdict.ALLOWED, backends=backends, status=200)
    if Verdict.UNKNOWN in verdicts:
        return Shares(verdict=Verdict.UNKNOWN, backends=backends)
    statuses = {arrival.status for arrival in counted}
    return Shares(verdict=Verdict.DENIED, backends=backends, status=statuses.pop() if len(statuses) == 1 else None)


def is_reached(share: BackendShare) -> bool:
    """Return whether some request arrives at the backend."""
    return share.reached is Delivered.YES
