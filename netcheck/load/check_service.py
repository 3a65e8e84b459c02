"""Validation of Service, after ValidateService of pkg/apis/core/validation (SEMANTICS SVC-1 to SVC-12)."""

from __future__ import annotations

from typing import Any

from netcheck.load import names
from netcheck.load.check_common import (
    PROTOCOLS,
    check_address,
    check_cidr,
    check_labels,
    check_port,
    faults,
    listing,
    mapping,
    one_of,
    text,
    unsupported,
)
from netcheck.load.cidrs import parse_address
from netcheck.load.report import Report
from netcheck.load.tree import Path

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_KUBELET_PORT = 10250
_NODE_PORTS = range(30000, 32768)
_SPEC: Path = ("spec",)
_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges"


def check_service(report: Report, value: dict[str, Any]) -> None:
    """Check the spec of a Service."""
    spec = mapping(value.get("spec"))
    kind = text(spec.get("type")) or "ClusterIP"
    if kind not in TYPES:
        unsupported(report, ("spec", "type"), kind, TYPES)
    headless = _first_ip(spec) == "None"
    if not listing(spec.get("ports")) and not headless and kind != "ExternalName":
        report.error(("spec", "ports"), "required value")
    _check_type(report, spec, kind, headless)
    _check_ports(report, listing(spec.get("ports")), kind)
    check_labels(report, spec.get("selector"), ("spec", "selector"))
    _check_affinity(report, spec)
    _check_external(report, spec, kind)
    _check_source_ranges(report, value, spec, kind)
    if kind != "ExternalName":
        _check_cluster_ips(report, spec)
        _check_families(report, spec)
    _check_load_balancer_fields(report, spec, kind)
    if text(spec.get("trafficDistribution")):
        distributions = ("PreferClose", "PreferSameZone", "PreferSameNode")
        one_of(report, ("spec", "trafficDistribution"), spec["trafficDistribution"], distributions)


def _first_ip(spec: dict[str, Any]) -> str:
    several = listing(spec.get("clusterIPs"))
    return text(spec.get("clusterIP")) or (text(several[0]) if several else "")


def _check_type(report: Report, spec: dict[str, Any], kind: str, headless: bool) -> None:
    if kind == "ExternalName":
        _check_external_name(report, spec)
        return
    if kind in ("NodePort", "LoadBalancer") and headless:
        report.error(("spec", "clusterIP"), f"invalid value `None`: may not be set to 'None' for {kind} services")
    for index, item in enumerate(listing(spec.get("ports"))):
        at = ("spec", "ports", index)
        port, node_port = mapping(item).get("port"), mapping(item).get("nodePort")
        if kind == "LoadBalancer" and port == _KUBELET_PORT:
            message = "invalid value `10250`: may not expose port 10250 externally since it is used by kubelet"
            report.error((*at, "port"), message)
        if kind == "ClusterIP" and node_port:
            hint = "set `type: NodePort`, or leave `nodePort` out"
            report.error((*at, "nodePort"), "forbidden: may not be used when `type` is 'ClusterIP'", hint)


def _check_external_name(report: Report, spec: dict[str, Any]) -> None:
    for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(key):
            report.error(("spec", key), "forbidden: may not be set for ExternalName services")
    name = text(spec.get("externalName")).removesuffix(".")
    if name:
        faults(report, ("spec", "externalName"), name, names.dns_subdomain(name))
    else:
        report.error(("spec", "externalName"), "required value")


def _check_ports(report: Report, ports: list[Any], kind: str) -> None:
    seen_names: set[str] = set()
    pairs: set[tuple[str, Any]] = set()
    node_pairs: set[tuple[str, Any]] = set()
    for index, entry in enumerate(ports):
        item, at = mapping(entry), ("spec", "ports", index)
        _check_port(report, item, at, seen_names, required=len(ports) > 1)
        protocol = text(item.get("protocol")) or "TCP"
        pair = (protocol, item.get("port"))
        if isinstance(pair[1], int) and pair in pairs:
            report.error(at, f"duplicate value: port `{pair[1]}` of protocol {protocol}")
        pairs.add(pair) if isinstance(pair[1], int) else None
        node_port = item.get("nodePort")
        if isinstance(node_port, int) and node_port and kind in ("NodePort", "LoadBalancer"):
            _check_node_port(report, (*at, "nodePort"), node_port)
            if (protocol, node_port) in node_pairs:
                report.error((*at, "nodePort"), f"duplicate value `{node_port}`")
            node_pairs.add((protocol, node_port))


def _check_node_port(report: Report, path: Path, number: int) -> None:
    if number not in _NODE_PORTS:
        message = f"invalid value `{number}`: the range of valid ports is 30000-32767"
        hint = "only a server with another --service-node-port-range takes it"
        report.blemish(path, message, hint, error=True)


def _check_port(report: Report, item: dict[str, Any], path: Path, seen: set[str], *, required: bool) -> None:
    name = text(item.get("name"))
    if not name and required:
        report.error((*path, "name"), "required value", "with several ports each needs a name")
    elif name:
        faults(report, (*path, "name"), name, names.dns_label(name))
        if name in seen:
            report.error((*path, "name"), f"duplicate value `{name}`")
        seen.add(name)
    number = item.get("port") or 0
    if isinstance(number, int):
        check_port(report, (*path, "port"), number)
    protocol = item.get("protocol")
    if text(protocol) and protocol not in PROTOCOLS:
        unsupported(report, (*path, "protocol"), protocol, sorted(PROTOCOLS))
    if item.get("targetPort"):
        check_port(report, (*path, "targetPort"), item["targetPort"])
    if item.get("appProtocol") is not None:
        app = text(item["appProtocol"])
        faults(report, (*path, "appProtocol"), app, names.qualified_name(app))


def _check_affinity(report: Report, spec: dict[str, Any]) -> None:
    affinity = text(spec.get("sessionAffinity")) or "None"
    one_of(report, ("spec", "sessionAffinity"), affinity, ("ClientIP", "None"))
    settings = spec.get("sessionAffinityConfig")
    at: Path = ("spec", "sessionAffinityConfig")
    if affinity == "None" and settings is not None:
        report.error(at, "forbidden: must not be set when session affinity is None")
    seconds = mapping(mapping(settings).get("clientIP")).get("timeoutSeconds")
    if affinity == "ClientIP" and isinstance(seconds, int) and not 0 < seconds <= 86400:
        message = f"invalid value `{seconds}`: must be greater than 0 and less than 86400"
        report.error((*at, "clientIP", "timeoutSeconds"), message)


def _check_external(report: Report, spec: dict[str, Any], kind: str) -> None:
    addresses = listing(spec.get("externalIPs"))
    for index, item in enumerate(addresses):
        check_address(report, ("spec", "externalIPs", index), text(item), endpoint=True)
    policies = ("Cluster", "Local")
    external = spec.get("externalTrafficPolicy")
    reachable = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and addresses)
    if text(external) and not reachable:
        message = f"invalid value `{external}`: may only be set for externally-accessible services"
        report.error(("spec", "externalTrafficPolicy"), message)
    elif text(external):
        one_of(report, ("spec", "externalTrafficPolicy"), external, policies)
    internal = spec.get("internalTrafficPolicy")
    if isinstance(internal, str):
        one_of(report, ("spec", "internalTrafficPolicy"), internal, policies)


def _check_source_ranges(report: Report, value: dict[str, Any], spec: dict[str, Any], kind: str) -> None:
    ranges = listing(spec.get("loadBalancerSourceRanges"))
    at: Path = ("spec", "loadBalancerSourceRanges")
    written = text(mapping(mapping(value.get("metadata")).get("annotations")).get(_RANGES_ANNOTATION))
    if ranges:
        if kind != "LoadBalancer":
            report.error(at, "forbidden: may only be used when `type` is 'LoadBalancer'")
        for index, item in enumerate(ranges):
            check_cidr(report, (*at, index), text(item).strip())
    elif written.strip():
        at = ("metadata", "annotations", _RANGES_ANNOTATION)
        if kind != "LoadBalancer":
            report.error(at, "forbidden: may only be used when `type` is 'LoadBalancer'")
        for item in written.split(","):
            check_cidr(report, at, item.strip())


def _check_cluster_ips(report: Report, spec: dict[str, Any]) -> None:
    single, several = text(spec.get("clusterIP")), [text(item) for item in listing(spec.get("clusterIPs"))]
    at: Path = ("spec", "clusterIPs")
    if several and not single:
        report.error(at, "invalid value: must be empty when `clusterIP` is not specified")
    elif several and several[0] != single:
        report.error(at, "invalid value: first value must match `clusterIP`")
    if several.count("None") and len(several) > 1:
        report.error(at, "invalid value: 'None' must be the only value")
    path: Path = at if several else ("spec", "clusterIP")
    for index, item in enumerate(several or [single]):
        if item and item != "None":
            check_address(report, (*path, index) if several else path, item)
    if len(several) > 2:
        report.error(at, "invalid value: may only hold up to 2 values")
    parsed = [address for item in several if (address := parse_address(item))]
    if len(several) == 2 and len(parsed) == 2 and parsed[0].version == parsed[1].version:
        report.error(at, "invalid value: may specify no more than one IP for each IP family")


def _check_families(report: Report, spec: dict[str, Any]) -> None:
    families = listing(spec.get("ipFamilies"))
    for index, family in enumerate(families):
        at = ("spec", "ipFamilies", index)
        one_of(report, at, family if family is not None else "", ("IPv4", "IPv6"))
        if family in families[:index]:
            report.error(at, f"duplicate value `{family}`")
    policy = spec.get("ipFamilyPolicy")
    if isinstance(policy, str):
        one_of(report, ("spec", "ipFamilyPolicy"), policy, ("SingleStack", "PreferDualStack", "RequireDualStack"))
    if policy == "SingleStack" and len(families) > 1:
        report.error(("spec", "ipFamilyPolicy"), "invalid value: must be RequireDualStack or PreferDualStack")
    addresses = listing(spec.get("clusterIPs")) or [spec.get("clusterIP")]
    for index, (address, family) in enumerate(zip(addresses, families, strict=False)):
        parsed = parse_address(text(address))
        if parsed and family in ("IPv4", "IPv6") and family != f"IPv{parsed.version}":
            at = ("spec", "clusterIPs" if spec.get("clusterIPs") else "clusterIP", index)
            report.error(
                at, f"invalid value `{address}`: expected an {family} value as indicated by `ipFamilies[{index}]`"
            )


def _check_load_balancer_fields(report: Report, spec: dict[str, Any], kind: str) -> None:
    if kind != "LoadBalancer":
        for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if spec.get(key) is not None:
                report.error((*_SPEC, key), "forbidden: may only be used when `type` is 'LoadBalancer'")
    elif isinstance(spec.get("loadBalancerClass"), str):
        name = spec["loadBalancerClass"]
        faults(report, ("spec", "loadBalancerClass"), name, names.qualified_name(name))
    check_port_ = spec.get("healthCheckNodePort")
    local = kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    if isinstance(check_port_, int) and check_port_ and not local:
        message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        report.error(("spec", "healthCheckNodePort"), f"invalid value `{check_port_}`: {message}")
