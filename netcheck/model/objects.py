"""Namespaces, nodes, pods and their workloads, Services and their endpoints, as the API stores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.values.labels import LabelSelector

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server gives every namespace (SEMANTICS NP-15, WL-1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace. `labels` always holds the automatic name label.

    `labels_known` is false iff no source defines the namespace: then labels other than those in
    `labels` may exist with any value (SEMANTICS WL-3).
    """

    name: str
    labels: Mapping[str, str]
    labels_known: bool = True
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPort:
    """A declared container port. `name` is empty iff it has none (core/v1 ContainerPort, defaults applied)."""

    number: int
    protocol: str = "TCP"
    name: str = ""
    host_port: int = 0


@dataclass(frozen=True, slots=True, order=True)
class WorkloadId:
    """The outermost owner of a pod: the last one that a reference names (SEMANTICS WL-8)."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}[{self.kind}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDNS:
    """How a pod resolves names, where its manifest says so (SEMANTICS DNS-7, DNS-8, SVC-36).

    Attributes:
        policy: `spec.dnsPolicy`.
        nameservers, searches: of `spec.dnsConfig`.
        ndots: of `spec.dnsConfig.options`, or None.
        hostname, subdomain: of the spec; with the Service `subdomain` they name the pod.
    """

    policy: str = "ClusterFirst"
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    ndots: int | None = None
    hostname: str = ""
    subdomain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod, or the pod template of a workload that has no Pod objects (SEMANTICS WL-6).

    Attributes:
        name: of the Pod object; for a template, of its workload.
        template: whether this stands for the pods that a workload would create.
        addresses: the pod's own addresses as text, at most one per family (NET-1); empty when unknown.
            For a host-network pod these are its node's.
        node: the node's name, or empty.
        ports: of regular containers and of restartable init containers (SVC-7, NP-26).
        replicas: how many pods this stands for: 1 for a Pod object, `spec.replicas` for a template.
        ready: whether it can be a ready endpoint of a Service (templates are: NET-10).
        dns: None iff the manifest says nothing: ClusterFirst, no hostname.
        scrape: the ports that `prometheus.io/` annotations offer; None without them, empty: every declared port.
        mesh: annotations of service meshes, and their proxies' containers: what tells whether a mesh takes the pod in.
    """

    namespace: str
    name: str
    workload: WorkloadId
    labels: Mapping[str, str]
    template: bool = False
    host_network: bool = False
    addresses: tuple[str, ...] = ()
    node: str = ""
    node_address: str = ""
    ports: tuple[ContainerPort, ...] = ()
    service_account: str = "default"
    replicas: int = 1
    ready: bool = True
    terminating: bool = False
    dns: PodDNS | None = None
    scrape: tuple[int, ...] | None = None
    mesh: tuple[tuple[str, str], ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """An owner of pods. `several` is true iff it can have more than one pod (replicas, DaemonSet, autoscaler)."""

    id: WorkloadId
    replicas: int = 1
    several: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node with the addresses of `status.addresses` as text, InternalIP first.

    As an end of flows it has the first address of each family; the others only tell that an address is this node's.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    place: Place | None = field(default=None, compare=False)


class ServiceType(Enum):
    """`spec.type` of a Service (SEMANTICS SVC-1)."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"
    EXTERNAL_NAME = "ExternalName"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """One port of a Service, defaults applied: `target_port` is a number or a container port's name (SVC-7)."""

    port: int
    target_port: int | str
    protocol: str = "TCP"
    name: str = ""
    node_port: int = 0
    app_protocol: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service. `selector` is None iff it has none: then nothing is selected (SVC-2)."""

    namespace: str
    name: str
    type: ServiceType = ServiceType.CLUSTER_IP
    selector: Mapping[str, str] | None = None
    ports: tuple[ServicePort, ...] = ()
    headless: bool = False
    cluster_ips: tuple[str, ...] = ()
    ip_families: tuple[str, ...] = ()
    external_name: str = ""
    external_ips: tuple[str, ...] = ()
    load_balancer_source_ranges: tuple[str, ...] = ()
    load_balancer_class: str = ""
    load_balancer_addresses: tuple[str, ...] = ()
    allocate_node_ports: bool = True
    external_traffic_policy: str = "Cluster"
    internal_traffic_policy: str = "Cluster"
    publish_not_ready_addresses: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPort:
    """A port of an EndpointSlice or Endpoints subset; `number` 0 means that the API's field is not set."""

    number: int = 0
    protocol: str = "TCP"
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAddress:
    """One endpoint: its first address, its conditions with nil resolved (SVC-5), and the pod it names, if any."""

    address: str
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    pod: tuple[str, str] | None = None
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSlice:
    """An EndpointSlice, or one subset of a legacy Endpoints object, of the Service `namespace/service`."""

    namespace: str
    name: str
    service: str
    address_type: str = "IPv4"
    endpoints: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
    legacy: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A Service that the API server calls: an admission webhook, a CRD conversion, or an APIService.

    Attributes:
        kind, name: of the configuration object (`ValidatingWebhookConfiguration`, `APIService` ...).
        webhook: its name within the object, or empty.
        fails_open: whether requests pass when it cannot be reached (`failurePolicy: Ignore`).
    """

    kind: str
    name: str
    webhook: str = ""
    service_namespace: str
    service: str
    port: int = 443
    fails_open: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """A ServiceMonitor or PodMonitor: what Prometheus is told to scrape (monitoring.coreos.com/v1).

    Attributes:
        namespaces: those it looks in; None: all. Its own where it names none.
        ports: of its endpoints: a port's name (of the Service or pod), or a target port by number or name.
    """

    kind: str
    namespace: str
    name: str
    selector: LabelSelector
    namespaces: frozenset[str] | None = frozenset()
    ports: tuple[int | str, ...] = ()
    place: Place | None = field(default=None, compare=False)
