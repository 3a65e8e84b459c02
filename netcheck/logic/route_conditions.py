"""Conditions of a route that no listener decides: whether its references resolve, whether its filters fit together."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.logic.backends import INVALID_TLS, Backends, Resolved
from netcheck.logic.conditions import FALSE, TRUE, condition, pending
from netcheck.model.gateway import BackendRef, Mirror, Redirect, Rewrite, Route, RouteRule
from netcheck.model.request import Condition


def references(route: Route) -> Iterator[BackendRef]:
    """Yield every backend that a route refers to, in order: of its rules, and of filters that mirror (GW-21)."""
    for rule in route.rules:
        yield from rule.backends
        yield from mirrored(rule)


def mirrored(rule: RouteRule) -> Iterator[BackendRef]:
    """Yield the backends that get a copy of a rule's requests."""
    filters = (*rule.filters, *(item for backend in rule.backends for item in backend.filters))
    yield from (item.backend for item in filters if isinstance(item, Mirror))


def resolved_refs(backends: Backends, route: Route, *, mesh: bool = False) -> Condition:
    """Return the condition ResolvedRefs: False with the reason of the first bad reference (GW-24)."""
    found = [backends.resolve(route, ref, mesh=mesh) for ref in references(route)]
    bad = next((item for item in found if item.share.problem not in ("", INVALID_TLS)), None)
    if bad is not None:
        return condition("ResolvedRefs", FALSE, bad.share.problem, bad.message)
    open_one = next((item for item in found if _reference_is_open(item)), None)
    if open_one is not None:
        return pending("ResolvedRefs", open_one.reasons[0].message)
    return condition("ResolvedRefs", TRUE, "ResolvedRefs")


def _reference_is_open(item: Resolved) -> bool:
    return any(reason.rule in ("GW-24", "GW-26") for reason in item.reasons)


def incompatible(route: Route) -> tuple[int, ...]:
    """Return the positions of rules with filters that exclude each other (GW-21)."""
    return tuple(position for position, rule in enumerate(route.rules) if _excludes(rule))


def _excludes(rule: RouteRule) -> bool:
    redirects = any(isinstance(item, Redirect) for item in rule.filters)
    return redirects and (bool(rule.backends) or any(isinstance(item, Rewrite) for item in rule.filters))
