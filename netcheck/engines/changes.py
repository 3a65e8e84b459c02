"""Proof that an edit of one NetworkPolicy changes exactly the flows that it is said to change, in every cluster.

Changes are stated as policies: the edit has the effect of adding some and of taking others away. So the statement is
`before + added = after + removed`, flow by flow: outside the flows that the stated policies speak of nothing changes,
and there exactly what they say does. It is written by the rule that proposes the edit, never read from the edited text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from netcheck.engines.lowering import candidate_values
from netcheck.engines.smt import DEFAULT_TIMEOUT_MS, FoundFlow, SmtEngine
from netcheck.errors import SolverLimit
from netcheck.logic.classes import Universe
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace
from netcheck.model.policy import NetworkPolicy
from netcheck.values.labels import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Disproof:
    """Why a statement is not proved: `flow` changes against it, some of it changes nothing, or the solver gave up."""

    why: Literal["changes more", "changes nothing", "limit"]
    flow: FoundFlow | None = None


def disproof(
    cluster: Cluster,
    before: NetworkPolicy,
    after: NetworkPolicy,
    *,
    added: Iterable[NetworkPolicy] = (),
    removed: Iterable[NetworkPolicy] = (),
    timeout_ms: int = DEFAULT_TIMEOUT_MS,
) -> Disproof | None:
    """Return None iff Z3 proves that with `after` in place of `before` exactly the stated flows change.

    Proved over all pods, labels, namespaces, addresses and ports, beside the loaded policies of the namespace and the
    admin policies. Each stated policy must change some flow by itself.
    """
    more, less = list(added), list(removed)
    edited = (before, after, *more, *less)
    others = [
        policy
        for policy in cluster.policies
        if policy != before and any(_may_share_a_pod(policy, item) for item in edited)
    ]
    spaces = {policy.namespace for policy in edited}
    question = _Question(cluster, before.namespace, spaces, timeout_ms)
    one, other = [*others, before], [*others, after]
    try:
        for single, base in [*((item, one) for item in more), *((item, other) for item in less)]:
            if question.separating_flow(base, [*base, single]) is None:
                return Disproof(why="changes nothing")
        found = question.separating_flow([*one, *more], [*other, *less])
    except SolverLimit:
        return Disproof(why="limit")
    return Disproof(why="changes more", flow=found) if found is not None else None


def _may_share_a_pod(one: NetworkPolicy, other: NetworkPolicy) -> bool:
    """Return whether some pod that could exist is selected by both policies.

    Policies that select none of the pods that are edited concern the other end of a flow only, and are the same on both
    sides: without them every flow that they might let pass is compared, which is more.
    """
    if one.namespace != other.namespace:
        return False
    by_key: dict[str, list[Requirement]] = {}
    for requirement in (*one.pod_selector.requirements, *other.pod_selector.requirements):
        by_key.setdefault(requirement.key, []).append(requirement)
    return all(
        any(all(item.matches(value) for item in requirements) for value in candidate_values(requirements))
        for requirements in by_key.values()
    )


class _Question:
    """Comparisons of policies that select the same pods."""

    def __init__(self, cluster: Cluster, namespace: str, spaces: Iterable[str], timeout_ms: int) -> None:
        opaque = tuple(item for item in cluster.opaque if item.namespace in (None, namespace))
        known = {
            name: Namespace(name=name, labels={NAMESPACE_NAME_LABEL: name}, labels_known=False)
            for name in sorted(spaces)
        }
        self._bare = replace(cluster, namespaces=known, pods=(), nodes=(), policies=(), opaque=opaque)
        self._timeout_ms = timeout_ms

    def separating_flow(self, one: list[NetworkPolicy], other: list[NetworkPolicy]) -> FoundFlow | None:
        """Return a flow that one set of policies lets pass and the other does not, in some cluster; None: there is none.

        Raises:
            SolverLimit: the solver gave up.
        """
        if one == other:
            return None
        both = replace(self._bare, policies=tuple(one + other))
        for profile in resolutions(both):
            programs = [translate(replace(self._bare, policies=tuple(_named(each))), profile) for each in (one, other)]
            engine = SmtEngine(
                self._bare, Universe(self._bare, programs), programs=programs, timeout_ms=self._timeout_ms
            )
            found = engine.separating_flow()
            if found is not None:
                return found
        return None


def _named(policies: list[NetworkPolicy]) -> Iterable[NetworkPolicy]:
    """Give every policy a name of its own: terms know policies by their names."""
    return (replace(policy, name=f"{number}") for number, policy in enumerate(policies))
