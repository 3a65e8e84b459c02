"""Who is meant, as peers and ports of NetworkPolicies: those listed, all but those, and what both have in common.

A selector is a conjunction, so all that it does not select is what lacks one of its requirements: a peer for each. Such
peers mean the same for pods that do not exist yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from netcheck.engines.lowering import candidate_values, name_selector
from netcheck.model.cluster import Cluster
from netcheck.model.intents import SelectedPods
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Pod
from netcheck.model.policy import IPBlockPeer, Peer, PodPeer, PolicyPort
from netcheck.model.profile import Switch
from netcheck.queries.intent_ends import Members
from netcheck.queries.manifests import ports_of
from netcheck.queries.verify_any_pod import GENERATED_LABELS
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import PROTOCOLS, PortSet, Protocol

MOST_PEERS = 24
"""A complement of more peers than this is nothing that anybody would write."""
NAMING_LABELS = ("app.kubernetes.io/name", "app", "k8s-app", "name")
"""Labels by which people select the pods of a workload, the most telling first."""
_OPPOSITE = {
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
    Operator.EXISTS: Operator.DOES_NOT_EXIST,
    Operator.DOES_NOT_EXIST: Operator.EXISTS,
}


@dataclass(frozen=True, slots=True, order=False)
class PodTerm:
    """The pods whose namespace's labels match `spaces` and whose own match `pods`."""

    spaces: LabelSelector = LabelSelector()
    pods: LabelSelector = LabelSelector()


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Some pods and some addresses that are no pods. `is_exact`: no other pods have such labels."""

    pods: tuple[PodTerm, ...] = ()
    addresses: IPSet = field(default_factory=IPSet.none)
    is_exact: bool = True


ANYBODY = Who(pods=(PodTerm(),), addresses=IPSet.all())


class Speller:
    """Spells ends of intents as peers, in one cluster."""

    def __init__(self, cluster: Cluster, *, all_labels: bool) -> None:
        self._cluster = cluster
        self._all_labels = all_labels

    @cached_property
    def _near(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for position, pod in enumerate(self._cluster.pods):
            found[pod.namespace].append(position)
        return found

    def who(self, members: Iterable[Members]) -> Who | None:
        """Return whom ends stand for; None if no policy can name some of them."""
        terms: list[PodTerm] = []
        addresses = IPSet.none()
        exact = True
        for item in members:
            if item.symbolic is not None:
                return None
            positions = set(item.pods | item.maybe)
            for backends in item.services or ():
                positions |= {position for position, _ in backends.pods}
                for held, _ in backends.addresses:
                    addresses |= held
            if item.selector is not None:
                terms += _of_selector(item.selector)
            elif positions:
                named = self.named(positions)
                if named is None:
                    return None
                terms += named[0]
                exact &= named[1]
            addresses |= item.addresses | self._of_nodes(item) | self._of_hosts(positions)
        return Who(pods=tuple(dict.fromkeys(terms)), addresses=addresses, is_exact=exact)

    def _of_nodes(self, item: Members) -> IPSet:
        return IPSet.of_cidrs(*(text for number in item.nodes for text in self._cluster.nodes[number].addresses))

    def _of_hosts(self, positions: Iterable[int]) -> IPSet:
        """NP-21: pods on the host network are met by their addresses, where selectors do not see them."""
        if self._cluster.profile.host_net_peer is Switch.YES:
            return IPSet.none()
        pods = (self._cluster.pods[position] for position in positions)
        return IPSet.of_cidrs(*(text for pod in pods if pod.host_network for text in pod.addresses))

    def named(self, positions: Iterable[int]) -> tuple[list[PodTerm], bool] | None:
        """Return terms for some pods, and whether they select no others; None if their labels do not tell them."""
        by_space: dict[str, set[int]] = defaultdict(set)
        for position in positions:
            by_space[self._cluster.pods[position].namespace].add(position)
        terms, exact = [], True
        for space, chosen in sorted(by_space.items()):
            found = self.selector(space, chosen)
            if found is None:
                return None
            terms.append(PodTerm(name_selector((space,)), found[0]))
            exact &= found[1]
        return terms, exact

    def selector(self, space: str, chosen: set[int]) -> tuple[LabelSelector, bool] | None:
        """Return labels that all of some pods of a namespace have, and whether no other pod there has them.

        None if they have none in common, and there are others.
        """
        pods = self._cluster.pods
        there = self._near[space]
        common = set(pods[min(chosen)].labels.items())
        for position in chosen:
            common &= set(pods[position].labels.items())
        usable = {key: value for key, value in common if key not in GENERATED_LABELS}
        if len(chosen) == len(there) and not usable:
            return LabelSelector(), True
        every = LabelSelector.of(usable)
        if not usable:
            return None
        options = [LabelSelector.of({key: usable[key]}) for key in (*NAMING_LABELS, *sorted(usable)) if key in usable]
        for option in () if self._all_labels else options:
            if self._count(there, option) == len(chosen):
                return option, True
        return every, self._count(there, every) == len(chosen)

    def apart(self, chosen: set[int], others: set[int]) -> LabelSelector | None:
        """Return one requirement that all of some pods meet, and none of some others; None if no key tells them apart."""
        if not others:
            return LabelSelector()
        pods = self._cluster.pods
        keys = sorted({key for position in chosen | others for key in pods[position].labels} - GENERATED_LABELS)
        for key in dict.fromkeys((*(key for key in NAMING_LABELS if key in keys), *keys)):
            mine = {pods[position].labels.get(key) for position in chosen}
            theirs = {pods[position].labels.get(key) for position in others}
            if mine & theirs:
                continue
            if None not in mine:
                values = sorted(value for value in mine if value is not None)
                return LabelSelector.of(None, [Requirement(key, Operator.IN, tuple(values))])
            values = sorted(value for value in theirs if value is not None)
            return LabelSelector.of(None, [Requirement(key, Operator.NOT_IN, tuple(values))])
        return None

    def _count(self, there: Sequence[int], selector: LabelSelector) -> int:
        return sum(selector.matches(self._cluster.pods[position].labels) for position in there)

    # ---- algebra -----------------------------------------------------------------------------------------------

    def but(self, peers: Sequence[Peer], space: str, who: Who) -> tuple[Peer, ...] | None:
        """Return peers of a policy of `space` that mean what `peers` mean (none: anybody) without `who`."""
        if not peers:
            peers = (PodPeer(namespace_selector=LabelSelector()), *self._outside(who.addresses, bool(who.pods)))
        found: list[Peer] = []
        for peer in peers:
            if isinstance(peer, IPBlockPeer):
                found += _without_addresses(peer, who.addresses)
                continue
            terms = [_term(peer, space)]
            for other in who.pods:
                terms = [rest for term in terms for rest in self._minus(term, other)]
                if len(terms) > MOST_PEERS:
                    return None
            found += [peer] if terms == [_term(peer, space)] else [_peer(term, space) for term in terms]
        return tuple(dict.fromkeys(found))

    def common(self, peers: Sequence[Peer], space: str, who: Who) -> tuple[Peer, ...]:
        """Return peers of a policy of `space` that mean what both `peers` (none: anybody) and `who` mean."""
        if not peers:
            return self.peers(who, space)
        found: list[Peer] = []
        for peer in peers:
            if isinstance(peer, IPBlockPeer):
                held = _held(peer)
                inside = held & who.addresses
                found += [peer] if inside == held else _blocks(inside)
                continue
            term = _term(peer, space)
            joined = [both for other in who.pods if (both := self._both(term, other)) is not None]
            found += [peer] if term in joined else [_peer(both, space) for both in joined]
        return tuple(dict.fromkeys(found))

    @staticmethod
    def peers(who: Who, space: str) -> tuple[Peer, ...]:
        """Return `who` as peers of a policy of `space`; nobody is no peers, and so is anybody."""
        if PodTerm() in who.pods and who.addresses == IPSet.all():
            return ()
        return (*(_peer(term, space) for term in who.pods), *_blocks(who.addresses))

    def _outside(self, gone: IPSet, pods_matter: bool) -> list[IPBlockPeer]:
        """Return blocks for all but some addresses, and but for those of pods, if blocks are applied to pods."""
        held = IPSet.all() - gone
        if pods_matter and self._cluster.profile.cidr_matches_pods is not Switch.NO:
            held -= IPSet.of_cidrs(*self._cluster.addressing.pods_lie_in())
        return _blocks(held)

    def _minus(self, term: PodTerm, other: PodTerm) -> Iterator[PodTerm]:
        for part, is_space in ((other.spaces, True), (other.pods, False)):
            for item in part.requirements:
                opposite = PodTerm(*((_only(item), LabelSelector()) if is_space else (LabelSelector(), _only(item))))
                found = self._both(term, opposite)
                if found is not None:
                    yield found

    def _both(self, one: PodTerm, other: PodTerm) -> PodTerm | None:
        """Return what two terms have in common; None if that is nobody."""
        spaces = _joined(one.spaces, other.spaces)
        pods = _joined(one.pods, other.pods)
        if spaces is None or pods is None:
            return None
        name = _pinned(spaces)
        known = self._cluster.namespaces.get(name) if name else None
        if known is None or not known.labels_known:
            return PodTerm(spaces, pods)
        return PodTerm(name_selector((name,)), pods) if spaces.matches(known.labels) else None


def _of_selector(selector: SelectedPods) -> Iterator[PodTerm]:
    spaces: LabelSelector | None = selector.namespace_labels
    if selector.namespaces is not None:
        spaces = _joined(selector.namespace_labels, name_selector(sorted(selector.namespaces)))
    if spaces is not None:
        yield PodTerm(spaces, selector.pods)


def _only(item: Requirement) -> LabelSelector:
    """Return the selector of all that lacks a requirement."""
    return LabelSelector.of(None, [Requirement(item.key, _OPPOSITE[item.operator], item.values)])


def _joined(one: LabelSelector, other: LabelSelector) -> LabelSelector | None:
    """Return the conjunction, short where one requirement of a key says it all; None if nothing satisfies it."""
    by_key: dict[str, list[Requirement]] = defaultdict(list)
    for item in (*one.requirements, *other.requirements):
        by_key[item.key].append(item)
    found: list[Requirement] = []
    for key, items in by_key.items():
        values = [value for value in candidate_values(items) if all(item.matches(value) for item in items)]
        if not values:
            return None
        given = sorted({value for item in items if item.operator is Operator.IN for value in item.values})
        if given:  # only values that are named can match
            left = tuple(value for value in given if value in values)
            found.append(Requirement(key, Operator.IN, left))
        else:
            found += items
    return LabelSelector.of(None, found)


def _pinned(spaces: LabelSelector) -> str:
    """Return the one namespace that a selector names, if so."""
    names = [
        item.values
        for item in spaces.requirements
        if item.key == NAMESPACE_NAME_LABEL and item.operator is Operator.IN and len(item.values) == 1
    ]
    return names[0][0] if names else ""


def _term(peer: PodPeer, space: str) -> PodTerm:
    spaces = peer.namespace_selector if peer.namespace_selector is not None else name_selector((space,))
    return PodTerm(spaces, peer.pod_selector or LabelSelector())


def _peer(term: PodTerm, space: str) -> PodPeer:
    inside = term.spaces == name_selector((space,))
    pods = term.pods if term.pods.requirements or inside else None
    return PodPeer(pod_selector=pods, namespace_selector=None if inside else term.spaces)


def _held(peer: IPBlockPeer) -> IPSet:
    return IPSet.of_cidrs(peer.cidr) - IPSet.of_cidrs(*peer.excepts)


def _without_addresses(peer: IPBlockPeer, gone: IPSet) -> list[IPBlockPeer]:
    held = _held(peer)
    left = held - gone
    if left == held:
        return [peer]
    if not left:
        return []
    lost, plain = (IPSet.of_cidrs(peer.cidr) - left).cidrs(), left.cidrs()
    if len(plain) <= len(lost):
        return [IPBlockPeer(cidr=text, place=peer.place) for text in plain]
    return [IPBlockPeer(cidr=peer.cidr, excepts=tuple(lost), place=peer.place)]


def _blocks(addresses: IPSet) -> list[IPBlockPeer]:
    """Return addresses as blocks: as what is left of everything where that is shorter."""
    found = []
    for version, whole in ((4, "0.0.0.0/0"), (6, "::/0")):
        block = IPSet.of_cidrs(whole)
        plain, rest = addresses.cidrs_of_family(version), (block - addresses).cidrs_of_family(version)
        if len(rest) + 1 < len(plain):
            found.append(IPBlockPeer(cidr=whole, excepts=tuple(rest)))
        else:
            found += [IPBlockPeer(cidr=text) for text in plain]
    return found


# ---- ports -------------------------------------------------------------------------------------------------------------


def ports_within(
    ports: Sequence[PolicyPort], kept: ConnectionSet, numbers: dict[tuple[str, Protocol], PortSet]
) -> tuple[PolicyPort, ...] | None:
    """Return what is left of a rule's ports within some connections; None if nothing is.

    A named port stays iff all numbers (given) that pods declare under the name are within.
    """
    if not ports or kept == ConnectionSet.all():
        return (ports_of(kept) if kept else None) if not ports else tuple(ports)
    found: list[PolicyPort] = []
    for port in ports:
        protocol = Protocol(port.protocol)
        if isinstance(port.port, str):
            if numbers.get((port.port, protocol), PortSet.none()) <= kept.of_protocol(protocol):
                found.append(port)
            continue
        held = _numbers(port)
        left = held & kept.of_protocol(protocol)
        found += [port] if left == held else ports_of(ConnectionSet.of({protocol: left}))
    return tuple(found) or None


def connections_of(ports: Sequence[PolicyPort], numbers: dict[tuple[str, Protocol], PortSet]) -> ConnectionSet:
    """Return the connections that a rule's ports mean; a name means all numbers (given) that pods declare under it."""
    found = ConnectionSet.none() if ports else ConnectionSet.all()
    for port in ports:
        protocol = Protocol(port.protocol)
        held = numbers.get((port.port, protocol), PortSet.none()) if isinstance(port.port, str) else _numbers(port)
        found |= ConnectionSet.of({protocol: held})
    return found


def _numbers(port: PolicyPort) -> PortSet:
    if port.port is None:
        return PortSet.all()
    assert isinstance(port.port, int), "names are resolved by pods"
    return PortSet.of((port.port, port.end_port or port.port))


def declared_numbers(pods: Iterable[Pod]) -> dict[tuple[str, Protocol], PortSet]:
    """Return the numbers that pods declare under each name of a port."""
    found: dict[tuple[str, Protocol], PortSet] = {}
    for held in {pod.ports for pod in pods}:
        for port in held:
            if port.name:
                key = (port.name, Protocol(port.protocol))
                found[key] = found.get(key, PortSet.none()) | PortSet.single(port.number)
    return found


def declared(pods: Iterable[Pod]) -> ConnectionSet:
    """Return the ports that pods declare, all ports if they declare none."""
    found: dict[Protocol, PortSet] = {}
    for port in sorted({(port.protocol, port.number) for pod in pods for port in pod.ports}):
        protocol = Protocol(port[0])
        found[protocol] = found.get(protocol, PortSet.none()) | PortSet.single(port[1])
    assert set(found) <= set(PROTOCOLS)
    return ConnectionSet.of(found) or ConnectionSet.all()
