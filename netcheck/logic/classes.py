"""Equivalence classes: the endpoints that no predicate, named port or property in the loaded set tells apart.

`Universe` numbers the elements of every engine's world: classes of pods sorted by namespace, then known nodes, the own
node, and the atoms of outside addresses. Everything after it is Boolean algebra over these numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from netcheck.logic.atoms import AddressAtoms, PortAtoms
from netcheck.logic.ir import Kind, NamedPort, Program
from netcheck.logic.mentions import Mentions, mentions
from netcheck.model.cluster import Cluster
from netcheck.model.objects import ContainerPort, Node, Pod
from netcheck.values.addresses import IPSet, address_number
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PROTOCOLS, Protocol

BOTH_FAMILIES = (4, 6)
NO_ATOM = -1
"""Stands for the atom of an address where no rule speaks of addresses."""

PortNumbers = tuple[tuple[str, Protocol, tuple[int, ...]], ...]
"""(name, protocol, the distinct numbers declared), sorted: only names that some rule mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of the universe.

    Attributes:
        labels: the labels whose keys some selector mentions (of a node: all).
        named: the named ports that some rule mentions.
        address_atoms: for each family that the element has: its address's atom, or None if the address is unknown.
        node_labels: of a pod whose node is known, and of a node: the labels whose keys some node selector mentions, as
            sorted pairs; None where the node is not known. Empty where no rule selects nodes.
        members: positions in `Cluster.pods` (kinds POD, HOST_POD) or in `Cluster.nodes` (kind NODE).
    """

    kind: Kind
    namespace: str = ""
    labels: Mapping[str, str]
    named: PortNumbers = ()
    address_atoms: tuple[tuple[int, int | None], ...] = ()
    node_labels: tuple[tuple[str, str], ...] | None = ()
    members: tuple[int, ...] = ()

    @property
    def families(self) -> tuple[int, ...]:
        """The IP families in which the element can talk."""
        return tuple(version for version, _ in self.address_atoms)


class Universe:
    """All elements with their numbers, and the port and address atoms of the programs.

    `cuts` are address sets, `port_cuts` ports, and `apart` groups of pods (one value for each pod of the cluster) that
    are told apart although no rule speaks of them.
    Bit layout: `pod_count` classes, then nodes, then the own node, then address atoms from `atom_offset`.
    """

    def __init__(
        self,
        cluster: Cluster,
        programs: Sequence[Program],
        pods: Iterable[int] | None = None,
        *,
        cuts: Sequence[IPSet] = (),
        port_cuts: Sequence[ConnectionSet] = (),
        apart: Sequence[Hashable] = (),
    ) -> None:
        self.cluster = cluster
        self.mentions = mentions(programs)
        pod_range, node_range = self._unknown_ranges(cluster)
        self.addresses = AddressAtoms([*self.mentions.addresses, *cuts], [pod_range, node_range])
        self._range_of = {Kind.POD: pod_range, Kind.HOST_POD: node_range, Kind.NODE: node_range}
        self._unknown = {
            kind: tuple((version, None) for version in BOTH_FAMILIES if lies_in.of_family(version))
            for kind, lies_in in self._range_of.items()
        }
        self.pod_range_atoms = self.addresses.bits(pod_range)
        self.node_range_atoms = self.addresses.bits(node_range)
        self._node_keys = frozenset(
            item.key for selector in self.mentions.node_selectors for item in selector.requirements
        )
        self._node_by_name = {node.name: node for node in cluster.nodes}
        self._node_by_address = {text: node for node in cluster.nodes for text in node.addresses}
        grouping = _Grouping(self, cluster, apart)
        self.elements: list[Element] = grouping.pod_elements(range(len(cluster.pods)) if pods is None else pods)
        self.pod_count = len(self.elements)
        self.elements += [self._node(index, node) for index, node in enumerate(cluster.nodes)]
        self.own_node = len(self.elements)
        self.elements.append(Element(kind=Kind.OWN_NODE, labels={}, address_atoms=self._unknown[Kind.NODE]))
        self.atom_offset = len(self.elements)
        self.size = self.atom_offset + self.addresses.count
        self.everything = (1 << self.size) - 1
        self.ports = self._port_atoms(port_cuts)
        self.class_of = {member: index for index in range(self.pod_count) for member in self.elements[index].members}

    @staticmethod
    def _unknown_ranges(cluster: Cluster) -> tuple[IPSet, IPSet]:
        addressing = cluster.addressing
        return IPSet.of_cidrs(*addressing.pods_lie_in()), IPSet.of_cidrs(*addressing.nodes_lie_in())

    def _node(self, index: int, node: Node) -> Element:
        return Element(
            kind=Kind.NODE,
            labels=node.labels,
            address_atoms=self.locate(node.addresses, Kind.NODE),
            node_labels=self.node_labels(node),
            members=(index,),
        )

    def node_labels(self, node: Node) -> tuple[tuple[str, str], ...]:
        """Return the labels of a node that some rule can read, sorted."""
        return tuple(sorted(item for item in node.labels.items() if item[0] in self._node_keys))

    def labels_of_node_of(self, pod: Pod) -> tuple[tuple[str, str], ...] | None:
        """Return the labels of the node that a pod runs on, as far as rules read them; None if the node is not known."""
        if not self.mentions.node_selectors:
            return ()
        node = self._node_by_name.get(pod.node)
        if node is None and pod.host_network:
            node = next((self._node_by_address[a] for a in pod.addresses if a in self._node_by_address), None)
        return None if node is None else self.node_labels(node)

    def locate(self, addresses: tuple[str, ...], kind: Kind) -> tuple[tuple[int, int | None], ...]:
        """Return for each family the atom of the first address; for no address, where an unknown one may lie."""
        if not addresses:
            return self._unknown[kind]
        found: dict[int, int | None] = {}
        for text in addresses:
            version, number = address_number(text)
            if version not in found:
                found[version] = self.addresses.atom(version, number)
        return tuple(sorted(found.items()))

    def _port_atoms(self, cuts: Sequence[ConnectionSet]) -> PortAtoms:
        numbers = {
            (protocol, number)
            for element in self.elements[: self.pod_count]
            for _, protocol, found in element.named
            for number in found
        }
        return PortAtoms([*self.mentions.port_sets, *cuts], numbers)

    def family_bits(self, version: int) -> int:
        """Return the elements that can talk in one family."""
        found = self.addresses.of_family(version) << self.atom_offset
        return found | mask_of(index for index, element in enumerate(self.elements) if version in element.families)


class _Grouping:
    """Groups pods into classes; every lookup that repeats over pods is memoized."""

    def __init__(self, universe: Universe, cluster: Cluster, apart: Sequence[Hashable]) -> None:
        self._universe = universe
        self._apart = apart
        self._pods = cluster.pods
        found: Mentions = universe.mentions
        self._keys = found.pod_keys
        self._named = found.named_ports
        self._ports: dict[tuple[ContainerPort, ...], PortNumbers] = {(): ()}
        self._labels: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
        self._cut_by_address = bool(found.addresses)
        self._atoms: dict[tuple[str, ...], tuple[tuple[int, int | None], ...]] = {}

    def pod_elements(self, chosen: Iterable[int]) -> list[Element]:
        groups: dict[tuple[object, ...], list[int]] = {}
        for index in chosen:
            key = self._key(self._pods[index])
            groups.setdefault((*key, self._apart[index]) if self._apart else key, []).append(index)
        ordered = sorted(groups.values(), key=lambda members: (self._pods[members[0]].namespace, members[0]))
        return [self._element(members) for members in ordered]

    def _key(self, pod: Pod) -> tuple[object, ...]:
        return (
            pod.namespace,
            tuple(sorted(item for item in pod.labels.items() if item[0] in self._keys)),
            pod.host_network,
            self._named_ports(pod.ports),
            self._address_atoms(pod),
            self._universe.labels_of_node_of(pod),
        )

    def _element(self, members: list[int]) -> Element:
        pod = self._pods[members[0]]
        return Element(
            kind=_kind(pod),
            namespace=pod.namespace,
            labels={key: value for key, value in pod.labels.items() if key in self._keys},
            named=self._named_ports(pod.ports),
            address_atoms=self._address_atoms(pod),
            node_labels=self._universe.labels_of_node_of(pod),
            members=tuple(members),
        )

    def _named_ports(self, ports: tuple[ContainerPort, ...]) -> PortNumbers:
        found = self._ports.get(ports)
        if found is None:
            found = self._ports[ports] = named_ports(ports, self._named)
        return found

    def _address_atoms(self, pod: Pod) -> tuple[tuple[int, int | None], ...]:
        if self._cut_by_address or not pod.addresses:
            return self._universe.locate(pod.addresses, _kind(pod))
        families = tuple(sorted({6 if ":" in text else 4 for text in pod.addresses}))
        return tuple((version, NO_ATOM) for version in families)


def _kind(pod: Pod) -> Kind:
    return Kind.HOST_POD if pod.host_network else Kind.POD


def named_ports(ports: Iterable[ContainerPort], wanted: frozenset[NamedPort]) -> PortNumbers:
    """Return the numbers that `ports` declare under the `wanted` names, by name and protocol (NP-26)."""
    if not wanted:
        return ()
    names = {(item.name, item.protocol) for item in wanted}
    found: dict[tuple[str, Protocol], set[int]] = {}
    for port in ports:
        if not port.name:
            continue
        protocol = Protocol(port.protocol)
        if (port.name, protocol) in names or (port.name, None) in names:
            found.setdefault((port.name, protocol), set()).add(port.number)
    order = {protocol: position for position, protocol in enumerate(PROTOCOLS)}
    ranked = sorted(found.items(), key=lambda item: (item[0][0], order[item[0][1]]))
    return tuple((name, protocol, tuple(sorted(numbers))) for (name, protocol), numbers in ranked)


def mask_of(indexes: Iterable[int]) -> int:
    """Return the integer whose one-bits are `indexes`."""
    chosen = sorted(indexes)
    if not chosen:
        return 0
    data = bytearray(chosen[-1] // 8 + 1)
    for index in chosen:
        data[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(data, "little")
