"""Completions: every way to fill in the facts that the input lacks, one after the other.

A completion settles a fact when the evaluator first asks for it, and gives the same answer from then on, so two
readers of one fact always see one value. The evaluator is run again for each untried answer, until none is left:
only facts that are really read are ever enumerated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from netcheck.errors import NetcheckError, Place
from netcheck.model.flow import Reason

T = TypeVar("T")


class OracleLimit(NetcheckError):
    """The facts that are missing can be completed in more ways than the caller allows to try."""

    exit_code = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact that the input lacks: two with the same key are the same fact."""

    key: tuple[object, ...]
    rule: str
    message: str
    place: Place | None = field(default=None, compare=False)

    @property
    def reason(self) -> Reason:
        """The reason that an unknown verdict gives for this fact."""
        return Reason(rule=self.rule, message=self.message, place=self.place)


@dataclass(frozen=True, slots=True)
class Choice:
    """That a fact took the answer `index` of `count`."""

    fact: Fact
    index: int
    count: int


class Completion:
    """One way to fill in the missing facts. `path` says which answer the first facts asked for take; later ones take their first."""

    def __init__(self, path: tuple[int, ...] = ()) -> None:
        self._path = path
        self._settled: dict[tuple[object, ...], int] = {}
        self.trail: list[Choice] = []

    def settle(self, fact: Fact, answers: Sequence[T]) -> T:
        """Return the answer that this completion gives to `fact`; a single possible answer is no choice."""
        if len(answers) == 1:
            return answers[0]
        if fact.key not in self._settled:
            self._settle_first(fact, len(answers))
        return answers[self._settled[fact.key]]

    def _settle_first(self, fact: Fact, count: int) -> None:
        depth = len(self.trail)
        index = self._path[depth] if depth < len(self._path) else 0
        self._settled[fact.key] = index
        self.trail.append(Choice(fact, index, count))


def each_completion(limit: int) -> Iterator[Completion]:
    """Yield completions until all were tried; the caller evaluates each before it asks for the next.

    Raises:
        OracleLimit: there are more than `limit`.
    """
    path: tuple[int, ...] | None = ()
    for _ in range(limit):
        if path is None:
            return
        completion = Completion(path)
        yield completion
        path = _next_path(completion.trail)
    if path is not None:
        raise OracleLimit(f"the missing facts can be completed in more than {limit} ways")


def _next_path(trail: list[Choice]) -> tuple[int, ...] | None:
    """Return the path to the next untried answer, the last fact first, or None when all were tried."""
    for depth in reversed(range(len(trail))):
        if trail[depth].index + 1 < trail[depth].count:
            return (*(choice.index for choice in trail[:depth]), trail[depth].index + 1)
    return None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A completion that was tried, and whether the flow is allowed in it."""

    trail: tuple[Choice, ...]
    allowed: bool

    @property
    def path(self) -> tuple[int, ...]:
        """The path that leads to this completion again."""
        return tuple(choice.index for choice in self.trail)


def facts_that_matter(leaves: Sequence[Leaf], depth: int = 0) -> list[Fact]:
    """Return the facts of which one answer leaves other outcomes open than another, in the order they were asked for.

    All `leaves` agree on the first `depth` choices, so the next fact that they asked for is the same one.
    """
    if len({leaf.allowed for leaf in leaves}) < 2:
        return []
    branches: dict[int, list[Leaf]] = {}
    for leaf in leaves:
        branches.setdefault(leaf.trail[depth].index, []).append(leaf)
    outcomes = {frozenset(leaf.allowed for leaf in branch) for branch in branches.values()}
    here = [leaves[0].trail[depth].fact] if len(outcomes) > 1 else []
    return here + [fact for branch in branches.values() for fact in facts_that_matter(branch, depth + 1)]
