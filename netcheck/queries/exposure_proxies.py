"""The doors that a proxy opens, judged at the pods behind it: whether policies let the proxy's pods in (ING-12, GW-27)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from netcheck.logic.services import Target
from netcheck.model.flow import Decider, End, PodEnd, Reason, Verdict
from netcheck.queries.dataplane import DataPlane
from netcheck.queries.entries import Judge
from netcheck.queries.exposure_doors import NOT_READY, usable
from netcheck.queries.exposure_results import Clients, Opening, Path
from netcheck.queries.exposure_scene import ExposureScene, Here
from netcheck.queries.fronts import Front, fronts
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet


@dataclass(slots=True)
class _Way:
    """One front as one workload has it on one port: the requests of all its rules, and what makes each doubtful."""

    front: Front
    target: Target
    usable: bool
    paths: dict[Path, None] = field(default_factory=dict)
    at: dict[str, None] = field(default_factory=dict)
    doubts: list[tuple[Reason, ...]] = field(default_factory=list)


class Proxied:
    """The proxies' doors by workload."""

    def __init__(self, scene: ExposureScene, chosen: Sequence[Here]) -> None:
        self._scene = scene
        self._judge = Judge(scene.engine)
        self._of_pod = {position: here.endpoint.id for here in chosen for position in here.pods}
        self._found: dict[str, dict[tuple[object, ...], _Way]] = {}
        for front in fronts(scene.given):
            self._add(front)

    def _add(self, front: Front) -> None:
        takes = set(usable(front.behind, self._scene.given.pods))
        for target in front.behind:
            name = self._of_pod.get(target.pod) if target.pod is not None else None
            if name is None:
                continue
            key = (front.door, front.via, front.plane.id, target.protocol, target.number)
            ways = self._found.setdefault(name, {})
            way = ways.get(key)
            if way is None:
                way = ways[key] = _Way(front, target, target in takes)
            if target in takes and not way.usable:
                way.target, way.usable = target, True
            way.paths |= dict.fromkeys(front.paths)
            way.at |= dict.fromkeys(front.at)
            if front.reasons not in way.doubts:
                way.doubts.append(front.reasons)

    def of(self, here: Here) -> Iterator[Opening]:
        """Yield the doors of a workload, each judged."""
        for way in self._found.get(here.endpoint.id, {}).values():
            yield self._judged(way)

    def _judged(self, way: _Way) -> Opening:
        front, target = way.front, way.target
        opening = Opening(
            door=front.door,
            verdict=Verdict.DENIED,
            connections=ConnectionSet.of({target.protocol: PortSet.single(target.number)}),
            clients=Clients(addresses=IPSet.all(), seen=front.plane.label),
            via=front.via,
            at=tuple(way.at),
            addresses=front.addresses,
            paths=tuple(sorted(way.paths)),
            place=front.place,
        )
        if not way.usable:
            return replace(opening, note=NOT_READY)
        found = self._judge.of_proxy(front.plane, target)
        note = f"only through {found.only}" if found.only else ""
        opening = replace(opening, verdict=found.verdict, reasons=found.reasons, note=note)
        opening = replace(opening, decided_by=self._confirmed(way, opening))
        return _doubted(opening, () if () in way.doubts else way.doubts[0])

    def _confirmed(self, way: _Way, opening: Opening) -> tuple[Decider, ...]:
        """Return what decided a flow that shows the verdict, which the oracle has confirmed."""
        scene, target = self._scene, way.target
        if opening.verdict is Verdict.UNKNOWN or target.pod is None:
            return ()
        source = self._source(way.front.plane, target, opening.verdict)
        if source is None:
            return ()
        pod = scene.cluster.pods[target.pod]
        _, deciders = scene.confirmed(source, PodEnd(pod), opening.connections, opening.verdict)
        return deciders

    def _source(self, plane: DataPlane, target: Target, verdict: Verdict) -> End | None:
        """Return an end that shows the verdict: a pod of the proxy, or of one that is not loaded whoever could be it."""
        scene = self._scene
        assert target.pod is not None
        element = scene.universe.class_of[target.pod]
        must, may = scene.incoming.sources(element, scene.port(target.protocol, target.number))
        certain = must if verdict is Verdict.ALLOWED else ~may
        for position in plane.positions:
            if position != target.pod and certain >> scene.universe.class_of[position] & 1:
                return PodEnd(scene.cluster.pods[position])
        if verdict is Verdict.ALLOWED and self._judge.is_its_own(plane, target):
            return PodEnd(scene.cluster.pods[target.pod])
        outside = scene.in_family_of(element, scene.outside) & certain
        hypothetical = scene.new_pods & certain
        bits = 0 if plane.positions else hypothetical or outside
        return scene.end((bits & -bits).bit_length() - 1) if bits else None


def _doubted(item: Opening, doubts: tuple[Reason, ...]) -> Opening:
    """Return the opening as it is if the proxy may not be told to send anything here: closed stays closed."""
    if not doubts or item.verdict is Verdict.DENIED:
        return item
    reasons = sorted({*item.reasons, *doubts}, key=lambda reason: (reason.rule, reason.message))
    return replace(item, verdict=Verdict.UNKNOWN, reasons=tuple(reasons))
