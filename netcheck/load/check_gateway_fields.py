"""Checks of fields that several kinds of the Gateway API share, after its CRDs (SEMANTICS section 7)."""

from __future__ import annotations

import re
from typing import Any

from netcheck.load import names
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.report import Report
from netcheck.load.tree import Path
from netcheck.model.gateway import GATEWAY_GROUP

_HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_KIND = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?\Z")
_MOST_NAME, _MOST_KIND = 253, 63


def check_host(report: Report, path: Path, host: Any, *, wildcard: bool = True) -> None:
    """Check a host name, which may start with `*.` unless told otherwise."""
    if not isinstance(host, str):
        return
    if not (0 < len(host) <= _MOST_NAME and _HOST.match(host)) or (host.startswith("*") and not wildcard):
        what = ", or `*.` and one" if wildcard else ""
        report.error(path, f"invalid value `{host[:80]}`: must be a lowercase host name{what}")


def check_number(report: Report, path: Path, value: Any) -> None:
    """Check a port number."""
    if isinstance(value, int) and not 1 <= value <= 65535:
        report.error(path, f"invalid value `{value}`: must be between 1 and 65535")


def check_section(report: Report, path: Path, value: Any) -> None:
    """Check the name of a listener or rule, or a reference to one."""
    if isinstance(value, str) and value and (len(value) > _MOST_NAME or not _SUBDOMAIN.match(value)):
        report.error(path, f"invalid value `{value[:80]}`: must be a lowercase RFC 1123 subdomain")


def check_count(report: Report, path: Path, value: Any, most: int, least: int = 0) -> None:
    """Check how many items a list has; `least` 1 makes it required."""
    count = len(listing(value))
    if count > most:
        report.error(path, f"too many: must have at most {most} items")
    elif value is None and least:
        report.error(path, "required value")
    elif count < least:
        report.error(path, f"invalid value: must have at least {least} item")


def check_reference(report: Report, path: Path, value: Any, required: tuple[str, ...] = ("name",)) -> None:
    """Check a reference to an object: group, kind, namespace and name."""
    fields = mapping(value)
    for key in required:
        # The group may be empty: it is then the core group.
        if fields.get(key) is None or (key != "group" and not fields[key]):
            report.error((*path, key), "required value")
    group, kind, namespace = (text(fields.get(key)) for key in ("group", "kind", "namespace"))
    if group and (len(group) > _MOST_NAME or not _SUBDOMAIN.match(group)):
        report.error((*path, "group"), f"invalid value `{group[:80]}`: not an API group")
    if kind and (len(kind) > _MOST_KIND or not _KIND.match(kind)):
        report.error((*path, "kind"), f"invalid value `{kind[:80]}`: not a kind")
    if namespace and names.dns_label(namespace):
        report.error((*path, "namespace"), f"invalid value `{namespace[:80]}`: {names.dns_label(namespace)[0]}")
    if len(text(fields.get("name"))) > _MOST_NAME:
        report.error((*path, "name"), "too long: may not be more than 253 bytes")


def check_parents(report: Report, parents: Any) -> None:
    """Check the parents of a route: several references to one parent must be told apart (GW-15)."""
    path: Path = ("spec", "parentRefs")
    check_count(report, path, parents, 32)
    seen: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for index, parent in enumerate(listing(parents)):
        fields, at = mapping(parent), (*path, index)
        check_reference(report, at, fields)
        check_section(report, (*at, "sectionName"), fields.get("sectionName"))
        check_number(report, (*at, "port"), fields.get("port"))
        group = fields.get("group")
        key = (
            GATEWAY_GROUP if group is None else text(group), text(fields.get("kind")) or "Gateway",
            text(fields.get("namespace")), text(fields.get("name")),
        )  # fmt: skip
        seen.setdefault(key, []).append((text(fields.get("sectionName")), str(fields.get("port") or "")))
    for ends in seen.values():
        _check_ends(report, ends)


def _check_ends(report: Report, ends: list[tuple[str, str]]) -> None:
    path: Path = ("spec", "parentRefs")
    what = "`sectionName` or `port` must be"
    twice = "when there are 2 or more references to the same parent"
    if any(len({bool(end[part]) for end in ends}) > 1 for part in (0, 1)):
        report.error(path, f"invalid value: {what} specified {twice}")
    elif len(set(ends)) < len(ends):
        report.error(path, f"invalid value: {what} unique {twice}")
