"""The ways in and what belongs to them, sorted: Ingress, Gateway API, webhooks, monitors, mesh routing, key material."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netcheck.errors import Place
from netcheck.load.admit import Admitted
from netcheck.load.kinds import Treatment
from netcheck.model.cluster import LostRoute, Unfollowed
from netcheck.model.objects import Monitor, Webhook

if TYPE_CHECKING:  # the builders too are imported where such an object is: most inputs have few of them
    from netcheck.model.gateway import (
        BackendTLSPolicy,
        Gateway,
        GatewayClass,
        ListenerSet,
        Material,
        ReferenceGrant,
        Route,
    )
    from netcheck.model.routes import Ingress, IngressClass, OpenShiftRoute

TREATMENTS = frozenset({Treatment.ROUTE, Treatment.CALLER, Treatment.MATERIAL, Treatment.MESH})
_ROUTES = frozenset({"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"})
_LISTENER_SETS = frozenset({"ListenerSet", "XListenerSet"})


@dataclass(slots=True)
class Doorways:
    """What was loaded so far. The lists are named as the fields of `Cluster` are."""

    ingress_classes: list[IngressClass] = field(default_factory=list)
    ingresses: list[Ingress] = field(default_factory=list)
    openshift_routes: list[OpenShiftRoute] = field(default_factory=list)
    gateway_classes: list[GatewayClass] = field(default_factory=list)
    gateways: list[Gateway] = field(default_factory=list)
    listener_sets: list[ListenerSet] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    grants: list[ReferenceGrant] = field(default_factory=list)
    backend_tls: list[BackendTLSPolicy] = field(default_factory=list)
    material_items: list[Admitted] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)
    monitors: list[Monitor] = field(default_factory=list)
    unfollowed: list[Unfollowed] = field(default_factory=list)
    lost_routes: list[LostRoute] = field(default_factory=list)

    def take(self, item: Admitted) -> None:
        """Put an object where it belongs."""
        treatment = item.row.treatment if item.row is not None else Treatment.HARMLESS
        if treatment is Treatment.MESH:
            self._mesh(item)
        elif treatment is Treatment.MATERIAL:
            self.material_items.append(item)
        elif treatment is Treatment.CALLER:
            self._caller(item)
        elif item.kind in _ROUTES:
            self._route(item)
        elif item.kind in ("Ingress", "IngressClass", "Route"):
            self._ingress(item)
        else:
            self._gateway(item)

    def _mesh(self, item: Admitted) -> None:
        from netcheck.load import build_mesh_routing  # noqa: PLC0415

        self.unfollowed.append(build_mesh_routing.unfollowed(item))

    def _route(self, item: Admitted) -> None:
        from netcheck.load import build_routes  # noqa: PLC0415

        self.routes.append(build_routes.route(item))

    def _caller(self, item: Admitted) -> None:
        from netcheck.load import build_callers  # noqa: PLC0415

        if item.kind in ("ServiceMonitor", "PodMonitor"):
            found = build_callers.monitor(item)
            self.monitors.extend([found] if found is not None else [])
        else:
            self.webhooks.extend(build_callers.webhooks(item))

    def _ingress(self, item: Admitted) -> None:
        from netcheck.load import build_route  # noqa: PLC0415

        if item.kind == "Ingress":
            self.ingresses.append(build_route.ingress(item))
        elif item.kind == "IngressClass":
            self.ingress_classes.append(build_route.ingress_class(item))
        else:
            self.openshift_routes.append(build_route.openshift_route(item))

    def _gateway(self, item: Admitted) -> None:
        from netcheck.load import build_gateway  # noqa: PLC0415

        if item.kind == "Gateway":
            self.gateways.append(build_gateway.gateway(item))
        elif item.kind == "GatewayClass":
            self.gateway_classes.append(build_gateway.gateway_class(item))
        elif item.kind in _LISTENER_SETS:
            self.listener_sets.append(build_gateway.listener_set(item))
        elif item.kind == "ReferenceGrant":
            self.grants.append(build_gateway.reference_grant(item))
        elif item.kind == "BackendTLSPolicy":
            self.backend_tls.append(build_gateway.backend_tls(item))

    def lose(self, kind: str, namespace: str, name: str, place: Place | None) -> None:
        """Take note of an object of a way in that was refused or could not be read."""
        self.lost_routes.append(LostRoute(namespace=namespace, kind=kind, name=name, place=place))

    def _materials(self) -> list[Material]:
        """Return the key material, looked at only where something that was loaded could name it."""
        wanted = self.gateways or self.listener_sets or self.backend_tls or self.ingresses
        if not wanted:
            return []
        from netcheck.load import build_material  # noqa: PLC0415

        return [build_material.material(item) for item in self.material_items]

    def fields(self) -> dict[str, Any]:
        """Return the fields of `Cluster`, each sorted by identity."""
        lists = {name: getattr(self, name) for name in self.__slots__ if name != "material_items"}
        found = {name: tuple(sorted(items, key=_identity)) for name, items in lists.items()}
        found["materials"] = tuple(sorted(self._materials(), key=_identity))
        return found


def _identity(item: Any) -> tuple[str, str, str, str]:
    parts = (getattr(item, key, "") for key in ("namespace", "name", "kind", "webhook"))
    namespace, name, kind, webhook = parts
    return (namespace, name, kind, webhook)
