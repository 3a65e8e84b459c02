"""Validation of Ingress, after pkg/apis/networking/validation (SEMANTICS section 6)."""

from __future__ import annotations

from typing import Any

from netcheck.load import names
from netcheck.load.check_common import faults, listing, mapping, text, unsupported
from netcheck.load.cidrs import parse_address
from netcheck.load.report import Report
from netcheck.load.tree import Path

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_SUFFIXES = ("/..", "/.")
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"


def check_ingress(report: Report, value: dict[str, Any]) -> None:
    """Check the spec of an Ingress."""
    spec = mapping(value.get("spec"))
    rules, default = listing(spec.get("rules")), spec.get("defaultBackend")
    if not rules and default is None:
        report.error(("spec",), "invalid value: either `defaultBackend` or `rules` must be specified")
    if default is not None:
        _check_backend(report, mapping(default), ("spec", "defaultBackend"))
    for index, rule in enumerate(rules):
        _check_rule(report, mapping(rule), ("spec", "rules", index))
    for index, item in enumerate(listing(spec.get("tls"))):
        _check_tls(report, mapping(item), ("spec", "tls", index))
    name = spec.get("ingressClassName")
    if isinstance(name, str):
        faults(report, ("spec", "ingressClassName"), name, names.dns_subdomain(name))
        if _CLASS_ANNOTATION in mapping(mapping(value.get("metadata")).get("annotations")):
            at = ("metadata", "annotations", _CLASS_ANNOTATION)
            report.error(at, "invalid value: can not be set when the class field is also set")


def _check_host(report: Report, path: Path, host: str) -> None:
    if "*" in host:
        faults(report, path, host, names.wildcard_subdomain(host))
    else:
        faults(report, path, host, names.dns_subdomain(host))


def _check_rule(report: Report, rule: dict[str, Any], path: Path) -> None:
    host = text(rule.get("host"))
    if host and parse_address(host):
        report.error((*path, "host"), f"invalid value `{host}`: must be a DNS name, not an IP address")
    elif host:
        _check_host(report, (*path, "host"), host)
    if rule.get("http") is None:
        return
    paths = listing(mapping(rule["http"]).get("paths"))
    if not paths:
        report.error((*path, "http", "paths"), "required value")
    for index, item in enumerate(paths):
        _check_path(report, mapping(item), (*path, "http", "paths", index))


def _check_path(report: Report, item: dict[str, Any], at: Path) -> None:
    kind, written = item.get("pathType"), text(item.get("path"))
    if kind is None:
        report.error((*at, "pathType"), "required value: pathType must be specified")
    elif kind in ("Exact", "Prefix"):
        _check_exact_path(report, (*at, "path"), written)
    elif kind == "ImplementationSpecific":
        if written and not written.startswith("/"):
            report.error((*at, "path"), f"invalid value `{written[:80]}`: must be an absolute path")
    else:
        unsupported(report, (*at, "pathType"), kind, _PATH_TYPES)
    _check_backend(report, mapping(item.get("backend")), (*at, "backend"))


def _check_exact_path(report: Report, at: Path, written: str) -> None:
    if not written.startswith("/"):
        report.error(at, f"invalid value `{written[:80]}`: must be an absolute path")
    for sequence in _BAD_SEQUENCES:
        if sequence in written:
            report.error(at, f"invalid value `{written[:80]}`: must not contain '{sequence}'")
    for suffix in _BAD_SUFFIXES:
        if written.endswith(suffix):
            report.error(at, f"invalid value `{written[:80]}`: cannot end with '{suffix}'")


def _check_backend(report: Report, backend: dict[str, Any], path: Path) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        report.error(path, "invalid value: cannot set both resource and service backends")
    elif resource is not None:
        for key in ("kind", "name"):
            if not mapping(resource).get(key):
                report.error((*path, "resource", key), "required value")
    elif service is not None:
        _check_service(report, mapping(service), path)
    else:
        report.error(path, "invalid value: resource or service backend is required")


def _check_service(report: Report, service: dict[str, Any], path: Path) -> None:
    name, port = text(service.get("name")), mapping(service.get("port"))
    if name:
        at_name = (*path, "service", "name")
        if faults(report, at_name, name, names.dns_label(name)) and names.dns_1035_label(name):
            report.blemish(at_name, f"`{name}`: servers before 1.36 refuse a name that starts with a digit")
    else:
        report.error((*path, "service", "name"), "required value")
    at = (*path, "service", "port")
    if port.get("name") and port.get("number"):
        report.error(path, "invalid value: cannot set both port name & port number")
    elif text(port.get("name")):
        faults(report, (*at, "name"), port["name"], names.port_name(port["name"]))
    elif isinstance(port.get("number"), int) and port["number"]:
        faults(report, (*at, "number"), str(port["number"]), names.port_number(port["number"]))
    elif not port.get("name") and not port.get("number"):
        report.error(path, "required value: port name or number is required")


def _check_tls(report: Report, item: dict[str, Any], path: Path) -> None:
    for index, host in enumerate(listing(item.get("hosts"))):
        _check_host(report, (*path, "hosts", index), text(host))
    secret = text(item.get("secretName"))
    if secret:
        faults(report, (*path, "secretName"), secret, names.dns_subdomain(secret))
