"""The facts that routing may lack, and the one answer that every way to settle them leads to.

A router is run once for each way to complete the missing facts. If all runs end alike, that is the answer; else the
answer is UNKNOWN and names the facts that make the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace
from netcheck.model.profile import Switch
from netcheck.model.request import Chosen, Routed
from netcheck.semantics.completions import Choice, Completion, Fact, OracleLimit, each_completion
from netcheck.semantics.matching import selector_matches
from netcheck.values.labels import LabelSelector

T = TypeVar("T")
OTHER = "\0another value"
"""Stands for a label value that no selector names."""


class Aged(Protocol):
    """An object whose age may decide."""

    @property
    def namespace(self) -> str:
        """Its namespace."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def created(self) -> str:
        """`metadata.creationTimestamp`, or empty."""

    @property
    def label(self) -> str:
        """`Kind namespace/name`."""


@dataclass(slots=True)
class Setting:
    """The cluster, and how this run settles what it does not tell."""

    cluster: Cluster
    completion: Completion
    _older: set[tuple[str, str]] = field(default_factory=set)
    _met: dict[str, Aged] = field(default_factory=dict)

    def holds(self, key: tuple[object, ...], rule: str, message: str) -> bool:
        """Whether an unknown fact holds: both are tried."""
        return self.one_of(key, rule, message, (True, False))

    def one_of(self, key: tuple[object, ...], rule: str, message: str, answers: Sequence[T]) -> T:
        """Which of the answers an unknown fact takes: each is tried."""
        return self.completion.settle(Fact(key=key, rule=rule, message=message), answers)

    def switch(self, value: Switch, name: str, rule: str) -> bool:
        """Whether implementations of this profile do what the switch `name` tells of."""
        if value is not Switch.UNKNOWN:
            return value is Switch.YES
        return self.holds(("switch", name), rule, f"implementations differ: the switch `{name}` is not set")

    def exists(self, namespace: str, what: str, rule: str) -> bool:
        """Whether an object that is not loaded is there all the same: never where the input tells what there is."""
        if self.cluster.knows_namespace(namespace):
            return False
        message = f"{what} is not loaded, and the input does not tell what namespace `{namespace}` holds"
        return self.holds(("exists", what), rule, message)

    def older(self, one: Aged, other: Aged, rule: str) -> bool:
        """GW-18: the one with the earlier timestamp, then the first `{namespace}/{name}`; unknown without timestamps."""
        if one.created and other.created:
            return _age(one) < _age(other)
        self._met[one.label], self._met[other.label] = one, other
        if self._leads(one.label, other.label, frozenset()):
            return True
        if self._leads(other.label, one.label, frozenset()):
            return False
        first, second = sorted((one.label, other.label))
        message = f"whether {first} or {second} is older is not known: no `metadata.creationTimestamp`"
        first_is_older = self.holds(("older", first, second), rule, message)
        self._older.add((first, second) if first_is_older else (second, first))
        return first_is_older == (one.label == first)

    def _leads(self, start: str, goal: str, passed: frozenset[str]) -> bool:
        """Whether what was settled before, and timestamps, already put `start` before `goal`."""
        return any(
            label == goal or self._leads(label, goal, passed | {start})
            for label in self._met
            if label != start and label not in passed and self._comes_before(start, label)
        )

    def _comes_before(self, start: str, label: str) -> bool:
        one, other = self._met[start], self._met[label]
        if one.created and other.created:
            return _age(one) < _age(other)
        return (start, label) in self._older

    def oldest(self, things: Sequence[T], of: Callable[[T], Aged], rule: str) -> T:
        """The thing whose object is older than all others; the first of those that share one object."""
        best = things[0]
        for thing in things[1:]:
            if of(thing).label != of(best).label and self.older(of(thing), of(best), rule):
                best = thing
        return best

    def selects(self, selector: LabelSelector, namespace: str, rule: str) -> bool:
        """NP-12, WL-3: whether the selector holds of a namespace's labels, of which some may not be known."""
        known = self.cluster.namespaces.get(namespace) or Namespace(name=namespace, labels={}, labels_known=False)
        return selector_matches(selector, lambda key: self._label(known, key, rule))

    def _label(self, namespace: Namespace, key: str, rule: str) -> str | None:
        if key == NAMESPACE_NAME_LABEL:
            return namespace.name
        if key in namespace.labels or namespace.labels_known:
            return namespace.labels.get(key)
        message = f"the label `{key}` of namespace `{namespace.name}` is not known"
        return self.one_of(("label", namespace.name, key), rule, message, _values(self.cluster, key))


def _age(thing: Aged) -> tuple[str, str, str]:
    return (thing.created, f"{thing.namespace}/{thing.name}", thing.label)


def _values(cluster: Cluster, key: str) -> tuple[str | None, ...]:
    """WL-3: what an unknown label may be: a value that some selector names, another one, or absent."""
    listeners = [item for gateway in cluster.gateways for item in gateway.listeners]
    listeners += [item for listener_set in cluster.listener_sets for item in listener_set.listeners]
    allowed = [item.namespaces for item in listeners] + [gateway.listener_sets for gateway in cluster.gateways]
    named = {
        value
        for item in allowed
        for requirement in (item.selector.requirements if item.selector else ())
        if requirement.key == key
        for value in requirement.values
    }
    return (*sorted(named), OTHER, None)


@dataclass(frozen=True, slots=True)
class Tried:
    """One way to settle the missing facts, and what then happens."""

    trail: tuple[Choice, ...]
    outcome: Routed


def what_is_decided(outcome: Routed) -> Hashable:
    """All but the words of a refusal."""
    return replace(outcome, refused="refused" * bool(outcome.refused))


def settled(
    cluster: Cluster,
    run: Callable[[Setting], Routed],
    alike: Callable[[Routed], Hashable] = what_is_decided,
    limit: int = 20000,
) -> Routed:
    """Return the outcome of `run` iff it is alike in every completion, else UNKNOWN with what makes the difference.

    Of outcomes that are alike, the one whose rule is named first.

    Raises:
        OracleLimit: there are more completions than `limit`, and those tried end alike.
    """
    tried: list[Tried] = []
    try:
        for completion in each_completion(limit):
            outcome = run(Setting(cluster, completion))
            tried.append(Tried(tuple(completion.trail), outcome))
    except OracleLimit:
        if len({alike(item.outcome) for item in tried}) < 2:
            raise
    if len({alike(item.outcome) for item in tried}) == 1:
        return _first_named([item.outcome for item in tried])
    reasons = [fact.reason for fact in _facts_that_matter(tried, alike, 0)]
    reasons += [reason for item in tried for reason in item.outcome.reasons]
    return _what_is_common([item.outcome for item in tried], tuple(dict.fromkeys(reasons)))


def _first_named(outcomes: Sequence[Routed]) -> Routed:
    return min(outcomes, key=lambda item: _name_of(item.chosen))


def _name_of(chosen: Chosen | None) -> tuple[bool, str, int, int]:
    return (False, chosen.label, chosen.rule, chosen.match) if chosen else (True, "", 0, 0)


def _facts_that_matter(tried: Sequence[Tried], alike: Callable[[Routed], Hashable], depth: int) -> list[Fact]:
    """Return the facts of which one answer leaves other outcomes open than another."""
    if len({alike(item.outcome) for item in tried}) < 2:
        return []
    branches: dict[int, list[Tried]] = {}
    for item in tried:
        branches.setdefault(item.trail[depth].index, []).append(item)
    outcomes = {frozenset(alike(item.outcome) for item in branch) for branch in branches.values()}
    here = [tried[0].trail[depth].fact] if len(outcomes) > 1 else []
    return here + [fact for branch in branches.values() for fact in _facts_that_matter(branch, alike, depth + 1)]


def _what_is_common(outcomes: Sequence[Routed], reasons: tuple[Reason, ...]) -> Routed:
    """An unknown answer keeps what all outcomes share; of one and the same rule, the backends as they are if all is well."""
    first, *others = outcomes
    blank: Mapping[str, object] = {"status": None, "refused": "", "served": None, "chosen": None, "redirect": None}
    parted = {name for name in blank if any(getattr(item, name) != getattr(first, name) for item in others)}
    unknown = replace(first, verdict=Verdict.UNKNOWN, reasons=reasons, **{name: blank[name] for name in parted})  # type: ignore[arg-type]
    if "chosen" in parted or first.chosen is None:
        return replace(unknown, shares=(), mirrors=())
    return unknown


def unknown(rule: str, message: str, **known: object) -> Routed:
    """Return an answer that no completion settles: what happens is nowhere written."""
    return Routed(verdict=Verdict.UNKNOWN, reasons=(Reason(rule=rule, message=message),), **known)  # type: ignore[arg-type]
