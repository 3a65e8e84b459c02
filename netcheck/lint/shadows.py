"""Rules that change nothing in the loaded cluster, whatever they would do in another (SEMANTICS NP-40)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from netcheck.engines.tables import DirectionTables, Part
from netcheck.lint.snapshot import Snapshot, Subjects
from netcheck.model.policy import Direction, NetworkPolicy, PolicyRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A rule that matches something in the loaded cluster, all of which other rules match too."""

    policy: NetworkPolicy
    rule: PolicyRule
    path: str
    others: tuple[NetworkPolicy, ...]


@dataclass(frozen=True, slots=True)
class _Matched:
    """What one rule matches for one group of pods, in each family."""

    policy: NetworkPolicy
    index: int
    parts: tuple[tuple[Part, ...], tuple[Part, ...]]


def shadows(snapshot: Snapshot, told: AbstractSet[int]) -> Iterator[Shadow]:
    """Yield the shadowed rules but those whose identity, or whose policy's, is `told`; all of them can go together."""
    for direction in Direction:
        groups = _groups(snapshot, direction)
        gone = set(told)
        for policy in reversed(snapshot.cluster.policies):
            if id(policy) in told or direction not in policy.types:
                continue
            for index in reversed(range(len(policy.rules(direction)))):
                rule = policy.rules(direction)[index]
                if id(rule) not in told and _is_shadowed(groups.get(id(policy), ()), policy, index, direction, gone):
                    gone.add(id(rule))
                    path = f"spec.{direction.value.lower()}[{index}]"
                    others = _others(groups[id(policy)], policy)
                    yield Shadow(policy=policy, rule=rule, path=path, others=others)


def _groups(snapshot: Snapshot, direction: Direction) -> dict[int, list[Sequence[_Matched]]]:
    """Return for each policy what the rules that concern its loaded pods match, by group of pods."""
    engine = snapshot.engine
    tables = DirectionTables(engine.program, direction, engine.lowering)
    found: dict[int, list[Sequence[_Matched]]] = {}
    for subjects in snapshot.subjects(direction):
        if subjects.isolated and any(map(snapshot.is_real, subjects.pods)):
            matched = _matched(tables, subjects)
            for policy in subjects.policies:
                found.setdefault(id(policy), []).append(matched)
    return found


def _matched(tables: DirectionTables, subjects: Subjects) -> list[_Matched]:
    stages = {stage.origin.policy: stage for stage in subjects.tables[4].stages}
    found = []
    for policy in subjects.policies:
        stage = stages[policy.label]
        four, six = (tables.matched_by(stage, subjects.element, version) for version in (4, 6))
        found += [_Matched(policy, index, parts) for index, parts in enumerate(zip(four, six, strict=True))]
    return found


def _is_shadowed(
    groups: Sequence[Sequence[_Matched]],
    policy: NetworkPolicy,
    index: int,
    direction: Direction,
    gone: AbstractSet[int],
) -> bool:
    """Return whether for every group the rule's parts are covered by rules that are kept, and some part is not empty."""
    matches_some = False
    for matched in groups:
        own = next(item for item in matched if item.policy is policy and item.index == index)
        others = [
            item
            for item in matched
            if item is not own and not {id(item.policy), id(item.policy.rules(direction)[item.index])} & gone
        ]
        for family in (0, 1):
            rest = [part for part in own.parts[family] if part.mask and part.may]
            matches_some |= bool(rest)
            if rest and not _covered(rest, [part for item in others for part in item.parts[family]]):
                return False
    return matches_some


def _covered(wanted: Sequence[Part], others: Sequence[Part]) -> bool:
    rest = [(part.mask, part.may) for part in wanted]
    for other in others:
        if other.must:
            kept = [(mask & ~other.mask, peers) for mask, peers in rest if mask & ~other.mask]
            kept += [(mask & other.mask, peers & ~other.must) for mask, peers in rest if mask & other.mask]
            rest = [(mask, peers) for mask, peers in kept if peers]
    return not rest


def _others(groups: Sequence[Sequence[_Matched]], policy: NetworkPolicy) -> tuple[NetworkPolicy, ...]:
    found = {item.policy.label: item.policy for matched in groups for item in matched if item.policy is not policy}
    return tuple(found[label] for label in sorted(found))
