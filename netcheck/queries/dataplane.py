"""The proxies that serve Ingresses, Routes and Gateways: which pods they are, or why that is not known.

Order: what the user says (`--ingress-controller`), else what the class and the labels of the loaded pods tell (ING-13,
GW-29). A proxy that is not loaded is a symbolic end; where the user gave its namespace and labels, `with_phantoms` adds
a pod for it, so that every engine judges it like any other pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from netcheck.logic.services import find_service, selected
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import GATEWAY_NAME_LABEL, Gateway
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod, WorkloadId
from netcheck.model.routes import Controller, Ingress

INGRESS_CONTROLLER = "ingress-controller"
ROUTER_CLASS = "openshift-default"
"""The class of OpenShift Routes: the name of the IngressClass that the router's operator writes."""

_PHANTOM = "proxy"  # no kind of the API is in lower case
_ENVOY_OWNER = ("gateway.envoyproxy.io/owning-gateway-name", "gateway.envoyproxy.io/owning-gateway-namespace")
_ISTIO_LABELS = {"istio": "ingressgateway"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """The proxy that serves an Ingress, Route or Gateway.

    Attributes:
        id: of the endpoint that stands for it (docs/cli.md): all that one proxy serves has one id.
        label: what it is, in words.
        positions: its loaded pods, as positions in `cluster.pods`.
        phantom: the pod that `with_phantoms` adds for it, iff the user named it and no such pod is loaded.
        certain: whether its pods are known: loaded or named by the user.
        are_pods: whether it consists of pods, also where they are not loaded.
        reasons: what is missing, iff not certain.
    """

    id: str
    label: str
    positions: tuple[int, ...] = ()
    phantom: Pod | None = None
    certain: bool = False
    are_pods: bool = False
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownController:
    """A row of the table ING-13, or of GW-29.

    Attributes:
        name: what people call it.
        controller: `IngressClass.spec.controller` (`GatewayClass.spec.controllerName`); ending in `/`: what it begins with.
        classes: names that its class usually has: a hint only, where no class object says who serves it.
        pods: alternatives of labels that its data-plane pods have; empty: it has no pods.
        namespaces: where its pods usually are, if the labels alone are too common to tell.
        source: of what has no pods, where its connections come from.
    """

    name: str
    controller: str
    classes: tuple[str, ...] = ()
    pods: tuple[Mapping[str, str], ...] = ()
    namespaces: tuple[str, ...] = ()
    source: str = ""
    rule: str = "ING-13"

    def serves(self, controller: str) -> bool:
        """Return whether a class with this controller string is served by it."""
        wanted = self.controller
        whole = wanted.removesuffix("/")
        return controller == whole or (wanted != whole and controller.startswith(wanted))


_NAME = "app.kubernetes.io/name"
_ROUTER_LABELS = {"ingresscontroller.operator.openshift.io/deployment-ingresscontroller": "default"}

CONTROLLERS: tuple[KnownController, ...] = (
    KnownController(
        name="ingress-nginx",
        controller="k8s.io/ingress-nginx",
        classes=("nginx",),
        pods=({_NAME: "ingress-nginx", "app.kubernetes.io/component": "controller"},),
    ),
    KnownController(
        name="F5 NGINX",
        controller="nginx.org/ingress-controller",
        classes=("nginx",),
        pods=({_NAME: "nginx-ingress"}, {"app": "nginx-ingress"}),
    ),
    KnownController(
        name="Traefik",
        controller="traefik.io/ingress-controller",
        classes=("traefik",),
        pods=({_NAME: "traefik"},),
    ),
    KnownController(
        name="HAProxy Technologies",
        controller="haproxy.org/ingress-controller/",
        classes=("haproxy",),
        pods=({_NAME: "kubernetes-ingress"},),
    ),
    KnownController(
        name="haproxy-ingress",
        controller="haproxy-ingress.github.io/controller",
        classes=("haproxy",),
        pods=({_NAME: "haproxy-ingress"},),
    ),
    KnownController(
        name="Contour",
        controller="projectcontour.io/",
        classes=("contour",),
        pods=({"app": "envoy"},),
        namespaces=("projectcontour",),
    ),
    KnownController(
        name="Kong",
        controller="ingress-controllers.konghq.com/kong",
        classes=("kong",),
        pods=({_NAME: "kong"}, {_NAME: "gateway"}),
        namespaces=("kong",),
    ),
    KnownController(
        name="Istio",
        controller="istio.io/ingress-controller",
        classes=("istio",),
        pods=(_ISTIO_LABELS,),
    ),
    KnownController(
        name="Cilium",
        controller="cilium.io/ingress-controller",
        classes=("cilium",),
        source="the Envoy of each node, identity `reserved:ingress`, which is no pod",
    ),
    KnownController(
        name="AWS Load Balancer Controller",
        controller="ingress.k8s.aws/alb",
        classes=("alb",),
        source="an AWS load balancer: addresses of its VPC subnets (target type `ip`), or nodes (`instance`)",
    ),
    KnownController(
        name="GKE Ingress",
        controller="networking.gke.io/ingress",
        classes=("gce", "gce-internal"),
        source="a Google load balancer: 130.211.0.0/22 and 35.191.0.0/16, or nodes",
    ),
    KnownController(
        name="Azure Application Gateway",
        controller="azure/application-gateway",
        classes=("azure-application-gateway", "azure/application-gateway"),
        source="an Azure Application Gateway: addresses of its subnet",
    ),
    KnownController(
        name="OpenShift router",
        controller="openshift.io/ingress-to-route",
        classes=(ROUTER_CLASS,),
        pods=(_ROUTER_LABELS,),
    ),
)
"""Which pods serve an Ingress, by its class (ING-13)."""

GATEWAY_CONTROLLERS: tuple[KnownController, ...] = (
    KnownController(
        name="Cilium",
        controller="io.cilium/gateway-controller",
        source="the Envoy of each node, identity `reserved:ingress`, which is no pod",
        rule="GW-29",
    ),
    KnownController(
        name="GKE Gateway",
        controller="networking.gke.io/",
        source="a Google load balancer: 130.211.0.0/22 and 35.191.0.0/16, or its proxy subnet",
        rule="GW-29",
    ),
    KnownController(
        name="AWS Load Balancer Controller",
        controller="gateway.k8s.aws/",
        source="an AWS load balancer: addresses of its VPC subnets, or nodes",
        rule="GW-29",
    ),
    KnownController(
        name="AWS Gateway API Controller",
        controller="application-networking.k8s.aws/",
        source="VPC Lattice: its link-local addresses",
        rule="GW-29",
    ),
    KnownController(
        name="Azure Application Gateway for Containers",
        controller="alb.networking.azure.io/",
        source="an Azure Application Gateway: addresses of its subnet",
        rule="GW-29",
    ),
)
"""Gateway controllers whose data plane has no pods (GW-29)."""


def data_plane(cluster: Cluster, kind: str, namespace: str, name: str) -> DataPlane:
    """Return the proxy that serves an object of `kind` `Ingress`, `Route` or `Gateway`.

    Raises:
        KeyError: no such object is loaded.

    """
    return DataPlanes(cluster).of(kind, namespace, name)


def effective_class(cluster: Cluster, ingress: Ingress) -> str | None:
    """Return the class of an Ingress: as it says, else the default one, else empty; None: two are the default (ING-3)."""
    if ingress.class_annotation or ingress.class_name:
        return ingress.class_annotation or ingress.class_name
    defaults = [item.name for item in cluster.ingress_classes if item.default]
    if len(defaults) > 1:
        return None
    return defaults[0] if defaults else ""


class DataPlanes:
    """The proxies of one cluster; each class and Gateway is looked up once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ingresses = {(item.namespace, item.name): effective_class(cluster, item) for item in cluster.ingresses}
        self._routes = {(item.namespace, item.name) for item in cluster.openshift_routes}
        self._gateways = {(item.namespace, item.name): item for item in cluster.gateways}
        self._by_class: dict[str | None, DataPlane] = {}
        self._by_gateway: dict[tuple[str, str], DataPlane] = {}
        self._share_one: bool | None = None

    def of(self, kind: str, namespace: str, name: str) -> DataPlane:
        """Return the proxy that serves the object of that identity, as `data_plane` does."""
        if kind == "Gateway":
            return self.of_gateway(self._gateways[namespace, name])
        if kind == "Route" and (namespace, name) in self._routes:
            return self.of_class(ROUTER_CLASS)
        return self.of_class(self._ingresses[namespace, name])

    # ---- Ingresses and Routes ----------------------------------------------------------------------------------

    def of_class(self, name: str | None) -> DataPlane:
        """Return the proxy of an Ingress class; empty: of Ingresses without one; None: of one that is not known."""
        found = self._class(name)
        if name and not self._is_shared():
            return replace(found, id=f"{INGRESS_CONTROLLER}:{name}")
        return found

    def _is_shared(self) -> bool:
        """Return whether all Ingresses and Routes are served by the same pods, or by none that is known."""
        if self._share_one is None:
            classes = {*self._ingresses.values(), *((ROUTER_CLASS,) if self._routes else ())}
            pods = {(self._class(item).positions, self._class(item).phantom is not None) for item in classes}
            self._share_one = len(pods) < 2
        return self._share_one

    def _class(self, name: str | None) -> DataPlane:
        found = self._by_class.get(name)
        if found is None:
            found = self._by_class[name] = self._find_class(name)
        return found

    def _find_class(self, name: str | None) -> DataPlane:
        label = f"the controller of class `{name}`" if name else "the ingress controller"
        if name == ROUTER_CLASS and self._routes:
            label = "the OpenShift router"
        known = _named(self._cluster, name or "", INGRESS_CONTROLLER)
        if known is not None:
            return replace(known, id=INGRESS_CONTROLLER, label=label)
        rows = list(_rows(self._cluster, name)) if name else []
        positions = tuple(sorted({position for row in rows for position in _pods_of(self._cluster, row)}))
        return DataPlane(
            id=INGRESS_CONTROLLER,
            label=label,
            positions=positions,
            certain=bool(positions),
            are_pods=bool(positions) or (self._says_who(name) and bool(rows) and all(row.pods for row in rows)),
            reasons=() if positions else (_missing(label, rows, "ING-13"),),
        )

    def _says_who(self, name: str | None) -> bool:
        """Return whether an object, and not a usual name alone, tells who serves a class."""
        router = name == ROUTER_CLASS and bool(self._routes)
        return router or any(item.name == name for item in self._cluster.ingress_classes)

    # ---- Gateways ----------------------------------------------------------------------------------------------

    def of_gateway(self, gateway: Gateway) -> DataPlane:
        """Return the proxy of a Gateway."""
        key = (gateway.namespace, gateway.name)
        found = self._by_gateway.get(key)
        if found is None:
            found = self._by_gateway[key] = self._find_gateway(gateway)
        return found

    def _find_gateway(self, gateway: Gateway) -> DataPlane:
        id_, label = f"gateway:{gateway.namespace}/{gateway.name}", f"the proxy of {gateway.label}"
        known = _named(self._cluster, gateway.class_name, gateway.name)
        if known is not None:
            return replace(known, id=id_, label=label)
        positions = _gateway_pods(self._cluster, gateway)
        if positions:
            return DataPlane(id=id_, label=label, positions=positions, certain=True, are_pods=True)
        controller = _controller_name(self._cluster, gateway)
        rows = [row for row in GATEWAY_CONTROLLERS if controller and row.serves(controller)]
        return DataPlane(id=id_, label=label, reasons=(_missing(label, rows, "GW-29"),))


def _missing(label: str, rows: Iterable[KnownController], rule: str) -> Reason:
    """Return why the pods of a proxy are not known: it has none, or they are not loaded."""
    sources = [f"{row.name} has no pods: the source is {row.source}" for row in rows if row.source]
    if sources:
        return Reason(rule=rule, message=f"{label} is not in the input; {sources[0]}")
    option = "--ingress-controller NAMESPACE/LABELS says which pods they are"
    return Reason(rule=rule, message=f"the pods of {label} are not in the input; {option}")


# ---- what the user says ----------------------------------------------------------------------------------------------


def _named(cluster: Cluster, class_name: str, pod_name: str) -> DataPlane | None:
    """Return the proxy that `--ingress-controller` names for a class: first what names it, else what serves all."""
    chosen = _controllers_for(cluster, class_name)
    if not chosen:
        return None
    positions = tuple(sorted({position for item in chosen for position in _selected(cluster, item)}))
    phantom = None if positions else _phantom(chosen[0], pod_name)
    return DataPlane(id="", label="", positions=positions, phantom=phantom, certain=True, are_pods=True)


def _controllers_for(cluster: Cluster, class_name: str) -> list[Controller]:
    mine = [item for item in cluster.controllers if item.serves and item.serves == class_name]
    return mine or [item for item in cluster.controllers if not item.serves]


def _selected(cluster: Cluster, controller: Controller) -> tuple[int, ...]:
    return _with_labels(cluster, controller.labels, controller.namespace)


def _with_labels(cluster: Cluster, labels: Mapping[str, str], namespace: str = "") -> tuple[int, ...]:
    wanted = labels.items()
    return tuple(
        position
        for position, pod in enumerate(cluster.pods)
        if (not namespace or pod.namespace == namespace) and all(pod.labels.get(k) == v for k, v in wanted)
    )


def is_phantom(pod: Pod) -> bool:
    """Return whether a pod was added by `with_phantoms`."""
    return pod.workload.kind == _PHANTOM


def _phantom(controller: Controller, name: str) -> Pod:
    return Pod(
        namespace=controller.namespace,
        name=name,
        workload=WorkloadId(controller.namespace, _PHANTOM, name),
        labels=dict(controller.labels),
        template=True,
    )


def with_phantoms(cluster: Cluster) -> Cluster:
    """Return the cluster with one pod more for each proxy that the user named and whose pods are not loaded.

    Such a pod has the labels given and no others, no known address, and is not on its node's network. The pods that
    were there keep their positions.
    """
    missing = [item for item in cluster.controllers if not _selected(cluster, item)]
    if not missing:
        return cluster
    pods: dict[tuple[str, tuple[tuple[str, str], ...]], Pod] = {}
    for controller in missing:
        key = (controller.namespace, tuple(sorted(controller.labels.items())))
        pods.setdefault(key, _phantom(controller, _phantom_name(cluster, controller, taken=pods.values())))
    namespaces = dict(cluster.namespaces)
    for pod in pods.values():
        name = pod.namespace
        if name not in namespaces:
            namespaces[name] = Namespace(name=name, labels={NAMESPACE_NAME_LABEL: name}, labels_known=False)
    return replace(cluster, namespaces=namespaces, pods=(*cluster.pods, *pods.values()))


def _phantom_name(cluster: Cluster, controller: Controller, *, taken: Iterable[Pod]) -> str:
    """Return the name of the one Gateway that a named proxy serves, else `ingress-controller`; unique in its namespace."""
    gateways = [item for item in cluster.gateways if controller in _controllers_for(cluster, item.class_name)]
    other = bool(cluster.ingresses or cluster.openshift_routes)
    name = gateways[0].name if len(gateways) == 1 and not other else INGRESS_CONTROLLER
    names = {pod.name for pod in (*cluster.pods, *taken) if pod.namespace == controller.namespace}
    if name not in names:
        return name
    return next(text for number in range(2, len(names) + 3) if (text := f"{name}-{number}") not in names)


# ---- what classes and labels tell ------------------------------------------------------------------------------------


def _rows(cluster: Cluster, name: str) -> Iterator[KnownController]:
    """Yield the rows that can serve a class: by its IngressClass, else by its usual name, which is a hint only."""
    for item in cluster.ingress_classes:
        if item.name == name:
            yield from (row for row in CONTROLLERS if row.serves(item.controller))
            return
    yield from (row for row in CONTROLLERS if name in row.classes)


def _pods_of(cluster: Cluster, row: KnownController) -> tuple[int, ...]:
    found = tuple(sorted({position for labels in row.pods for position in _with_labels(cluster, labels)}))
    usual = tuple(position for position in found if cluster.pods[position].namespace in row.namespaces)
    return usual or found


def _controller_name(cluster: Cluster, gateway: Gateway) -> str:
    for item in cluster.gateway_classes:
        if item.name == gateway.class_name:
            return item.controller
    return ""


def _gateway_pods(cluster: Cluster, gateway: Gateway) -> tuple[int, ...]:
    """Return the pods that carry a Gateway's name (GW-29), or else those of the shared proxies that are exceptions."""
    generated = _with_labels(cluster, {GATEWAY_NAME_LABEL: gateway.name}, gateway.namespace)
    if generated:
        return generated
    owner = dict(zip(_ENVOY_OWNER, (gateway.name, gateway.namespace), strict=True))
    return _with_labels(cluster, owner) or _deployed_by_hand(cluster, gateway)


def _deployed_by_hand(cluster: Cluster, gateway: Gateway) -> tuple[int, ...]:
    """Istio generates no proxy for a Gateway that names the address of one: the pods of that Service, by their label."""
    controller = _controller_name(cluster, gateway)
    if not gateway.addresses or not (controller.startswith("istio.io/") or gateway.class_name == "istio"):
        return ()
    for address in gateway.addresses:
        name, _, rest = address.value.partition(".")
        service = find_service(cluster, rest.partition(".")[0] or gateway.namespace, name)
        if service is not None:
            return selected(cluster, service)
    return _with_labels(cluster, _ISTIO_LABELS)
