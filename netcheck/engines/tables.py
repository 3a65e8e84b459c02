"""Per subject and direction: to which peers, on which ports, the pipeline must and may let flows pass.

Classes to which the same stages apply share one table. A table is a list of parts with disjoint port masks; a peer
that is in no part is denied. Tables are exact: `may` without `must` means that two completions of the missing facts
differ, with one exception that is sound: more than MAX_ASSIGNMENTS labellings of one namespace are not searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from netcheck.engines.lowering import Lowering, cover_every_labelling
from netcheck.logic.atoms import indexes, runs
from netcheck.logic.classes import Element
from netcheck.logic.ir import (
    Action,
    AllOf,
    AnyOf,
    Group,
    InAddresses,
    IsKind,
    Kind,
    Mode,
    NamespaceLabels,
    OpaqueStage,
    Pipeline,
    PortPredicate,
    Predicate,
    Program,
    Rule,
    Stage,
)
from netcheck.model.policy import Direction
from netcheck.values.addresses import IPSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol


@dataclass(frozen=True, slots=True)
class Part:
    """On every port of `mask` exactly the peers in `must` are let through for certain, those in `may` possibly."""

    mask: int
    must: int
    may: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The parts of one profile: `subjects` are the classes that share it, `stages` what selects them.

    `restricted` is false iff no stage selects the subjects: then `parts` is the one part that lets everything pass.
    """

    subjects: int
    parts: tuple[Part, ...]
    stages: tuple[Stage, ...] = ()
    opaque: tuple[OpaqueStage, ...] = ()
    restricted: bool = True


@dataclass(frozen=True, slots=True)
class _Entry:
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
    certain_port: bool = True


class DirectionTables:
    """Builds the tables of one direction; each table is computed once, for one IP family."""

    def __init__(self, program: Program, direction: Direction, lowering: Lowering) -> None:
        self._program = program
        self._pipeline: Pipeline = program.pipeline(direction)
        self._direction = direction
        self._lowering = lowering
        self._universe = lowering.universe
        self._ports = lowering.universe.ports
        self._entries: dict[tuple[int, int, int], tuple[_Entry, ...]] = {}
        self._masks: dict[tuple[PortPredicate, int], tuple[tuple[int, int, bool], ...]] = {}
        self._named = self._named_port_bits()
        self._tables: dict[tuple[object, ...], tuple[Part, ...]] = {}
        self._group_of = {
            id(stage): number for number, group in enumerate(self._pipeline.groups) for stage in group.stages
        }

    def _named_port_bits(self) -> dict[tuple[str, Protocol], dict[tuple[int, ...], int]]:
        found: dict[tuple[str, Protocol], dict[tuple[int, ...], int]] = {}
        for index in range(self._universe.pod_count):
            for name, protocol, numbers in self._universe.elements[index].named:
                by_numbers = found.setdefault((name, protocol), {})
                by_numbers[numbers] = by_numbers.get(numbers, 0) | 1 << index
        return found

    # ---- who shares a table ------------------------------------------------------------------------------------

    def tables(self, version: int) -> list[Table]:
        """Return the tables of all classes, each class in exactly one, in ascending order of their first class."""
        groups = self._profiles()
        result = [self._table(bits, stages, opaque, named, version) for bits, stages, opaque, named in groups]
        return sorted(result, key=lambda table: table.subjects & -table.subjects)

    def table_of(self, element: int, version: int) -> Table:
        """Return the table of one class only: what a single question needs."""
        bits = 1 << element
        stages = tuple(
            stage for stage in self._stages_near(element) if self._lowering.bounds(stage.subject, 4)[0] & bits
        )
        opaque = tuple(stage for stage in self._pipeline.opaque if self._lowering.bounds(stage.subject, 4)[1] & bits)
        return self._table(bits, stages, opaque, self._named_key(self._universe.elements[element], stages), version)

    def _stages_near(self, element: int) -> Iterable[Stage]:
        namespace = self._universe.elements[element].namespace
        for group in self._pipeline.groups:
            for stage in group.stages:
                if stage.namespace is None or stage.namespace == namespace:
                    yield stage

    def _profiles(self) -> list[tuple[int, tuple[Stage, ...], tuple[OpaqueStage, ...], object]]:
        """Return (classes, stages, opaque stages, named-port key) with classes that no stage tells apart together."""
        selected: dict[int, list[Stage]] = {}
        for group in self._pipeline.groups:
            for stage in group.stages:
                for index in indexes(self._lowering.bounds(stage.subject, 4)[0]):
                    selected.setdefault(index, []).append(stage)
        clouded: dict[int, list[OpaqueStage]] = {}
        for opaque in self._pipeline.opaque:
            for index in indexes(self._lowering.bounds(opaque.subject, 4)[1]):
                clouded.setdefault(index, []).append(opaque)
        groups: dict[tuple[object, ...], list[int]] = {}
        for index in range(self._universe.pod_count):
            stages = selected.get(index, [])
            named = self._named_key(self._universe.elements[index], stages) if stages else ()
            key = (tuple(map(id, stages)), tuple(map(id, clouded.get(index, ()))), named)
            groups.setdefault(key, []).append(index)
        return [
            (_bits(found), tuple(selected.get(found[0], ())), tuple(clouded.get(found[0], ())), key[2])
            for key, found in groups.items()
        ]

    def _named_key(self, element: Element, stages: Iterable[Stage]) -> object:
        """Ingress rules resolve named ports on the subject, so subjects that resolve them differently are apart."""
        if self._direction is Direction.EGRESS or not element.named:
            return ()
        if any(rule.ports.named for stage in stages for rule in stage.rules):
            return element.named
        return ()

    # ---- one table ---------------------------------------------------------------------------------------------

    def _table(
        self,
        subjects: int,
        stages: tuple[Stage, ...],
        opaque: tuple[OpaqueStage, ...],
        named: object,
        version: int,
    ) -> Table:
        if not stages and not opaque:
            everything = self._universe.everything
            return Table(
                subjects=subjects, parts=(Part(self._ports.everything, everything, everything),), restricted=False
            )
        key = (tuple(map(id, stages)), tuple(map(id, opaque)), named, version)
        parts = self._tables.get(key)
        if parts is None:
            subject = (subjects & -subjects).bit_length() - 1
            parts = self._tables[key] = _merged(self._parts(subject, stages, opaque, version))
        return Table(subjects=subjects, parts=parts, stages=stages, opaque=opaque)

    def _parts(
        self, subject: int, stages: tuple[Stage, ...], opaque: tuple[OpaqueStage, ...], version: int
    ) -> list[Part]:
        everything = self._universe.everything
        if any(not item.additive for item in opaque):
            return [Part(self._ports.everything, 0, everything)]
        by_group: dict[int, list[Stage]] = {}
        for stage in stages:
            by_group.setdefault(self._group_of[id(stage)], []).append(stage)
        parts = [Part(self._ports.everything, everything, everything)]
        for number in sorted(by_group, reverse=True):
            parts = self._group(self._pipeline.groups[number], by_group[number], subject, version, parts)
        if opaque:
            parts = self._cloud(parts, isolated=bool(stages))
        return parts

    def _cloud(self, parts: list[Part], *, isolated: bool) -> list[Part]:
        """An additive policy of unknown effect may isolate the subject, and may allow anything (NP-5)."""
        everything = self._universe.everything
        exempt = 0
        for group in self._pipeline.groups:
            exempt |= self._lowering.bounds(group.exempt, 4)[0]
        kept = [Part(part.mask, part.must if isolated else exempt, everything) for part in parts]
        covered = _bits_union(part.mask for part in parts)
        return [*kept, Part(self._ports.everything & ~covered, exempt, everything)]

    def _group(
        self, group: Group, stages: list[Stage], subject: int, version: int, following: list[Part]
    ) -> list[Part]:
        if group.mode is Mode.UNION:
            return self._union(group, stages, subject, version)
        return self._first_match(stages, subject, version, following)

    def _union(self, group: Group, stages: list[Stage], subject: int, version: int) -> list[Part]:
        entries = [entry for stage in stages for rule in stage.rules for entry in self._lower(rule, subject, version)]
        exempt = self._lowering.bounds(group.exempt, version)[0]
        maybe = exempt | self._lowering.bounds(group.maybe_exempt, version)[0]
        parts = []
        rest = self._ports.everything
        for mask, active in blocks(entries):
            must, may = self._join(active, version)
            parts.append(Part(mask, must | exempt, may | maybe))
            rest &= ~mask
        if rest and maybe:
            parts.append(Part(rest, exempt, maybe))
        return parts

    def _join(self, entries: Sequence[_Entry], version: int) -> tuple[int, int]:
        """Return the union of the entries' peers, exact also where several entries only together cover a peer."""
        must = may = 0
        for entry in entries:
            must |= entry.must
            may |= entry.may
        if may != must:
            must = self._complete_labels(entries, must, may)
        if any(entry.addresses for entry in entries):
            found_must, found_may = self._by_address(entries, version)
            must |= found_must
            may |= found_may
        return must, may

    def _complete_labels(self, entries: Sequence[_Entry], must: int, may: int) -> int:
        """Add to `must` the peers that the entries' namespace selectors cover together whatever the labels are."""
        uncertain = [entry for entry in entries if entry.selector is not None and entry.may != entry.must]
        known = self._lowering.namespaces
        for name, members in self._lowering.open_namespaces.items():
            for index in indexes(may & ~must & members):
                bit = 1 << index
                selectors = [e.selector for e in uncertain if e.selector is not None and e.may & bit and e.certain_port]
                if selectors and cover_every_labelling(selectors, known[name].labels):
                    must |= bit
        return must

    def _by_address(self, entries: Sequence[_Entry], version: int) -> tuple[int, int]:
        """Return the peers whose address must and may lie in the union of the entries' blocks."""
        together: dict[tuple[int, frozenset[Kind], bool], int] = {}
        for entry in entries:
            if entry.addresses:
                key = (entry.within, entry.kinds, entry.certain_port)
                together[key] = together.get(key, 0) | entry.addresses
        must = may = 0
        bounds = self._lowering.addresses.bounds
        for (within, kinds, certain), atoms in together.items():
            found_must, found_may = bounds(atoms, version, kinds)
            must |= found_must & within if certain else 0
            may |= found_may & within
        if len(together) > 1 and (open_peers := may & ~must & self._lowering.addresses.unknown(version)):
            must |= self._covered_jointly(together, open_peers, version)
        return must, may

    def _covered_jointly(self, together: dict[tuple[int, frozenset[Kind], bool], int], peers: int, version: int) -> int:
        found = 0
        for index in indexes(peers):
            atoms = _bits_union(
                atoms for (within, _, certain), atoms in together.items() if certain and within >> index & 1
            )
            kind = self._universe.elements[index].kind
            kinds = frozenset.union(*(kinds for _, kinds, _ in together))
            if kind in kinds and self._lowering.addresses.bounds(atoms, version, kinds)[0] >> index & 1:
                found |= 1 << index
        return found

    # ---- first match -------------------------------------------------------------------------------------------

    def _first_match(self, stages: list[Stage], subject: int, version: int, following: list[Part]) -> list[Part]:
        """Rules in order decide; what they leave open or pass on is decided by `following` (ADM-3)."""
        ordered = sorted(stages, key=lambda stage: stage.priority)
        rules = [rule for stage in ordered for rule in stage.rules]
        entries: list[_Entry] = []
        rule_of: list[int] = []
        for position, rule in enumerate(rules):
            for entry in self._lower(rule, subject, version):
                entries.append(entry)
                rule_of.append(position)
        result = []
        rest = self._ports.everything
        for mask, active in _blocks_of_positions(entries):
            by_rule: dict[int, list[_Entry]] = {}
            for position in active:
                by_rule.setdefault(rule_of[position], []).append(entries[position])
            decided = [(rules[number].action, *self._join(found, version)) for number, found in sorted(by_rule.items())]
            result += self._decide(mask, decided, following)
            rest &= ~mask
        return result + [Part(part.mask & rest, part.must, part.may) for part in following if part.mask & rest]

    def _decide(self, mask: int, rules: list[tuple[Action, int, int]], following: list[Part]) -> list[Part]:
        must = may = 0
        passed_must = passed_may = 0
        open_must = open_may = self._universe.everything
        for action, rule_must, rule_may in rules:
            if action is Action.ALLOW:
                must |= open_must & rule_must
                may |= open_may & rule_may
            elif action is Action.PASS:
                passed_must |= open_must & rule_must
                passed_may |= open_may & rule_may
            open_must &= ~rule_may
            open_may &= ~rule_must
        next_must, next_may = open_must | passed_must, open_may | passed_may
        covered = 0
        parts = []
        for part in following:
            if common := part.mask & mask:
                parts.append(Part(common, must | next_must & part.must, may | next_may & part.may))
                covered |= common
        if mask & ~covered:
            parts.append(Part(mask & ~covered, must, may))
        return parts

    # ---- one rule ----------------------------------------------------------------------------------------------

    def _lower(self, rule: Rule, subject: int, version: int) -> tuple[_Entry, ...]:
        resolves_on_subject = self._direction is Direction.INGRESS and bool(rule.ports.named)
        key = (id(rule), subject if resolves_on_subject else -1, version)
        found = self._entries.get(key)
        if found is None:
            found = self._entries[key] = tuple(self._lower_rule(rule, subject, version))
        return found

    def _lower_rule(self, rule: Rule, subject: int, version: int) -> Iterable[_Entry]:
        masks = self._port_masks(rule.ports, subject)
        for peer in disjuncts(rule.peer):
            selector = _namespace_selector(peer)
            by_address = address_peer(peer)
            if by_address is None:
                must, may = self._lowering.bounds(peer, version)
            for mask, within, certain in masks:
                if by_address is not None:
                    kinds, addresses = by_address
                    atoms = self._universe.addresses.bits(addresses)
                    yield _Entry(mask, 0, 0, None, atoms, kinds, within, certain)
                else:
                    yield _Entry(mask, must & within if certain else 0, may & within, selector, certain_port=certain)

    def _port_masks(self, ports: PortPredicate, subject: int) -> tuple[tuple[int, int, bool], ...]:
        """Return (port mask, peers it holds for, whether it certainly holds): named ports are the destination's."""
        if ports.any_port:
            return ((self._ports.everything, -1, True),)
        on_subject = self._direction is Direction.INGRESS and bool(ports.named)
        key = (ports, subject if on_subject else -1)
        found = self._masks.get(key)
        if found is None:
            plain = self._ports.mask(ports.numbers)
            resolved = self._resolve(ports, subject)
            found = self._masks[key] = ((plain, -1, True), *resolved) if plain else tuple(resolved)
        return found

    def _resolve(self, ports: PortPredicate, subject: int) -> list[tuple[int, int, bool]]:
        found = []
        for protocol, numbers, holders in self._named_holders(ports):
            mask = _bits_union(self._ports.single(protocol, number) for number in numbers)
            if self._direction is Direction.EGRESS:
                seen = self._lowering.kinds(self._program.named_port_peers)
                found.append((mask, holders & seen, len(numbers) == 1))
            elif holders >> subject & 1:
                found.append((mask, -1, len(numbers) == 1))
        return found

    def _named_holders(self, ports: PortPredicate) -> Iterable[tuple[Protocol, tuple[int, ...], int]]:
        for (name, protocol), by_numbers in self._named.items():
            if any(item.name == name and item.protocol in (protocol, None) for item in ports.named):
                for numbers, holders in by_numbers.items():
                    yield protocol, numbers, holders


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


def _namespace_selector(peer: Predicate) -> LabelSelector | None:
    if isinstance(peer, AllOf):
        found = [part.selector for part in peer.parts if isinstance(part, NamespaceLabels)]
        return found[0] if len(found) == 1 else None
    return peer.selector if isinstance(peer, NamespaceLabels) else None


def blocks(entries: Sequence[_Entry]) -> list[tuple[int, list[_Entry]]]:
    """Return disjoint port masks, each with exactly the entries that hold on all its ports; no entry: no block."""
    return [(mask, [entries[position] for position in active]) for mask, active in _blocks_of_positions(entries)]


def _blocks_of_positions(entries: Sequence[_Entry]) -> list[tuple[int, list[int]]]:
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


def _merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return parts in which no two have the same peers, and none has no peer, ascending by mask."""
    by_peers: dict[tuple[int, int], int] = {}
    for part in parts:
        if part.may and part.mask:
            key = (part.must, part.may)
            by_peers[key] = by_peers.get(key, 0) | part.mask
    found = [Part(mask, must, may) for (must, may), mask in by_peers.items()]
    return tuple(sorted(found, key=lambda part: part.mask))


def _bits(found: Iterable[int]) -> int:
    bits = 0
    for index in found:
        bits |= 1 << index
    return bits


def _bits_union(sets: Iterable[int]) -> int:
    found = 0
    for bits in sets:
        found |= bits
    return found


Progress = Callable[[str], None]
