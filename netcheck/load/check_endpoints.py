"""Validation of EndpointSlice and Endpoints, after pkg/apis/discovery and pkg/apis/core (SEMANTICS SVC-13, SVC-14)."""

from __future__ import annotations

from typing import Any

from netcheck.load import names
from netcheck.load.check_common import (
    IP_MESSAGE,
    PROTOCOLS,
    check_address,
    faults,
    listing,
    mapping,
    text,
    unsupported,
)
from netcheck.load.cidrs import parse_address
from netcheck.load.report import Report
from netcheck.load.tree import Path

_ADDRESS_TYPES = ("IPv4", "IPv6", "FQDN")
_MOST_ENDPOINTS, _MOST_ADDRESSES, _MOST_PORTS = 1000, 100, 20000


def check_slice(report: Report, value: dict[str, Any]) -> None:
    """Check an EndpointSlice (ValidateEndpointSlice)."""
    kind = text(value.get("addressType"))
    if not kind:
        report.error(("addressType",), "required value")
    elif kind not in _ADDRESS_TYPES:
        unsupported(report, ("addressType",), kind, _ADDRESS_TYPES)
    endpoints, ports = listing(value.get("endpoints")), listing(value.get("ports"))
    if len(endpoints) > _MOST_ENDPOINTS:
        report.error(("endpoints",), f"too many: {len(endpoints)}: must have at most {_MOST_ENDPOINTS} items")
    for index, item in enumerate(endpoints):
        _check_endpoint(report, mapping(item), ("endpoints", index), kind)
    if len(ports) > _MOST_PORTS:
        report.error(("ports",), f"too many: {len(ports)}: must have at most {_MOST_PORTS} items")
    seen: set[str] = set()
    for index, item in enumerate(ports):
        _check_port(report, mapping(item), ("ports", index), seen)


def _check_endpoint(report: Report, item: dict[str, Any], path: Path, kind: str) -> None:
    addresses = listing(item.get("addresses"))
    if not addresses:
        report.error((*path, "addresses"), "required value: must contain at least 1 address")
    elif len(addresses) > _MOST_ADDRESSES:
        report.error((*path, "addresses"), f"too many: must have at most {_MOST_ADDRESSES} items")
    for index, address in enumerate(addresses):
        _check_address(report, text(address), (*path, "addresses", index), kind)
    for key in ("hostname",):
        if item.get(key) is not None:
            faults(report, (*path, key), text(item[key]), names.dns_label(text(item[key])))
    if text(item.get("nodeName")):
        faults(report, (*path, "nodeName"), item["nodeName"], names.dns_subdomain(item["nodeName"]))


def _check_address(report: Report, address: str, path: Path, kind: str) -> None:
    if kind == "FQDN":
        faults(report, path, address, names.dns_subdomain(address.removesuffix(".")))
        return
    parsed = parse_address(address)
    if parsed and kind in ("IPv4", "IPv6") and kind != f"IPv{parsed.version}":
        report.error(path, f"invalid value `{address}`: must be an {kind} address")
    elif kind:
        check_address(report, path, address, endpoint=True)


def _check_port(report: Report, item: dict[str, Any], path: Path, seen: set[str]) -> None:
    name = text(item.get("name"))
    if name:
        faults(report, (*path, "name"), name, names.dns_label(name))
    if name in seen:
        report.error((*path, "name"), f"duplicate value `{name}`")
    seen.add(name)
    protocol = item.get("protocol")
    if isinstance(protocol, str) and protocol not in PROTOCOLS:
        unsupported(report, (*path, "protocol"), protocol, PROTOCOLS)
    number = item.get("port")
    if isinstance(number, int) and names.port_number(number):
        report.blemish((*path, "port"), f"`{number}` is not a port: must be between 1 and 65535, inclusive")
    if isinstance(item.get("appProtocol"), str):
        faults(report, (*path, "appProtocol"), item["appProtocol"], names.qualified_name(item["appProtocol"]))


def check_endpoints(report: Report, value: dict[str, Any]) -> None:
    """Check a legacy Endpoints object (ValidateEndpoints)."""
    for index, entry in enumerate(listing(value.get("subsets"))):
        subset, at = mapping(entry), ("subsets", index)
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            report.error(at, "required value: must specify `addresses` or `notReadyAddresses`")
        for field in ("addresses", "notReadyAddresses"):
            for number, item in enumerate(listing(subset.get(field))):
                _check_legacy_address(report, mapping(item), (*at, field, number))
        ports = listing(subset.get("ports"))
        for number, item in enumerate(ports):
            _check_legacy_port(report, mapping(item), (*at, "ports", number), required=len(ports) > 1)


def _check_legacy_address(report: Report, item: dict[str, Any], path: Path) -> None:
    written = text(item.get("ip"))
    if written:
        check_address(report, (*path, "ip"), written, endpoint=True)
    else:
        report.error((*path, "ip"), f"invalid value ``: {IP_MESSAGE}")
    if text(item.get("hostname")):
        faults(report, (*path, "hostname"), item["hostname"], names.dns_label(item["hostname"]))


def _check_legacy_port(report: Report, item: dict[str, Any], path: Path, *, required: bool) -> None:
    name = text(item.get("name"))
    if required and not name:
        report.error((*path, "name"), "required value")
    elif name:
        faults(report, (*path, "name"), name, names.dns_label(name))
    number = item.get("port")
    if not isinstance(number, str):
        faults(report, (*path, "port"), str(number or 0), names.port_number(number if isinstance(number, int) else 0))
    protocol = item.get("protocol")
    if text(protocol) and protocol not in PROTOCOLS:
        unsupported(report, (*path, "protocol"), protocol, PROTOCOLS)
