"""Proofs about pods that could be created: Z3 over every labelling that some creator may choose, and what a proof rests on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.engines.smt import DEFAULT_TIMEOUT_MS, AnyPod, Existing, Refuter, SmtEngine, SymbolicEnd
from netcheck.engines.terms import conj, disj, neg
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import Universe
from netcheck.logic.ir import Program
from netcheck.model.cluster import Cluster
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector, Requirement

MOST_WAYS = 4
MOST_CHECKS = 120
"""So many minimal sets are looked for, with so many questions to the solver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPod(AnyPod):
    """Any pod that could be created, but for those like `but`, and in no new namespace like `no_new_namespaces`."""

    but: tuple[AnyPod, ...] = ()
    no_new_namespaces: LabelSelector | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """The flows between two ends on some ports."""

    source: SymbolicEnd
    destination: SymbolicEnd
    ports: ConnectionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Minimal sets of policies, by label, each of which denies some flows whatever becomes of the other policies.

    `essential` are those without any of which alone some flow passes; `more`: there may be further sets.
    """

    ways: tuple[tuple[str, ...], ...]
    essential: frozenset[str]
    more: bool


class NewPodEngine(SmtEngine):
    """The engine whose free ends may be `NewPod`s. With `denied` it looks for flows that are denied, not allowed."""

    def __init__(
        self,
        cluster: Cluster,
        universe: Universe,
        *,
        ends: Sequence[SymbolicEnd] = (),
        programs: Sequence[Program] = (),
        timeout_ms: int = DEFAULT_TIMEOUT_MS,
        denied: bool = False,
    ) -> None:
        new = [end for end in ends if isinstance(end, NewPod)]
        spaces = [AnyPod(namespace_labels=end.no_new_namespaces) for end in new if end.no_new_namespaces is not None]
        mentioned = [*ends, *(other for end in new for other in end.but), *spaces]
        super().__init__(cluster, universe, ends=mentioned, programs=programs, timeout_ms=timeout_ms)
        if denied:
            self._allowed = neg(self._allowed)

    def is_possible(self, flows: Flows) -> bool:
        """Return whether there are two such ends and such a port at all, allowed or not.

        Raises:
            SolverLimit: the solver gave up.

        """
        return self._check(self._solver(self._of(flows)))

    def grounds(self, flows: Iterable[Flows], alone: int = 0) -> Grounds | None:
        """Return what the denial of all the flows rests on; None where it is not proved that all are denied.

        `alone` are elements that are one pod, which does not count as two ends (NET-6).

        Raises:
            SolverLimit: the solver gave up.

        """
        asked = disj(conj((self._of(item), neg(self._selves(item, alone)))) for item in flows)
        terms = (self._well_formed, asked, self._allowed)
        lines = [*self.encoding.declarations(), *(f"(assert {term})" for term in terms)]
        return _Grounds(Refuter(lines, self._timeout_ms), self.encoding.presence).found()

    def _selves(self, flows: Flows, alone: int) -> str:
        """Return the term true iff both ends are one pod. Of ends that nothing tells apart both may be the other's."""
        if not (isinstance(flows.source, Existing) and isinstance(flows.destination, Existing)):
            return "false"
        alike: dict[str, list[int]] = {}
        for number in indexes(flows.source.elements | flows.destination.elements):
            alike.setdefault(self.encoding.element("s", number), []).append(number)
        single = [found[0] for found in alike.values() if len(found) == 1 and alone >> found[0] & 1]
        return disj(conj((self.encoding.element("s", number), self.encoding.element("d", number))) for number in single)

    def _of(self, flows: Flows) -> str:
        source, destination = self._end("s", flows.source), self._end("d", flows.destination)
        return conj((source, destination, self.encoding.ports(flows.ports)))

    # ---- ends --------------------------------------------------------------------------------------------------

    def _any_pod(self, end: str, symbolic: AnyPod) -> str:
        parts = [super()._any_pod(end, symbolic)]
        if isinstance(symbolic, NewPod):
            parts += [neg(self._like(end, other)) for other in symbolic.but]
            if symbolic.no_new_namespaces is not None:
                labels = [self._namespace_label(end, item) for item in symbolic.no_new_namespaces.requirements]
                parts.append(neg(conj((self.encoding.in_new_namespace(end), *labels))))
        return conj(parts)

    def _like(self, end: str, other: AnyPod) -> str:
        """Return the term true iff the end has the namespace and labels of `other`."""
        encoding = self.encoding
        parts = [encoding.pod_labels.requirement(end, item) for item in other.pods.requirements]
        parts += [self._namespace_label(end, item) for item in other.namespace_labels.requirements]
        if other.namespaces is not None:
            parts.append(disj(self._namespace(end, name) for name in sorted(other.namespaces)))
        return conj(parts)

    def _namespace_label(self, end: str, requirement: Requirement) -> str:
        return self.encoding.namespace_labels.requirement(end, requirement)


class _Grounds:
    """Enumerates minimal unsatisfiable sets of policies, smallest removals first (Reiter's tree of hitting sets)."""

    def __init__(self, solver: Refuter, presence: dict[str, str]) -> None:
        self._solver = solver
        self._name = dict(sorted(presence.items()))
        self._label = {name: label for label, name in presence.items()}
        self._checks = 0

    def found(self) -> Grounds | None:
        """Return the grounds; None if with every policy in place some flow passes."""
        if self._denied(()) is None:
            return None
        ways: list[frozenset[str]] = []
        waiting = deque([frozenset[str]()])
        seen = set(waiting)
        passing: set[frozenset[str]] = set()
        while waiting and len(ways) < MOST_WAYS and self._checks < MOST_CHECKS:
            removed = waiting.popleft()
            way = next((item for item in ways if not item & removed), None) or self._way(removed)
            if way is None:
                passing.add(removed)
                continue
            if way not in ways:
                ways.append(way)
            for label in sorted(way):
                bigger = removed | {label}
                if bigger not in seen:
                    seen.add(bigger)
                    waiting.append(bigger)
        common = frozenset.intersection(*ways) if ways else frozenset[str]()
        essential = frozenset(one for one in common if frozenset((one,)) in passing or self._denied({one}) is None)
        ordered = sorted((tuple(sorted(item)) for item in ways), key=lambda item: (len(item), item))
        return Grounds(ways=tuple(ordered), essential=essential, more=bool(waiting))

    def _denied(self, removed: Iterable[str]) -> tuple[str, ...] | None:
        """Return names of policies that are left and that suffice; None if they do not."""
        gone = set(removed)
        self._checks += 1
        names = [name for label, name in self._name.items() if label not in gone]
        return self._solver.refuted(names, strictly=True)

    def _way(self, removed: frozenset[str]) -> frozenset[str] | None:
        """Return a minimal set among the policies that are left; None if they do not suffice."""
        found = self._denied(removed)
        if found is None:
            return None
        core = sorted(self._label[name] for name in found)
        for candidate in list(core):
            rest = [label for label in core if label != candidate]
            self._checks += 1
            if self._solver.refuted([self._name[label] for label in rest], strictly=True) is not None:
                core = rest
        return frozenset(core)
