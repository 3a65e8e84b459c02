"""What a backend of a route is, and why requests for it may be refused: GW-22 to GW-28, GW-31."""

from __future__ import annotations

from collections.abc import Sequence

from netcheck.model.cluster import Cluster
from netcheck.model.gateway import (
    GATEWAY_GROUP,
    BackendRef,
    BackendTLSPolicy,
    ObjectRef,
    PolicyTarget,
    Route,
)
from netcheck.model.objects import Service, ServicePort, ServiceType
from netcheck.model.profile import Switch
from netcheck.model.request import Share
from netcheck.semantics import grants
from netcheck.semantics.attachment import authority_exists
from netcheck.semantics.settling import Setting

ROUTE_WORDS = {
    "GRPCRoute": ("kubernetes.io/ws", "kubernetes.io/wss"),
}
"""GW-31: the application protocols that a kind of route cannot speak."""


def find_service(cluster: Cluster, namespace: str, name: str) -> Service | None:
    """Return the loaded Service of this name."""
    return next((item for item in cluster.services if (item.namespace, item.name) == (namespace, name)), None)


def share(setting: Setting, route: Route, ref: BackendRef, *, mesh: bool) -> Share:
    """GW-22: the backend with its weight, and what is wrong with it."""
    return Share(
        namespace=ref.namespace,
        name=ref.name,
        port=ref.port or None,
        weight=ref.weight,
        kind=ref.kind,
        problem=problem(setting, route, ref, mesh=mesh),
        place=ref.place,
    )


def problem(setting: Setting, route: Route, ref: BackendRef, *, mesh: bool) -> str:
    """GW-24: the first of unknown kind, missing grant, missing Service or port, wrong protocol, invalid authority."""
    if (ref.group, ref.kind) != ("", "Service"):
        return "InvalidKind"
    if not _may_refer(setting, route, ref, mesh=mesh):
        open_to_meshes = mesh and setting.cluster.profile.mesh_reference_grant is Switch.UNKNOWN
        known = _problem_of_object(setting, route, ref) if open_to_meshes else ""
        return known or "RefNotPermitted"
    return _problem_of_object(setting, route, ref)


def _problem_of_object(setting: Setting, route: Route, ref: BackendRef) -> str:
    """What is wrong with it whether or not the reference is permitted."""
    service = find_service(setting.cluster, ref.namespace, ref.name)
    if service is None:
        there = setting.exists(ref.namespace, f"Service {ref.namespace}/{ref.name}", "GW-24")
        return "" if there else "BackendNotFound"
    if service.type is ServiceType.EXTERNAL_NAME:
        return _of_external_name(setting, ref)
    port = _port(service, route, ref)
    if port is None:
        return "BackendNotFound"
    return _port_problem(setting, route, service, port)


def _of_external_name(setting: Setting, ref: BackendRef) -> str:
    """GW-25: implementations should not forward to a Service of type ExternalName; whether this one does is not known."""
    message = f"whether the implementation forwards to Service {ref.namespace}/{ref.name} of type ExternalName"
    return "" if setting.holds(("external name",), "GW-25", message) else "InvalidKind"


def _may_refer(setting: Setting, route: Route, ref: BackendRef, *, mesh: bool) -> bool:
    """GW-26, GW-32: across namespaces a grant is needed; in a mesh only where the switch says so."""
    profile = setting.cluster.profile
    if route.namespace == ref.namespace:
        return True
    if mesh and not setting.switch(profile.mesh_reference_grant, "meshReferenceGrant", "GW-32"):
        return True
    source = grants.Referrer(GATEWAY_GROUP, route.kind, route.namespace)
    return grants.permitted(setting, source, grants.Target(ref.group, ref.kind, ref.namespace, ref.name))


def _port(service: Service, route: Route, ref: BackendRef) -> ServicePort | None:
    """GW-22: the number is the Service's port, of UDP for a UDPRoute and of TCP for the others."""
    protocol = "UDP" if route.kind == "UDPRoute" else "TCP"
    return next((item for item in service.ports if (item.port, item.protocol) == (ref.port, protocol)), None)


def _port_problem(setting: Setting, route: Route, service: Service, port: ServicePort) -> str:
    if port.app_protocol in ROUTE_WORDS.get(route.kind, ()):
        return "UnsupportedProtocol"
    policy = tls_policy(setting, service, port)
    # UDP has no TLS to configure.
    if policy is not None and route.kind != "UDPRoute" and not authorities_are_valid(setting, policy):
        return "InvalidTLS"
    return ""


def tls_policy(setting: Setting, service: Service, port: ServicePort) -> BackendTLSPolicy | None:
    """GW-28: the policy for the port's name, else the one for the whole Service; of several the oldest."""
    mine = [item for item in setting.cluster.backend_tls if item.namespace == service.namespace]
    by_name = [item for item in mine if port.name and any(_is_about(t, service, port.name) for t in item.targets)]
    whole = [item for item in mine if any(_is_about(target, service, "") for target in item.targets)]
    return _oldest(setting, by_name or whole)


def _is_about(target: PolicyTarget, service: Service, section: str) -> bool:
    return (target.group, target.kind, target.name, target.section) == ("", "Service", service.name, section)


def _oldest(setting: Setting, policies: Sequence[BackendTLSPolicy]) -> BackendTLSPolicy | None:
    if not policies:
        return None
    return setting.oldest(policies, lambda item: item, "GW-28")


def authorities_are_valid(setting: Setting, policy: BackendTLSPolicy) -> bool:
    """GW-28: the well-known ones, or at least one ConfigMap or Secret that holds certificates."""
    return bool(policy.well_known) or any(_is_valid(setting, ref) for ref in policy.authorities)


def _is_valid(setting: Setting, ref: ObjectRef) -> bool:
    return not ref.group and ref.kind in ("ConfigMap", "Secret") and authority_exists(setting, ref)
