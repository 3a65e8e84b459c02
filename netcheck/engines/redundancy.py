"""Which policies and rules can go without any flow changing, in any cluster that could exist (SEMANTICS NP-40).

NetworkPolicies of one namespace and direction are judged together: what they allow is the union of their rules, and whom
they isolate the union of their selectors. So a rule can go iff others match all that it matches, and a policy iff others
select all that it selects and match all that its rules match. A policy without rules is there to deny by default; it goes
only where others without rules do so too, lest that hang on a policy that is there to allow. Nothing else in a cluster can make a difference that is
hidden here: other tiers see the same union.

Findings are taken out one after the other, so all that are named can go together. The solver is loaded only where an
example of a rule is matched by another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from netcheck.engines.smt import Refuter
from netcheck.engines.terms import Context, Encoding, conj, neg
from netcheck.logic.classes import Universe
from netcheck.logic.ir import Kind, Program, Stage
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.values.labels import LabelSelector, Operator

_TIMEOUT_MS = 2_000
_MOST_NEEDED = 12
"""A rule that more others than this together cover is covered by accident: which of them are needed is not worked out."""

RuleId = tuple[int, Direction, int]
"""The position of a policy among those given, the direction, and the position of the rule."""


@dataclass(frozen=True, slots=True)
class Redundant:
    """A rule that can go, and the rules that match all that it matches; `policy` is a position."""

    rule: RuleId
    covered_by: tuple[RuleId, ...]


@dataclass(frozen=True, slots=True)
class RedundantPolicy:
    """A policy that can go, and the policies that do what it does."""

    policy: int
    covered_by: tuple[int, ...]


@dataclass(slots=True)
class _Taken:
    """What was taken out already."""

    policies: set[int] = field(default_factory=set)
    rules: set[RuleId] = field(default_factory=set)


class Redundancy:
    """The policies of one namespace, and what of them can go."""

    def __init__(self, cluster: Cluster, policies: Sequence[NetworkPolicy]) -> None:
        self._policies = tuple(policies)
        self._cluster = cluster
        self._taken = _Taken()
        self._meeting: dict[tuple[LabelSelector, LabelSelector], bool] = {}

    @cached_property
    def _questions(self) -> dict[Direction, _Questions]:
        return {direction: _Questions(self._cluster, self._policies, direction) for direction in Direction}

    def policies(self, candidates: Sequence[int]) -> Iterator[RedundantPolicy]:
        """Yield which of the candidates can go, tried from the last to the first."""
        for number in sorted(candidates, reverse=True):
            needed = self._without(number)
            if needed is not None:
                self._taken.policies.add(number)
                yield RedundantPolicy(number, tuple(sorted(needed)))

    def _without(self, number: int) -> set[int] | None:
        """Return the policies that do what one does, or None unless that is proved."""
        policy = self._policies[number]
        needed: set[int] = set()
        for direction in policy.types:
            questions = self._questions[direction]
            others = [i for i in self._kept_policies(direction) if i != number and self._may_meet(i, number)]
            if not policy.rules(direction):  # it is there to deny: only such policies take its place
                others = [i for i in others if not self._policies[i].rules(direction)]
            selecting = questions.selected_by(number, others)
            if selecting is None:
                return None
            needed |= set(selecting)
            for index in range(len(policy.rules(direction))):
                covering = questions.covered((number, direction, index), self._kept(direction, number, number))
                if covering is None:
                    return None
                needed |= {item[0] for item in covering}
        return needed

    def _kept_policies(self, direction: Direction) -> list[int]:
        return [i for i in self._questions[direction].members if i not in self._taken.policies]

    def rules(self, candidates: Sequence[RuleId]) -> Iterator[Redundant]:
        """Yield which of the candidates can go, tried from the last to the first; not those of policies that can go."""
        for rule in sorted(candidates, key=lambda item: (item[0], item[1].value, item[2]), reverse=True):
            number, direction, _ = rule
            if number in self._taken.policies:
                continue
            covering = self._questions[direction].covered(rule, [o for o in self._kept(direction, number) if o != rule])
            if covering is not None:
                self._taken.rules.add(rule)
                yield Redundant(rule, covering)

    def _kept(self, direction: Direction, about: int, without: int = -1) -> list[RuleId]:
        """Return the rules that are left and may have to do with a policy."""
        gone = {*self._taken.policies, without}
        rules = [rule for rule in self._questions[direction].rules if self._may_meet(rule[0], about)]
        return [rule for rule in rules if rule[0] not in gone and rule not in self._taken.rules]

    def _may_meet(self, one: int, other: int) -> bool:
        """Return whether two policies may select the same pod; False only where their labels exclude each other.

        A rule of which no pod is shared helps to cover nothing, and the fewer are asked about the faster is the answer.
        """
        key = (self._policies[one].pod_selector, self._policies[other].pod_selector)
        found = self._meeting.get(key)
        if found is None:
            wanted = _values(key[0])
            found = all(values & wanted.get(name, values) for name, values in _values(key[1]).items())
            self._meeting[key] = found
        return found


class _Questions:
    """One direction: which policies and rules there are, and a solver for each reading of the profile."""

    def __init__(self, cluster: Cluster, policies: Sequence[NetworkPolicy], direction: Direction) -> None:
        self._direction = direction
        self.members = tuple(number for number, policy in enumerate(policies) if direction in policy.types)
        self.rules: tuple[RuleId, ...] = tuple(
            (number, direction, index)
            for number in self.members
            for index in range(len(policies[number].rules(direction)))
        )
        namespace = policies[0].namespace
        labels = {NAMESPACE_NAME_LABEL: namespace}
        here = Namespace(name=namespace, labels=labels, labels_known=False)
        self._bare = replace(
            Cluster(profile=cluster.profile, addressing=cluster.addressing),
            namespaces={namespace: here},
            policies=tuple(policies),
        )

    @cached_property
    def _solvers(self) -> tuple[Refuter, ...]:
        programs = [translate(self._bare, profile) for profile in resolutions(self._bare)]
        enforced = [program for program in programs if self._stages(program)]
        return tuple(Refuter(self._text(program), _TIMEOUT_MS) for program in enforced)

    def _stages(self, program: Program) -> list[Stage]:
        """Return the stages of the policies; none where the plugin is taken to enforce nothing."""
        return [stage for group in program.pipeline(self._direction).groups for stage in group.stages]

    def _text(self, program: Program) -> list[str]:
        """Return the constants `sj`/`nj`: policy j selects the subject or does not; `qi`/`ki`: rule i matches or not."""
        encoding = Encoding(Universe(self._bare, [program]), [program])
        defined = [encoding.well_formed(), *self._flow(encoding)]
        lines = []
        both = [self._stage_terms(encoding, program, stage) for stage in self._stages(program)]
        number = 0
        for place, (subject, rules) in zip(self.members, both, strict=True):
            lines += _named(f"s{place}", f"n{place}", subject)
            for rule in rules:
                lines += _named(f"q{number}", f"k{number}", conj((subject, rule)))
                number += 1
        defined += encoding.presence.values()
        return [
            *encoding.declarations(),
            "(declare-const six Bool)",
            *(f"(assert {term})" for term in defined),
            *lines,
        ]

    def _stage_terms(self, encoding: Encoding, program: Program, stage: Stage) -> tuple[str, list[str]]:
        subject, peer = ("d", "s") if self._direction is Direction.INGRESS else ("s", "d")
        found = [
            encoding.stage_terms(stage, Context(program, self._direction, version, subject, peer)) for version in (4, 6)
        ]
        (subject4, rules4), (subject6, rules6) = found
        return _family(subject4, subject6), [_family(four, six) for four, six in zip(rules4, rules6, strict=True)]

    @staticmethod
    def _flow(encoding: Encoding) -> Iterator[str]:
        """Both ends have the flow's family, an outside end only one, and only pods name ports (NET-2, NP-27)."""
        yield "(ite six (and s_has6 d_has6) (and s_has4 d_has4))"
        for end in ("s", "d"):
            yield f"(=> {encoding.is_kind(end, Kind.EXTERNAL)} (not (and {end}_has4 {end}_has6)))"
        yield f"(=> {neg(encoding.is_pod('d'))} {conj(encoding.no_named_ports())})"

    # ---- answers -----------------------------------------------------------------------------------------------

    def covered(self, rule: RuleId, others: Sequence[RuleId]) -> tuple[RuleId, ...] | None:
        """Return rules among the others that match all that a rule matches, or None unless that is proved."""
        place = {found: number for number, found in enumerate(self.rules)}
        found = self._refuted(f"q{place[rule]}", [f"k{place[other]}" for other in others])
        return None if found is None else tuple(self.rules[number] for number in found)

    def selected_by(self, policy: int, others: Sequence[int]) -> tuple[int, ...] | None:
        """Return policies among the others that select all that a policy selects, or None unless that is proved."""
        return self._refuted(f"s{policy}", [f"n{other}" for other in others])

    def _refuted(self, wanted: str, others: Sequence[str]) -> tuple[int, ...] | None:
        """Return the numbers of few others of which one holds wherever `wanted` does."""
        if not self._solvers:
            return None
        needed: set[str] = set()
        for solver in self._solvers:
            core = solver.refuted([wanted, *others])
            if core is None:
                return None
            needed |= set(_least(solver, wanted, [name for name in core if name != wanted]))
        return tuple(sorted(int(name[1:]) for name in needed))


def _values(selector: LabelSelector) -> dict[str, frozenset[str]]:
    """Return for each label that a selector asks for by values the values that are left."""
    found: dict[str, frozenset[str]] = {}
    for item in selector.requirements:
        if item.operator is Operator.IN:
            found[item.key] = found.get(item.key, frozenset(item.values)) & frozenset(item.values)
    return found


def _least(solver: Refuter, wanted: str, names: list[str]) -> list[str]:
    """Return a part of the names that is enough, and of which nothing can be left out."""
    needed = sorted(names, key=lambda name: int(name[1:]))
    if len(needed) > _MOST_NEEDED:
        return needed
    for name in list(reversed(needed)):
        fewer = [item for item in needed if item != name]
        if solver.refuted([wanted, *fewer]) is not None:
            needed = fewer
    return needed


def _named(true: str, false: str, term: str) -> list[str]:
    return [
        f"(declare-const {true} Bool)",
        f"(declare-const {false} Bool)",
        f"(assert (=> {true} {term}))",
        f"(assert (=> {false} {neg(term)}))",
    ]


def _family(four: str, six: str) -> str:
    return four if four == six else f"(ite six {six} {four})"
