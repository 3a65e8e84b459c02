"""Which pods or Services a label selector matches, found through their labels instead of by walking all of them.

They are positions in the tuple that the index was made of. Every answer is memoized.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from netcheck.values.labels import LabelSelector, Operator, Requirement

_Postings = dict[tuple[str, str], list[int]]


class Labelled(Protocol):
    """A pod or a Service."""

    @property
    def namespace(self) -> str:
        """The namespace that it lies in."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""


class PodIndex:
    """Pods, or Services, by label, over all namespaces and in each."""

    def __init__(self, pods: Sequence[Labelled]) -> None:
        self._pods = pods
        self._members: dict[str | None, list[int]] = {None: list(range(len(pods)))}
        self._postings: dict[str | None, _Postings] = {None: {}}
        self._memo: dict[tuple[str | None, LabelSelector], tuple[int, ...]] = {}
        for position, pod in enumerate(pods):
            self._members.setdefault(pod.namespace, []).append(position)
            for scope in (None, pod.namespace):
                postings = self._postings.setdefault(scope, {})
                for item in pod.labels.items():
                    postings.setdefault(item, []).append(position)

    def within(self, namespace: str) -> tuple[int, ...]:
        """Return all pods of a namespace."""
        return tuple(self._members.get(namespace, ()))

    def matching(self, namespace: str | None, selector: LabelSelector) -> tuple[int, ...]:
        """Return the pods of a namespace (None: of any) whose labels match, ascending."""
        key = (namespace, selector)
        found = self._memo.get(key)
        if found is None:
            candidates = self._candidates(namespace, selector)
            found = tuple(i for i in candidates if selector.matches(self._pods[i].labels))
            self._memo[key] = found
        return found

    def _candidates(self, namespace: str | None, selector: LabelSelector) -> list[int]:
        """Return pods of which the matching ones are a part: the fewest that one requirement allows."""
        fewest = self._members.get(namespace, [])
        for requirement in selector.requirements:
            if requirement.operator is Operator.IN:
                found = self._posted(namespace, requirement)
                fewest = found if len(found) < len(fewest) else fewest
        return fewest

    def _posted(self, namespace: str | None, requirement: Requirement) -> list[int]:
        postings = self._postings.get(namespace, {})
        if len(requirement.values) == 1:
            return postings.get((requirement.key, requirement.values[0]), [])
        return sorted(i for value in requirement.values for i in postings.get((requirement.key, value), ()))

    def values(self, namespace: str | None, key: str) -> tuple[str, ...]:
        """Return the values that a label has on the pods of a namespace, sorted."""
        return tuple(sorted(value for name, value in self._postings.get(namespace, {}) if name == key))
