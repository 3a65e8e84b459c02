"""What single rules of NetworkPolicies let through, and the choice of edits that meets demands, as plain data.

A repair is chosen among edits that are given: each demand must be met in one of several ways, and each way needs an edit
out of each of some sets. `engines.repairs_smt` chooses; nothing here knows of a solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from netcheck.engines.lowering import Lowering
from netcheck.engines.tables import DirectionTables, Part
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import Universe
from netcheck.logic.ir import Stage
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction, NetworkPolicy

_FAMILIES = (4, 6)


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One way to meet a demand: an edit out of each of `needs`, and none of `without` (edits by number, ascending)."""

    needs: tuple[tuple[int, ...], ...] = ()
    without: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which edits to choose: every demand is met in one of its ways, of each of `exclusive` at most one edit is chosen.

    Attributes:
        costs: for each edit what it changes beside what is demanded; `1` and more.
    """

    costs: tuple[int, ...]
    demands: tuple[tuple[Way, ...], ...]
    exclusive: tuple[tuple[int, ...], ...] = ()

    def is_met(self, chosen: frozenset[int]) -> bool:
        """Return whether a set of edits meets all demands."""
        alone = all(len(chosen.intersection(group)) <= 1 for group in self.exclusive)
        return alone and self.unmet(chosen) is None

    def unmet(self, chosen: frozenset[int]) -> tuple[Way, ...] | None:
        """Return the first demand that a set of edits does not meet, or None."""
        return next((ways for ways in self.demands if not any(_is_taken(way, chosen) for way in ways)), None)


def _is_taken(way: Way, chosen: frozenset[int]) -> bool:
    return chosen.isdisjoint(way.without) and all(not chosen.isdisjoint(need) for need in way.needs)


class RuleReach:
    """What each rule of some policies lets through by itself, over the elements of one universe.

    The universe must tell apart what the policies mention. Policies are given by their position.
    """

    def __init__(self, cluster: Cluster, universe: Universe, policies: Sequence[NetworkPolicy]) -> None:
        named = tuple(replace(policy, name=f"{number}") for number, policy in enumerate(policies))
        alone = replace(cluster, policies=named, admin=(), opaque=())
        lowering = Lowering(universe)
        self._worlds: list[dict[Direction, tuple[DirectionTables, dict[int, Stage]]]] = []
        for profile in resolutions(alone):
            program = translate(alone, profile)
            world = {}
            for direction in Direction:
                having = [number for number, policy in enumerate(named) if direction in policy.types]
                stages = [stage for group in program.pipeline(direction).groups for stage in group.stages]
                tables = DirectionTables(program, direction, lowering)
                world[direction] = (tables, dict(zip(having, stages, strict=False)))
            self._worlds.append(world)
        self._lowering = lowering
        self._selected: dict[tuple[int, Direction], tuple[int, int]] = {}
        self._found: dict[tuple[int, Direction, int], tuple[tuple[Part, ...], ...]] = {}

    def selected(self, policy: int, direction: Direction) -> tuple[int, int]:
        """Return the elements that a policy selects under every resolution of the profile, and under some."""
        known = self._selected.get((policy, direction))
        if known is not None:
            return known
        must, may = -1, 0
        for world in self._worlds:
            stage = world[direction][1].get(policy)
            found = self._lowering.bounds(stage.subject, 4) if stage is not None else (0, 0)
            must &= found[0]
            may |= found[1]
        self._selected[policy, direction] = must, may
        return must, may

    def matched(self, policy: int, direction: Direction, subject: int) -> tuple[tuple[Part, ...], ...]:
        """Return for each rule what it lets through with `subject` as subject, in some family; parts may overlap."""
        key = (policy, direction, subject)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = tuple(self._matched(policy, direction, subject))
        return found

    def _matched(self, policy: int, direction: Direction, subject: int) -> Iterator[tuple[Part, ...]]:
        each = [
            tables.matched_by(stage, subject, version)
            for tables, stages in (world[direction] for world in self._worlds)
            if (stage := stages.get(policy)) is not None
            for version in _FAMILIES
        ]
        for rule in zip(*each, strict=True):
            yield tuple(dict.fromkeys(part for parts in rule for part in parts))


def refined(parts: Iterable[int], cuts: Iterable[int]) -> list[int]:
    """Return a partition of the union of disjoint bit sets in which no set of `cuts` cuts a part, by lowest bit."""
    found = [part for part in parts if part]
    for cut in dict.fromkeys(cuts):
        found = [piece for part in found for piece in (part & cut, part & ~cut) if piece]
    return sorted(found, key=lambda part: part & -part)


def ports_apart(everything: int, masks: Iterable[int]) -> list[int]:
    """Return the parts of `everything` that no mask cuts."""
    return refined([everything], masks)


def bits_of(elements: Iterable[int]) -> int:
    """Return the union of bit sets."""
    found = 0
    for bits in elements:
        found |= bits
    return found


def first(bits: int) -> int:
    """Return the lowest member of a set that has one."""
    return indexes(bits & -bits)[0]
