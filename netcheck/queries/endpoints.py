"""From the elements of a universe to the endpoints that users see: workloads or pods, address ranges, nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from netcheck.logic.classes import Element, Universe
from netcheck.logic.ir import Kind
from netcheck.model.cluster import Cluster
from netcheck.model.objects import Pod, Workload, WorkloadId
from netcheck.model.profile import Switch
from netcheck.queries.results import Endpoint, EndpointType
from netcheck.values.addresses import IPSet
from netcheck.values.labels import LabelSelector


class Resolution(Enum):
    """What one endpoint stands for: all pods of an owner that no policy tells apart, or one pod."""

    WORKLOAD = "workload"
    POD = "pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An endpoint and the elements of the universe that it stands for: all behave alike, the first represents them."""

    endpoint: Endpoint
    elements: tuple[int, ...]

    @property
    def element(self) -> int:
        """The element that represents the endpoint."""
        return self.elements[0]


def locate(universe: Universe, resolution: Resolution) -> tuple[Located, ...]:
    """Return every endpoint of a list: workloads or pods, then address ranges, nodes and the own node, sorted by id."""
    pods = _workloads(universe) if resolution is Resolution.WORKLOAD else _pods(universe)
    found = [*pods, *outside(universe), *_nodes(universe), *_own_node(universe)]
    return tuple(sorted(found, key=lambda item: (list(EndpointType).index(item.endpoint.type), item.endpoint.id)))


def _pods(universe: Universe) -> Iterable[Located]:
    cluster = universe.cluster
    names = Counter((pod.namespace, pod.name) for pod in cluster.pods)
    for number in range(universe.pod_count):
        for member in universe.elements[number].members:
            pod = cluster.pods[member]
            yield Located(
                endpoint=Endpoint(
                    id=f"{pod.namespace}/{pod.name}[Pod]{_apart(pod, names[pod.namespace, pod.name])}",
                    type=EndpointType.WORKLOAD,
                    namespace=pod.namespace,
                    name=pod.name,
                    kind="Pod",
                    pods=1,
                    host_network=pod.host_network,
                    place=pod.place,
                ),
                elements=(number,),
            )


def _apart(pod: Pod, namesakes: int) -> str:
    """Return what tells the pod of a workload from others of its name: a Deployment and a Pod may both be called web."""
    return f"{{{pod.workload.kind}}}" if namesakes > 1 and pod.template else ""


def _workloads(universe: Universe) -> Iterable[Located]:
    by_workload: dict[WorkloadId, dict[int, list[Pod]]] = {}
    for number in range(universe.pod_count):
        for member in universe.elements[number].members:
            pod = universe.cluster.pods[member]
            by_workload.setdefault(pod.workload, {}).setdefault(number, []).append(pod)
    for workload, classes in by_workload.items():
        yield from _of_workload(universe, workload, classes)


def _of_workload(universe: Universe, workload: WorkloadId, classes: dict[int, list[Pod]]) -> Iterable[Located]:
    groups = [[number] for number in classes]
    if len(classes) > 1:
        groups = _told_apart(universe, list(classes))
    for group in groups:
        pods = [pod for number in group for pod in classes[number]]
        suffix = _suffix(universe, groups, group, pods) if len(groups) > 1 else ""
        yield Located(endpoint=_workload_endpoint(universe.cluster, workload, pods, suffix), elements=tuple(group))


def _workload_endpoint(cluster: Cluster, workload: WorkloadId, pods: list[Pod], suffix: str) -> Endpoint:
    known = cluster.workloads.get(workload) or Workload(id=workload)
    count = sum(pod.replicas for pod in pods)
    return Endpoint(
        id=f"{workload}{suffix}",
        type=EndpointType.WORKLOAD,
        namespace=workload.namespace,
        name=workload.name,
        kind=workload.kind,
        pods=count,
        several=count > 1 or (known.several and not suffix),
        host_network=pods[0].host_network,
        place=known.place or pods[0].place,
    )


def _told_apart(universe: Universe, numbers: list[int]) -> list[list[int]]:
    """Return the classes grouped by what the loaded rules can tell: keys that differ may still never matter."""
    selectors = sorted(universe.mentions.pod_selectors, key=str)
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in numbers:
        groups.setdefault(_behaviour(universe.elements[number], selectors), []).append(number)
    return list(groups.values())


def _behaviour(element: Element, selectors: list[LabelSelector]) -> tuple[object, ...]:
    matches = tuple(selector.matches(element.labels) for selector in selectors)
    return (element.kind, matches, element.named, element.address_atoms)


def _suffix(universe: Universe, groups: list[list[int]], group: list[int], pods: list[Pod]) -> str:
    """Return what distinguishes a group: the labels in which groups differ, else the pods' names."""
    every = [universe.elements[number].labels for found in groups for number in found]
    keys = sorted({key for labels in every for key in labels if len({other.get(key) for other in every}) > 1})
    mine = {tuple((key, universe.elements[n].labels.get(key)) for key in keys) for n in group}
    others = {
        tuple((key, universe.elements[n].labels.get(key)) for key in keys) for g in groups if g is not group for n in g
    }
    if len(mine) == 1 and not mine & others:
        return (
            "{"
            + ",".join(f"{key}={value}" if value is not None else f"!{key}" for key, value in next(iter(mine)))
            + "}"
        )
    return "{" + ",".join(sorted(pod.name for pod in pods)) + "}"


def outside(universe: Universe) -> Iterable[Located]:
    """Yield the partition of all addresses, cut where the loaded rules cut and no finer.

    The families are told apart only if some pod has addresses of one family only: then they differ for it.
    """
    addresses = universe.addresses
    one_family = any(len(element.families) == 1 for element in universe.elements[: universe.pod_count])
    groups: dict[tuple[int, int], list[int]] = {}
    for atom in range(addresses.count):
        groups.setdefault((addresses.signature(atom), addresses.version(atom) if one_family else 0), []).append(atom)
    for (signature, version), atoms in groups.items():
        held = addresses.addresses(atoms)
        yield Located(
            endpoint=Endpoint(id=_address_id(signature, version, held), type=EndpointType.IP, addresses=held),
            elements=tuple(universe.atom_offset + atom for atom in atoms),
        )


def _address_id(signature: int, version: int, held: IPSet) -> str:
    if not signature:
        return f"ip:rest-ipv{version}" if version else "ip:rest"
    cidrs = held.cidrs()
    return f"ip:{cidrs[0]}" if len(cidrs) == 1 else f"ip:{cidrs[0]}+{len(cidrs) - 1}"


def _nodes(universe: Universe) -> Iterable[Located]:
    for number in range(universe.pod_count, universe.own_node):
        node = universe.cluster.nodes[universe.elements[number].members[0]]
        endpoint = Endpoint(id=f"node:{node.name}", type=EndpointType.NODE, name=node.name, place=node.place)
        yield Located(endpoint=endpoint, elements=(number,))


def _own_node(universe: Universe) -> Iterable[Located]:
    """The own node is an end of its own only if the profile exempts it in some direction (NET-4, NET-5)."""
    profile = universe.cluster.profile
    if profile.own_node_ingress is not Switch.NO or profile.own_node_egress is not Switch.NO:
        assert universe.elements[universe.own_node].kind is Kind.OWN_NODE
        yield Located(endpoint=Endpoint(id="own-node", type=EndpointType.OWN_NODE), elements=(universe.own_node,))
