"""Every way from outside the cluster to a pod that needs no proxy: node ports, load balancers, external addresses,
host ports and pods on the host's network (SEMANTICS 4.2, NET-3, NET-16).

A door says where a client knocks, who may knock there by the door's own restriction, which address the pod then sees
(NP-22) and which backends are behind it. What policies make of it is judged at the backends (SVC-23), not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.logic.services import Near, Target, pods_near, targets
from netcheck.model.cluster import Cluster
from netcheck.model.objects import Pod, Service, ServicePort, ServiceType
from netcheck.values.addresses import IPSet
from netcheck.values.ports import MAX_PORT, Protocol

SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges"
ALLOCATED = "allocated by the cluster"


class DoorKind(Enum):
    """What a client outside the cluster connects to."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    EXTERNAL_IP = "externalIP"
    HOST_PORT = "hostPort"
    HOST_NETWORK = "hostNetwork"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One port of one way in.

    Attributes:
        via: `Service shop/web` or `Pod shop/web-0`; of a pod template its workload: `Deployment shop/web`.
        service, service_port: of a door that a Service opens, else None.
        port: where clients connect; None: a node port that the manifests leave to the cluster (`port_text`), or for
            a host-network pod every port that it does not declare (NET-17).
        addresses: where clients connect, as far as the input tells; empty: it does not.
        on_nodes: whether the addresses are those of nodes.
        source_ranges: the only clients that the door lets in; empty: it restricts nobody (SVC-18).
        load_balancer_class: the implementation that serves a load balancer, or empty: the default one (SVC-17).
        keeps_source: whether the pod sees the client's address; else it sees a node's (NP-22, SVC-20).
        targets: the backends. Of a door on every port their number is 0: the port that the client asked for.
    """

    kind: DoorKind
    via: str
    namespace: str
    name: str
    protocol: Protocol
    port: int | None
    addresses: tuple[str, ...] = ()
    on_nodes: bool = False
    source_ranges: tuple[str, ...] = ()
    load_balancer_class: str = ""
    keeps_source: bool = False
    targets: tuple[Target, ...] = ()
    service: Service | None = None
    service_port: ServicePort | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def every_port(self) -> bool:
        """Whether this stands for all ports that a host-network pod may listen on and does not declare."""
        return self.kind is DoorKind.HOST_NETWORK and self.port is None

    @property
    def port_text(self) -> str:
        """`30080`, `allocated by the cluster`, or `every other port`."""
        if self.port is not None:
            return str(self.port)
        return "every other port" if self.every_port else ALLOCATED


def doors(cluster: Cluster) -> tuple[Door, ...]:
    """Return every door of the Services and pods, by kind, namespace, name, protocol and port."""
    near = pods_near(cluster)
    found = [door for service in cluster.services for door in _of_service(cluster, service, near)]
    for position, pod in enumerate(cluster.pods):
        found += (
            _of_host_network(cluster, position, pod) if pod.host_network else _of_host_ports(cluster, position, pod)
        )
    return tuple(sorted(found, key=_order))


def _order(door: Door) -> tuple[int, str, str, str, str, int, int]:
    return (
        list(DoorKind).index(door.kind),
        door.namespace,
        door.name,
        door.via,
        door.protocol.value,
        door.port or MAX_PORT + 1,
        door.service_port.port if door.service_port is not None else 0,
    )


# ---- Services --------------------------------------------------------------------------------------------------------


def _of_service(cluster: Cluster, service: Service, near: Near) -> Iterator[Door]:
    """Yield the doors of one Service; a headless one or an ExternalName has none: no proxy serves it (SVC-10, SVC-12)."""
    if service.headless or service.type is ServiceType.EXTERNAL_NAME:
        return
    balanced = service.type is ServiceType.LOAD_BALANCER
    for item in service.ports if balanced or _has_node_port(service) or service.external_ips else ():
        behind = targets(cluster, service, item, near)
        if balanced:
            yield _load_balancer(service, item, behind)
        if _opens_node_port(service, item):
            yield _node_port(cluster, service, item, behind)
        if service.external_ips:
            yield _external_ip(service, item, behind)


def _has_node_port(service: Service) -> bool:
    return service.type in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER)


def _opens_node_port(service: Service, item: ServicePort) -> bool:
    """SVC-17: a load balancer may do without node ports, yet those that are written down stay."""
    return _has_node_port(service) and (
        item.node_port != 0 or service.type is ServiceType.NODE_PORT or service.allocate_node_ports
    )


def source_ranges(service: Service) -> tuple[str, ...]:
    """Return the clients that a load balancer lets in: of the field, or else of the older annotation (SVC-18).

    What is no CIDR is left out: nothing that it might mean is a restriction to rely on.
    """
    text = service.annotations.get(SOURCE_RANGES_ANNOTATION, "")
    stated = service.load_balancer_source_ranges or tuple(part.strip() for part in text.split(","))
    return tuple(part for part in stated if _is_range(part))


def _is_range(text: str) -> bool:
    try:
        return bool(IPSet.of_cidrs(text))
    except ValueError:
        return False


def _load_balancer(service: Service, item: ServicePort, behind: tuple[Target, ...]) -> Door:
    return Door(
        kind=DoorKind.LOAD_BALANCER,
        via=f"Service {service.namespace}/{service.name}",
        namespace=service.namespace,
        name=service.name,
        protocol=Protocol(item.protocol),
        port=item.port,
        addresses=service.load_balancer_addresses,
        source_ranges=source_ranges(service),
        load_balancer_class=service.load_balancer_class,
        keeps_source=service.external_traffic_policy == "Local",
        targets=behind,
        service=service,
        service_port=item,
        place=item.place or service.place,
    )


def _node_port(cluster: Cluster, service: Service, item: ServicePort, behind: tuple[Target, ...]) -> Door:
    """SVC-16, SVC-18: on every node's address, and no source range of the load balancer protects it."""
    local = service.external_traffic_policy == "Local"
    return Door(
        kind=DoorKind.NODE_PORT,
        via=f"Service {service.namespace}/{service.name}",
        namespace=service.namespace,
        name=service.name,
        protocol=Protocol(item.protocol),
        port=item.node_port or None,
        addresses=_node_addresses(cluster, _nodes_of(cluster, behind) if local else None),
        on_nodes=True,
        keeps_source=local,
        targets=behind,
        service=service,
        service_port=item,
        place=item.place or service.place,
    )


def _external_ip(service: Service, item: ServicePort, behind: tuple[Target, ...]) -> Door:
    """SVC-19: nodes accept traffic for these addresses on the Service's own ports."""
    return Door(
        kind=DoorKind.EXTERNAL_IP,
        via=f"Service {service.namespace}/{service.name}",
        namespace=service.namespace,
        name=service.name,
        protocol=Protocol(item.protocol),
        port=item.port,
        addresses=service.external_ips,
        keeps_source=service.external_traffic_policy == "Local",
        targets=behind,
        service=service,
        service_port=item,
        place=item.place or service.place,
    )


def _nodes_of(cluster: Cluster, behind: tuple[Target, ...]) -> frozenset[str] | None:
    """Return the nodes with a backend, or None where the node of some backend is not known."""
    names = [cluster.pods[target.pod].node for target in behind if target.pod is not None]
    return frozenset(names) if all(names) else None


def _node_addresses(cluster: Cluster, names: frozenset[str] | None) -> tuple[str, ...]:
    """Return the addresses of some nodes; None: of all. SVC-20: a node without a local backend drops what arrives."""
    return tuple(
        dict.fromkeys(
            address for node in cluster.nodes if names is None or node.name in names for address in node.addresses
        )
    )


# ---- pods ------------------------------------------------------------------------------------------------------------


def _of_host_ports(cluster: Cluster, position: int, pod: Pod) -> Iterator[Door]:
    """Yield a door for each hostPort: a new destination and the client's own address (NET-16)."""
    for port in pod.ports:
        if port.host_port:
            behind = _target(position, pod, port.number, port.protocol)
            yield _on_node(cluster, pod, DoorKind.HOST_PORT, port.host_port, behind)


def _of_host_network(cluster: Cluster, position: int, pod: Pod) -> Iterator[Door]:
    """Yield a door for each port on the node's own address: those declared, and every other of each protocol (NET-3)."""
    for number, protocol in dict.fromkeys((port.number, port.protocol) for port in pod.ports):
        behind = _target(position, pod, number, protocol)
        yield _on_node(cluster, pod, DoorKind.HOST_NETWORK, number, behind)
    for every in Protocol:
        yield _on_node(cluster, pod, DoorKind.HOST_NETWORK, None, _target(position, pod, 0, every.value))


def _target(position: int, pod: Pod, number: int, protocol: str) -> Target:
    ready = pod.ready and not pod.terminating
    return Target(pod=position, number=number, protocol=Protocol(protocol), service_port="", ready=ready)


def _on_node(cluster: Cluster, pod: Pod, kind: DoorKind, port: int | None, behind: Target) -> Door:
    return Door(
        kind=kind,
        via=f"{pod.workload.kind} {pod.namespace}/{pod.workload.name}" if pod.template else f"Pod {_of(pod)}",
        namespace=pod.namespace,
        name=pod.name,
        protocol=behind.protocol,
        port=port,
        addresses=_addresses_of_its_node(cluster, pod),
        on_nodes=True,
        keeps_source=True,
        targets=(behind,),
        place=pod.place,
    )


def _of(pod: Pod) -> str:
    return f"{pod.namespace}/{pod.name}"


def _addresses_of_its_node(cluster: Cluster, pod: Pod) -> tuple[str, ...]:
    """Return the addresses of the pod's node where it is known; a pod not yet placed can be on any."""
    for node in cluster.nodes:
        if node.name == pod.node:
            return node.addresses
    if pod.host_network and pod.addresses:
        return pod.addresses
    return (pod.node_address,) if pod.node_address else ()
