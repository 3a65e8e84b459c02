"""What a rule becomes before tables are made of it: peers on port masks, and the partition of ports by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.engines.lowering import Place, PortName
from netcheck.logic.atoms import runs
from netcheck.logic.ir import (
    Action,
    AllOf,
    AnyOf,
    InAddresses,
    IsKind,
    IsNode,
    Kind,
    Mode,
    NamespaceLabels,
    Predicate,
    Stage,
)
from netcheck.values.addresses import IPSet
from netcheck.values.labels import LabelSelector


@dataclass(frozen=True, slots=True)
class Entry:
    """One peer of one rule on one port mask.

    `addresses` is set for a peer by address; then must and may leave out pods and nodes whose address is unknown, so
    that several blocks can cover such an address together. `within` restricts the peers by a named port (-1: no).
    """

    mask: int
    must: int
    may: int
    selector: LabelSelector | None = None
    addresses: int = 0
    kinds: frozenset[Kind] = frozenset()
    within: int = -1
    nodes: LabelSelector | None = None
    names: tuple[str, ...] = ()
    doubt: PortName | None = None
    sure: int = 0

    def at(self, place: Place | None) -> tuple[int, int]:
        """Return (must, may) of the peers that are not given by address, with the facts of `place` settled, if one is given.

        `doubt` is a port name of which it is not known whether it stands for the ports of `mask` (NP-26); `sure` are the
        peers that must match if it does.
        """
        if place is None:
            return self.must, self.may
        if self.doubt is not None and self.doubt not in place.port_names:
            return 0, 0
        must = self.must if self.doubt is None else self.sure
        if must == self.may:
            return must, self.may
        if self.nodes is not None:
            must = settled = self.may if self.nodes.matches(dict(place.node_labels)) else must
            return must, settled
        if self.names:
            must = settled = must if place.resolved.isdisjoint(self.names) else self.may
            return must, settled
        return must, self.may


@dataclass(frozen=True, slots=True)
class LoweredRule:
    """One rule for one subject."""

    action: Action
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class LoweredPolicy:
    """One policy's rules for one subject. `certain`: whether it selects the subject whatever the missing facts are."""

    priority: int
    certain: bool
    rules: tuple[LoweredRule, ...]


@dataclass(frozen=True, slots=True)
class LoweredTier:
    """The policies of one tier that speak of a subject, by priority. `unclear`: one of unknown effect may join them."""

    mode: Mode
    policies: tuple[LoweredPolicy, ...]
    exempt: int
    maybe_exempt: int
    unclear: bool

    def rules(self) -> Iterable[tuple[LoweredPolicy, LoweredRule]]:
        """Yield every rule with its policy, in order."""
        for policy in self.policies:
            for rule in policy.rules:
                yield policy, rule


@dataclass(slots=True)
class Outcome:
    """What can become of each peer's flows: sets that may overlap where facts are missing."""

    reach: int
    allowed: int = 0
    denied: int = 0


def peers_are_nodes(peer: Predicate) -> bool:
    """Return whether some disjunct of a peer selects nodes."""
    return any(isinstance(part, IsNode) for part in disjuncts(peer))


def asks_for_nodes(stage: Stage) -> bool:
    """Return whether some rule of a stage selects nodes."""
    return any(peers_are_nodes(rule.peer) for rule in stage.rules)


def disjuncts(peer: Predicate) -> tuple[Predicate, ...]:
    """Return predicates whose union is `peer`."""
    if isinstance(peer, AnyOf):
        return tuple(part for item in peer.parts for part in disjuncts(item))
    return (peer,)


def address_peer(peer: Predicate) -> tuple[frozenset[Kind], IPSet] | None:
    """Return (kinds, addresses) iff `peer` is a plain test of the address of endpoints of certain kinds."""
    match peer:
        case AllOf((IsKind(kinds), InAddresses(addresses))):
            return kinds, addresses
        case InAddresses(addresses):
            return frozenset(Kind), addresses
        case _:
            return None


def namespace_selector(peer: Predicate) -> LabelSelector | None:
    """Return the one namespace selector of a conjunction, or None if it has none or several."""
    if isinstance(peer, AllOf):
        found = [part.selector for part in peer.parts if isinstance(part, NamespaceLabels)]
        return found[0] if len(found) == 1 else None
    return peer.selector if isinstance(peer, NamespaceLabels) else None


def blocks(entries: Sequence[Entry]) -> list[tuple[int, list[Entry]]]:
    """Return disjoint port masks, each with exactly the entries that hold on all its ports; no entry: no block."""
    return [(mask, [entries[position] for position in active]) for mask, active in _blocks_of_positions(entries)]


def _blocks_of_positions(entries: Sequence[Entry]) -> list[tuple[int, list[int]]]:
    by_mask: dict[int, list[int]] = {}
    for position, entry in enumerate(entries):
        by_mask.setdefault(entry.mask, []).append(position)
    masks = list(by_mask)
    if len(masks) == 1:
        return [(masks[0], by_mask[masks[0]])]
    found = _split_few(masks) if len(masks) <= 8 else _split_many(masks)
    return [(mask, [p for number in numbers for p in by_mask[masks[number]]]) for mask, numbers in found]


def _split_few(masks: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
    parts: list[tuple[int, tuple[int, ...]]] = []
    for number, mask in enumerate(masks):
        rest = mask
        divided: list[tuple[int, tuple[int, ...]]] = []
        for part, numbers in parts:
            common = part & mask
            if common:
                divided.append((common, (*numbers, number)))
                rest &= ~common
            if part & ~mask:
                divided.append((part & ~mask, numbers))
        if rest:
            divided.append((rest, (number,)))
        parts = divided
    return parts


def _split_many(masks: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
    """The same by a sweep over the boundaries: linear in boundaries times what is active at each."""
    events: dict[int, list[tuple[int, bool]]] = {}
    for number, mask in enumerate(masks):
        for first, last in runs(mask):
            events.setdefault(first, []).append((number, True))
            events.setdefault(last + 1, []).append((number, False))
    active: set[int] = set()
    found: dict[tuple[int, ...], int] = {}
    positions = sorted(events)
    for index, position in enumerate(positions):
        for number, starts in events[position]:
            if starts:
                active.add(number)
            else:
                active.discard(number)
        if active:
            width = positions[index + 1] - position
            key = tuple(sorted(active))
            found[key] = found.get(key, 0) | ((1 << width) - 1) << position
    return [(mask, numbers) for numbers, mask in found.items()]
