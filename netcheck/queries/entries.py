"""Ways in through an Ingress or a Route, as far as they are modelled: which pods and ports they lead to.

The proxy that serves them is an end of its own whose namespace and labels no manifest tells. What lets everybody in
lets it in; a pod that no rule opens is closed to it; everything between is unknown (SEMANTICS ING-12, ING-13).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netcheck.engines.sets import SetEngine
from netcheck.logic.services import Target, find_service, targets
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Verdict
from netcheck.model.objects import Service, ServicePort
from netcheck.model.policy import Direction
from netcheck.model.routes import Entry
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """One entry leads to one pod on a port; `verdict` says whether policies let its proxy in."""

    entry: Entry
    pod: int
    element: int
    connections: ConnectionSet
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


def ways_in(engine: SetEngine) -> Iterator[WayIn]:
    """Yield what every entry leads to, by entry, pod and port; targets that policies close are left out."""
    cluster = engine.cluster
    for entry in cluster.entries:
        service = find_service(cluster, entry.namespace, entry.service)
        if service is None:
            continue
        for target in _targets(cluster, entry, service):
            if target.pod is not None:
                yield from _way_in(engine, entry, target)


def _targets(cluster: Cluster, entry: Entry, service: Service) -> Iterator[Target]:
    for item in service.ports:
        if entry.port is None or entry.target or entry.port in (item.port, item.name):
            yield from (t for t in targets(cluster, service, item) if _is_meant(entry, item, t))


def _is_meant(entry: Entry, item: ServicePort, target: Target) -> bool:
    """A Route names the pods' port: by number, or by the name of a Service port or of a container port (ING-15)."""
    if not entry.target or entry.port is None:
        return True
    return entry.port in (target.number, str(target.number), item.name, item.target_port)


def _way_in(engine: SetEngine, entry: Entry, target: Target) -> Iterator[WayIn]:
    assert target.pod is not None
    element = engine.universe.class_of[target.pod]
    mask = engine.universe.ports.single(target.protocol, target.number)
    verdict = _verdict(engine, element, mask)
    if verdict is not Verdict.DENIED:
        yield WayIn(
            entry=entry,
            pod=target.pod,
            element=element,
            connections=ConnectionSet.of({target.protocol: PortSet.single(target.number)}),
            verdict=verdict,
            reasons=_reasons(entry) if verdict is Verdict.UNKNOWN else (),
        )


def _verdict(engine: SetEngine, element: int, mask: int) -> Verdict:
    table = engine.table(element, Direction.INGRESS)
    everything = engine.universe.everything
    if any(part.mask & mask and part.must == everything for part in table.parts):
        return Verdict.ALLOWED
    if not table.opaque and not any(stage.rules for stage in table.stages):
        return Verdict.DENIED
    return Verdict.UNKNOWN


def _reasons(entry: Entry) -> tuple[Reason, ...]:
    message = f"the proxy that serves {entry.label} is not in the input, so which rules let it in is not known"
    return (Reason(rule="ING-13", message=message, place=entry.place),)
