"""Validation of pods and pod templates, after pkg/apis/core/validation: names, ports, volumes."""

from __future__ import annotations

import re
from typing import Any

from netcheck.load import names
from netcheck.load.build_pod import DNS_POLICIES
from netcheck.load.check_common import (
    PROTOCOLS,
    check_labels,
    check_metadata,
    check_selector,
    faults,
    listing,
    mapping,
    one_of,
    text,
    unsupported,
)
from netcheck.load.report import Report
from netcheck.load.tree import Path

_ENV_NAME = re.compile(r"[ -<>-~]+\Z")
_QUANTITY = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?\Z")
RESTART_POLICIES = ("Always", "OnFailure", "Never")


def check_pod(report: Report, value: dict[str, Any]) -> None:
    """Check the spec of a Pod."""
    check_pod_spec(report, value.get("spec"), ("spec",))


def check_template(report: Report, template: Any, path: Path, *, spec: bool = True) -> None:
    """Check a pod template; StatefulSets do not have its spec checked (ValidatePodTemplateSpecForStatefulSet)."""
    fields = mapping(template)
    check_metadata(report, fields.get("metadata"), (*path, "metadata"), names.anything, named=False)
    if spec:
        check_pod_spec(report, fields.get("spec"), (*path, "spec"))


def check_pod_spec(report: Report, value: Any, path: Path) -> None:
    """Check a PodSpec (ValidatePodSpec)."""
    spec = mapping(value)
    host_network = spec.get("hostNetwork") is True
    volumes = _check_volumes(report, spec.get("volumes"), (*path, "volumes"))
    seen: set[str] = set()
    containers = listing(spec.get("containers"))
    if not containers:
        report.error((*path, "containers"), "required value")
    host_ports: set[tuple[str, str, int]] = set()
    for field in ("containers", "initContainers"):
        for index, item in enumerate(listing(spec.get(field))):
            at = (*path, field, index)
            _check_container(report, mapping(item), at, seen, volumes)
            restarts = field == "containers" or mapping(item).get("restartPolicy") == "Always"
            taken = host_ports if restarts else set()
            _check_ports(report, listing(mapping(item).get("ports")), (*at, "ports"), host_network, taken)
    one_of(report, (*path, "restartPolicy"), spec.get("restartPolicy") or None, RESTART_POLICIES, "Always")
    one_of(report, (*path, "dnsPolicy"), spec.get("dnsPolicy") or None, DNS_POLICIES, "ClusterFirst")
    check_labels(report, spec.get("nodeSelector"), (*path, "nodeSelector"))
    for key, check in (("serviceAccountName", names.dns_subdomain), ("nodeName", names.dns_subdomain),
                       ("hostname", names.dns_label), ("subdomain", names.dns_label),
                       ("priorityClassName", names.dns_subdomain), ("runtimeClassName", names.dns_subdomain)):  # fmt: skip
        if text(spec.get(key)):
            faults(report, (*path, key), spec[key], check(spec[key]))
    for key, least in (("terminationGracePeriodSeconds", 0), ("activeDeadlineSeconds", 1)):
        number = spec.get(key)
        if isinstance(number, int) and number < least:
            report.error((*path, key), f"invalid value `{number}`: must be greater than or equal to {least}")
    _check_affinity(report, mapping(spec.get("affinity")), (*path, "affinity"))


def _check_affinity(report: Report, affinity: dict[str, Any], path: Path) -> None:
    for kind in ("podAffinity", "podAntiAffinity"):
        required = "requiredDuringSchedulingIgnoredDuringExecution"
        for index, term in enumerate(listing(mapping(affinity.get(kind)).get(required))):
            at = (*path, kind, required, index)
            check_selector(report, mapping(term).get("labelSelector"), (*at, "labelSelector"))
            if not mapping(term).get("topologyKey"):
                report.error((*at, "topologyKey"), "required value: can not be empty")


def _check_volumes(report: Report, volumes: Any, path: Path) -> set[str]:
    seen: set[str] = set()
    for index, item in enumerate(listing(volumes)):
        name = text(mapping(item).get("name"))
        at = (*path, index, "name")
        if not name:
            report.error(at, "required value")
        elif name in seen:
            report.error(at, f"duplicate value `{name}`")
        else:
            faults(report, at, name, names.dns_label(name))
        seen.add(name)
    return seen


def _check_container(report: Report, item: dict[str, Any], path: Path, seen: set[str], volumes: set[str]) -> None:
    name = text(item.get("name"))
    if not name:
        report.error((*path, "name"), "required value")
    elif name in seen:
        report.error((*path, "name"), f"duplicate value `{name}`")
    elif names.dns_label(name):
        faults(report, (*path, "name"), name, names.dns_label(name))
    seen.add(name)
    image = text(item.get("image"))
    if not image:
        report.error((*path, "image"), "required value")
    elif image != image.strip():
        report.error((*path, "image"), "invalid value: must not have leading or trailing whitespace")
    one_of(
        report, (*path, "imagePullPolicy"), item.get("imagePullPolicy") or None, ("Always", "IfNotPresent", "Never"), ""
    )
    mounted: set[str] = set()
    for index, mount in enumerate(listing(item.get("volumeMounts"))):
        _check_mount(report, mapping(mount), (*path, "volumeMounts", index), mounted, volumes)
    for index, variable in enumerate(listing(item.get("env"))):
        name = text(mapping(variable).get("name"))
        if not name:
            report.error((*path, "env", index, "name"), "required value")
        elif not _ENV_NAME.match(name):
            report.error((*path, "env", index, "name"), f"invalid value `{name[:80]}`: must be printable, without `=`")
    _check_resources(report, mapping(item.get("resources")), (*path, "resources"))


def _check_resources(report: Report, resources: dict[str, Any], path: Path) -> None:
    for key in ("limits", "requests"):
        for name, amount in mapping(resources.get(key)).items():
            if isinstance(amount, str) and not _QUANTITY.match(amount):
                report.error((*path, key, name), f"invalid value `{amount[:80]}`: not a quantity")
            elif str(amount).startswith("-"):
                report.error((*path, key, name), f"invalid value `{amount}`: must be greater than or equal to 0")


def _check_mount(report: Report, mount: dict[str, Any], path: Path, mounted: set[str], volumes: set[str]) -> None:
    name, where = text(mount.get("name")), text(mount.get("mountPath"))
    if not name:
        report.error((*path, "name"), "required value")
    elif name not in volumes:
        report.error((*path, "name"), f"not found: `{name}`")
    if not where:
        report.error((*path, "mountPath"), "required value")
    elif where in mounted:
        report.error((*path, "mountPath"), f"invalid value `{where}`: must be unique")
    mounted.add(where)


def _check_ports(
    report: Report, ports: list[Any], path: Path, host_network: bool, taken: set[tuple[str, str, int]]
) -> None:
    seen: set[str] = set()
    for index, entry in enumerate(ports):
        item, at = mapping(entry), (*path, index)
        name, number, host_port = text(item.get("name")), item.get("containerPort"), item.get("hostPort")
        if name and faults(report, (*at, "name"), name, names.port_name(name)):
            if name in seen:
                report.error((*at, "name"), f"duplicate value `{name}`")
            seen.add(name)
        if not number and not isinstance(number, str):
            report.error((*at, "containerPort"), "required value")
        elif isinstance(number, int):
            faults(report, (*at, "containerPort"), str(number), names.port_number(number))
        if isinstance(host_port, int) and host_port:
            _check_host_port(report, item, at, host_network, taken)
        if item.get("protocol") and text(item["protocol"]) not in PROTOCOLS:
            unsupported(report, (*at, "protocol"), item["protocol"], PROTOCOLS)


def _check_host_port(
    report: Report, item: dict[str, Any], path: Path, host_network: bool, taken: set[tuple[str, str, int]]
) -> None:
    host_port, at = item["hostPort"], (*path, "hostPort")
    faults(report, at, str(host_port), names.port_number(host_port))
    if host_network and host_port != item.get("containerPort"):
        report.error(at, f"invalid value `{host_port}`: must match `containerPort` when `hostNetwork` is true")
    key = (text(item.get("protocol")) or "TCP", text(item.get("hostIP")), host_port)
    if key in taken:
        report.error(at, f"duplicate value `{host_port}`")
    taken.add(key)
