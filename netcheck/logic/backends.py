"""Backends of Gateway API routes: which Service a reference means, and what is wrong with it (GW-22 to GW-26, GW-31).

A bad reference keeps its share of the requests, which are then refused; so it is a `Share` with a problem.
"""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.logic.ages import in_order, order_key
from netcheck.logic.certificates import Certificates, Reference, first_bad
from netcheck.logic.grants import Grants
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import GATEWAY_GROUP, BackendRef, BackendTLSPolicy, GrantFrom, ObjectRef, Route
from netcheck.model.objects import Service, ServicePort, ServiceType
from netcheck.model.profile import Switch
from netcheck.model.request import Share

INVALID_TLS = "InvalidTLS"
"""The problem of a backend whose BackendTLSPolicy cannot be satisfied: no reason of the API's, the policy has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a BackendRef means. `message` says what `share.problem` is about; `reasons`: what could change the problem."""

    share: Share
    service: Service | None = None
    port: ServicePort | None = None
    message: str = ""
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """The BackendTLSPolicy of a Service port: None if there is none; `candidates` more than one: age would tell."""

    policy: BackendTLSPolicy | None
    candidates: tuple[BackendTLSPolicy, ...] = ()


class Backends:
    """The Services, grants and policies of a cluster, indexed to resolve references."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.grants = Grants(cluster)
        self.certificates = Certificates(cluster, self.grants)
        self._services = {(item.namespace, item.name): item for item in cluster.services}
        self._policies: dict[tuple[str, str, str], list[BackendTLSPolicy]] = {}
        for policy in sorted(cluster.backend_tls, key=order_key):
            for target in policy.targets:
                if (target.group, target.kind) == ("", "Service"):
                    self._policies.setdefault((policy.namespace, target.name, target.section), []).append(policy)

    def service(self, namespace: str, name: str) -> Service | None:
        """Return the Service with that identity, or None."""
        return self._services.get((namespace, name))

    def resolve(self, route: Route, ref: BackendRef, *, mesh: bool = False) -> Resolved:
        """Return what a reference of a route means; `mesh`: for a parent that is a Service (GW-32)."""
        what = f"Service `{ref.namespace}/{ref.name}`"
        if (ref.group, ref.kind) != ("", "Service"):
            kind = f"{ref.group}/{ref.kind}" if ref.group else ref.kind
            return _bad(ref, "InvalidKind", f"a `{kind}` is no backend that is known here")
        permitted = self._permitted(route, ref, mesh=mesh)
        if permitted is False:
            source = f"{route.kind} of `{route.namespace}`"
            return _bad(
                ref, "RefNotPermitted", f"no ReferenceGrant in `{ref.namespace}` lets a {source} refer to {what}"
            )
        missing = () if permitted else (_unknown("GW-26", f"whether a ReferenceGrant permits {what}", ref),)
        service = self.service(ref.namespace, ref.name)
        if service is None and self.grants.knows(ref.namespace):
            return _bad(ref, "BackendNotFound", f"{what} is not in the input, which defines its namespace")
        if service is None:
            unseen = _unknown("GW-24", f"whether {what} exists: the input does not define its namespace", ref)
            return Resolved(share=_share(ref, ""), reasons=(*missing, unseen))
        return self._port(route, ref, service, missing)

    def _permitted(self, route: Route, ref: BackendRef, *, mesh: bool) -> bool | None:
        if mesh and self.cluster.profile.mesh_reference_grant is Switch.NO:
            return True
        source = GrantFrom(group=GATEWAY_GROUP, kind=route.kind, namespace=route.namespace)
        target = ObjectRef(group="", kind="Service", namespace=ref.namespace, name=ref.name)
        permitted = self.grants.permits(source, target)
        if mesh and self.cluster.profile.mesh_reference_grant is Switch.UNKNOWN:
            return permitted or None
        return permitted

    def _port(self, route: Route, ref: BackendRef, service: Service, missing: tuple[Reason, ...]) -> Resolved:
        what = f"Service `{ref.namespace}/{ref.name}`"
        if service.type is ServiceType.EXTERNAL_NAME:
            unclear = _unknown("GW-25", f"whether the implementation forwards to {what} of type ExternalName", ref)
            return Resolved(share=_share(ref, ""), service=service, reasons=(*missing, unclear))
        wanted = "UDP" if route.kind == "UDPRoute" else "TCP"
        ports = [item for item in service.ports if item.port == ref.port]
        port = next((item for item in ports if item.protocol == wanted), None)
        if port is None:
            has = ", ".join(f"{item.port}/{item.protocol}" for item in service.ports) or "none"
            return _bad(ref, "BackendNotFound", f"{what} has no port {ref.port}/{wanted}, only: {has}")
        if not _speaks(route.kind, port.app_protocol):
            message = f"a {route.kind} does not speak `{port.app_protocol}`, the appProtocol of port {port.port}"
            return _bad(ref, "UnsupportedProtocol", message)
        return self._tls(ref, service, port, missing)

    def _tls(self, ref: BackendRef, service: Service, port: ServicePort, missing: tuple[Reason, ...]) -> Resolved:
        force = self.tls_policy(service, port)
        found = [self.authorities(item) for item in force.candidates]
        if found and all(item.reason for item in found):
            share = _share(ref, INVALID_TLS)
            message = f"{force.candidates[0].label}: {found[0].message}"
            return Resolved(share=share, service=service, port=port, message=message)
        if any(item.reason for item in found):
            names = " and ".join(item.label for item in force.candidates)
            missing = (*missing, _unknown("GW-28", f"which of {names} is the older one", ref))
        for item in found:
            if item.missing:
                missing = (*missing, _unknown("GW-28", item.missing, ref))
        return Resolved(share=_share(ref, ""), service=service, port=port, reasons=missing)

    def tls_policy(self, service: Service, port: ServicePort) -> PolicyInForce:
        """Return the BackendTLSPolicy of a Service port: one that names the port, else the oldest of the Service (GW-28)."""
        for section in (port.name, "") if port.name else ("",):
            found = self._policies.get((service.namespace, service.name, section), [])
            if found and in_order(found):
                return PolicyInForce(policy=found[0], candidates=(found[0],))
            if found:
                return PolicyInForce(policy=None, candidates=tuple(found))
        return PolicyInForce(policy=None)

    def rivals(self, policy: BackendTLSPolicy) -> tuple[BackendTLSPolicy, ...]:
        """Return the policies with a target of this one, itself included, in the order of their ages."""
        found: list[BackendTLSPolicy] = []
        for target in policy.targets:
            found += self._policies.get((policy.namespace, target.name, target.section), [])
        unique = {item.name: item for item in found}
        return tuple(sorted(unique.values(), key=order_key))

    def authorities(self, policy: BackendTLSPolicy) -> Reference:
        """Return whether a policy has valid authorities: bad iff none of its references is good (GW-28)."""
        if policy.well_known:
            known = policy.well_known == "System"
            wrong = Reference(reason="Invalid", message=f"`{policy.well_known}` is no known set of authorities")
            return Reference() if known else wrong
        found = self.authority_refs(policy)
        if any(item.good and not item.missing for item in found):
            return Reference()
        return next((item for item in found if item.missing), first_bad(found))

    def authority_refs(self, policy: BackendTLSPolicy) -> tuple[Reference, ...]:
        """Return what becomes of each of a policy's references to authorities."""
        source = GrantFrom(group=GATEWAY_GROUP, kind="BackendTLSPolicy", namespace=policy.namespace)
        return tuple(self.certificates.authority(source, ref, kind_reason="InvalidKind") for ref in policy.authorities)


def share(cluster: Cluster, route: Route, ref: BackendRef) -> Share:
    """Return the share that a reference of a route gives, with its problem. Cost: indexes all; `Backends` does it once."""
    return Backends(cluster).resolve(route, ref).share


def _share(ref: BackendRef, problem: str) -> Share:
    return Share(
        namespace=ref.namespace,
        name=ref.name,
        port=ref.port or None,
        weight=ref.weight,
        kind=ref.kind,
        problem=problem,
        place=ref.place,
    )


def _bad(ref: BackendRef, problem: str, message: str) -> Resolved:
    return Resolved(share=_share(ref, problem), message=message)


def _unknown(rule: str, message: str, ref: BackendRef) -> Reason:
    return Reason(rule=rule, message=message, place=ref.place)


def _speaks(kind: str, app_protocol: str) -> bool:
    """Return whether routes of a kind can speak an appProtocol (GW-31): only what is surely impossible is refused."""
    if kind == "GRPCRoute":
        return app_protocol not in ("kubernetes.io/ws", "kubernetes.io/wss")
    return True
