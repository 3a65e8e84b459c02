"""Namespaces, nodes, Services and endpoints to the model, with the API server's defaults (SEMANTICS LIVE-16)."""

from __future__ import annotations

from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.build_policy import labels_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.cidrs import parse_address, parse_cidr
from netcheck.model.objects import (
    NAMESPACE_NAME_LABEL,
    EndpointAddress,
    EndpointPort,
    EndpointSlice,
    Namespace,
    Node,
    Service,
    ServicePort,
    ServiceType,
)

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_NODE_ADDRESSES = ("InternalIP", "ExternalIP")


def namespace(item: Admitted) -> Namespace:
    """Return a defined namespace with its automatic name label (SEMANTICS WL-1)."""
    labels = labels_of(mapping(item.value.get("metadata")).get("labels"))
    return Namespace(name=item.name, labels={**labels, NAMESPACE_NAME_LABEL: item.name}, place=item.place)


def node(item: Admitted) -> Node:
    """Return a node with its addresses, internal ones first: these are what it is known by in the cluster."""
    entries = [mapping(entry) for entry in listing(mapping(item.value.get("status")).get("addresses"))]
    found = []
    for kind in _NODE_ADDRESSES:
        for part in entries:
            address = parse_address(text(part.get("address")))
            if part.get("type") == kind and address is not None:
                found.append(address.text)
    labels = labels_of(mapping(item.value.get("metadata")).get("labels"))
    return Node(name=item.name, labels=labels, addresses=tuple(dict.fromkeys(found)), place=item.place)


def service_cidrs(item: Admitted) -> list[str]:
    """Return the ranges of a ServiceCIDR."""
    found = map(parse_cidr, map(text, listing(mapping(item.value.get("spec")).get("cidrs"))))
    return [cidr.text for cidr in found if cidr is not None]


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in listing(value) if isinstance(item, str))


def _plain(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(found.text for item in addresses if (found := parse_address(item)))


def service(item: Admitted) -> Service:
    """Return a valid Service, defaults applied."""
    spec, metadata = mapping(item.value.get("spec")), mapping(item.value.get("metadata"))
    single = text(spec.get("clusterIP"))
    cluster_ips = _texts(spec.get("clusterIPs")) or ((single,) if single else ())
    return Service(
        namespace=item.namespace,
        name=item.name,
        type=ServiceType(text(spec.get("type")) or "ClusterIP"),
        selector=labels_of(spec.get("selector")) or None,
        ports=_ports(item, spec),
        headless="None" in cluster_ips,
        cluster_ips=_plain(cluster_ips),
        ip_families=_texts(spec.get("ipFamilies")),
        external_name=text(spec.get("externalName")),
        external_ips=_plain(_texts(spec.get("externalIPs"))),
        load_balancer_source_ranges=_source_ranges(spec, mapping(metadata.get("annotations"))),
        load_balancer_class=text(spec.get("loadBalancerClass")),
        load_balancer_addresses=_balancers(item.value),
        allocate_node_ports=spec.get("allocateLoadBalancerNodePorts") is not False,
        external_traffic_policy=text(spec.get("externalTrafficPolicy")) or "Cluster",
        internal_traffic_policy=text(spec.get("internalTrafficPolicy")) or "Cluster",
        publish_not_ready_addresses=spec.get("publishNotReadyAddresses") is True,
        labels=labels_of(metadata.get("labels")),
        annotations=labels_of(metadata.get("annotations")),
        place=item.place,
    )


def _source_ranges(spec: dict[str, Any], annotations: dict[str, Any]) -> tuple[str, ...]:
    """Return the ranges of the field, or those of the annotation that came before it (SVC-18)."""
    written = _texts(spec.get("loadBalancerSourceRanges"))
    if not written and spec.get("type") == "LoadBalancer":
        written = tuple(text(annotations.get(_SOURCE_RANGES)).split(","))
    found = (parse_cidr(item.strip()) for item in written)
    return tuple(cidr.text for cidr in found if cidr)


def _balancers(value: dict[str, Any]) -> tuple[str, ...]:
    entries = listing(mapping(mapping(value.get("status")).get("loadBalancer")).get("ingress"))
    found = (text(mapping(entry).get("ip")) or text(mapping(entry).get("hostname")) for entry in entries)
    return tuple(item for item in found if item)


def _ports(item: Admitted, spec: dict[str, Any]) -> tuple[ServicePort, ...]:
    out = []
    for index, entry in enumerate(listing(spec.get("ports"))):
        port = mapping(entry)
        number = port["port"]
        out.append(
            ServicePort(
                port=number,
                target_port=port.get("targetPort") or number,
                protocol=text(port.get("protocol")) or "TCP",
                name=text(port.get("name")),
                node_port=port.get("nodePort") or 0,
                app_protocol=text(port.get("appProtocol")),
                place=item.report.place(("spec", "ports", index)),
            )
        )
    return tuple(out)


def _pod_of(reference: Any, namespace: str) -> tuple[str, str] | None:
    fields = mapping(reference)
    if fields.get("kind") != "Pod" or not text(fields.get("name")):
        return None
    return text(fields.get("namespace")) or namespace, fields["name"]


def endpoint_slice(item: Admitted) -> EndpointSlice:
    """Return a valid EndpointSlice, nil conditions resolved (SEMANTICS SVC-5)."""
    value = item.value
    labels = labels_of(mapping(value.get("metadata")).get("labels"))
    return EndpointSlice(
        namespace=item.namespace,
        name=item.name,
        service=labels.get(SERVICE_NAME_LABEL, ""),
        address_type=text(value.get("addressType")),
        endpoints=tuple(_endpoint(mapping(entry), item.namespace) for entry in listing(value.get("endpoints"))),
        ports=tuple(_endpoint_port(mapping(entry)) for entry in listing(value.get("ports"))),
        place=item.place,
    )


def _endpoint(entry: dict[str, Any], namespace: str) -> EndpointAddress:
    conditions = mapping(entry.get("conditions"))
    ready, serving = conditions.get("ready"), conditions.get("serving")
    first = text(entry["addresses"][0])
    parsed = parse_address(first)
    return EndpointAddress(
        address=parsed.text if parsed else first,
        ready=ready is not False,
        serving=serving is not False,
        terminating=conditions.get("terminating") is True,
        pod=_pod_of(entry.get("targetRef"), namespace),
        node=text(entry.get("nodeName")),
    )


def _endpoint_port(entry: dict[str, Any]) -> EndpointPort:
    number = entry.get("port")
    return EndpointPort(
        number=number if isinstance(number, int) and 1 <= number <= 65535 else 0,
        protocol=text(entry.get("protocol")) or "TCP",
        name=text(entry.get("name")),
    )


def legacy_endpoints(item: Admitted) -> list[EndpointSlice]:
    """Return a valid Endpoints object as slices: one per subset and address family."""
    out = []
    for index, entry in enumerate(listing(item.value.get("subsets"))):
        subset = mapping(entry)
        ports = tuple(_endpoint_port(mapping(port)) for port in listing(subset.get("ports")))
        found = [
            (address, ready)
            for field, ready in (("addresses", True), ("notReadyAddresses", False))
            for address in listing(subset.get(field))
        ]
        for version in (4, 6):
            endpoints = _legacy_addresses(found, version, item.namespace)
            if endpoints:
                name = f"{item.name}-{index}-ipv{version}"
                out.append(
                    EndpointSlice(
                        namespace=item.namespace, name=name, service=item.name, address_type=f"IPv{version}",
                        endpoints=endpoints, ports=ports, legacy=True, place=item.report.place(("subsets", index)),
                    )
                )  # fmt: skip
    return out


def _legacy_addresses(found: list[tuple[Any, bool]], version: int, namespace: str) -> tuple[EndpointAddress, ...]:
    out = []
    for entry, ready in found:
        fields = mapping(entry)
        parsed = parse_address(text(fields.get("ip")))
        if parsed and parsed.version == version:
            out.append(
                EndpointAddress(
                    address=parsed.text, ready=ready, serving=ready, pod=_pod_of(fields.get("targetRef"), namespace),
                    node=text(fields.get("nodeName")),
                )
            )  # fmt: skip
    return tuple(out)
