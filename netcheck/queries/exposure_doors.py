"""The doors of Services and host ports, judged at the pods behind them: who gets in, seen as whom (NP-22, SVC-23)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netcheck.errors import InternalError
from netcheck.logic.atoms import indexes
from netcheck.logic.services import Target
from netcheck.model.flow import PodEnd, Verdict
from netcheck.model.objects import Pod
from netcheck.queries.doors import Door, DoorKind, doors
from netcheck.queries.exposure_results import Clients, Opening
from netcheck.queries.exposure_scene import ExposureScene, Here
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet

NOT_READY = "no backend is ready (SVC-25)"
OTHER_FAMILY = "whom it lets in shares no IP family with the pod (NET-2)"
ONLY_OWN_NODE = "only through the node that runs the pod, which policies cannot close (NET-4)"


_FAMILIES = {4: IPSet.of_cidrs("0.0.0.0/0"), 6: IPSet.of_cidrs("::/0")}


@dataclass(slots=True)
class _Behind:
    """A door as one workload has it: its pods behind it that take part, and the door's addresses for all of them."""

    door: Door
    number: int
    pods: list[int] = field(default_factory=list)
    usable: bool = False
    addresses: dict[str, None] = field(default_factory=dict)


class Doorways:
    """The doors by workload. Pods of a workload that have the same door, each on its node, have it once."""

    def __init__(self, scene: ExposureScene, chosen: Sequence[Here]) -> None:
        self._scene = scene
        self._of_pod = {position: here.endpoint.id for here in chosen for position in here.pods}
        self._found: dict[str, dict[tuple[object, ...], _Behind]] = {}
        for door in doors(scene.given):
            if door.kind is not DoorKind.HOST_NETWORK:  # that is the pod's own address, judged without any door
                self._add(door)

    def _add(self, door: Door) -> None:
        takes = set(usable(door.targets, self._scene.given.pods))
        for target in door.targets:
            name = self._of_pod.get(target.pod) if target.pod is not None else None
            if name is None or target.pod is None:
                continue
            via = door.via if door.service is not None else ""
            inner = door.service_port.port if door.service_port is not None else 0
            key = (door.kind, via, door.protocol, door.port, inner, target.number)
            behind = self._found.setdefault(name, {}).setdefault(key, _Behind(door, target.number))
            behind.addresses |= dict.fromkeys(door.addresses)
            if target in takes and not behind.usable:
                behind.usable, behind.pods = True, []
            if (target in takes) == behind.usable:
                behind.pods.append(target.pod)

    def of(self, here: Here) -> Iterator[Opening]:
        """Yield the doors of a workload, each judged."""
        for behind in self._found.get(here.endpoint.id, {}).values():
            yield self._judged(behind)

    def _judged(self, behind: _Behind) -> Opening:
        door = behind.door
        protocol = door.protocol
        opening = Opening(
            door=door.kind.value,
            verdict=Verdict.DENIED,
            connections=ConnectionSet.of({protocol: PortSet.single(behind.number)}),
            clients=self._everybody(behind),
            via=door.via if door.service is not None else "",
            at=(f"{protocol.value}/{door.port_text}",),
            addresses=tuple(behind.addresses),
            place=door.place,
        )
        if not behind.usable:
            return replace(opening, note=NOT_READY)
        if not door.keeps_source and not _ranges(door) & self._shared(behind):
            return replace(opening, note=OTHER_FAMILY)
        return self._by_policies(behind, opening)

    def _by_policies(self, behind: _Behind, opening: Opening) -> Opening:
        """SVC-23: what policies say of the source that the pod sees, on the pod's own port."""
        scene, door = self._scene, behind.door
        element = scene.universe.class_of[behind.pods[0]]
        must, may = scene.incoming.sources(element, scene.port(door.protocol, behind.number))
        within = scene.outside if door.keeps_source else scene.nodes | scene.own_node
        for verdict, bits in ((Verdict.ALLOWED, must & within), (Verdict.UNKNOWN, may & within & ~must)):
            clients = self._clients(behind, bits)
            if bits and (clients.addresses or not door.keeps_source):
                note = "" if door.keeps_source else self._only_own_node(bits)
                return self._confirmed(behind, replace(opening, verdict=verdict, clients=clients, note=note), bits)
        return self._confirmed(behind, opening, within)

    def _only_own_node(self, bits: int) -> str:
        nodes = self._scene.nodes
        return ONLY_OWN_NODE if bits & self._scene.own_node and bits & nodes != nodes else ""

    def _everybody(self, behind: _Behind) -> Clients:
        """Return whom the door lets in by itself, without those who share no IP family with a pod if others do (NET-2)."""
        ranges = _ranges(behind.door)
        seen = "" if behind.door.keeps_source else "a node"
        return Clients(addresses=ranges & self._shared(behind) or ranges, seen=seen)

    def _shared(self, behind: _Behind) -> IPSet:
        """Return all addresses of the pods' IP families."""
        universe = self._scene.universe
        found = IPSet.none()
        for pod in behind.pods:
            for version in universe.elements[universe.class_of[pod]].families:
                found |= _FAMILIES[version]
        return found

    def _clients(self, behind: _Behind, bits: int) -> Clients:
        """Return who can come: whom the door lets in, and of these, if the pod sees them, whom policies let in."""
        clients = self._everybody(behind)
        if not behind.door.keeps_source or clients.addresses is None:
            return clients
        return replace(clients, addresses=clients.addresses & self._scene.addresses(bits))

    def _confirmed(self, behind: _Behind, opening: Opening, bits: int) -> Opening:
        scene, door = self._scene, behind.door
        pod = scene.cluster.pods[behind.pods[0]]
        element = scene.universe.class_of[behind.pods[0]]
        clients = _ranges(door)
        source = self._source(element, bits, clients if door.keeps_source else None)
        end = scene.end(source, clients if door.keeps_source else None)
        decision, deciders = scene.confirmed(end, PodEnd(pod), opening.connections, opening.verdict)
        return replace(opening, reasons=scene.why(decision, source, element), decided_by=deciders)

    def _source(self, element: int, bits: int, clients: IPSet | None) -> int:
        """Return a source that shows the verdict: of the pod's family, a client that the door lets in."""
        if clients is None:
            return (bits & -bits).bit_length() - 1
        shared = self._scene.in_family_of(element, bits)
        for number in (*indexes(shared), *indexes(bits)):  # clients of the other family reach nobody here (NET-2)
            if self._scene.addresses(1 << number) & clients:
                return number
        raise InternalError("some address is a client's")


def usable(behind: Iterable[Target], pods: Sequence[Pod]) -> list[Target]:
    """Return the ready backends, or if there are none those that still serve while they terminate (SVC-6)."""
    ready = [target for target in behind if target.ready]
    return ready or [target for target in behind if target.pod is not None and _serves(pods[target.pod])]


def _serves(pod: Pod) -> bool:
    return pod.ready and pod.terminating


def _ranges(door: Door) -> IPSet:
    """Return the clients that a door lets in by itself."""
    return IPSet.of_cidrs(*door.source_ranges) if door.source_ranges else IPSet.all()
