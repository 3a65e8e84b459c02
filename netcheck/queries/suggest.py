"""`suggest`: the smallest set of policies that closes the gaps and keeps what is needed, with the proof.

A gap is a pod that no policy isolates in a direction (NP-4), as rule NC120 finds it. Each namespace with gaps gets one
policy that denies by default, and around it the fewest policies that let through exactly what is needed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from netcheck.engines.sets import SetEngine
from netcheck.logic.atoms import indexes
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Tier
from netcheck.model.intents import Demand
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.intent_ends import EndResolver
from netcheck.queries.suggest_bounds import within_intents
from netcheck.queries.suggest_cells import Open, wanted
from netcheck.queries.suggest_groups import Groups, workloads_of
from netcheck.queries.suggest_needs import Gathered, Sources, gather
from netcheck.queries.suggest_policies import compose
from netcheck.queries.suggest_proof import Plan, Scene, one_way, passes_today, passing_parts, prove
from netcheck.queries.suggest_results import Gap, Need, NeedKind, Suggestions

_MOST_REASONS = 3
OWN_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})
"""Namespaces of the cluster's own parts: what they need no manifest tells, so they are left alone unless asked for."""

DEFAULT_TIMEOUT_MS = 10_000
_WEAK = frozenset({NeedKind.SERVICES, NeedKind.DNS, NeedKind.POLICIES})
"""Kinds of which nobody said that it is needed by whom: what is denied of them is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which gaps are to be closed: in `only` (empty: in any) but not in `exclude`, in `directions`."""

    only: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    directions: frozenset[Direction] = frozenset(Direction)

    def covers(self, namespace: str) -> bool:
        """Return whether the gaps of a namespace are to be closed."""
        if namespace in self.exclude:
            return False
        return namespace in self.only if self.only else namespace not in OWN_NAMESPACES


def suggest(
    cluster: Cluster, sources: Sources, scope: Scope | None = None, *, timeout_ms: int = DEFAULT_TIMEOUT_MS
) -> Suggestions:
    """Return the policies to add, what they serve and close, and what is proved of them.

    Raises:
        WitnessMismatch: the oracle contradicts an engine about a flow.
    """
    return _Run(with_phantoms(cluster), sources, scope or Scope(), timeout_ms).suggestions()


class _Run:
    def __init__(self, cluster: Cluster, sources: Sources, scope: Scope, timeout_ms: int) -> None:
        self._cluster = cluster
        self._sources = sources
        self._scope = scope
        self._timeout_ms = timeout_ms
        self._groups = Groups(cluster, timeout_ms)
        self._one_way: dict[Direction, Scene] = {}

    def suggestions(self) -> Suggestions:
        """Return everything."""
        if self._cluster.profile.enforced is Switch.NO:
            return Suggestions(enforced=False)
        gathered = gather(self._cluster, self._sources)
        scene = Scene((self._cluster,), self._groups, gathered.needs)
        gaps = self._gaps_of(scene)
        open_ = self._open(gaps)
        needs = tuple(self._usable(scene, gathered, open_))
        composed = compose(
            self._cluster,
            self._groups,
            wanted(self._cluster, self._groups, needs, open_),
            open_,
            [name for name in self._cluster.namespaces if self._scope.covers(name)],
            timeout_ms=self._timeout_ms,
        )
        served = sorted({number for item in composed.suggestions for number in item.serves})
        place = {number: at for at, number in enumerate(served)}
        policies = tuple(
            replace(item, serves=tuple(place[number] for number in item.serves)) for item in composed.suggestions
        )
        plan = Plan(
            needs=needs,
            open=open_,
            policies=tuple(item.policy for item in policies),
            intents=self._sources.intents,
            timeout_ms=self._timeout_ms,
        )
        return Suggestions(
            gaps=tuple(self._gaps(gaps, {item.policy.namespace: item.policy.name for item in policies if item.denies})),
            unknown=tuple(self._unknown(scene, gaps)),
            needs=tuple(needs[number] for number in served),
            policies=policies,
            dropped=gathered.dropped,
            notes=tuple(self._notes(scene, gaps)),
            checks=prove(self._cluster, self._groups, plan) if policies else (),
            smallest=composed.smallest,
        )

    def _gaps_of(self, scene: Scene) -> Open:
        """Return the groups with a pod that nothing restricts, in the directions and namespaces of the scope."""
        return self._unrestricted(scene, scene.engines[0])

    def _unrestricted(self, scene: Scene, engine: SetEngine) -> Open:
        class_of = scene.universe.class_of
        found = dict.fromkeys(Direction, 0)
        for number, group in enumerate(self._groups.groups):
            if group.phantom or not self._scope.covers(group.namespace):
                continue
            for direction in self._scope.directions:
                if not all(engine.is_isolated(class_of[position], direction) for position in group.pods):
                    found[direction] |= 1 << number
        return Open(groups=found)

    def _unknown(self, scene: Scene, gaps: Open) -> Iterator[Gap]:
        """Yield what is open unless a policy isolates it whose effect is not known (NET-18), or that could not be read."""
        if not self._cluster.opaque:
            return
        certain = SetEngine(replace(self._cluster, opaque=()), universe=scene.universe)
        perhaps = self._unrestricted(scene, certain).groups
        left = Open(groups={way: groups & ~gaps.groups[way] for way, groups in perhaps.items()})
        for gap in self._gaps(left, {}):
            policies = [
                item
                for item in self._cluster.opaque
                if item.namespace in (None, gap.namespace) and gap.direction in item.directions
            ]
            reasons = tuple(
                Reason(rule=item.rule, message=f"{item.label} may isolate them: {item.message}", place=item.place)
                for item in policies[:_MOST_REASONS]
            )
            yield replace(gap, reasons=reasons)

    def _open(self, gaps: Open) -> Open:
        """Return whom a policy that denies by default newly isolates: beside the gaps pods that only admin policies restrict."""
        found, isolated = {}, {}
        touched = {
            direction: {self._groups.groups[number].namespace for number in indexes(groups)}
            for direction, groups in gaps.groups.items()
        }
        if self._has_baseline and self._cluster.profile.baseline_skipped_by_any_np is not Switch.NO:
            touched = dict.fromkeys(Direction, set().union(*touched.values()))  # any policy lifts what both deny
        for direction, namespaces in touched.items():
            isolated[direction] = self._groups.isolated(self._cluster.policies, direction) & ~self._groups.phantoms
            every = sum(self._groups.of_namespace(name) for name in namespaces)
            found[direction] = every & ~isolated[direction] & ~self._groups.phantoms
        return Open(groups=found, isolated=isolated)

    def _usable(self, scene: Scene, gathered: Gathered, open_: Open) -> Iterator[Need]:
        """Yield the needs that policies are to serve: those that pass today, or that an intent asks for."""
        bounds = [item for item in self._sources.intents if item.demand is not Demand.ALLOW]
        resolver = EndResolver(self._cluster)
        touched = open_.groups[Direction.EGRESS] | open_.groups[Direction.INGRESS]
        for need in gathered.needs:
            kept = [need] if need.opens else within_intents(self._cluster, resolver, need, bounds, gathered)
            for item in kept:
                some, every = passes_today(scene, item) if item is need else (True, True)
                if item.opens:
                    yield replace(item, opens=not every, denied=frozenset() if every else self._denied(gathered, item))
                elif some and not every and self._has_baseline and item is need:
                    yield from passing_parts(scene, item)
                elif some:
                    yield item
                elif (
                    item.kind not in _WEAK and self._groups.of_pods(item.source.pods | item.destination.pods) & touched
                ):
                    gathered.drop(item.text, f"{item.why}: policies deny it today", item.place)

    def _denied(self, gathered: Gathered, need: Need) -> frozenset[Direction]:
        """Return the directions in which NetworkPolicies alone deny some of a need."""
        if not self._one_way:
            self._one_way = {
                direction: Scene((one_way(self._cluster, direction),), self._groups, gathered.needs)
                for direction in Direction
            }
        return frozenset(direction for direction, scene in self._one_way.items() if not passes_today(scene, need)[1])

    @property
    def _has_baseline(self) -> bool:
        """Whether there are denials that a NetworkPolicy lifts from the pods that it selects (ADM-3, ADM-10): none may be lifted."""
        return any(policy.tier is Tier.BASELINE for policy in self._cluster.admin)

    def _gaps(self, gaps: Open, closed_by: dict[str, str]) -> Iterator[Gap]:
        for name in sorted(self._cluster.namespaces):
            for direction in Direction:
                held = gaps.groups[direction] & self._groups.of_namespace(name)
                if held:
                    chosen = [self._groups.groups[number] for number in indexes(held)]
                    pod = self._cluster.pods[chosen[0].pods[0]]
                    workload = self._cluster.workloads.get(pod.workload)
                    yield Gap(
                        namespace=name,
                        direction=direction,
                        workloads=workloads_of(chosen),
                        closed_by=closed_by.get(name, ""),
                        place=workload.place if workload is not None and workload.place is not None else pod.place,
                    )

    def _notes(self, scene: Scene, gaps: Open) -> Iterator[str]:
        engine, class_of = scene.engines[0], scene.universe.class_of
        left = sorted(
            {
                group.namespace
                for group in self._groups.groups
                if group.namespace in OWN_NAMESPACES and not self._scope.covers(group.namespace)
                for position in group.pods[:1]
                for direction in self._scope.directions
                if not engine.is_isolated(class_of[position], direction)
            }
        )
        if left and not self._scope.only:
            yield f"left alone: {_listed(left)}, of the cluster's own parts (--only-namespace names what to close)"
        if gaps.groups[Direction.EGRESS]:
            yield (
                "connections out of the cluster are kept only where an intent, a recorded flow or a URL in the configuration of "
                "a container tells of them"
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"namespace {name}" for name in names)
