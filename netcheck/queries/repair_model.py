"""Which edits stop or open which flows: from an intent that is violated to a choice among edits, over classes of ends.

Flows are cut into cells - sources, destinations and ports that no rule and no edit tells apart - so one flow stands for
each. A flow that must not pass has to be stopped at one of its ends: every rule there that lets it through is edited, or
the pod is isolated. A flow that must pass has to be let through at both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.repairs import Choice, RuleReach, Way, bits_of, first, ports_apart, refined
from netcheck.engines.sets import PairMasks, SetEngine
from netcheck.engines.tables import Part
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction, NetworkPolicy, PolicyRule
from netcheck.queries.flow_table import Parts
from netcheck.queries.repair_edits import OF_A_RULE, Action, Edit, only_rules
from netcheck.queries.verify import Question

MOST_CELLS = 100_000
_OTHER = {Direction.INGRESS: Direction.EGRESS, Direction.EGRESS: Direction.INGRESS}


class TooMany(Exception):
    """There are more different flows than are looked at one by one."""


class NoWay(Exception):
    """No choice of edits changes what becomes of a flow between two elements on a port of a mask."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(str(cell))
        self.cell = cell


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A flow (elements, one port) that stands for all that nothing tells apart from it."""

    source: int
    destination: int
    mask: int


@dataclass(frozen=True, slots=True)
class Unit:
    """One peer of one rule of a policy (None: the rule has no peers)."""

    rule: int
    peer: int | None


Flows = list[tuple[int, Parts]]
"""Sources (bits) with the destinations by port mask: what must be stopped, or let through."""


class RepairModel:
    """The flows of one intent and the edits that may change what becomes of them.

    The universe of the question must tell apart what the edits mention.
    """

    def __init__(
        self,
        question: Question,
        flows: Flows,
        edits: Sequence[Edit],
        directions: Iterable[Direction] = tuple(Direction),
        *,
        closes: bool,
    ) -> None:
        self._question = question
        self._engine = question.engine
        self._universe = question.engine.universe
        self._cluster = question.cluster
        self._policies = question.cluster.policies
        self._edits = list(edits)
        self._directions = tuple(directions)
        self._flows = flows
        self._closes = closes
        self._units = [exploded(policy) for policy in self._policies]
        probes = [policy for policy, _ in self._units] + [edit.probe(self._policies) for edit in self._edits]
        self._reach = RuleReach(self._cluster, self._universe, probes)
        self._near: dict[tuple[str, Direction], list[int]] = {}
        for number, policy in enumerate(self._policies):
            for direction in policy.types:
                self._near.setdefault((policy.namespace, direction), []).append(number)
        self._edits_near: dict[tuple[str, Direction], list[int]] = {}
        for number, edit in enumerate(self._edits):
            self._edits_near.setdefault((edit.probe(self._policies).namespace, edit.direction), []).append(number)
        self.shown_by: dict[tuple[Way, ...], Cell] = {}
        self._pairs: dict[tuple[str, Direction, int, int], PairMasks] = {}

    # ---- cells -------------------------------------------------------------------------------------------------

    def cells(self) -> list[Cell]:
        """Return the flows one by one.

        Raises:
            TooMany: they are more than `MOST_CELLS`.
        """
        sources, destinations, masks = self._classes()
        found: dict[Cell, None] = {}
        for some, parts in self._flows:
            for one in sources:
                if not one & some:
                    continue
                for mask, others in parts.items():
                    for other in destinations:
                        if other & others and (pair := self._question.table.pair(one & some, other & others)):
                            found.update((Cell(*pair, port & -port), None) for port in masks if port & mask)
                    if len(found) > MOST_CELLS:
                        raise TooMany
        return list(found)

    def _classes(self) -> tuple[list[int], list[int], list[int]]:
        """Return sources, destinations and ports that no flow, policy or edit tells apart."""
        table, universe = self._question.table, self._universe
        every_source = bits_of(some for some, _ in self._flows)
        every_target = bits_of(others for _, parts in self._flows for others in parts.values())
        families = [*table.families.values(), table.pods]
        sources = refined([every_source], [*families, *(some for some, _ in self._flows)])
        targets = refined([every_target], [*families, *(o for _, parts in self._flows for o in parts.values())])
        sources = refined(sources, self._selected(Direction.EGRESS, every_source))
        targets = refined(targets, self._selected(Direction.INGRESS, every_target))
        targets = refined(targets, self._named(every_target))
        masks = [mask for _, parts in self._flows for mask in parts]
        into = list(self._parts(Direction.INGRESS, targets))
        out = list(self._parts(Direction.EGRESS, sources))
        sources = refined(sources, (bits for part in into for bits in (part.must, part.may)))
        targets = refined(targets, (bits for part in out for bits in (part.must, part.may)))
        apart = ports_apart(universe.ports.everything, [*masks, *(part.mask for part in (*into, *out))])
        return sources, targets, [mask for mask in apart if any(mask & other for other in masks)]

    def _selected(self, direction: Direction, elements: int) -> Iterator[int]:
        if direction not in self._directions:
            return
        for space in sorted(self._spaces(elements)):
            for number in self._around(space, direction):
                yield from (bits & elements for bits in self._reach.selected(number, direction))

    def _around(self, space: str, direction: Direction) -> list[int]:
        """Return the positions, among what is probed, of the policies and edits of a namespace."""
        offset = len(self._policies)
        edits = self._edits_near.get((space, direction), ())
        return [*self._near.get((space, direction), ()), *(offset + number for number in edits)]

    def _spaces(self, elements: int) -> set[str]:
        return {space for space, bits in self._space_bits.items() if bits & elements}

    @cached_property
    def _space_bits(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for number in range(self._universe.pod_count):
            space = self._universe.elements[number].namespace
            found[space] = found.get(space, 0) | 1 << number
        return found

    def _named(self, elements: int) -> Iterator[int]:
        by_ports: dict[object, int] = {}
        for number in range(self._universe.pod_count):
            if elements >> number & 1:
                named = self._universe.elements[number].named
                by_ports[named] = by_ports.get(named, 0) | 1 << number
        yield from by_ports.values()

    def _parts(self, direction: Direction, subjects: Sequence[int]) -> Iterator[Part]:
        for bits in subjects if direction in self._directions else ():
            subject = first(bits)
            if subject >= self._universe.pod_count:
                continue
            for number in self._around(self._universe.elements[subject].namespace, direction):
                if self._reach.selected(number, direction)[1] >> subject & 1:
                    for parts in self._reach.matched(number, direction, subject):
                        yield from parts

    # ---- what stops a flow -------------------------------------------------------------------------------------

    def stopping(self) -> Choice:
        """Return the choice that stops all flows.

        Raises:
            NoWay: some flow is stopped by no edit.
            TooMany: there are too many different flows.
        """
        return self._choice(self._stops)

    def _stops(self, cell: Cell) -> tuple[Way, ...]:
        found = [way for direction in self._directions if (way := self._stopped(cell, direction)) is not None]
        return tuple(sorted(set(found)))

    def _stopped(self, cell: Cell, direction: Direction) -> Way | None:
        subject, peer = _ends(cell, direction)
        if subject >= self._universe.pod_count or self._passes_anyway(cell, direction):
            return None
        space = self._universe.elements[subject].namespace
        needs: list[tuple[int, ...]] = []
        isolated = False
        for number in self._near.get((space, direction), ()):
            must, may = self._reach.selected(number, direction)
            isolated |= bool(must >> subject & 1)
            if may >> subject & 1:
                needs += self._narrowings(number, direction, subject, peer, cell.mask)
        isolating, opening = self._new_policies(space, direction, subject, peer, cell.mask)
        if not isolated:
            needs.append(isolating)
        return Way(tuple(sorted(set(needs))), opening) if all(needs) else None

    def _narrowings(
        self, number: int, direction: Direction, subject: int, peer: int, mask: int
    ) -> Iterator[tuple[int, ...]]:
        """Yield for each peer of a rule that lets a flow through the edits after which it does not."""
        units = [unit for way, unit in self._units[number][1] if way is direction]
        for unit, parts in zip(units, self._reach.matched(number, direction, subject), strict=True):
            if _lets(parts, peer, mask, surely=False):
                yield tuple(
                    edit
                    for edit in self._edits_near.get((self._policies[number].namespace, direction), ())
                    if self._is_about(edit, number, unit)
                    and not self._edit_lets(edit, subject, peer, mask, surely=False)
                )

    def _is_about(self, number: int, policy: int, unit: Unit) -> bool:
        edit = self._edits[number]
        return edit.policy == policy and edit.rule == unit.rule and edit.peer in (None, unit.peer)

    def _new_policies(
        self, space: str, direction: Direction, subject: int, peer: int, mask: int
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the new policies that isolate a pod and stop a flow, and those that would let it through."""
        stopping, opening = [], []
        for number in self._edits_near.get((space, direction), ()):
            if self._edits[number].new is None:
                continue
            must, may = self._reach.selected(len(self._policies) + number, direction)
            lets = self._edit_lets(number, subject, peer, mask, surely=False)
            if may >> subject & 1 and lets:
                opening.append(number)
            elif must >> subject & 1 and not lets:
                stopping.append(number)
        return tuple(stopping), tuple(opening)

    def _edit_lets(self, number: int, subject: int, peer: int, mask: int, *, surely: bool) -> bool:
        direction = self._edits[number].direction
        rules = self._reach.matched(len(self._policies) + number, direction, subject)
        return any(_lets(parts, peer, mask, surely=surely) for parts in rules)

    # ---- what lets a flow through ------------------------------------------------------------------------------

    def opening(self) -> Choice:
        """Return the choice that lets all flows through.

        Raises:
            NoWay: some flow is let through by no edits.
            TooMany: there are too many different flows.
        """
        return self._choice(self._opens)

    def _opens(self, cell: Cell) -> tuple[Way, ...]:
        if not self._ceiling.pair(cell.source, cell.destination).allowed & cell.mask:
            return ()
        lacking = [direction for direction in Direction if self.lacks(cell, direction)]
        if lacking:
            needs = [self._openings(cell, direction) for direction in lacking]
            return (Way(tuple(sorted(set(needs)))),) if all(needs) else ()
        # To be selected by any policy may be what it takes (ADM-10).
        needs = [need for direction in Direction if (need := self._openings(cell, direction))]
        return tuple(Way((need,)) for need in needs)

    def _openings(self, cell: Cell, direction: Direction) -> tuple[int, ...]:
        """Return the edits after which a direction lets a flow through."""
        subject, peer = _ends(cell, direction)
        if subject >= self._universe.pod_count:
            return ()
        space = self._universe.elements[subject].namespace
        return tuple(
            number
            for number in self._edits_near.get((space, direction), ())
            if self._reach.selected(len(self._policies) + number, direction)[0] >> subject & 1
            and self._edit_lets(number, subject, peer, cell.mask, surely=True)
        )

    def lacks(self, cell: Cell, direction: Direction) -> bool:
        """Return whether a direction may deny a flow, whatever the other does."""
        if _ends(cell, direction)[0] >= self._universe.pod_count:
            return False
        return not self._pair("open", _OTHER[direction], cell).allowed & cell.mask

    # ---- the choice --------------------------------------------------------------------------------------------

    def _choice(self, ways_of: Callable[[Cell], tuple[Way, ...]]) -> Choice:
        demands: dict[tuple[Way, ...], None] = {}
        for cell in self.cells():
            ways = ways_of(cell)
            if not ways:
                raise NoWay(cell)
            demands[ways] = None
            self.shown_by.setdefault(ways, cell)
        return Choice(
            costs=tuple(self._cost(number) for number in range(len(self._edits))),
            demands=tuple(demands),
            exclusive=tuple(self._exclusive()),
        )

    def _exclusive(self) -> Iterator[tuple[int, ...]]:
        """Yield edits that cannot go together: of one peer, or of a whole rule and of one of its peers."""
        by_rule: dict[tuple[int, Direction, int], list[int]] = {}
        for number, edit in enumerate(self._edits):
            if edit.policy is not None and edit.rule is not None:
                by_rule.setdefault((edit.policy, edit.direction, edit.rule), []).append(number)
        for numbers in by_rule.values():
            whole = tuple(number for number in numbers if self._edits[number].action in OF_A_RULE)
            peers = {self._edits[number].peer for number in numbers} - {None}
            if not peers and len(whole) > 1:
                yield whole
            for peer in sorted(one for one in peers if one is not None):
                yield (*whole, *(number for number in numbers if self._edits[number].peer == peer))

    def _cost(self, number: int) -> int:
        """Return about how much an edit changes: pairs of classes, by ports."""
        edit = self._edits[number]
        offset = len(self._policies) + number
        subjects = self._reach.selected(offset, edit.direction)[1] & self._question.table.pods
        if not subjects:
            return 1
        subject = first(subjects)
        after = self._size(self._reach.matched(offset, edit.direction, subject))
        if edit.policy is None and edit.action is Action.ADD_POLICY and self._closes:
            before = (self._question.table.ends.bit_count()) * len(self._port_classes)
        elif edit.policy is None or edit.rule is None or edit.action in (Action.ADD_PEER, Action.ADD_PORT):
            before = 0
        else:
            units = [unit for way, unit in self._units[edit.policy][1] if way is edit.direction]
            rules = self._reach.matched(edit.policy, edit.direction, subject)
            mine = [r for unit, r in zip(units, rules, strict=True) if self._is_about(number, edit.policy, unit)]
            before = self._size(mine)
        return 1 + abs(before - after) * subjects.bit_count()

    def _size(self, rules: Iterable[Iterable[Part]]) -> int:
        parts = [part for rule in rules for part in rule]
        return sum(bits_of(part.may for part in parts if part.mask & mask).bit_count() for mask in self._port_classes)

    @cached_property
    def _port_classes(self) -> list[int]:
        return [1 << 0, *(mask & -mask for mask in self._classes()[2])]

    # ---- what other tiers decide -------------------------------------------------------------------------------

    def _passes_anyway(self, cell: Cell, direction: Direction) -> bool:
        """Return whether a direction may let a flow pass although NetworkPolicies allow nothing there."""
        found = self._pair("closed", direction, cell)
        return bool((found.allowed | found.unknown) & cell.mask)

    def _pair(self, how: str, direction: Direction, cell: Cell) -> PairMasks:
        key = (how, direction, cell.source, cell.destination)
        found = self._pairs.get(key)
        if found is None:
            engine = self._settled[how, direction]
            found = self._pairs[key] = engine.pair(cell.source, cell.destination)
        return found

    @cached_property
    def _ceiling(self) -> SetEngine:
        """The cluster in which NetworkPolicies allow everything: what is denied there, others deny."""
        cluster = self._cluster
        for direction in Direction:
            cluster = with_default(cluster, direction, allows=True)
        return SetEngine(cluster, universe=self._universe)

    @cached_property
    def _settled(self) -> dict[tuple[str, Direction], SetEngine]:
        """The clusters in which NetworkPolicies allow nothing, and in which they allow everything, in one direction."""
        return {
            (how, direction): SetEngine(
                with_default(self._cluster, direction, allows=how == "open"), universe=self._universe
            )
            for how in ("closed", "open")
            for direction in Direction
        }


def _ends(cell: Cell, direction: Direction) -> tuple[int, int]:
    """Return the end that policies of a direction select, and the other."""
    return (cell.destination, cell.source) if direction is Direction.INGRESS else (cell.source, cell.destination)


def _lets(parts: Iterable[Part], peer: int, mask: int, *, surely: bool) -> bool:
    return any(part.mask & mask and (part.must if surely else part.may) >> peer & 1 for part in parts)


def exploded(policy: NetworkPolicy) -> tuple[NetworkPolicy, tuple[tuple[Direction, Unit], ...]]:
    """Return a policy that means the same, with a rule for each peer, and what each rule stands for."""
    units: list[tuple[Direction, Unit]] = []
    rules: dict[Direction, tuple[PolicyRule, ...]] = {}
    for direction in Direction:
        found: list[PolicyRule] = []
        for index, rule in enumerate(policy.rules(direction)):
            if not rule.peers:
                found.append(rule)
                units.append((direction, Unit(index, None)))
            for number, peer in enumerate(rule.peers):
                found.append(replace(rule, peers=(peer,)))
                units.append((direction, Unit(index, number)))
        rules[direction] = tuple(found)
    same = replace(policy, ingress=rules[Direction.INGRESS], egress=rules[Direction.EGRESS])
    return same, tuple(units)


def with_default(cluster: Cluster, direction: Direction, *, allows: bool) -> Cluster:
    """Return the cluster in which the NetworkPolicies isolate every pod in a direction, and allow everything or nothing there."""
    spaces = sorted({pod.namespace for pod in cluster.pods})
    rules = (PolicyRule(),) if allows else ()
    default = [
        only_rules(NetworkPolicy(namespace=space, name="default", types=(direction,)), direction, rules)
        for space in spaces
    ]
    others = (
        replace(policy, types=tuple(way for way in policy.types if way is not direction)) for policy in cluster.policies
    )
    return replace(cluster, policies=(*(policy for policy in others if policy.types), *default))
