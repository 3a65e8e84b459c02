"""What an unread part of a cluster leaves open: policies that may be there, pods, ways in (LIVE-6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.errors import Place, Problem, Severity
from netcheck.load.build_policy import BOTH
from netcheck.load.kinds import Concerns, Treatment, find
from netcheck.model.cluster import LostEndpoint, LostRoute, Unfollowed, Unread
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.model.policy import Direction, OpaquePolicy
from netcheck.values.labels import LabelSelector, Operator, Requirement

UNNAMED = ""
"""The name of what was not read: it may have any."""
_MESH_HOME = "istio-system"
_POLICIES = frozenset({Treatment.POLICY, Treatment.ADMIN, Treatment.OPAQUE})
_DIRECTIONS = {Concerns.INGRESS: (Direction.INGRESS,), Concerns.EGRESS: (Direction.EGRESS,)}


@dataclass(frozen=True, slots=True)
class Gap:
    """Objects that were not read, and the source that they would be of."""

    unread: Unread
    place: Place

    @property
    def treatment(self) -> Treatment:
        """What loading would have done with them."""
        row = find(self.unread.group, self.unread.kind)
        return row.treatment if row is not None else Treatment.HARMLESS

    @property
    def message(self) -> str:
        """`networkpolicies of namespace x could not be read: ...`."""
        return f"{self.unread.label} {self._where()}could not be read: {self.unread.message}"

    def _where(self) -> str:
        if self.unread.namespace is not None:
            return f"of namespace `{self.unread.namespace}` "
        if self.unread.besides:
            return f"of namespaces other than {', '.join(f'`{name}`' for name in self.unread.besides[:5])} "
        return ""


def problems(gaps: Iterable[Gap]) -> Iterator[Problem]:
    """Yield what the user is told of each: an error where answers may depend on it."""
    for gap in gaps:
        hint = "`netcheck rbac` prints the rights that reading a cluster takes" if gap.unread.denied else ""
        severity = Severity.ERROR if gap.unread.decides else Severity.WARNING
        yield Problem(severity=severity, message=gap.message, hint=hint, place=gap.place)


def policies(gaps: Iterable[Gap]) -> Iterator[OpaquePolicy]:
    """Yield the policies that may be there: what they do is not known."""
    for gap in gaps:
        if gap.treatment in _POLICIES:
            yield OpaquePolicy(
                kind=gap.unread.kind,
                namespace=gap.unread.namespace,
                name="(unread)",
                directions=_directions(gap.unread),
                namespace_selector=_elsewhere(gap.unread),
                additive=gap.treatment is Treatment.POLICY,
                rule="LIVE-6",
                message=gap.message,
                place=gap.place,
            )


def _directions(unread: Unread) -> tuple[Direction, ...]:
    row = find(unread.group, unread.kind)
    return _DIRECTIONS.get(row.concerns, BOTH) if row is not None else BOTH


def _elsewhere(unread: Unread) -> LabelSelector | None:
    if unread.namespace is not None or not unread.besides:
        return None
    return LabelSelector.of(None, [Requirement(NAMESPACE_NAME_LABEL, Operator.NOT_IN, unread.besides)])


def endpoints(gaps: Iterable[Gap], namespaces: Iterable[str]) -> Iterator[LostEndpoint]:
    """Yield one lost pod without a name for each namespace whose pods were not read."""
    lost = [gap for gap in gaps if gap.treatment is Treatment.POD]
    for name in namespaces:
        for gap in lost:
            if gap.unread.concerns(name):
                yield LostEndpoint(namespace=name, kind=gap.unread.kind, name=UNNAMED, place=gap.place)


def routes(gaps: Iterable[Gap]) -> Iterator[LostRoute]:
    """Yield the ways in that may be there: they may serve anything."""
    for gap in gaps:
        if gap.treatment is Treatment.ROUTE:
            namespace = gap.unread.namespace or ""
            yield LostRoute(namespace=namespace, kind=gap.unread.kind, name=UNNAMED, place=gap.place)


def unfollowed(gaps: Iterable[Gap]) -> Iterator[Unfollowed]:
    """Yield the objects of meshes that may be there: they may send requests elsewhere."""
    for gap in gaps:
        if gap.treatment is Treatment.MESH:
            yield Unfollowed(
                group=gap.unread.group,
                kind=gap.unread.kind,
                namespace=gap.unread.namespace or _MESH_HOME,
                name="(unread)",
                place=gap.place,
            )
