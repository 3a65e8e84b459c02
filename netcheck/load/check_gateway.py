"""Structural checks of Gateway, ListenerSet and GatewayClass, after the Gateway API's CRDs (SEMANTICS section 7)."""

from __future__ import annotations

import re
from typing import Any

from netcheck.load.check_common import IP_MESSAGE, check_selector, listing, mapping, text, unsupported
from netcheck.load.check_gateway_fields import (
    check_count,
    check_host,
    check_number,
    check_reference,
    check_section,
)
from netcheck.load.cidrs import parse_address
from netcheck.load.report import Report
from netcheck.load.tree import Path

_PROTOCOL = re.compile(r"([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?|[a-z0-9]([-a-z0-9]*[a-z0-9])?"
                       r"(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+)\Z")  # fmt: skip
_CONTROLLER = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
                         r"/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+\Z")  # fmt: skip
_FROM = ("All", "Selector", "Same", "None")
_MODES = ("AllowValidOnly", "AllowInsecureFallback")


def check_gateway_class(report: Report, value: dict[str, Any]) -> None:
    """Check a GatewayClass."""
    name = text(mapping(value.get("spec")).get("controllerName"))
    path: Path = ("spec", "controllerName")
    if not name:
        report.error(path, "required value")
    elif not _CONTROLLER.match(name) or len(name) > 253:
        report.error(path, f"invalid value `{name[:80]}`: must be a domain, `/` and a path")


def check_gateway(report: Report, value: dict[str, Any]) -> None:
    """Check a Gateway."""
    spec = mapping(value.get("spec"))
    if not text(spec.get("gatewayClassName")):
        report.error(("spec", "gatewayClassName"), "required value")
    _check_listeners(report, spec)
    _check_addresses(report, spec)
    allowed: Path = ("spec", "allowedListeners", "namespaces")
    _check_source(report, mapping(mapping(spec.get("allowedListeners")).get("namespaces")), allowed)
    if spec.get("defaultScope") not in (None, "All", "None"):
        unsupported(report, ("spec", "defaultScope"), spec["defaultScope"], ("All", "None"))
    _check_tls_of_gateway(report, mapping(spec.get("tls")))


def check_listener_set(report: Report, value: dict[str, Any]) -> None:
    """Check a ListenerSet; the ports of an XListenerSet may be left to the implementation."""
    spec = mapping(value.get("spec"))
    if spec.get("parentRef") is None:
        report.error(("spec", "parentRef"), "required value")
    else:
        check_reference(report, ("spec", "parentRef"), spec["parentRef"])
    _check_listeners(report, spec, needs_port=value.get("kind") != "XListenerSet")


def _check_listeners(report: Report, spec: dict[str, Any], *, needs_port: bool = True) -> None:
    path: Path = ("spec", "listeners")
    check_count(report, path, spec.get("listeners"), 64, least=1)
    seen: set[str] = set()
    ends: set[tuple[Any, ...]] = set()
    for index, entry in enumerate(listing(spec.get("listeners"))):
        listener, at = mapping(entry), (*path, index)
        _listener(report, listener, at, needs_port=needs_port)
        name = text(listener.get("name"))
        if name in seen:
            report.error((*at, "name"), f"duplicate value `{name}`: listener names must be unique within the Gateway")
        seen.add(name)
        end = (text(listener.get("hostname")), str(listener.get("port")), text(listener.get("protocol")))
        if end in ends and (needs_port or listener.get("port")):
            report.error(
                at, "invalid value: combination of port, protocol and hostname must be unique for each listener"
            )
        ends.add(end)


def _check_addresses(report: Report, spec: dict[str, Any]) -> None:
    path: Path = ("spec", "addresses")
    check_count(report, path, spec.get("addresses"), 16)
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(listing(spec.get("addresses"))):
        fields = mapping(entry)
        kind, value = text(fields.get("type")) or "IPAddress", text(fields.get("value"))
        if value and kind == "IPAddress" and parse_address(value) is None:
            # Placeholders that a pipeline fills in stand here often: the Gateway means the same with any address.
            report.blemish((*path, index, "value"), f"`{value[:80]}`: {IP_MESSAGE}")
        elif value and kind == "Hostname":
            check_host(report, (*path, index, "value"), value)
        if value and kind in ("IPAddress", "Hostname") and (kind, value) in seen:
            report.error((*path, index), f"invalid value: {kind} values must be unique")
        seen.add((kind, value))


def _check_source(report: Report, fields: dict[str, Any], path: Path) -> None:
    """Check which namespaces are let in (GW-9, GW-10)."""
    if fields.get("from") not in (None, *_FROM):
        unsupported(report, (*path, "from"), fields["from"], _FROM)
    check_selector(report, fields.get("selector"), (*path, "selector"))


def _check_tls_of_gateway(report: Report, tls: dict[str, Any]) -> None:
    """Check `spec.tls`: whose client certificates are taken, and which one is shown to backends."""
    path: Path = ("spec", "tls")
    certificate = mapping(tls.get("backend")).get("clientCertificateRef")
    if certificate is not None:
        check_reference(report, (*path, "backend", "clientCertificateRef"), certificate)
    frontend = tls.get("frontend")
    if frontend is None:
        return
    fields, at = mapping(frontend), (*path, "frontend")
    if fields.get("default") is None:
        report.error((*at, "default"), "required value")
    _validation(report, mapping(fields.get("default")).get("validation"), (*at, "default", "validation"))
    ports: set[str] = set()
    for index, entry in enumerate(listing(fields.get("perPort"))):
        part, of_port = mapping(entry), (*at, "perPort", index)
        if part.get("port") is None:
            report.error((*of_port, "port"), "required value")
        elif str(part["port"]) in ports:
            report.error((*of_port, "port"), "invalid value: port for TLS configuration must be unique")
        check_number(report, (*of_port, "port"), part.get("port"))
        ports.add(str(part.get("port")))
        _validation(report, mapping(part.get("tls")).get("validation"), (*of_port, "tls", "validation"))


def _validation(report: Report, validation: Any, path: Path) -> None:
    if validation is None:
        return
    fields, at = mapping(validation), (*path, "caCertificateRefs")
    check_count(report, at, fields.get("caCertificateRefs"), 8, least=1)
    for index, entry in enumerate(listing(fields.get("caCertificateRefs"))):
        check_reference(report, (*at, index), entry, ("group", "kind", "name"))
    if fields.get("mode") not in (None, *_MODES):
        unsupported(report, (*path, "mode"), fields["mode"], _MODES)


def _listener(report: Report, listener: dict[str, Any], path: Path, *, needs_port: bool = True) -> None:
    name, protocol = text(listener.get("name")), text(listener.get("protocol"))
    if not name:
        report.error((*path, "name"), "required value")
    check_section(report, (*path, "name"), name)
    if not protocol:
        report.error((*path, "protocol"), "required value")
    elif not _PROTOCOL.match(protocol) or len(protocol) > 255:
        report.error((*path, "protocol"), f"invalid value `{protocol[:80]}`: not a protocol")
    port = listener.get("port")
    if port is None and needs_port:
        report.error((*path, "port"), "required value")
    elif port or needs_port:
        check_number(report, (*path, "port"), port)
    host = listener.get("hostname")
    if host:
        check_host(report, (*path, "hostname"), host)
        if protocol in ("TCP", "UDP"):
            report.error(
                (*path, "hostname"), "invalid value: hostname must not be specified for protocols ['TCP', 'UDP']"
            )
    _tls(report, listener, (*path, "tls"), protocol)
    allowed, at = mapping(listener.get("allowedRoutes")), (*path, "allowedRoutes")
    _check_source(report, mapping(allowed.get("namespaces")), (*at, "namespaces"))
    check_count(report, (*at, "kinds"), allowed.get("kinds"), 8)
    for index, entry in enumerate(listing(allowed.get("kinds"))):
        check_reference(report, (*at, "kinds", index), entry, ("kind",))


def _tls(report: Report, listener: dict[str, Any], path: Path, protocol: str) -> None:
    tls = listener.get("tls")
    if tls is None:
        if protocol == "TLS":
            report.error(path, "invalid value: tls mode must be set for protocol TLS")
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
    at = (*path, "certificateRefs")
    check_count(report, at, mapping(tls).get("certificateRefs"), 64)
    for index, entry in enumerate(listing(mapping(tls).get("certificateRefs"))):
        check_reference(report, (*at, index), entry)
