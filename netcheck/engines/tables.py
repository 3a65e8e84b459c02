"""Per subject and direction: to which peers, on which ports, the pipeline must and may let flows pass.

Classes to which the same stages apply share one table. A table is a list of parts with disjoint port masks; a peer
that is in no part is denied. Tables are exact: `may` without `must` means that two completions of the missing facts
differ, with one exception that is sound: more than MAX_ASSIGNMENTS labellings of one namespace are not searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, groupby
from typing import TypeVar

from netcheck.engines.entries import (
    Entry,
    LoweredPolicy,
    LoweredRule,
    LoweredTier,
    Outcome,
    address_peer,
    asks_for_nodes,
    blocks,
    disjuncts,
    namespace_selector,
    peers_are_nodes,
)
from netcheck.engines.lowering import (
    Lowering,
    Place,
    PortName,
    cover_every_labelling,
    labellings,
    node_bounds,
)
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import Element
from netcheck.logic.ir import (
    Action,
    IsNode,
    Kind,
    Mode,
    OpaqueStage,
    Pipeline,
    PortPredicate,
    Program,
    ResolvedFrom,
    Rule,
    Stage,
)
from netcheck.model.policy import Direction
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol

PortMask = tuple[int, int, PortName | None]
"""(port mask, the peers that it holds for, the port name in doubt or None)."""

MAX_NAMES = 8
"""So many domain names are told apart where rules in order speak of several; further ones stay unknown together."""


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


class DirectionTables:
    """Builds the tables of one direction; each table is computed once, for one IP family."""

    def __init__(self, program: Program, direction: Direction, lowering: Lowering) -> None:
        self._program = program
        self._pipeline: Pipeline = program.pipeline(direction)
        self._direction = direction
        self._lowering = lowering
        self._universe = lowering.universe
        self._ports = lowering.universe.ports
        self._entries: dict[tuple[int, int, int], tuple[Entry, ...]] = {}
        self._masks: dict[tuple[PortPredicate, int], tuple[PortMask, ...]] = {}
        self._named = self._named_port_bits()
        self._tables: dict[tuple[object, ...], tuple[Part, ...]] = {}
        self._place_lists: dict[int, list[Place]] = {}
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
            stage for stage in self._stages_near(element) if self._lowering.bounds(stage.subject, 4)[1] & bits
        )
        opaque = tuple(stage for stage in self._pipeline.opaque if self._lowering.bounds(stage.subject, 4)[1] & bits)
        return self._table(bits, stages, opaque, self._own_key(element, stages), version)

    def matched_by(self, stage: Stage, subject: int, version: int) -> tuple[tuple[Part, ...], ...]:
        """Return for each rule of a stage what it matches alone, for one class as subject; parts may overlap."""
        return tuple(tuple(self._alone(rule, subject, version)) for rule in stage.rules)

    def _alone(self, rule: Rule, subject: int, version: int) -> Iterable[Part]:
        for entry in self._lower(rule, subject, version):
            must, may = self._join([entry], version)
            yield Part(entry.mask, must if entry.doubt is None else 0, may)

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
                for index in indexes(self._lowering.bounds(stage.subject, 4)[1]):
                    selected.setdefault(index, []).append(stage)
        clouded: dict[int, list[OpaqueStage]] = {}
        for opaque in self._pipeline.opaque:
            for index in indexes(self._lowering.bounds(opaque.subject, 4)[1]):
                clouded.setdefault(index, []).append(opaque)
        groups: dict[tuple[object, ...], list[int]] = {}
        for index in range(self._universe.pod_count):
            stages = selected.get(index, [])
            named = self._own_key(index, stages) if stages else ()
            key = (tuple(map(id, stages)), tuple(map(id, clouded.get(index, ()))), named)
            groups.setdefault(key, []).append(index)
        return [
            (_bits(found), tuple(selected.get(found[0], ())), tuple(clouded.get(found[0], ())), key[2])
            for key, found in groups.items()
        ]

    def _own_key(self, index: int, stages: Sequence[Stage]) -> object:
        """Return what else tells subjects of the same stages apart: which select it for certain, what rules read of it."""
        doubtful = tuple(id(stage) for stage in stages if not self._lowering.bounds(stage.subject, 4)[0] >> index & 1)
        return doubtful, self._read_of(self._universe.elements[index], stages)

    def _read_of(self, element: Element, stages: Sequence[Stage]) -> object:
        """Return what of the subject itself its rules read: its named ports on ingress, its own node on egress."""
        if self._direction is Direction.EGRESS:
            return element.node_labels if any(asks_for_nodes(stage) for stage in stages) else ()
        if element.named and any(rule.ports.named for stage in stages for rule in stage.rules):
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
        if any(not item.additive for item in opaque):
            return [Part(self._ports.everything, 0, self._universe.everything)]
        tiers = self._tiers(subject, stages, version, clouded=bool(opaque))
        every = [entry for tier in tiers for _, rule in tier.rules() for entry in rule.entries]
        parts = []
        rest = self._ports.everything
        for mask, active in blocks(every):
            parts.append(self._part(mask, tiers, frozenset(map(id, active)), version))
            rest &= ~mask
        if rest:
            parts.append(self._part(rest, tiers, frozenset(), version))
        return parts

    def _tiers(self, subject: int, stages: tuple[Stage, ...], version: int, *, clouded: bool) -> list[LoweredTier]:
        """Return the tiers that speak of the subject, in order, with their rules lowered."""
        by_group: dict[int, list[LoweredPolicy]] = {}
        isolated = False
        for stage in stages:
            group = self._pipeline.groups[self._group_of[id(stage)]]
            isolated |= group.mode is Mode.UNION
            certain = bool(self._lowering.bounds(stage.subject, version)[0] >> subject & 1)
            rules = tuple(LoweredRule(rule.action, self._lower(rule, subject, version)) for rule in stage.rules)
            by_group.setdefault(self._group_of[id(stage)], []).append(LoweredPolicy(stage.priority, certain, rules))
        found = []
        for number, group in enumerate(self._pipeline.groups):
            policies = sorted(by_group.get(number, []), key=lambda item: item.priority)
            unclear = clouded and group.mode is Mode.UNION
            if policies or unclear:
                exempt = self._lowering.bounds(group.exempt, version)[0]
                maybe = exempt | self._lowering.bounds(group.maybe_exempt, version)[0]
                found.append(LoweredTier(group.mode, tuple(policies), exempt, maybe, unclear))
        return found

    def _part(self, mask: int, tiers: list[LoweredTier], active: frozenset[int], version: int) -> Part:
        """Return what is let through on ports on which exactly the `active` entries hold.

        Where rules in order meet addresses that are not known, each place where such an address may lie is judged on
        its own: an end that is let through at every one of them is let through for certain.
        """
        everything = self._universe.everything
        must, may = self._judge(tiers, active, version, None)
        doubtful = may & ~must & (self._lowering.addresses.unknown(version) | self._unsettled)
        places = self._places(version) if doubtful and any(tier.mode is Mode.FIRST_MATCH for tier in tiers) else ()
        if places:
            every, some = everything, 0
            for place in places:
                place_must, place_may = self._judge(tiers, active, version, place)
                every &= place_must
                some |= place_may
            must |= every & doubtful
            may &= some | ~doubtful
        return Part(mask, must, may)

    @cached_property
    def _unsettled(self) -> int:
        """The elements of which a rule in order can ask what is no address: hosts on unknown nodes, outside addresses."""
        found = 0
        if self._universe.mentions.node_selectors:
            found |= self._lowering.kinds(frozenset({Kind.HOST_POD, Kind.OWN_NODE}))
        if self._universe.mentions.domain_names:
            found |= self._lowering.kinds(frozenset({Kind.EXTERNAL}))
        if self._doubts:  # on ingress they are the subject's own ports, in doubt for all its peers
            found |= self._universe.everything if self._direction is Direction.INGRESS else self._in_doubt
        return found

    @cached_property
    def _doubts(self) -> list[PortName]:
        """The port names that some pod declares with several numbers (NP-26)."""
        return [name for name, by_numbers in self._named.items() if any(len(numbers) > 1 for numbers in by_numbers)]

    @property
    def _in_doubt(self) -> int:
        return _bits_union(
            holders
            for by_numbers in self._named.values()
            for numbers, holders in by_numbers.items()
            if len(numbers) > 1
        )

    def _places(self, version: int) -> list[Place]:
        """Return places that stand for all, or none if they are too many.

        Each peer depends on its own address and node, or on domain names, never on both: so pods, nodes and outside
        addresses are varied side by side, and only what one peer depends on is combined. Port names concern all.
        """
        found = self._place_lists.get(version)
        if found is None:
            found = self._place_lists[version] = self._make_places(version)
        return found

    def _make_places(self, version: int) -> list[Place]:
        mentions = self._universe.mentions
        names = sorted(mentions.domain_names)
        labels = labellings(sorted(mentions.node_selectors, key=str), {})
        if labels is None or len(names) > MAX_NAMES or len(self._doubts) > MAX_NAMES:
            return []
        pods, nodes = (indexes(atoms) or [0] for atoms in self._lowering.addresses.lies_in(version))
        at_nodes = [(atom, tuple(sorted(given.items()))) for atom in nodes for given in labels]
        resolved = _subsets(names)
        count = max(len(pods), len(at_nodes), len(resolved))
        return [
            Place(pods[i % len(pods)], *at_nodes[i % len(at_nodes)], resolved[i % len(resolved)], port_names)
            for port_names in _subsets(self._doubts)
            for i in range(count)
        ]

    def _judge(
        self, tiers: list[LoweredTier], active: frozenset[int], version: int, place: Place | None
    ) -> tuple[int, int]:
        """Return (must, may): three sets follow what can become of each peer - allowed, denied, not decided yet."""
        outcome = Outcome(reach=self._universe.everything)
        for tier in tiers:
            if tier.mode is Mode.UNION:
                self._judge_union(tier, outcome, active, version, place)
            else:
                self._judge_in_order(tier, outcome, active, version, place)
        everything = self._universe.everything
        return everything & ~outcome.denied, outcome.allowed | outcome.reach

    def _judge_union(
        self, tier: LoweredTier, outcome: Outcome, active: frozenset[int], version: int, place: Place | None
    ) -> None:
        """NP-4, NP-5: what no rule of an isolating policy allows is denied; nothing goes on to the next tier."""
        entries = [entry for _, rule in tier.rules() for entry in rule.entries if id(entry) in active]
        must, may = self._join(entries, version, place)
        must, may = must | tier.exempt, may | tier.maybe_exempt
        if tier.unclear:  # a policy of unknown effect may isolate the subject, and may allow anything
            may = self._universe.everything
        outcome.allowed |= outcome.reach & may
        outcome.denied |= outcome.reach & ~must
        if tier.policies:
            outcome.reach = 0

    def _judge_in_order(
        self, tier: LoweredTier, outcome: Outcome, active: frozenset[int], version: int, place: Place | None
    ) -> None:
        """ADM-3 to ADM-7: the first rule that matches decides; of tied policies any that matches may be applied."""
        passed = 0
        for _, tied in groupby(tier.policies, key=lambda item: item.priority):
            entry, rest = outcome.reach, outcome.reach
            for policy in tied:
                local = entry
                for rule in policy.rules:
                    entries = [item for item in rule.entries if id(item) in active]
                    must, may = self._join(entries, version, place)
                    must = must if policy.certain else 0
                    hit = local & may
                    if rule.action is Action.ALLOW:
                        outcome.allowed |= hit
                    elif rule.action is Action.DENY:
                        outcome.denied |= hit
                    else:
                        passed |= hit
                    local &= ~must
                    rest &= ~must
            outcome.reach = rest
        outcome.reach |= passed

    def _join(self, entries: Sequence[Entry], version: int, place: Place | None = None) -> tuple[int, int]:
        """Return the union of the entries' peers, exact also where several entries only together cover a peer."""
        must = may = 0
        for entry in entries:
            entry_must, entry_may = entry.at(place)
            must |= entry_must
            may |= entry_may
        if may != must:
            must = self._complete_labels(entries, must, may)
        if any(entry.addresses for entry in entries):
            found_must, found_may = self._by_address(entries, version, place)
            must |= found_must
            may |= found_may
        return must, may

    def _complete_labels(self, entries: Sequence[Entry], must: int, may: int) -> int:
        """Add to `must` the peers that the entries' namespace selectors cover together whatever the labels are."""
        uncertain = [entry for entry in entries if entry.selector is not None and entry.may != entry.must]
        known = self._lowering.namespaces
        for name, members in self._lowering.open_namespaces.items():
            for index in indexes(may & ~must & members):
                bit = 1 << index
                selectors = [
                    e.selector for e in uncertain if e.selector is not None and e.may & bit and e.doubt is None
                ]
                if selectors and cover_every_labelling(selectors, known[name].labels):
                    must |= bit
        return must

    def _by_address(self, entries: Sequence[Entry], version: int, place: Place | None) -> tuple[int, int]:
        """Return the peers whose address must and may lie in the union of the entries' blocks.

        With `place` (the atoms at which unknown addresses of pods and of nodes lie) no address is unknown.
        """
        together: dict[tuple[int, frozenset[Kind], bool], int] = {}
        for entry in entries:
            if entry.addresses:
                if place is not None and entry.doubt is not None and entry.doubt not in place.port_names:
                    continue
                key = (entry.within, entry.kinds, entry.doubt is None or place is not None)
                together[key] = together.get(key, 0) | entry.addresses
        must = may = 0
        bounds = self._lowering.addresses.bounds
        for (within, kinds, certain), atoms in together.items():
            found_must, found_may = bounds(atoms, version, kinds, place)
            must |= found_must & within if certain else 0
            may |= found_may & within
        if (
            place is None
            and len(together) > 1
            and (open_peers := may & ~must & self._lowering.addresses.unknown(version))
        ):
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

    # ---- one rule ----------------------------------------------------------------------------------------------

    def _lower(self, rule: Rule, subject: int, version: int) -> tuple[Entry, ...]:
        reads_subject = bool(rule.ports.named) if self._direction is Direction.INGRESS else peers_are_nodes(rule.peer)
        key = (id(rule), subject if reads_subject else -1, version)
        found = self._entries.get(key)
        if found is None:
            found = self._entries[key] = tuple(self._lower_rule(rule, subject, version))
        return found

    def _lower_rule(self, rule: Rule, subject: int, version: int) -> Iterable[Entry]:
        masks = self._port_masks(rule.ports, subject)
        for peer in disjuncts(rule.peer):
            selector = namespace_selector(peer)
            nodes = peer.selector if isinstance(peer, IsNode) else None
            names = peer.names if isinstance(peer, ResolvedFrom) else ()
            by_address = address_peer(peer)
            if by_address is None:
                must, may = self._lowering.bounds(peer, version)
            if nodes is not None:
                must, may = self._with_own_node(nodes, subject, must, may)
            for mask, within, doubt in masks:
                if by_address is not None:
                    kinds, addresses = by_address
                    atoms = self._universe.addresses.bits(addresses)
                    yield Entry(mask, 0, 0, None, atoms, kinds, within, doubt=doubt)
                else:
                    sure = must & within
                    found = sure if doubt is None else 0
                    yield Entry(mask, found, may & within, selector, nodes=nodes, names=names, doubt=doubt, sure=sure)

    def _with_own_node(self, selector: LabelSelector, subject: int, must: int, may: int) -> tuple[int, int]:
        """ADM-16: whether the own node is meant depends on the node that the subject runs on."""
        own = 1 << self._universe.own_node
        certain, possible = node_bounds(selector, self._universe.elements[subject].node_labels)
        return (must | own if certain else must & ~own), (may | own if possible else may & ~own)

    def _port_masks(self, ports: PortPredicate, subject: int) -> tuple[PortMask, ...]:
        """Return (port mask, peers it holds for, the name in doubt): named ports are the destination's."""
        if ports.any_port:
            return ((self._ports.everything, -1, None),)
        on_subject = self._direction is Direction.INGRESS and bool(ports.named)
        key = (ports, subject if on_subject else -1)
        found = self._masks.get(key)
        if found is None:
            plain = self._ports.mask(ports.numbers)
            resolved = self._resolve(ports, subject)
            found = self._masks[key] = ((plain, -1, None), *resolved) if plain else tuple(resolved)
        return found

    def _resolve(self, ports: PortPredicate, subject: int) -> list[PortMask]:
        found: list[PortMask] = []
        for name, numbers, holders in self._named_holders(ports):
            mask = _bits_union(self._ports.single(name[1], number) for number in numbers)
            doubt = name if len(numbers) > 1 else None
            if self._direction is Direction.EGRESS:
                seen = self._lowering.kinds(self._program.named_port_peers)
                found.append((mask, holders & seen, doubt))
            elif holders >> subject & 1:
                found.append((mask, -1, doubt))
        return found

    def _named_holders(self, ports: PortPredicate) -> Iterable[tuple[PortName, tuple[int, ...], int]]:
        for (name, protocol), by_numbers in self._named.items():
            if any(item.name == name and item.protocol in (protocol, None) for item in ports.named):
                for numbers, holders in by_numbers.items():
                    yield (name, protocol), numbers, holders


T = TypeVar("T")


def _subsets(items: Sequence[T]) -> list[frozenset[T]]:
    return [frozenset(some) for size in range(len(items) + 1) for some in combinations(items, size)]


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
