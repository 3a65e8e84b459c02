"""Needs turned into what the policies of each namespace have to let through, by subject, direction, peer and port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from netcheck.logic.atoms import PortAtoms, indexes
from netcheck.model.cluster import Cluster
from netcheck.model.intents import SelectedPods
from netcheck.model.policy import Direction
from netcheck.queries.suggest_groups import Groups
from netcheck.queries.suggest_results import Need, NeedEnd
from netcheck.values.addresses import IPSet
from netcheck.values.labels import LabelSelector


@dataclass(frozen=True, slots=True)
class Anybody:
    """Every peer."""


@dataclass(frozen=True, slots=True)
class GroupPeer:
    """The pods of one group."""

    number: int


@dataclass(frozen=True, slots=True)
class LabelledPeer:
    """All pods with such labels, those that do not exist yet too."""

    selector: SelectedPods


@dataclass(frozen=True, slots=True)
class AddressPeer:
    """Addresses outside."""

    addresses: IPSet


PeerSymbol = Anybody | GroupPeer | LabelledPeer | AddressPeer
"""What a rule can name as one peer."""

Cells = dict[tuple[Direction, PeerSymbol], int]
"""What is to be let through: for a direction and a peer, the ports (a mask)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The groups that are newly isolated, by direction, and those that a NetworkPolicy isolates already.

    What is among neither stays as it is: a policy that lets something through to it would isolate it.
    """

    groups: Mapping[Direction, int]
    isolated: Mapping[Direction, int] = field(default_factory=dict)

    def has(self, number: int, direction: Direction) -> bool:
        """Return whether a group is open in a direction."""
        return bool(self.groups[direction] >> number & 1)


@dataclass(slots=True)
class Wanted:
    """What the policies to be suggested have to let through.

    Attributes:
        groups: by group, what its own policies must let through.
        labelled: the same by (namespace, pod selector), of needs that are about all pods with some labels.
        serving: which needs ask for that: (subject, direction, peer) -> (ports, position of the need).
    """

    ports: PortAtoms
    groups: dict[int, Cells] = field(default_factory=dict)
    labelled: dict[tuple[str, LabelSelector], Cells] = field(default_factory=dict)
    serving: dict[tuple[object, Direction, PeerSymbol], list[tuple[int, int]]] = field(default_factory=dict)


def wanted(cluster: Cluster, groups: Groups, needs: Iterable[Need], open_: Open) -> Wanted:
    """Return what the needs ask of the pods that are open; needs that open what is denied ask it of all pods."""
    every = tuple(needs)
    out = Wanted(ports=PortAtoms([need.connections for need in every]))
    builder = _Builder(cluster, groups, open_, out)
    for number, need in enumerate(every):
        builder.add(number, need)
    return out


class _Builder:
    def __init__(self, cluster: Cluster, groups: Groups, open_: Open, out: Wanted) -> None:
        self._cluster = cluster
        self._groups = groups
        self._open = open_
        self._out = out

    def add(self, number: int, need: Need) -> None:
        mask = self._out.ports.mask(need.connections)
        for direction, subject, peer in (
            (Direction.EGRESS, need.source, need.destination),
            (Direction.INGRESS, need.destination, need.source),
        ):
            for symbol in self._symbols(peer):
                for key, cells in self._subjects(subject, direction, everywhere=direction in need.denied):
                    if key == symbol and self._is_alone(symbol):
                        continue  # NET-6: a pod reaches itself whatever policies say
                    cells[direction, symbol] = cells.get((direction, symbol), 0) | mask
                    self._out.serving.setdefault((key, direction, symbol), []).append((mask, number))

    def _is_alone(self, symbol: PeerSymbol) -> bool:
        """Return whether a group is one pod, not a template that several are made of."""
        if not isinstance(symbol, GroupPeer):
            return False
        pods = [self._cluster.pods[position] for position in self._groups.groups[symbol.number].pods]
        workload = self._cluster.workloads.get(pods[0].workload)
        several = pods[0].template and workload is not None and workload.several
        return len(pods) == 1 and pods[0].replicas <= 1 and not several

    def _symbols(self, end: NeedEnd) -> Iterator[PeerSymbol]:
        if end.anybody:
            yield Anybody()
            return
        if end.selector is not None:
            yield LabelledPeer(end.selector)
        else:
            yield from (GroupPeer(number) for number in indexes(self._groups.of_pods(end.pods)))
        if end.addresses:
            yield AddressPeer(end.addresses)

    def _subjects(self, end: NeedEnd, direction: Direction, *, everywhere: bool) -> Iterator[tuple[object, Cells]]:
        """Yield the cells of those pods of an end that policies of ours are about.

        Where some of the pods with such labels are isolated already, a policy about all of them would open these too: then
        the others have it each on their own.
        """
        held = self._open.groups[direction] | (self._open.isolated.get(direction, 0) if everywhere else 0)
        if end.selector is not None:
            for namespace in self._namespaces(end.selector):
                mine = self._groups.matching(namespace, end.selector.pods) & ~self._groups.phantoms
                if not mine & ~held and (mine or (everywhere and self._denies_by_default(namespace, direction))):
                    key = (namespace, end.selector.pods)
                    yield key, self._out.labelled.setdefault(key, {})
                else:
                    yield from self._each(mine & held)
            return
        yield from self._each(self._groups.of_pods(end.pods) & held)

    def _denies_by_default(self, namespace: str, direction: Direction) -> bool:
        """Return whether a policy isolates every pod of a namespace, so also those that do not exist yet."""
        return any(
            policy.namespace == namespace and direction in policy.types and not policy.pod_selector.requirements
            for policy in self._cluster.policies
        )

    def _each(self, groups: int) -> Iterator[tuple[object, Cells]]:
        for number in indexes(groups):
            yield GroupPeer(number), self._out.groups.setdefault(number, {})

    def _namespaces(self, selector: SelectedPods) -> Iterator[str]:
        for name, namespace in sorted(self._cluster.namespaces.items()):
            if selector.namespaces is not None and name not in selector.namespaces:
                continue
            if selector.namespace_labels.matches(namespace.labels):
                yield name


def pods_of_peer(cluster: Cluster, groups: Groups, peer: SelectedPods) -> int:
    """Return the groups that a peer means which is given by labels."""
    found = 0
    for name, namespace in cluster.namespaces.items():
        if (peer.namespaces is None or name in peer.namespaces) and peer.namespace_labels.matches(namespace.labels):
            found |= groups.matching(name, peer.pods)
    return found
