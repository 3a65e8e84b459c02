"""The witness of a way in that differs: its last leg, from whom the pod sees to the pod, decided by the oracle.

Of a proxy that is one of its pods, or where these are not loaded a pod or address like any other; behind a door that
keeps the client's address that address, else a node (SVC-23, NP-22).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from netcheck.errors import WitnessMismatch
from netcheck.logic.services import Target
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Verdict
from netcheck.model.objects import Node, Pod, WorkloadId
from netcheck.queries.dataplane import DataPlane
from netcheck.queries.diff_causes import Explainer
from netcheck.queries.diff_results import DiffRow, Probe
from netcheck.queries.diff_sides import Side, Sides
from netcheck.queries.doors import Door, doors
from netcheck.queries.entries import WayIn
from netcheck.queries.explain import readable_port
from netcheck.queries.fronts import fronts
from netcheck.queries.results import Endpoint, EndpointType
from netcheck.queries.slices import Slices
from netcheck.semantics.decide import OracleLimit, decide
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

_MOST_TRIED = 64
"""So many pods of a proxy, or nodes, are tried to show in what two sides differ."""
_STAND_IN = Pod(
    namespace="any-namespace", name="proxy", workload=WorkloadId("any-namespace", "Pod", "proxy"), labels={}
)
_SOME_NODE = Node(name="some node")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """What is asked: a port of the pods of an endpoint, by a way; `client` is an address outside, or empty."""

    via: str
    position: int
    client: str
    protocol: Protocol
    port: int


class LastLeg:
    """Finds the witnesses of ways in."""

    def __init__(self, sides: Sides, explainer: Explainer) -> None:
        self._sides = sides
        self._explainer = explainer
        self._worlds = [_World(side) for side in sides.pair()]
        self._led: list[dict[tuple[object, ...], list[Door | None]] | None] = [None, None]

    def probe(self, row: DiffRow, before: Sequence[WayIn], after: Sequence[WayIn]) -> Probe | None:
        """Return a flow that passes on one side and on the other does not, or None if none was found among many.

        Raises:
            WitnessMismatch: the oracle lets nobody pass where the engine says that the way is open.
        """
        opened, closed = row.after - row.before, row.before - row.after
        number = 1 if opened or (not closed and row.limits.widened) else 0
        destination = self._explainer.end(number, row.destination)
        assert destination is not None, "a way that is open leads to a pod"
        protocol, port = readable_port(opened or closed or row.after, destination)
        source = self._sides.joined[row.source].endpoint
        client = self._explainer.free_address(row.source) if source.type is EndpointType.IP else ""
        leg = _Leg(via=row.via, position=row.destination, client=client, protocol=protocol, port=port)
        ways = [way for way in (before, after)[number] if port in way.connections.of_protocol(protocol)]
        return self._shown(leg, number, ways)

    def _shown(self, leg: _Leg, number: int, ways: Sequence[WayIn]) -> Probe | None:
        world, other = self._worlds[number], self._worlds[1 - number]
        there = self._explainer.end(1 - number, leg.position)
        leads = there is not None and self._leads(1 - number, leg)
        certain, passed = True, False
        for way, end in _tried(world, ways, leg.client):
            certain = certain and end not in (PodEnd(_STAND_IN), NodeEnd(_SOME_NODE))
            if world.verdict(end, PodEnd(world.cluster.pods[way.pod]), leg) is not Verdict.ALLOWED:
                continue
            passed = True
            if there is None or not leads:
                return self._probe(leg, number, end, no_way=there is not None)
            if other.verdict(other.counterpart(end), there, leg) is Verdict.DENIED:
                return self._probe(leg, number, end)
        if certain and not passed:
            raise WitnessMismatch(f"the engine says that {leg.via} leads to a pod, the oracle lets nobody of it pass")
        return None

    def _probe(self, leg: _Leg, number: int, end: End, *, no_way: bool = False) -> Probe:
        verdicts = (Verdict.DENIED, Verdict.ALLOWED) if number else (Verdict.ALLOWED, Verdict.DENIED)
        return Probe(
            protocol=leg.protocol,
            port=leg.port,
            before=verdicts[0],
            after=verdicts[1],
            source_address=leg.client,
            seen_as="" if isinstance(end, AddressEnd) and end.address == leg.client else _text(end),
            no_way=("before" if number else "after") if no_way else "",
        )

    # ---- what leads where ----------------------------------------------------------------------------------------

    def _leads(self, number: int, leg: _Leg) -> bool:
        """Return whether a side has the way, be it that policies close it."""
        led = self._led[number]
        if led is None:
            led = self._led[number] = dict(_led(self._sides.pair()[number].cluster))
        endpoint = self._sides.joined[leg.position].endpoint
        found = led.get((leg.via, *_owner(endpoint), leg.protocol, leg.port), ())
        return any(door is None or not leg.client or _lets_in(door, leg.client) for door in found)


def _led(cluster: Cluster) -> Iterator[tuple[tuple[object, ...], list[Door | None]]]:
    """Yield each object, owner and port that something leads to, with the doors (None: a proxy)."""
    found: dict[tuple[object, ...], list[Door | None]] = {}
    ways: list[tuple[str, Target, Door | None]] = [
        (front.object, target, None) for front in fronts(cluster) for target in front.behind
    ]
    ways += [(f"{door.via} ({door.kind.value})", target, door) for door in doors(cluster) for target in door.targets]
    for via, target, door in ways:
        if target.pod is not None:
            pod = cluster.pods[target.pod]
            for owner in ((pod.namespace, "Pod", pod.name), (pod.namespace, pod.workload.kind, pod.workload.name)):
                key = (via, *owner, target.protocol, target.number)
                found.setdefault(key, []).append(door)
    yield from found.items()


def _owner(endpoint: Endpoint) -> tuple[str, str, str]:
    return endpoint.namespace, endpoint.kind, endpoint.name


def _lets_in(door: Door, client: str) -> bool:
    if not door.source_ranges:
        return True
    one = IPSet.of_cidrs(client)
    return bool(IPSet.of_cidrs(*door.source_ranges) & one)


# ---- whom the pod sees -------------------------------------------------------------------------------------------------


def _tried(world: _World, ways: Sequence[WayIn], client: str) -> Iterator[tuple[WayIn, End]]:
    """Yield ends that the pod may see on the ways, at most so many."""
    every = ((way, end) for way in ways for end in _seen(world, way, client))
    yield from islice(every, _MOST_TRIED)


def _seen(world: _World, way: WayIn, client: str) -> Iterator[End]:
    if way.plane is not None:
        yield from _proxy(world, way.plane, client)
    elif way.door is not None and way.door.keeps_source:
        yield AddressEnd(client)
    else:
        yield from (NodeEnd(node) for node in world.cluster.nodes or (_SOME_NODE,))
        yield OwnNodeEnd()


def _proxy(world: _World, plane: DataPlane, client: str) -> Iterator[End]:
    """Yield the pods of a proxy; of one that is not loaded one end that stands for it."""
    yield from (PodEnd(world.cluster.pods[position]) for position in plane.positions)
    if not plane.positions:
        yield PodEnd(_STAND_IN) if plane.are_pods or not client else AddressEnd(client)


class _World:
    """One side as the oracle is asked about it: with the policies that can select an end, and stand-ins."""

    def __init__(self, side: Side) -> None:
        self.cluster = side.cluster
        self._slices = Slices(side.cluster)

    @cached_property
    def _pods(self) -> dict[tuple[str, str], Pod]:
        return {(pod.namespace, pod.name): pod for pod in self.cluster.pods}

    def counterpart(self, end: End) -> End:
        """Return the same end on this side; one that is not there as it is on the other."""
        match end:
            case PodEnd(pod):
                return PodEnd(self._pods.get((pod.namespace, pod.name), pod))
            case NodeEnd(node):
                return NodeEnd(next((one for one in self.cluster.nodes if one.name == node.name), node))
            case _:
                return end

    def verdict(self, source: End, destination: End, leg: _Leg) -> Verdict:
        """Return the oracle's verdict; unknown where it would have to try too much."""
        flow = Flow(source=source, destination=destination, protocol=leg.protocol, port=leg.port)
        try:
            return decide(self._slices.of(source, destination), flow).verdict
        except OracleLimit:
            return Verdict.UNKNOWN


def _text(end: End) -> str:
    match end:
        case PodEnd(pod):
            return "a pod of the proxy" if pod is _STAND_IN else f"pod {pod.namespace}/{pod.name}"
        case NodeEnd(node):
            return "a node" if node is _SOME_NODE else f"node {node.name}"
        case OwnNodeEnd():
            return "the node that runs the pod"
        case AddressEnd(address):
            return address
