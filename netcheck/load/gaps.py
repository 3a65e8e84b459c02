"""What an unread part of a cluster leaves open: policies that may be there, pods, ways in (LIVE-6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
_MOST_NAMES = 5
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
        """`networkpolicies.networking.k8s.io of namespace x could not be read: ...`."""
        return _told([self])


def _told(gaps: Sequence[Gap]) -> str:
    """Return what was not read of one resource, and why."""
    unread = gaps[0].unread
    names = [gap.unread.namespace for gap in gaps if gap.unread.namespace is not None]
    where = ""
    if names:
        where = f" of namespace{'s' if len(names) > 1 else ''} {_few(names)}"
    elif unread.besides:
        where = f" of namespaces other than {_few(unread.besides)}"
    return f"{unread.label}{where} could not be read: {unread.message}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(f"`{name}`" for name in names[:_MOST_NAMES]) + more


def problems(gaps: Iterable[Gap]) -> Iterator[Problem]:
    """Yield what the user is told, once for each resource and reason: an error where answers may depend on it."""
    alike: dict[tuple[str, str, bool, Place], list[Gap]] = {}
    for gap in gaps:
        alike.setdefault((gap.unread.label, gap.unread.message, gap.unread.namespace is None, gap.place), []).append(
            gap
        )
    hint = "`netcheck rbac` prints the rights that reading a cluster takes"
    for found in sorted(alike.values(), key=_order):
        unread = found[0].unread
        severity = Severity.ERROR if unread.decides else Severity.WARNING
        yield Problem(severity=severity, message=_told(found), hint=hint if unread.denied else "", place=found[0].place)
        hint = "" if unread.denied else hint


def _order(gaps: Sequence[Gap]) -> tuple[bool, str, str]:
    """Order as users see it: what decides first, so that the hint of the first is seen."""
    return not gaps[0].unread.decides, gaps[0].place.file, _told(gaps)


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
