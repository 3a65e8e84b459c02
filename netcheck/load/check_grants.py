"""Structural checks of ReferenceGrant and BackendTLSPolicy, after the Gateway API's CRDs (SEMANTICS GW-26, GW-28)."""

from __future__ import annotations

from typing import Any

from netcheck.load.check_common import listing, mapping, text, unsupported
from netcheck.load.check_gateway_fields import check_count, check_host, check_reference, check_section
from netcheck.load.report import Report
from netcheck.load.tree import Path

_ALTERNATIVE_NAMES = {"Hostname": "hostname", "URI": "uri"}


def check_reference_grant(report: Report, value: dict[str, Any]) -> None:
    """Check a ReferenceGrant."""
    spec = mapping(value.get("spec"))
    for side, required in (("from", ("group", "kind", "namespace")), ("to", ("group", "kind"))):
        path: Path = ("spec", side)
        check_count(report, path, spec.get(side), 16, least=1)
        for index, entry in enumerate(listing(spec.get(side))):
            check_reference(report, (*path, index), entry, required)


def check_backend_tls(report: Report, value: dict[str, Any]) -> None:
    """Check a BackendTLSPolicy; v1alpha2 had another form, which no server takes any more."""
    spec = mapping(value.get("spec"))
    if text(value.get("apiVersion")).endswith("/v1alpha2"):
        return
    _check_targets(report, spec)
    if spec.get("validation") is None:
        report.error(("spec", "validation"), "required value")
    else:
        _check_validation(report, mapping(spec["validation"]), ("spec", "validation"))


def _check_targets(report: Report, spec: dict[str, Any]) -> None:
    path: Path = ("spec", "targetRefs")
    check_count(report, path, spec.get("targetRefs"), 16, least=1)
    seen: dict[tuple[str, ...], list[str]] = {}
    for index, entry in enumerate(listing(spec.get("targetRefs"))):
        fields = mapping(entry)
        check_reference(report, (*path, index), fields, ("group", "kind", "name"))
        check_section(report, (*path, index, "sectionName"), fields.get("sectionName"))
        key = tuple(text(fields.get(part)) for part in ("group", "kind", "name"))
        seen.setdefault(key, []).append(text(fields.get("sectionName")))
    twice = "when targetRefs includes 2 or more references to the same target"
    for sections in seen.values():
        if len({bool(section) for section in sections}) > 1:
            report.error(path, f"invalid value: sectionName must be specified {twice}")
        elif len(set(sections)) < len(sections):
            report.error(path, f"invalid value: sectionName must be unique {twice}")


def _check_validation(report: Report, fields: dict[str, Any], path: Path) -> None:
    authorities, well_known = fields.get("caCertificateRefs"), text(fields.get("wellKnownCACertificates"))
    if listing(authorities) and well_known:
        report.error(path, "invalid value: must not contain both CACertificateRefs and WellKnownCACertificates")
    elif not listing(authorities) and not well_known:
        report.error(path, "invalid value: must specify either CACertificateRefs or WellKnownCACertificates")
    check_count(report, (*path, "caCertificateRefs"), authorities, 8)
    for index, entry in enumerate(listing(authorities)):
        check_reference(report, (*path, "caCertificateRefs", index), entry, ("group", "kind", "name"))
    if fields.get("hostname") is None:
        report.error((*path, "hostname"), "required value")
    else:
        check_host(report, (*path, "hostname"), fields["hostname"], wildcard=False)
    check_count(report, (*path, "subjectAltNames"), fields.get("subjectAltNames"), 5)
    for index, entry in enumerate(listing(fields.get("subjectAltNames"))):
        _check_alternative_name(report, mapping(entry), (*path, "subjectAltNames", index))


def _check_alternative_name(report: Report, fields: dict[str, Any], path: Path) -> None:
    kind = text(fields.get("type"))
    if kind not in _ALTERNATIVE_NAMES:
        unsupported(report, (*path, "type"), kind, _ALTERNATIVE_NAMES)
        return
    for name, field in _ALTERNATIVE_NAMES.items():
        if bool(text(fields.get(field))) != (name == kind):
            report.error(path, f"invalid value: {field} must be specified if and only if the type is {name}")
