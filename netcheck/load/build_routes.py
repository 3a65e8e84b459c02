"""Validated routes of the Gateway API to the model, defaults applied (SEMANTICS GW-12, GW-17 to GW-23)."""

from __future__ import annotations

from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.build_gateway import created_of, group_of, number_of, parent_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.report import Report
from netcheck.load.tree import Path
from netcheck.model.gateway import (
    BackendRef,
    Extension,
    FieldMatch,
    Filter,
    GRPCMatch,
    HeaderChange,
    HTTPMatch,
    MatchType,
    Mirror,
    PathChange,
    Redirect,
    Rewrite,
    Route,
    RouteRule,
)

_HEADER_FILTERS = ("RequestHeaderModifier", "ResponseHeaderModifier", "CORS")
_ALL = 100.0


def route(item: Admitted) -> Route:
    """Return a route of any of the five kinds."""
    spec = mapping(item.value.get("spec"))
    hosts = item.kind not in ("TCPRoute", "UDPRoute")
    return Route(
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        parents=tuple(
            parent_of(item.report, entry, item.namespace, ("spec", "parentRefs", index))
            for index, entry in enumerate(listing(spec.get("parentRefs")))
        ),
        hostnames=tuple(text(host).lower() for host in listing(spec.get("hostnames"))) if hosts else (),
        rules=_Rules(item).rules(spec),
        default_gateways=spec.get("useDefaultGateways") == "All",
        created=created_of(item),
        place=item.place,
    )


def _match_type(fields: dict[str, Any], default: MatchType = MatchType.EXACT) -> MatchType:
    written = text(fields.get("type"))
    return MatchType(written) if written else default


def _fields(value: Any, *, lower: bool) -> tuple[FieldMatch, ...]:
    """Return the matches on headers or query parameters: of those with one name only the first counts (GW-17)."""
    found: dict[str, FieldMatch] = {}
    for entry in map(mapping, listing(value)):
        name = text(entry.get("name")).lower() if lower else text(entry.get("name"))
        found.setdefault(name, FieldMatch(name=name, value=text(entry.get("value")), type=_match_type(entry)))
    return tuple(found.values())


class _Rules:
    """Builds the rules of one route; every part knows its place."""

    def __init__(self, item: Admitted) -> None:
        self._report: Report = item.report
        self._kind = item.kind
        self._namespace = item.namespace

    def rules(self, spec: dict[str, Any]) -> tuple[RouteRule, ...]:
        """Return the rules; an HTTPRoute without any has one for all requests, without a backend (GW-23)."""
        if spec.get("rules") is None and self._kind == "HTTPRoute":
            place = self._report.place(("spec",))
            return (RouteRule(matches=(HTTPMatch(place=place),), place=place),)
        return tuple(
            self._rule(mapping(entry), ("spec", "rules", index))
            for index, entry in enumerate(listing(spec.get("rules")))
        )

    def _rule(self, fields: dict[str, Any], path: Path) -> RouteRule:
        return RouteRule(
            name=text(fields.get("name")),
            matches=self._matches(fields, path),
            filters=self._filters(fields, path),
            backends=tuple(
                self._backend(mapping(entry), (*path, "backendRefs", index))
                for index, entry in enumerate(listing(fields.get("backendRefs")))
            ),
            place=self._report.place(path),
        )

    def _matches(self, rule: dict[str, Any], path: Path) -> tuple[HTTPMatch | GRPCMatch, ...]:
        if self._kind not in ("HTTPRoute", "GRPCRoute"):
            return ()
        build = self._http_match if self._kind == "HTTPRoute" else self._grpc_match
        entries = [(mapping(entry), (*path, "matches", i)) for i, entry in enumerate(listing(rule.get("matches")))]
        return tuple(build(fields, at) for fields, at in entries or [({}, path)])

    def _http_match(self, fields: dict[str, Any], path: Path) -> HTTPMatch:
        found = mapping(fields.get("path"))
        written = found.get("value")
        return HTTPMatch(
            path_type=_match_type(found, MatchType.PATH_PREFIX),
            path=written if isinstance(written, str) else "/",
            method=text(fields.get("method")),
            headers=_fields(fields.get("headers"), lower=True),
            query=_fields(fields.get("queryParams"), lower=False),
            place=self._report.place(path),
        )

    def _grpc_match(self, fields: dict[str, Any], path: Path) -> GRPCMatch:
        method = mapping(fields.get("method"))
        return GRPCMatch(
            type=_match_type(method),
            service=text(method.get("service")),
            method=text(method.get("method")),
            headers=_fields(fields.get("headers"), lower=True),
            place=self._report.place(path),
        )

    def _backend(self, fields: dict[str, Any], path: Path) -> BackendRef:
        weight = fields.get("weight")
        return BackendRef(
            group=group_of(fields, ""),
            kind=text(fields.get("kind")) or "Service",
            namespace=text(fields.get("namespace")) or self._namespace,
            name=text(fields.get("name")),
            port=number_of(fields.get("port")),
            weight=1 if weight is None else number_of(weight),
            filters=self._filters(fields, path),
            place=self._report.place(path),
        )

    def _filters(self, holder: dict[str, Any], path: Path) -> tuple[Filter, ...]:
        return tuple(
            self._filter(mapping(entry), (*path, "filters", index))
            for index, entry in enumerate(listing(holder.get("filters")))
        )

    def _filter(self, fields: dict[str, Any], path: Path) -> Filter:
        kind, place = text(fields.get("type")), self._report.place(path)
        if kind in _HEADER_FILTERS:
            return HeaderChange(type=kind, place=place)
        if kind == "RequestRedirect":
            return self._redirect(mapping(fields.get("requestRedirect")), path)
        if kind == "URLRewrite":
            change = mapping(fields.get("urlRewrite"))
            return Rewrite(hostname=text(change.get("hostname")).lower(), path=_path_change(change), place=place)
        if kind == "RequestMirror":
            mirror = mapping(fields.get("requestMirror"))
            at = (*path, "requestMirror", "backendRef")
            backend = self._backend(mapping(mirror.get("backendRef")), at)
            return Mirror(backend=backend, percent=_percent(mirror), place=place)
        reference = mapping(fields.get("extensionRef"))
        group, target, name = (text(reference.get(key)) for key in ("group", "kind", "name"))
        return Extension(type=kind, group=group, kind=target, name=name, place=place)

    def _redirect(self, fields: dict[str, Any], path: Path) -> Redirect:
        return Redirect(
            scheme=text(fields.get("scheme")),
            hostname=text(fields.get("hostname")).lower(),
            port=number_of(fields.get("port")),
            status=number_of(fields.get("statusCode")) or 302,
            path=_path_change(fields),
            place=self._report.place(path),
        )


def _path_change(fields: dict[str, Any]) -> PathChange | None:
    change = fields.get("path")
    if change is None:
        return None
    kind = text(mapping(change).get("type"))
    key = "replaceFullPath" if kind == "ReplaceFullPath" else "replacePrefixMatch"
    return PathChange(type=kind, value=text(mapping(change).get(key)))


def _percent(mirror: dict[str, Any]) -> float:
    """Return the share of requests that are copied: `percent`, or `fraction`, or all of them (GW-21)."""
    if mirror.get("percent") is not None:
        return float(number_of(mirror["percent"]))
    fraction = mapping(mirror.get("fraction"))
    if not fraction:
        return _ALL
    return _ALL * number_of(fraction.get("numerator")) / (number_of(fraction.get("denominator")) or _ALL)
