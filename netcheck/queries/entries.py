"""Ways in: what leads from outside to pods through a Service, an Ingress, a Route or a Gateway.

Policies see the last leg only: from the proxy's pods, or from the client's or a node's address, to the backend's pod on
its target port (SVC-23, ING-12, GW-27). What serves an object without being loaded is judged as anybody could be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.sets import SetEngine
from netcheck.logic.classes import Universe
from netcheck.logic.services import Target
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Verdict
from netcheck.model.objects import Node, ServiceType
from netcheck.model.policy import Direction
from netcheck.queries.anybody import Anybody
from netcheck.queries.asked import pod_text
from netcheck.queries.dataplane import ROUTER_CLASS, DataPlane, DataPlanes, effective_class
from netcheck.queries.doors import Door, DoorKind, doors, source_ranges
from netcheck.queries.fronts import Front, fronts
from netcheck.queries.results import Endpoint, EndpointType
from netcheck.queries.unknowns import reasons as missing_facts
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet

_OF_SERVICES = (DoorKind.LOAD_BALANCER, DoorKind.NODE_PORT, DoorKind.EXTERNAL_IP)
_SOME_NODE = "some-node"
AT_LEAST = "at least"
"""What is said of the nodes that lead in where of others it is not known."""
_OWN_NODE = "the node that runs the pod"
ITSELF = "itself: it is one of the proxy's pods (NET-6)"


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """One way leads to one pod on a port. It is unknown iff it has reasons; ways that policies close are left out.

    Attributes:
        source: id of the proxy's endpoint, or empty: outside addresses.
        atoms: the atoms of these addresses, a bit set.
        object: the object through which it leads.
        only: through which of its pods, or of the nodes, if not through all, in words.
        through: the names of these.
        plane, door: the proxy that leads, or the door of a Service.
        pod, element: the backend, as a position and as an element of the universe.
    """

    source: str = ""
    atoms: int = 0
    object: str
    only: str = ""
    through: frozenset[str] = frozenset()
    plane: DataPlane | None = None
    door: Door | None = None
    pod: int
    element: int
    connections: ConnectionSet
    reasons: tuple[Reason, ...] = ()

    @property
    def via(self) -> str:
        """The object, and through which pods or nodes only: `Service shop/web (LoadBalancer, only through ...)`."""
        if not self.only:
            return self.object
        return f"{self.object[:-1]}, {self.only})" if self.object.endswith(")") else f"{self.object} ({self.only})"


def list_engine(cluster: Cluster) -> SetEngine:
    """Return the engine whose addresses are cut also where load balancers restrict their clients (SVC-18)."""
    cuts = tuple(dict.fromkeys(IPSet.of_cidrs(*ranges) for ranges in _restrictions(cluster)))
    if not cuts:
        return SetEngine(cluster)
    programs = [translate(cluster, profile) for profile in resolutions(cluster)]
    return SetEngine(cluster, universe=Universe(cluster, programs, cuts=cuts))


def _restrictions(cluster: Cluster) -> Iterator[tuple[str, ...]]:
    for service in cluster.services:
        if service.type is ServiceType.LOAD_BALANCER and (ranges := source_ranges(service)):
            yield ranges


def proxies(cluster: Cluster) -> tuple[Endpoint, ...]:
    """Return an endpoint for each proxy that serves something: those of Ingresses and Routes, then those of Gateways."""
    planes = DataPlanes(cluster)
    classes = {effective_class(cluster, item) for item in cluster.ingresses}
    classes |= {ROUTER_CLASS} if cluster.openshift_routes else set()
    ids = sorted({planes.of_class(name).id for name in classes})
    found = [Endpoint(id=id_, type=EndpointType.INGRESS_CONTROLLER) for id_ in ids]
    for item in sorted(cluster.gateways, key=lambda gateway: (gateway.namespace, gateway.name)):
        found.append(
            Endpoint(
                id=planes.of_gateway(item).id,
                type=EndpointType.GATEWAY,
                namespace=item.namespace,
                name=item.name,
                place=item.place,
            )
        )
    return tuple(found)


def ways_in(engine: SetEngine) -> Iterator[WayIn]:
    """Yield what leads in, by proxy or Service, object, pod and port."""
    yield from _Ways(engine).all()


class _Ways:
    def __init__(self, engine: SetEngine) -> None:
        self._engine = engine
        self._cluster = engine.cluster
        self._judge = Judge(engine)

    def all(self) -> Iterator[WayIn]:
        for front in fronts(self._cluster):
            yield from self._lead(front)
        yield from self._of_services()

    # ---- through a proxy ---------------------------------------------------------------------------------------

    def _lead(self, front: Front) -> Iterator[WayIn]:
        for target in front.behind:
            if target.pod is None:
                continue
            found = self._judge.of_proxy(front.plane, target)
            if found.verdict is Verdict.DENIED:
                continue
            yield WayIn(
                source=front.plane.id,
                object=front.object,
                only=f"only through {found.only}" if found.only else "",
                through=frozenset(filter(None, found.only.split(", "))),
                plane=front.plane,
                pod=target.pod,
                element=self._engine.universe.class_of[target.pod],
                connections=_connections(target),
                reasons=_distinct((*front.reasons, *found.reasons)),
            )

    # ---- through a Service -------------------------------------------------------------------------------------

    def _of_services(self) -> Iterator[WayIn]:
        for door in doors(self._cluster) if _has_doors(self._cluster) else ():
            if door.kind in _OF_SERVICES and not _is_repeated(door):
                for target in door.targets:
                    if target.pod is not None:
                        yield from self._of_door(door, target)

    def _of_door(self, door: Door, target: Target) -> Iterator[WayIn]:
        assert target.pod is not None
        universe = self._engine.universe
        inside = universe.addresses.everything
        if door.source_ranges:
            inside = universe.addresses.bits(IPSet.of_cidrs(*door.source_ranges))
        element = universe.class_of[target.pod]
        found = self._judge.addresses(target) if door.keeps_source else self._judge.rewritten(door, target)
        limited = not door.keeps_source and bool(self._judge.only_nodes(target))
        for atoms, reasons in found:
            if atoms & inside:
                yield WayIn(
                    atoms=atoms & inside,
                    object=f"{door.via} ({door.kind.value})",
                    only=self._judge.only_nodes(target) if limited else "",
                    through=self._judge.let_in(target) if limited else frozenset(),
                    door=door,
                    pod=target.pod,
                    element=element,
                    connections=_connections(target),
                    reasons=reasons,
                )


def _has_doors(cluster: Cluster) -> bool:
    public = (ServiceType.LOAD_BALANCER, ServiceType.NODE_PORT)
    return any(item.type in public or item.external_ips for item in cluster.services)


def _is_repeated(door: Door) -> bool:
    """Return whether a door says no more than the load balancer in front of it: the node port of one without ranges."""
    service = door.service
    if door.kind is not DoorKind.NODE_PORT or service is None:
        return False
    return service.type is ServiceType.LOAD_BALANCER and not source_ranges(service)


def _distinct(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(set(reasons), key=lambda reason: (reason.rule, reason.message)))


def _connections(target: Target) -> ConnectionSet:
    return ConnectionSet.of({target.protocol: PortSet.single(target.number)})


# ---- verdicts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Whether a proxy may reach a target; `only` names those of its pods that may, where others may not, or itself."""

    verdict: Verdict
    only: str = ""
    reasons: tuple[Reason, ...] = ()


class Judge:
    """Says whom policies let through to a target: a proxy, outside addresses, nodes."""

    def __init__(self, engine: SetEngine) -> None:
        self._engine = engine
        self._cluster = engine.cluster
        self._anybody = Anybody(engine)
        self._by_pods: dict[tuple[tuple[int, ...], int, int], Judged] = {}
        self._by_address: dict[tuple[int, int], tuple[int, int]] = {}
        self._by_own_node: dict[tuple[int, int], bool] = {}
        self._by_node: dict[tuple[int, int], Mapping[str, Verdict]] = {}

    def _key(self, target: Target) -> tuple[int, int]:
        assert target.pod is not None
        return self._engine.universe.class_of[target.pod], self._mask(self._engine, target)

    @staticmethod
    def _mask(engine: SetEngine, target: Target) -> int:
        return engine.universe.ports.single(target.protocol, target.number)

    # ---- proxies -----------------------------------------------------------------------------------------------

    def of_proxy(self, plane: DataPlane, target: Target) -> Judged:
        """Return whether every pod of a proxy may reach a target; of one that is not loaded, whether any may."""
        if not plane.positions:
            element, mask = self._key(target)
            verdict = self.of_anybody(element, mask, pods=plane.are_pods)
            return Judged(verdict=verdict, reasons=plane.reasons if verdict is Verdict.UNKNOWN else ())
        key = (plane.positions, *self._key(target))
        found = self._by_pods.get(key)
        if found is None:
            found = self._by_pods[key] = self._of_pods(plane, target)
        if found.verdict is not Verdict.ALLOWED and self.is_its_own(plane, target):
            return Judged(verdict=Verdict.ALLOWED, only=ITSELF)
        return found

    def is_its_own(self, plane: DataPlane, target: Target) -> bool:
        """Return whether a target is one of the proxy's pods, which no policy keeps from itself (NET-6)."""
        return target.pod in plane.positions and not self._cluster.pods[target.pod].template

    def _of_pods(self, plane: DataPlane, target: Target) -> Judged:
        element, mask = self._key(target)
        verdicts: dict[Verdict, list[int]] = {}
        for position in plane.positions:
            masks = self._engine.pair(self._engine.universe.class_of[position], element)
            verdict = _verdict(masks.allowed & mask, masks.unknown & mask)
            verdicts.setdefault(verdict, []).append(position)
        if Verdict.ALLOWED in verdicts and len(verdicts) > 1:
            names = {pod_text(self._cluster.pods[position]) for position in verdicts[Verdict.ALLOWED]}
            return Judged(verdict=Verdict.ALLOWED, only=", ".join(sorted(names)))
        if Verdict.UNKNOWN not in verdicts:
            return Judged(verdict=next(iter(verdicts)))
        classes = {self._engine.universe.class_of[position] for position in verdicts[Verdict.UNKNOWN]}
        doubts = [reason for item in sorted(classes) for reason in missing_facts(self._engine, item, element)]
        return Judged(verdict=Verdict.UNKNOWN, reasons=_distinct(doubts) or (_undecided(plane),))

    def of_anybody(self, element: int, mask: int, *, pods: bool = False) -> Verdict:
        """Return allowed iff the policies of a class let everybody in, denied iff nobody; `pods`: it is some pod."""
        masks = self._anybody.masks(element, Direction.INGRESS, pods=pods)
        return _verdict(masks.allowed & mask, masks.unknown & mask)

    # ---- addresses and nodes -----------------------------------------------------------------------------------

    def addresses(self, target: Target) -> Iterator[tuple[int, tuple[Reason, ...]]]:
        """Yield the atoms of the outside addresses that are let in, and those of which it is not known, with reasons."""
        key = self._key(target)
        found = self._by_address.get(key)
        if found is None:
            found = self._by_address[key] = self._addresses(*key)
        allowed, unknown = found
        yield allowed, ()
        if unknown:
            first = self._engine.universe.atom_offset + (unknown & -unknown).bit_length() - 1
            message = "which addresses policies let in depends on facts that the input lacks"
            yield unknown, missing_facts(self._engine, first, key[0]) or (Reason(rule="NP-22", message=message),)

    def _addresses(self, element: int, mask: int) -> tuple[int, int]:
        universe = self._engine.universe
        allowed = unknown = 0
        for atom in range(universe.addresses.count):
            masks = self._engine.pair(universe.atom_offset + atom, element)
            allowed |= bool(masks.allowed & mask) << atom
            unknown |= bool(masks.unknown & mask and not masks.allowed & mask) << atom
        return allowed, unknown

    def rewritten(self, door: Door, target: Target) -> Iterator[tuple[int, tuple[Reason, ...]]]:
        """Yield as `addresses` does for a door behind which pods see the address of the node that took the packet."""
        found = self.nodes(target)
        verdicts = {Verdict.ALLOWED} if self.only_nodes(target) else set(found.values())
        element, mask = self._key(target)
        doubts: tuple[Reason, ...] = ()
        if verdicts == {Verdict.DENIED}:
            own = self._engine.universe.own_node
            if not self._engine.pair(own, element).unknown & mask:
                return
            doubts = missing_facts(self._engine, own, element)
        addresses = self._engine.universe.addresses
        atoms = 0
        for version in self._engine.universe.elements[element].families:
            atoms |= addresses.of_family(version)
        yield atoms, () if verdicts == {Verdict.ALLOWED} else doubts or (_by_node(door, found),)

    def only_nodes(self, target: Target) -> str:
        """Return through which nodes a pod behind rewriting doors is reached if not through all; empty: all, or none.

        Policies do not keep the pod's own node from it (NET-4), through which a client may come.
        """
        key = self._key(target)
        if key not in self._by_own_node:
            masks = self._engine.pair(self._engine.universe.own_node, key[0])
            self._by_own_node[key] = bool(masks.allowed & key[1])
        verdicts = set(self.nodes(target).values())
        if not self._by_own_node[key] or verdicts == {Verdict.ALLOWED}:
            return ""
        others = sorted(self.let_in(target) - {_OWN_NODE})
        degree = AT_LEAST if Verdict.UNKNOWN in verdicts else "only"
        return f"{degree} through {' and '.join((_OWN_NODE, *others))}"

    def let_in(self, target: Target) -> frozenset[str]:
        """Return the names of the nodes that are surely let in, the pod's own by a name for all of these."""
        assert target.pod is not None
        own = self._cluster.pods[target.pod].node
        let_in = {name for name, verdict in self.nodes(target).items() if verdict is Verdict.ALLOWED and name != own}
        return frozenset({_OWN_NODE, *let_in})

    def nodes(self, target: Target) -> Mapping[str, Verdict]:
        """Return what becomes of packets with the address of each loaded node, or of one that nothing is known of."""
        key = self._key(target)
        found = self._by_node.get(key)
        if found is None:
            found = self._by_node[key] = self._nodes(target)
        return found

    def _nodes(self, target: Target) -> Mapping[str, Verdict]:
        assert target.pod is not None
        engine = self._with_a_node
        universe = engine.universe
        if not self._cluster.nodes and universe.mentions.node_selectors:  # ADM-16: nor are its labels known
            return {_SOME_NODE: self.of_anybody(*self._key(target))}
        element, mask = universe.class_of[target.pod], self._mask(engine, target)
        found = {}
        for index, node in enumerate(engine.cluster.nodes):
            masks = engine.pair(universe.pod_count + index, element)
            found[node.name] = _verdict(masks.allowed & mask, masks.unknown & mask)
        return found

    @cached_property
    def _with_a_node(self) -> SetEngine:
        """The engine itself if nodes are loaded, else one over the pods behind doors with a node of no known address."""
        if self._cluster.nodes:
            return self._engine
        behind = {target.pod for door in doors(self._cluster) for target in door.targets if target.pod is not None}
        return SetEngine(replace(self._cluster, nodes=(Node(name=_SOME_NODE),)), sorted(behind))


def _verdict(allowed: int, unknown: int) -> Verdict:
    return Verdict.ALLOWED if allowed else Verdict.UNKNOWN if unknown else Verdict.DENIED


def _undecided(plane: DataPlane) -> Reason:
    message = f"whether policies let {plane.label} in depends on facts that the input lacks"
    return Reason(rule="ING-12", message=message)


def _by_node(door: Door, found: Mapping[str, Verdict]) -> Reason:
    seen = f"behind {door.via} pods see the address of the node that took the packet"
    rest = "which is not known (--node-cidr says where nodes lie)"
    let_in: Sequence[str] = sorted(name for name, verdict in found.items() if verdict is Verdict.ALLOWED)
    if let_in:
        rest = f"and of the nodes only some are let in: {', '.join(let_in)}"
    return Reason(rule="NP-22", message=f"{seen}, {rest}", place=door.place)
