"""Structural checks of Gateway and HTTPRoute, after the Gateway API's CRDs (SEMANTICS section 7)."""

from __future__ import annotations

import re
from typing import Any

from netcheck.load.check_common import listing, mapping, text, unsupported
from netcheck.load.report import Report
from netcheck.load.tree import Path

_HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_SECTION = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+\Z")
_PROTOCOL = re.compile(r"([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?|[a-z0-9]([-a-z0-9]*[a-z0-9])?"
                       r"(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+)\Z")  # fmt: skip
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
_STATUS_CODES = (301, 302, 303, 307, 308)
_WEIGHT_MOST = 1_000_000


def check_http_route(report: Report, value: dict[str, Any]) -> None:
    """Check an HTTPRoute."""
    spec = mapping(value.get("spec"))
    _hostnames(report, spec)
    _parents(report, listing(spec.get("parentRefs")))
    rules = spec.get("rules")
    if isinstance(rules, list) and not rules:
        report.error(("spec", "rules"), "invalid value: must have at least 1 item")
    if len(listing(rules)) > 16:
        report.error(("spec", "rules"), "too many: must have at most 16 items")
    for index, rule in enumerate(listing(rules)):
        _rule(report, mapping(rule), ("spec", "rules", index))


def _hostnames(report: Report, spec: dict[str, Any]) -> None:
    for index, host in enumerate(listing(spec.get("hostnames"))):
        _host(report, ("spec", "hostnames", index), host)
    if len(listing(spec.get("hostnames"))) > 16:
        report.error(("spec", "hostnames"), "too many: must have at most 16 items")


def _host(report: Report, path: Path, host: Any) -> None:
    if isinstance(host, str) and not (0 < len(host) <= 253 and _HOST.match(host)):
        report.error(path, f"invalid value `{host[:80]}`: must be a lowercase host name, or `*.` and one")


def _port(report: Report, path: Path, value: Any) -> None:
    if isinstance(value, int) and not 1 <= value <= 65535:
        report.error(path, f"invalid value `{value}`: must be between 1 and 65535")


def _parents(report: Report, parents: list[Any]) -> None:
    seen: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    path: Path = ("spec", "parentRefs")
    if len(parents) > 32:
        report.error(path, "too many: must have at most 32 items")
    for index, parent in enumerate(parents):
        fields = mapping(parent)
        if not fields.get("name"):
            report.error((*path, index, "name"), "required value")
        if fields.get("port") is not None:
            _port(report, (*path, index, "port"), fields["port"])
        group = fields.get("group")
        key = (
            "gateway.networking.k8s.io" if group is None else text(group), text(fields.get("kind")) or "Gateway",
            text(fields.get("namespace")), text(fields.get("name")),
        )  # fmt: skip
        seen.setdefault(key, []).append((text(fields.get("sectionName")), str(fields.get("port") or "")))
    for ends in seen.values():
        if len(ends) > 1:
            _parent_ends(report, ends)


def _parent_ends(report: Report, ends: list[tuple[str, str]]) -> None:
    path: Path = ("spec", "parentRefs")
    what = "`sectionName` or `port` must be"
    twice = "when there are 2 or more references to the same parent"
    if any(not section and not port for section, port in ends):
        report.error(path, f"invalid value: {what} specified {twice}")
    elif len(set(ends)) < len(ends):
        report.error(path, f"invalid value: {what} unique {twice}")


def _rule(report: Report, rule: dict[str, Any], path: Path) -> None:
    matches = listing(rule.get("matches"))
    for index, match in enumerate(matches):
        _match(report, mapping(match), (*path, "matches", index))
    kinds = _filters(report, rule, path)
    backends = listing(rule.get("backendRefs"))
    if "RequestRedirect" in kinds and backends:
        report.error(path, "invalid value: RequestRedirect filter must not be used together with backendRefs")
    _prefix_rewrites(report, rule, path, matches)
    if len(backends) > 16:
        report.error((*path, "backendRefs"), "too many: must have at most 16 items")
    for index, backend in enumerate(backends):
        _backend(report, mapping(backend), (*path, "backendRefs", index))
        _filters(report, mapping(backend), (*path, "backendRefs", index))


def _backend(report: Report, backend: dict[str, Any], path: Path) -> None:
    if not backend.get("name"):
        report.error((*path, "name"), "required value")
    service = not backend.get("group") and (backend.get("kind") or "Service") == "Service"
    if backend.get("port") is None:
        if service:
            report.error(path, "invalid value: must have port for Service reference", "name the Service's port")
    else:
        _port(report, (*path, "port"), backend["port"])
    weight = backend.get("weight")
    if isinstance(weight, int) and not 0 <= weight <= _WEIGHT_MOST:
        report.error((*path, "weight"), f"invalid value `{weight}`: must be between 0 and {_WEIGHT_MOST}")


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
        if fields.get("type") not in (None, "Exact", "RegularExpression"):
            unsupported(report, (*path, index, "type"), fields["type"], ("Exact", "RegularExpression"))


def _filters(report: Report, holder: dict[str, Any], path: Path) -> list[str]:
    kinds: list[str] = []
    for index, item in enumerate(listing(holder.get("filters"))):
        at = (*path, "filters", index)
        fields = mapping(item)
        kind = text(fields.get("type"))
        kinds.append(kind)
        if kind not in _FILTERS:
            unsupported(report, (*at, "type"), kind, _FILTERS)
            continue
        for name, field in _FILTERS.items():
            if (fields.get(field) is not None) != (name == kind):
                needed = "must be specified for" if name == kind else "must be nil if the filter type is not"
                report.error(at, f"invalid value: {field} {needed} {name}")
        _redirect(report, mapping(fields.get("requestRedirect")), (*at, "requestRedirect"))
        _rewrite_path(report, fields, at)
    at = (*path, "filters")
    if "RequestRedirect" in kinds and "URLRewrite" in kinds:
        report.error(at, "invalid value: may specify either RequestRedirect or URLRewrite, but not both")
    for kind in _ONCE:
        if kinds.count(kind) > 1:
            report.error(at, f"invalid value: {kind} filter cannot be repeated")
    return kinds


def _redirect(report: Report, redirect: dict[str, Any], path: Path) -> None:
    if redirect.get("scheme") not in (None, "http", "https"):
        unsupported(report, (*path, "scheme"), redirect["scheme"], ("http", "https"))
    code = redirect.get("statusCode")
    if code is not None and code not in _STATUS_CODES:
        unsupported(report, (*path, "statusCode"), str(code), map(str, _STATUS_CODES))
    if redirect.get("port") is not None:
        _port(report, (*path, "port"), redirect["port"])
    if redirect.get("hostname") is not None:
        _host(report, (*path, "hostname"), redirect["hostname"])


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


def check_gateway(report: Report, value: dict[str, Any]) -> None:
    """Check a Gateway."""
    spec = mapping(value.get("spec"))
    if not text(spec.get("gatewayClassName")):
        report.error(("spec", "gatewayClassName"), "required value")
    listeners = listing(spec.get("listeners"))
    path: Path = ("spec", "listeners")
    if not listeners:
        report.error(path, "invalid value: must have at least 1 item")
    if len(listeners) > 64:
        report.error(path, "too many: must have at most 64 items")
    seen: set[str] = set()
    ends: set[tuple[Any, ...]] = set()
    for index, entry in enumerate(listeners):
        listener, at = mapping(entry), (*path, index)
        _listener(report, listener, at)
        name = text(listener.get("name"))
        if name in seen:
            report.error((*at, "name"), f"duplicate value `{name}`: listener names must be unique within the Gateway")
        seen.add(name)
        end = (text(listener.get("hostname")), str(listener.get("port")), text(listener.get("protocol")))
        if end in ends:
            report.error(
                at, "invalid value: combination of port, protocol and hostname must be unique for each listener"
            )
        ends.add(end)


def _listener(report: Report, listener: dict[str, Any], path: Path) -> None:
    name, protocol = text(listener.get("name")), text(listener.get("protocol"))
    if not name:
        report.error((*path, "name"), "required value")
    elif len(name) > 253 or not _SECTION.match(name):
        report.error((*path, "name"), f"invalid value `{name[:80]}`: must be a lowercase RFC 1123 subdomain")
    if not protocol:
        report.error((*path, "protocol"), "required value")
    elif not _PROTOCOL.match(protocol) or len(protocol) > 255:
        report.error((*path, "protocol"), f"invalid value `{protocol[:80]}`: not a protocol")
    if listener.get("port") is None:
        report.error((*path, "port"), "required value")
    else:
        _port(report, (*path, "port"), listener["port"])
    host = listener.get("hostname")
    if host:
        _host(report, (*path, "hostname"), host)
        if protocol in ("TCP", "UDP"):
            report.error(
                (*path, "hostname"), "invalid value: hostname must not be specified for protocols ['TCP', 'UDP']"
            )
    _tls(report, listener, (*path, "tls"), protocol)
    source = mapping(mapping(listener.get("allowedRoutes")).get("namespaces")).get("from")
    if source not in (None, "All", "Selector", "Same", "None"):
        unsupported(report, (*path, "allowedRoutes", "namespaces", "from"), source, ("All", "Selector", "Same"))


def _tls(report: Report, listener: dict[str, Any], path: Path, protocol: str) -> None:
    tls = listener.get("tls")
    if tls is None:
        return
    if protocol in ("HTTP", "TCP", "UDP"):
        report.error(path, "invalid value: tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']")
    mode = mapping(tls).get("mode") or "Terminate"
    if mode not in ("Terminate", "Passthrough"):
        unsupported(report, (*path, "mode"), mode, ("Terminate", "Passthrough"))
    elif mode == "Passthrough" and protocol == "HTTPS":
        report.error(path, "invalid value: tls mode must be Terminate for protocol HTTPS")
    elif mode == "Terminate" and not listing(mapping(tls).get("certificateRefs")) and not mapping(tls).get("options"):
        report.error(path, "invalid value: certificateRefs or options must be specified when mode is Terminate")
