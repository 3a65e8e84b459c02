"""`exposure`: what reaches each workload, and through which door.

The set engine answers for all workloads at once; of pods that do not exist yet some are tried, and the solver is asked
where none of them gets in. Every verdict that is shown is confirmed by the oracle on a flow that shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from netcheck.logic.atoms import indexes
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, PodEnd, Verdict
from netcheck.queries.dataplane import is_phantom
from netcheck.queries.doors import DoorKind
from netcheck.queries.endpoints import Resolution, locate
from netcheck.queries.exposure_doors import Doorways
from netcheck.queries.exposure_new_pods import NewPods
from netcheck.queries.exposure_proxies import Proxied
from netcheck.queries.exposure_results import (
    LEVELS,
    METADATA,
    NODES,
    OTHER_NAMESPACES,
    OWN_NODE,
    POD_ADDRESS,
    Clients,
    Exposed,
    Exposure,
    Opening,
)
from netcheck.queries.exposure_scene import METADATA_PORT, ExposureScene, Here
from netcheck.queries.incoming import Block
from netcheck.queries.results import Endpoint, EndpointType
from netcheck.values.addresses import IPSet, address_number
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

METADATA_ADDRESSES = ("169.254.169.254", "fd00:ec2::254")
_ORDER = {Verdict.ALLOWED: 0, Verdict.UNKNOWN: 1, Verdict.DENIED: 2}


def exposure(
    cluster: Cluster,
    *,
    only_namespaces: frozenset[str] = frozenset(),
    exclude_namespaces: frozenset[str] = frozenset(),
    focus: Sequence[str] = (),
    timeout_ms: int = 20_000,
) -> Exposure:
    """Return for each workload every door, who comes through it, and whether policies let them in."""
    scene = ExposureScene(cluster)
    chosen = [
        here
        for here in workloads(scene)
        if (not only_namespaces or here.endpoint.namespace in only_namespaces)
        and here.endpoint.namespace not in exclude_namespaces
        and (not focus or any(is_named(here.endpoint, text) for text in focus))
    ]
    new_pods = NewPods(scene, timeout_ms)
    services, proxied = Doorways(scene, chosen), Proxied(scene, chosen)
    found = []
    for here in chosen:
        openings = [*proxied.of(here), *services.of(here), *_direct(scene, here), *new_pods.of(here)]
        found.append(Exposed(endpoint=here.endpoint, openings=tuple(sorted(openings, key=_rank))))
    return Exposure(workloads=tuple(sorted(found, key=lambda item: (item.rank, item.endpoint.id))))


def workloads(scene: ExposureScene) -> list[Here]:
    """Return every workload of the input, as `list` names them."""
    made = {(item.pod.namespace, item.pod.name) for item in scene.hypothetical_pods}
    made |= {(pod.namespace, pod.name) for pod in scene.given.pods if is_phantom(pod)}
    found = []
    for item in locate(scene.universe, Resolution.WORKLOAD):
        endpoint = item.endpoint
        if endpoint.type is EndpointType.WORKLOAD and (endpoint.namespace, endpoint.name) not in made:
            wanted = (endpoint.namespace, endpoint.kind, endpoint.name)
            pods = tuple(sorted(member for number in item.elements for member in _members(scene, number, wanted)))
            found.append(Here(endpoint=endpoint, element=item.element, pods=pods))
    return found


def _members(scene: ExposureScene, number: int, wanted: tuple[str, str, str]) -> Iterator[int]:
    for member in scene.universe.elements[number].members:
        workload = scene.cluster.pods[member].workload
        if (workload.namespace, workload.kind, workload.name) == wanted:
            yield member


def is_named(endpoint: Endpoint, text: str) -> bool:
    """Return whether a focus text means the endpoint: its id, `namespace/name`, or `name` alone."""
    return text in (endpoint.id, f"{endpoint.namespace}/{endpoint.name}", endpoint.name)


def _rank(item: Opening) -> tuple[int, int, str, tuple[str, ...], tuple[int, int, str], str]:
    """What is open first, then by door; within one door as its clients are written, the weakest needs first."""
    needs = item.clients.needs.cost if item.clients.needs is not None else (0, 0, "")
    written = ",".join([*item.clients.namespaces, *item.clients.nodes]) or str(item.connections)
    return _ORDER[item.verdict], list(LEVELS).index(item.door), item.via, item.at, needs, written


# ---- without a door of their own: other pods, nodes, addresses -------------------------------------------------------


def _direct(scene: ExposureScene, here: Here) -> Iterator[Opening]:
    yield from _from_namespaces(scene, here)
    yield from _from_nodes(scene, here)
    yield from _from_outside(scene, here)
    yield from _metadata(scene, here)


def _judged(scene: ExposureScene, here: Here, door: str, block: Block, clients: Clients) -> Opening:
    """Return the opening for sources that are alike: that must get in, that may, or that do not."""
    source = _lowest(block.sources)
    verdict = Verdict.ALLOWED if block.must else Verdict.UNKNOWN if block.may else Verdict.DENIED
    mask = block.must or block.may
    connections = scene.connections(mask)
    pod = scene.cluster.pods[here.pods[0]]
    decision, deciders = scene.confirmed(scene.end(source), PodEnd(pod), connections, verdict)
    return Opening(
        door=door,
        verdict=verdict,
        connections=connections,
        clients=clients,
        reasons=scene.why(decision, source, here.element),
        decided_by=deciders,
    )


def _certainties(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield what must pass and what only may as blocks of their own."""
    for block in blocks:
        if block.must:
            yield Block(block.sources, block.must, 0)
        if block.may:
            yield Block(block.sources, 0, block.may)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _from_namespaces(scene: ExposureScene, here: Here) -> Iterator[Opening]:
    own = here.endpoint.namespace
    names = [name for name in sorted(scene.of_namespace) if name != own]
    if not names:
        return
    by_ports: dict[tuple[int, int], list[str]] = {}
    for name, (must, may) in scene.from_namespaces(here.element).items():
        if name != own:
            for ports in ((must, 0), (0, may & ~must)):
                if any(ports):
                    by_ports.setdefault(ports, []).append(name)
    for (must, may), found in sorted(by_ports.items(), key=lambda item: item[1]):
        source = scene.source_in(here.element, found[0], must, may)
        clients = Clients(namespaces=tuple(sorted(found)), every_namespace=len(found) == len(names))
        shown = _judged(scene, here, OTHER_NAMESPACES, source, clients)
        yield replace(shown, connections=scene.connections(must or may))  # of all its pods, not of the one shown
    if not by_ports:
        clients = Clients(namespaces=tuple(names), every_namespace=True)
        yield _judged(scene, here, OTHER_NAMESPACES, Block(scene.of_namespace[names[0]], 0, 0), clients)


def _from_nodes(scene: ExposureScene, here: Here) -> Iterator[Opening]:
    if scene.own_node:
        yield from _kind(scene, here, OWN_NODE, scene.own_node)
    nodes = scene.nodes & ~(scene.node_of_all(here.pods) if scene.own_node else 0)
    if nodes:
        yield from _kind(scene, here, NODES, nodes)


def _kind(scene: ExposureScene, here: Here, door: str, within: int) -> Iterator[Opening]:
    blocks = list(_certainties(scene.incoming.blocks(here.element, within)))
    for block in blocks:
        yield _judged(scene, here, door, block, _node_clients(scene, door, block.sources, within))
    if not blocks:
        yield _judged(scene, here, door, Block(within, 0, 0), _node_clients(scene, door, within, within))


def _node_clients(scene: ExposureScene, door: str, bits: int, within: int) -> Clients:
    if door == OWN_NODE:
        return Clients()
    every = bits == within
    listed = () if not scene.has_nodes else tuple(scene.node_name(number) for number in indexes(bits))
    return Clients(nodes=listed, every_node=every)


def _from_outside(scene: ExposureScene, here: Here) -> Iterator[Opening]:
    """Yield what reaches the pod's own address: of a host-network pod its node's, of others one that may be routed."""
    host = here.endpoint.host_network
    door = DoorKind.HOST_NETWORK.value if host else POD_ADDRESS
    note = "" if host else "only where pod addresses are routed from outside the cluster"
    at = scene.node_addresses(here.pods) if host else ()
    blocks = list(_certainties(scene.incoming.blocks(here.element, scene.outside)))
    for block in blocks:
        found = _judged(scene, here, door, block, Clients(addresses=scene.addresses(block.sources)))
        yield _noted(found, note, at, here)
    if not blocks:
        outside = Block(scene.in_family_of(here.element, scene.outside), 0, 0)
        found = _judged(scene, here, door, outside, Clients(addresses=IPSet.all()))
        yield _noted(found, note, at, here)


def _metadata(scene: ExposureScene, here: Here) -> Iterator[Opening]:
    """NET-20: the address of the cloud's metadata is an ordinary one; who reaches it has the node's credentials."""
    certain: list[str] = []
    maybe: list[str] = []
    closed: list[str] = []
    families = scene.universe.elements[here.element].families
    for address in METADATA_ADDRESSES:
        if address_number(address)[0] in families:
            must, may = scene.metadata(address)
            listed = certain if must >> here.element & 1 else maybe if may >> here.element & 1 else closed
            listed.append(address)
    for verdict, found in ((Verdict.ALLOWED, certain), (Verdict.UNKNOWN, maybe)):
        if found:
            yield _to_metadata(scene, here, verdict, found)
    if not certain and not maybe and closed:
        yield _to_metadata(scene, here, Verdict.DENIED, closed)


def _to_metadata(scene: ExposureScene, here: Here, verdict: Verdict, addresses: list[str]) -> Opening:
    end = AddressEnd(addresses[0])
    asked = ConnectionSet.of({Protocol.TCP: PortSet.single(METADATA_PORT)})
    decision, deciders = scene.confirmed(PodEnd(scene.cluster.pods[here.pods[0]]), end, asked, verdict)
    return Opening(
        door=METADATA,
        verdict=verdict,
        connections=asked,
        clients=Clients(reaches=tuple(addresses)),
        reasons=scene.why(decision, here.element, scene.element_of(addresses[0])),
        decided_by=deciders,
    )


def _noted(item: Opening, note: str, addresses: tuple[str, ...], here: Here) -> Opening:
    place = here.endpoint.place if here.endpoint.host_network else None
    return replace(item, note=note, addresses=addresses, place=place)
