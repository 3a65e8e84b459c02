"""Which intents are reported of a run that is scoped to namespaces; all are judged all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netcheck.model.cluster import Cluster
from netcheck.model.intents import Closes, Demand, Intent, IntentEnd, IntentPort, IntentScope, NamedEnd, SelectedPods
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.intent_ends import EndResolver, Members
from netcheck.queries.verify_results import Uncovered, Verification

_Spaces = frozenset[str]
_NAMESPACED = ("pod", "svc", "service", "ingress", "gateway")
_NO_NAMESPACE = ("internet", "own-node")


def scoped(cluster: Cluster, found: Verification, only: _Spaces, without: _Spaces) -> Verification:
    """Return the answers about these namespaces, and how many were left out.

    An intent stays iff some end stands for something in one of `only` (empty: in any), and no side lies wholly in
    namespaces of `without`; of the sides of an `only` the closed one counts for that. Of what no intent speaks of stays
    what has an end in one of `only` and none in `without`.
    """
    if not only and not without:
        return found
    spaces = _SpacesOf(cluster)
    results = tuple(item for item in found.results if spaces.is_in_scope(item.intent, only, without))
    uncovered = tuple(part for item in found.uncovered for part in _cut(item, only, without))
    return replace(found, results=results, uncovered=uncovered, left_out=len(found.results) - len(results))


class _SpacesOf:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = with_phantoms(cluster)
        self._resolver = EndResolver(self._cluster)

    def is_in_scope(self, intent: Intent, only: _Spaces, without: _Spaces) -> bool:
        sources = [self._of(end, intent, None) for end in intent.sources]
        destinations = [self._of(end, intent, intent.ports) for end in intent.destinations]
        if only and not any(found is None or found & only for found in (*sources, *destinations)):
            return False
        sides = [sources, destinations]
        if intent.demand is Demand.ONLY:
            sides = [destinations if intent.closes is Closes.TO else sources]
        return not any(_is_within(side, without) for side in sides)

    def _of(self, end: IntentEnd, intent: Intent, ports: tuple[IntentPort, ...] | None) -> _Spaces | None:
        """Return the namespaces of what an end stands for, also where that is no pod yet; None: it may be any."""
        found = self._resolver.members(end, ports)
        named = _named(end, found)
        if intent.scope is IntentScope.ANY_POD and found.selector is not None:
            return named
        if found.is_empty or found.symbolic is not None or found.reasons or found.lost:
            return named
        positions = (
            *found.pods,
            *found.maybe,
            *(position for item in found.services or () for position, _ in item.pods),
        )
        services = {item.service.namespace for item in found.services or ()}
        return frozenset({self._cluster.pods[position].namespace for position in positions} | services)


def _named(end: IntentEnd, found: Members) -> _Spaces | None:
    """Return the namespaces that an end names."""
    selector = found.selector or (end if isinstance(end, SelectedPods) else None)
    if selector is not None:
        return selector.namespaces
    assert isinstance(end, NamedEnd)
    scheme, colon, name = end.text.partition(":")
    if scheme in _NO_NAMESPACE or (colon and scheme not in _NAMESPACED):
        return frozenset()
    namespace, slash, _ = (name if colon else end.text).partition("/")
    return frozenset({namespace if slash else end.namespace})


def _is_within(side: Iterable[_Spaces | None], without: _Spaces) -> bool:
    found = list(side)
    return bool(found) and all(spaces and spaces <= without for spaces in found)


def _cut(item: Uncovered, only: _Spaces, without: _Spaces) -> Iterator[Uncovered]:
    """Yield what of a group has an end in one of `only` and none in `without`."""
    sources, destinations = (
        tuple(name for name in names if _space(name) not in without) for names in (item.sources, item.destinations)
    )
    inside = tuple(name for name in sources if not only or _space(name) in only)
    rest = tuple(name for name in sources if name not in set(inside))
    there = tuple(name for name in destinations if _space(name) in only)
    for some, others in ((inside, destinations), (rest, there)):
        if some and others:
            yield replace(item, sources=some, destinations=others)


def _space(endpoint: str) -> str:
    """Return the namespace in the id of a workload, or nothing."""
    return endpoint.partition("/")[0] if ":" not in endpoint.partition("/")[0] else ""
