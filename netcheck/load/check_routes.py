"""Structural checks of the five kinds of route, after the Gateway API's CRDs (SEMANTICS section 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from netcheck.load.check_common import listing, mapping, text, unsupported
from netcheck.load.check_gateway_fields import (
    check_count,
    check_host,
    check_number,
    check_parents,
    check_reference,
    check_section,
)
from netcheck.load.cidrs import parse_address
from netcheck.load.report import Report
from netcheck.load.tree import Path

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+\Z")
_PATH_TYPES = ("Exact", "PathPrefix", "RegularExpression")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_FILTERS = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "ExtensionRef": "extensionRef",
    "CORS": "cors",
    "ExternalAuth": "externalAuth",
}
_ONCE = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "CORS")
_BAD_PATH_PARTS = ("//", "/./", "/../", "%2f", "%2F", "#")
_FIELD_TYPES = ("Exact", "RegularExpression")
_GRPC_FILTERS = {
    name: _FILTERS[name]
    for name in ("ResponseHeaderModifier", "RequestHeaderModifier", "RequestMirror", "ExtensionRef")
}
_GRPC_SERVICE = re.compile(r"\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*\Z", re.IGNORECASE)
_GRPC_METHOD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z")
_MOST = 16
_STATUS_CODES = (301, 302, 303, 307, 308)
_WEIGHT_MOST = 1_000_000


def check_http_route(report: Report, value: dict[str, Any]) -> None:
    """Check an HTTPRoute."""
    spec = mapping(value.get("spec"))
    _check_route(report, spec)
    _check_rules(report, spec)
    for index, rule in enumerate(listing(spec.get("rules"))):
        _rule(report, mapping(rule), ("spec", "rules", index))


def check_grpc_route(report: Report, value: dict[str, Any]) -> None:
    """Check a GRPCRoute."""
    spec = mapping(value.get("spec"))
    _check_route(report, spec)
    check_count(report, ("spec", "rules"), spec.get("rules"), _MOST)
    for index, entry in enumerate(listing(spec.get("rules"))):
        rule, path = mapping(entry), ("spec", "rules", index)
        check_section(report, (*path, "name"), rule.get("name"))
        check_count(report, (*path, "matches"), rule.get("matches"), 64)
        for number, match in enumerate(listing(rule.get("matches"))):
            _grpc_match(report, mapping(match), (*path, "matches", number))
        _filters(report, rule, path, _GRPC_FILTERS)
        _backends(report, rule, path, _GRPC_FILTERS)


def check_tls_route(report: Report, value: dict[str, Any]) -> None:
    """Check a TLSRoute: v1 needs host names."""
    spec = mapping(value.get("spec"))
    stable = _is_stable(value)
    check_count(report, ("spec", "hostnames"), spec.get("hostnames"), 1024 if stable else _MOST, least=int(stable))
    for index, host in enumerate(listing(spec.get("hostnames"))):
        check_host(report, ("spec", "hostnames", index), host)
        if parse_address(text(host)):
            report.error(("spec", "hostnames", index), "invalid value: hostnames cannot contain an IP")
    check_plain_route(report, value)


def check_plain_route(report: Report, value: dict[str, Any]) -> None:
    """Check the rules of a TLSRoute, TCPRoute or UDPRoute: one rule with backends (GW-20).

    Versions before v1 took more rules, and rules without backends.
    """
    spec = mapping(value.get("spec"))
    stable = _is_stable(value)
    check_parents(report, spec.get("parentRefs"))
    check_count(report, ("spec", "rules"), spec.get("rules"), 1 if stable else _MOST, least=1)
    for index, entry in enumerate(listing(spec.get("rules"))):
        rule, path = mapping(entry), ("spec", "rules", index)
        check_section(report, (*path, "name"), rule.get("name"))
        if stable:
            check_count(report, (*path, "backendRefs"), rule.get("backendRefs"), _MOST, least=1)
        _backends(report, rule, path, {})


def _is_stable(value: dict[str, Any]) -> bool:
    return text(value.get("apiVersion")).endswith("/v1")


def _check_route(report: Report, spec: dict[str, Any]) -> None:
    check_count(report, ("spec", "hostnames"), spec.get("hostnames"), _MOST)
    for index, host in enumerate(listing(spec.get("hostnames"))):
        check_host(report, ("spec", "hostnames", index), host)
    check_parents(report, spec.get("parentRefs"))
    named = [name for rule in listing(spec.get("rules")) if (name := text(mapping(rule).get("name")))]
    if len(set(named)) < len(named):
        report.error(("spec", "rules"), "invalid value: rule name must be unique within the route")
    if sum(len(listing(mapping(rule).get("matches"))) for rule in listing(spec.get("rules"))) > 128:
        report.error(("spec", "rules"), "too many: the rules of a route must have at most 128 matches in all")


def _check_rules(report: Report, spec: dict[str, Any]) -> None:
    rules = spec.get("rules")
    check_count(report, ("spec", "rules"), rules, _MOST, least=0 if rules is None else 1)


def _grpc_match(report: Report, match: dict[str, Any], path: Path) -> None:
    found, at = match.get("method"), (*path, "method")
    fields = mapping(found)
    kind = fields.get("type") or "Exact"
    if kind not in _FIELD_TYPES:
        unsupported(report, (*at, "type"), kind, _FIELD_TYPES)
    if found is not None and fields.get("service") is None and fields.get("method") is None:
        report.error(at, "invalid value: one or both of 'service' or 'method' must be specified")
    for field, pattern in (("service", _GRPC_SERVICE), ("method", _GRPC_METHOD)):
        written = fields.get(field)
        if isinstance(written, str) and kind == "Exact" and not pattern.match(written):
            report.error((*at, field), f"invalid value `{written[:80]}`: must only contain valid characters")
    check_count(report, (*path, "headers"), match.get("headers"), _MOST)
    _named_matches(report, listing(match.get("headers")), (*path, "headers"))


def _backends(report: Report, rule: dict[str, Any], path: Path, filters: Mapping[str, str]) -> None:
    check_count(report, (*path, "backendRefs"), rule.get("backendRefs"), _MOST)
    for index, entry in enumerate(listing(rule.get("backendRefs"))):
        backend, at = mapping(entry), (*path, "backendRefs", index)
        _backend(report, backend, at)
        weight = backend.get("weight")
        if isinstance(weight, int) and not 0 <= weight <= _WEIGHT_MOST:
            report.error((*at, "weight"), f"invalid value `{weight}`: must be between 0 and {_WEIGHT_MOST}")
        if filters:
            _filters(report, backend, at, filters)


def _rule(report: Report, rule: dict[str, Any], path: Path) -> None:
    matches = listing(rule.get("matches"))
    check_section(report, (*path, "name"), rule.get("name"))
    check_count(report, (*path, "matches"), rule.get("matches"), 64)
    for index, match in enumerate(matches):
        _match(report, mapping(match), (*path, "matches", index))
    kinds = _filters(report, rule, path, _FILTERS)
    if "RequestRedirect" in kinds and listing(rule.get("backendRefs")):
        report.error(path, "invalid value: RequestRedirect filter must not be used together with backendRefs")
    _prefix_rewrites(report, rule, path, matches)
    _backends(report, rule, path, _FILTERS)


def _backend(report: Report, backend: dict[str, Any], path: Path) -> None:
    check_reference(report, path, backend)
    service = not backend.get("group") and (backend.get("kind") or "Service") == "Service"
    if backend.get("port") is None:
        if service:
            report.error(path, "invalid value: must have port for Service reference", "name the Service's port")
    else:
        check_number(report, (*path, "port"), backend["port"])


def _match(report: Report, match: dict[str, Any], path: Path) -> None:
    found = mapping(match.get("path"))
    kind = text(found.get("type")) or "PathPrefix"
    value = found.get("value", "/")
    if kind not in _PATH_TYPES:
        unsupported(report, (*path, "path", "type"), kind, _PATH_TYPES)
    elif kind != "RegularExpression" and isinstance(value, str):
        _path_value(report, (*path, "path", "value"), value)
    if match.get("method") is not None and match["method"] not in _METHODS:
        unsupported(report, (*path, "method"), match["method"], _METHODS)
    for field in ("headers", "queryParams"):
        _named_matches(report, listing(match.get(field)), (*path, field))


def _path_value(report: Report, path: Path, value: str) -> None:
    if not value.startswith("/"):
        report.error(path, f"invalid value `{value[:80]}`: must be an absolute path and start with '/'")
    for part in _BAD_PATH_PARTS:
        if part in value:
            report.error(path, f"invalid value `{value[:80]}`: must not contain '{part}'")
    for end in ("/..", "/."):
        if value.endswith(end):
            report.error(path, f"invalid value `{value[:80]}`: must not end with '{end}'")
    if len(value) > 1024:
        report.error(path, "too long: may not be more than 1024 bytes")


def _named_matches(report: Report, items: list[Any], path: Path) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        fields = mapping(item)
        name = text(fields.get("name"))
        if not name or not _HEADER.match(name):
            report.error((*path, index, "name"), f"invalid value `{name[:80]}`: not a header or parameter name")
        elif name in seen:
            report.error((*path, index), f"duplicate value `{name}`")
        seen.add(name)
        if not text(fields.get("value")):
            report.error((*path, index, "value"), "required value")
        if fields.get("type") not in (None, *_FIELD_TYPES):
            unsupported(report, (*path, index, "type"), fields["type"], _FIELD_TYPES)


def _filters(report: Report, holder: dict[str, Any], path: Path, known: Mapping[str, str]) -> list[str]:
    kinds: list[str] = []
    for index, item in enumerate(listing(holder.get("filters"))):
        at = (*path, "filters", index)
        fields = mapping(item)
        kind = text(fields.get("type"))
        kinds.append(kind)
        if kind not in known:
            unsupported(report, (*at, "type"), kind, known)
            continue
        for name, field in _FILTERS.items():
            if (fields.get(field) is not None) != (name == kind):
                needed = "must be specified for" if name == kind else "must be nil if the filter type is not"
                report.error(at, f"invalid value: {field} {needed} {name}")
        _redirect(report, mapping(fields.get("requestRedirect")), (*at, "requestRedirect"))
        _mirror(report, fields.get("requestMirror"), (*at, "requestMirror"))
        check_host(
            report, (*at, "urlRewrite", "hostname"), mapping(fields.get("urlRewrite")).get("hostname"), wildcard=False
        )
        _rewrite_path(report, fields, at)
    at = (*path, "filters")
    check_count(report, at, holder.get("filters"), _MOST)
    if "RequestRedirect" in kinds and "URLRewrite" in kinds:
        report.error(at, "invalid value: may specify either RequestRedirect or URLRewrite, but not both")
    for kind in _ONCE:
        if kinds.count(kind) > 1:
            report.error(at, f"invalid value: {kind} filter cannot be repeated")
    return kinds


def _mirror(report: Report, mirror: Any, path: Path) -> None:
    if mirror is None:
        return
    fields = mapping(mirror)
    if fields.get("backendRef") is None:
        report.error((*path, "backendRef"), "required value")
    else:
        _backend(report, mapping(fields["backendRef"]), (*path, "backendRef"))
    percent, fraction = fields.get("percent"), fields.get("fraction")
    if percent is not None and fraction is not None:
        report.error(path, "invalid value: only one of percent or fraction may be specified")
    if isinstance(percent, int) and not 0 <= percent <= 100:
        report.error((*path, "percent"), f"invalid value `{percent}`: must be between 0 and 100")
    if fraction is not None:
        _fraction(report, mapping(fraction), (*path, "fraction"))


def _fraction(report: Report, fraction: dict[str, Any], path: Path) -> None:
    top, bottom = fraction.get("numerator"), fraction.get("denominator")
    bottom = 100 if bottom is None else bottom
    if not isinstance(top, int):
        report.error((*path, "numerator"), "required value")
    elif top < 0 or not isinstance(bottom, int) or bottom < 1 or top > bottom:
        report.error(path, "invalid value: the numerator must be between 0 and the denominator")


def _redirect(report: Report, redirect: dict[str, Any], path: Path) -> None:
    if redirect.get("scheme") not in (None, "http", "https"):
        unsupported(report, (*path, "scheme"), redirect["scheme"], ("http", "https"))
    code = redirect.get("statusCode")
    if code is not None and code not in _STATUS_CODES:
        unsupported(report, (*path, "statusCode"), str(code), map(str, _STATUS_CODES))
    if redirect.get("port") is not None:
        check_number(report, (*path, "port"), redirect["port"])
    if redirect.get("hostname") is not None:
        check_host(report, (*path, "hostname"), redirect["hostname"], wildcard=False)


def _rewrite_path(report: Report, fields: dict[str, Any], path: Path) -> None:
    for field in ("requestRedirect", "urlRewrite"):
        change = mapping(mapping(fields.get(field)).get("path"))
        if not change:
            continue
        at = (*path, field, "path")
        kinds = {"ReplaceFullPath": "replaceFullPath", "ReplacePrefixMatch": "replacePrefixMatch"}
        kind = text(change.get("type"))
        if kind not in kinds:
            unsupported(report, (*at, "type"), kind, kinds)
            continue
        for name, part in kinds.items():
            if (change.get(part) is not None) != (name == kind):
                report.error(at, f"invalid value: {part} must be set if and only if the type is '{name}'")


def _prefix_rewrites(report: Report, rule: dict[str, Any], path: Path, matches: list[Any]) -> None:
    holders = [rule, *map(mapping, listing(rule.get("backendRefs")))]
    one_prefix = len(matches) == 1 and mapping(mapping(matches[0]).get("path")).get("type") in (None, "PathPrefix")
    # Without matches, or without a path in the one match, the server fills in PathPrefix `/`.
    one_prefix = one_prefix or not matches
    for item in (entry for holder in holders for entry in listing(holder.get("filters"))):
        for field, name in (("urlRewrite", "URLRewrite"), ("requestRedirect", "RequestRedirect")):
            change = mapping(mapping(mapping(item).get(field)).get("path"))
            if change.get("replacePrefixMatch") is not None and not one_prefix:
                message = f"invalid value: with a {name} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified"
                report.error(path, message)
