"""Pods that no label tells apart, and the selectors that name some of them and no others.

A policy can tell pods apart by their labels only, and labels that controllers generate are nobody's choice; so
suggestions are about these groups. Sets of groups are integers, bit i standing for group i.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from netcheck.engines.covers import cheapest_cover
from netcheck.load.names import label_value, qualified_name
from netcheck.logic.atoms import indexes
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.queries.dataplane import is_phantom
from netcheck.queries.verify_any_pod import GENERATED_LABELS
from netcheck.values.labels import LabelSelector, Operator, Requirement

_GOOD_KEYS = (
    "app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/component", "app.kubernetes.io/instance", "component",
    "name", "run", "role", "tier",
)  # fmt: skip
_BAD_KEYS = frozenset(
    {
        "app.kubernetes.io/version",
        "app.kubernetes.io/managed-by",
        "helm.sh/chart",
        "chart",
        "heritage",
        "version",
        "release",
    }
)
"""Labels that change from release to release, or that tell nothing of what a pod does."""
_PER_REQUIREMENT, _ANY_KEY, _BAD_KEY, _EXPRESSION = 100, 20, 80, 50
_MOST_LABELS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The pods (positions) of a namespace with the same labels."""

    namespace: str
    labels: Mapping[str, str]
    pods: tuple[int, ...]
    workloads: tuple[str, ...]
    phantom: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A selector, the groups of its namespace that it selects, and how little it recommends itself."""

    selector: LabelSelector
    groups: int
    cost: int


class Groups:
    """The groups of a cluster; pods on their node's network are in none, as no selector means them (NET-3).

    Nor are pods whose labels the API server refuses: no selector could name them, and they cannot exist.
    """

    def __init__(self, cluster: Cluster, timeout_ms: int) -> None:
        self._cluster = cluster
        self._timeout_ms = timeout_ms
        self._label_faults: dict[tuple[str, str], bool] = {}
        self.refused = frozenset(
            position for position, pod in enumerate(cluster.pods) if any(map(self._is_refused, pod.labels.items()))
        )
        found: dict[tuple[str, tuple[tuple[str, str], ...], bool], list[int]] = {}
        for position, pod in enumerate(cluster.pods):
            if not pod.host_network and position not in self.refused:
                labels = tuple(sorted(item for item in pod.labels.items() if item[0] not in GENERATED_LABELS))
                found.setdefault((pod.namespace, labels, is_phantom(pod)), []).append(position)
        self.groups = tuple(
            Group(
                namespace=namespace,
                labels=dict(labels),
                pods=tuple(pods),
                workloads=tuple(dict.fromkeys(str(cluster.pods[one].workload) for one in pods)),
                phantom=phantom,
            )
            for (namespace, labels, phantom), pods in sorted(found.items(), key=lambda item: item[0])
        )
        self._of = {position: number for number, group in enumerate(self.groups) for position in group.pods}
        self.phantoms = sum(1 << number for number, group in enumerate(self.groups) if group.phantom)
        self._in: dict[str, int] = {}
        for number, group in enumerate(self.groups):
            self._in[group.namespace] = self._in.get(group.namespace, 0) | 1 << number
        self._having: dict[tuple[str, str, str | None], int] = {}
        for number, group in enumerate(self.groups):
            for key, value in group.labels.items():
                for held in (value, None):
                    at = (group.namespace, key, held)
                    self._having[at] = self._having.get(at, 0) | 1 << number
        self._choices: dict[str, dict[int, Choice]] = {}
        self._fewest: dict[tuple[str, int], tuple[LabelSelector, ...]] = {}

    def _is_refused(self, label: tuple[str, str]) -> bool:
        found = self._label_faults.get(label)
        if found is None:
            found = self._label_faults[label] = bool(qualified_name(label[0]) or label_value(label[1]))
        return found

    def of_pods(self, positions: Iterable[int]) -> int:
        """Return the groups that some pods belong to."""
        found = 0
        for position in positions:
            number = self._of.get(position)
            if number is not None:
                found |= 1 << number
        return found

    def of_namespace(self, namespace: str) -> int:
        """Return the groups of a namespace."""
        return self._in.get(namespace, 0)

    def pods_of(self, groups: int) -> frozenset[int]:
        """Return the pods of some groups."""
        return frozenset(position for number in indexes(groups) for position in self.groups[number].pods)

    def matching(self, namespace: str, selector: LabelSelector) -> int:
        """Return the groups of a namespace that a selector matches."""
        found = self.of_namespace(namespace)
        for item in selector.requirements:
            if item.operator is Operator.EXISTS or item.operator is Operator.DOES_NOT_EXIST:
                held = self._having.get((namespace, item.key, None), 0)
            else:
                held = 0
                for value in item.values:
                    held |= self._having.get((namespace, item.key, value), 0)
            positive = item.operator in (Operator.IN, Operator.EXISTS)
            found &= held if positive else ~held
        return found

    def isolated(self, policies: Iterable[NetworkPolicy], direction: Direction) -> int:
        """Return the groups that some NetworkPolicy selects in a direction (NP-4)."""
        found = 0
        for policy in policies:
            if direction in policy.types:
                found |= self.matching(policy.namespace, policy.pod_selector)
        return found

    # ---- selectors -----------------------------------------------------------------------------------------------

    def choices(self, namespace: str) -> Mapping[int, Choice]:
        """Return by what they select the best selectors of one or two labels, of Services, and of each group alone."""
        found = self._choices.get(namespace)
        if found is None:
            found = self._choices[namespace] = {}
            for selector in self._candidates(namespace):
                self._offer(found, namespace, selector)
            for number in indexes(self.of_namespace(namespace)):
                if 1 << number not in found:
                    self._offer(found, namespace, self._alone(namespace, number))
        return found

    def _offer(self, found: dict[int, Choice], namespace: str, selector: LabelSelector) -> None:
        choice = Choice(selector=selector, groups=self.matching(namespace, selector), cost=_cost(selector))
        known = found.get(choice.groups)
        if choice.groups and (known is None or (choice.cost, str(selector)) < (known.cost, str(known.selector))):
            found[choice.groups] = choice

    def _candidates(self, namespace: str) -> Iterator[LabelSelector]:
        seen: set[tuple[tuple[str, str], ...]] = set()
        for number in indexes(self.of_namespace(namespace)):
            labels = sorted(self.groups[number].labels.items(), key=lambda item: (_key_cost(item[0]), item))
            for size in (1, 2):
                seen.update(combinations(labels[:_MOST_LABELS], size))
        seen |= {
            tuple(sorted(service.selector.items()))
            for service in self._cluster.services
            if service.namespace == namespace and service.selector
        }
        for labels_held in sorted(seen):
            yield LabelSelector.of(dict(labels_held))

    def _alone(self, namespace: str, number: int) -> LabelSelector:
        """Return the selector of exactly one group: all of its labels, and none that others have beside these."""
        mine = self.groups[number].labels
        others = {
            key
            for other in indexes(self.of_namespace(namespace))
            if mine.items() <= self.groups[other].labels.items()
            for key in self.groups[other].labels
            if key not in mine
        }
        return LabelSelector.of(mine, (Requirement(key, Operator.DOES_NOT_EXIST) for key in others))

    def joined(self, namespace: str, groups: int) -> Choice | None:
        """Return the selector that names exactly some groups by the values of one label; None: no label does."""
        chosen = [self.groups[number].labels for number in indexes(groups)]
        keys = set.intersection(*(set(labels) for labels in chosen)) if chosen else set()
        for key in sorted(keys, key=lambda one: (_key_cost(one), one)):
            values = tuple(sorted({labels[key] for labels in chosen}))
            selector = LabelSelector.of(None, [Requirement(key, Operator.IN, values)])
            if self.matching(namespace, selector) == groups:
                return Choice(selector=selector, groups=groups, cost=_cost(selector))
        return None

    def fewest(self, namespace: str, groups: int) -> tuple[LabelSelector, ...]:
        """Return the fewest selectors that together mean exactly some groups of a namespace."""
        found = self._fewest.get((namespace, groups))
        if found is None:
            found = self._fewest[namespace, groups] = self._found_fewest(namespace, groups)
        return found

    def _found_fewest(self, namespace: str, groups: int) -> tuple[LabelSelector, ...]:
        known = self.choices(namespace)
        if groups in known:
            return (known[groups].selector,)
        offers = [choice for held, choice in sorted(known.items()) if not held & ~groups]
        joined = self.joined(namespace, groups)
        offers += [joined] if joined is not None else []
        wanted = [
            frozenset(at for at, choice in enumerate(offers) if choice.groups >> number & 1)
            for number in indexes(groups)
        ]
        costs = {at: 10 * _PER_REQUIREMENT + choice.cost for at, choice in enumerate(offers)}
        chosen = cheapest_cover(wanted, costs, timeout_ms=self._timeout_ms).chosen
        return tuple(offers[at].selector for at in chosen)


def _key_cost(key: str) -> int:
    if key in _BAD_KEYS:
        return _BAD_KEY
    return _GOOD_KEYS.index(key) if key in _GOOD_KEYS else _ANY_KEY


def _cost(selector: LabelSelector) -> int:
    found = 0
    for item in selector.requirements:
        plain = item.operator is Operator.IN and len(item.values) == 1
        found += _PER_REQUIREMENT + _key_cost(item.key) + (0 if plain else _EXPRESSION + len(item.values))
    return found


def workloads_of(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the workloads (ids) of some groups, sorted, each once."""
    return tuple(sorted({workload for group in groups for workload in group.workloads}))
