"""The production router: what becomes of one request, by frontends that are compiled once (SEMANTICS 6 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from netcheck.logic.attachment import Attachments, attachments
from netcheck.logic.gateways import NO_LISTENER, Gateways
from netcheck.logic.ingresses import Ingresses
from netcheck.logic.requests import CompiledFrontend, Frontend, FrontendId, Outcome, Seen, first_named
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Verdict
from netcheck.model.gateway import Gateway, PathChange, Redirect
from netcheck.model.objects import Service
from netcheck.model.profile import Switch
from netcheck.model.request import RedirectTo, Request, Routed, Scheme, Share

DEFAULT_PORTS = {"http": 80, "https": 443}
T = TypeVar("T")


class Router:
    """Decides requests at every door of a cluster; each door is compiled when it is first asked about."""

    def __init__(self, cluster: Cluster, attached: Attachments | None = None) -> None:
        self.cluster = cluster
        attached = attached or attachments(cluster)
        self.gateways = Gateways(attached, attached.backends)
        self.ingresses = Ingresses(cluster)
        self._compiled: dict[object, tuple[CompiledFrontend, ...]] = {}

    # ---- doors -------------------------------------------------------------------------------------------------

    def at_gateway(self, gateway: Gateway, request: Request) -> Routed:
        """Return what a Gateway does with a request."""
        if 0 in self.gateways.ports(gateway):
            message = f"a listener of {gateway.label} leaves its port to the implementation"
            reason = Reason(rule="GW-10", message=message, place=gateway.place)
            return Routed(verdict=Verdict.UNKNOWN, reasons=(reason,))
        over_tls = request.scheme is Scheme.GRPC and bool(request.sni)
        compiled = self._at_port(gateway, request.port, over_tls=over_tls)
        if not compiled:
            return Routed(verdict=Verdict.DENIED, refused=NO_LISTENER)
        return self._decided(compiled, request)

    def in_mesh(self, service: Service, client_namespace: str, request: Request) -> Routed | None:
        """Return what a mesh does with a request to a Service port; None iff no route for it is attached (GW-32)."""
        compiled = self._at_service(service, request.port, client_namespace, udp=request.scheme is Scheme.UDP)
        return self._decided(compiled, request) if compiled else None

    def at_ingress(self, ingress_class: str, request: Request) -> Routed:
        """Return what the controller of an Ingress class does with a request; empty: of the Ingresses without one."""
        refused = _port_refusal(request)
        if refused or request.scheme is Scheme.TLS:
            return Routed(verdict=Verdict.DENIED, refused=refused or "an Ingress serves HTTP only")
        routed = self._decided(self._at_class(ingress_class), request)
        if not _is_encrypted(request) or self.ingresses.has_tls(ingress_class):
            return routed
        message = "whether the controller answers TLS, for which no Ingress of the class asks"
        reasons = (*routed.reasons, Reason(rule="ING-11", message=message))
        return replace(routed, verdict=Verdict.UNKNOWN, status=None, reasons=reasons)

    def _at_class(self, name: str) -> tuple[CompiledFrontend, ...]:
        key = ("ingress", name)
        if key not in self._compiled:
            self._compiled[key] = (CompiledFrontend(self.ingresses.at_class(name)),)
        return self._compiled[key]

    def at_router(self, request: Request) -> Routed:
        """Return what the OpenShift router does with a request."""
        refused = _port_refusal(request)
        if refused:
            return Routed(verdict=Verdict.DENIED, refused=refused)
        if request.scheme is Scheme.GRPC:
            scheme = Scheme.HTTPS if _is_encrypted(request) else Scheme.HTTP
            request = replace(request, scheme=scheme)
        return self._decided(self._at_openshift(), request)

    def _at_openshift(self) -> tuple[CompiledFrontend, ...]:
        if "router" not in self._compiled:
            self._compiled["router"] = (CompiledFrontend(self.ingresses.at_router()),)
        return self._compiled["router"]

    def frontends(self) -> tuple[tuple[Frontend, ...], ...]:
        """Return every door; each in the forms that it may have, where a switch is not known."""
        found = []
        for gateway in self.cluster.gateways:
            found += [self._at_port(gateway, port) for port in self.gateways.ports(gateway)]
        for service, port in self.gateways.services():
            for client in ("", *self.gateways.consumers(service)):
                found += [self._at_service(service, port, client, udp=udp) for udp in (False, True)]
        for name in self.ingresses.names():
            found.append(self._at_class(name))
        if self.cluster.openshift_routes:
            found.append(self._at_openshift())
        unique = {item[0].frontend.id: item for item in reversed(found) if item}
        doors = sorted(unique.values(), key=lambda item: _door_key(item[0].frontend.id))
        return tuple(tuple(form.frontend for form in item) for item in doors)

    def _at_port(self, gateway: Gateway, port: int, *, over_tls: bool = False) -> tuple[CompiledFrontend, ...]:
        """Return the port in its forms; `over_tls` if calls of gRPC are known to come over TLS, as they name a server."""
        over_tls = over_tls and self.gateways.is_clear(gateway, port)
        key = ("gateway", gateway.namespace, gateway.name, port, over_tls)
        if key not in self._compiled:
            exists = port in self.gateways.ports(gateway)
            isolation = self.cluster.profile.listener_isolation
            forms = (Switch.YES, Switch.NO) if isolation is Switch.UNKNOWN else (isolation,)
            made = (CompiledFrontend(self.gateways.at_port(gateway, port, form, over_tls=over_tls)) for form in forms)
            self._compiled[key] = tuple(made) if exists else ()
        return self._compiled[key]

    def _at_service(self, service: Service, port: int, client: str, *, udp: bool) -> tuple[CompiledFrontend, ...]:
        key = ("service", service.namespace, service.name, port, client, udp)
        if key not in self._compiled:
            frontend = self.gateways.at_service(service, port, client, udp=udp)
            self._compiled[key] = (CompiledFrontend(frontend),) if frontend else ()
        return self._compiled[key]

    # ---- one request -------------------------------------------------------------------------------------------

    def _decided(self, forms: Sequence[CompiledFrontend], request: Request) -> Routed:
        seen = Seen.of(request)
        found = [form.outcomes(seen) for form in forms]
        outcomes: dict[tuple[object, ...], Outcome] = {}
        for outcome in (outcome for possible, _ in found for outcome in possible):
            outcomes[outcome.decided] = first_named(outcomes.get(outcome.decided, outcome), outcome)
        reasons = list(dict.fromkeys(reason for _, part in found for reason in part))
        if len(forms) > 1 and not reasons and len(outcomes) > 1:
            message = "whether listeners of one port are isolated from each other is left to the implementation"
            reasons.append(Reason(rule="GW-6", message=message))
        settled = [_settled(outcome, request) for outcome in outcomes.values()]
        return settled[0] if len(settled) == 1 and not reasons else _undecided(settled, reasons)


def _is_encrypted(request: Request) -> bool:
    if request.scheme is Scheme.GRPC:
        return bool(request.sni) or request.port == 443
    return request.scheme in (Scheme.HTTPS, Scheme.TLS)


def _port_refusal(request: Request) -> str:
    """Return why nothing is spoken: HTTP is on 80 and TLS on 443 (ING-11); of other ports nothing is said."""
    if request.scheme in (Scheme.TCP, Scheme.UDP):
        return "only HTTP and TLS are served"
    encrypted = _is_encrypted(request)
    if request.port == 443 and not encrypted:
        return "port 443 is for TLS"
    return "port 80 is for plain HTTP" if request.port == 80 and encrypted else ""


def _door_key(name: FrontendId) -> tuple[str, str, str, int, str]:
    return (name.kind, name.namespace, name.name, name.port, name.client)


def _settled(outcome: Outcome, request: Request) -> Routed:
    """Return what an outcome is for one request."""
    redirect = _redirected(outcome.redirect, outcome, request) if outcome.redirect else None
    reasons = outcome.reasons
    reached = any(not share.problem for share in outcome.shares)
    verdict = Verdict.UNKNOWN if reasons else Verdict.ALLOWED if reached else Verdict.DENIED
    return Routed(
        verdict=verdict,
        status=None if reasons else outcome.status,
        refused="" if reasons else outcome.refused,
        served=outcome.served,
        chosen=outcome.chosen,
        shares=outcome.shares,
        mirrors=outcome.mirrors,
        redirect=redirect,
        reasons=reasons,
    )


def _undecided(settled: Sequence[Routed], reasons: Iterable[Reason]) -> Routed:
    """Return what several possible outcomes have in common."""
    return Routed(
        verdict=Verdict.UNKNOWN,
        served=_common([item.served for item in settled]),
        chosen=_common([item.chosen for item in settled]),
        shares=_common([item.shares for item in settled]) or (),
        mirrors=_common([item.mirrors for item in settled]) or (),
        reasons=tuple(dict.fromkeys([*reasons, *(reason for item in settled for reason in item.reasons)])),
    )


def _common(values: Sequence[T]) -> T | None:
    return values[0] if all(value == values[0] for value in values) else None


def _redirected(redirect: Redirect, outcome: Outcome, request: Request) -> RedirectTo:
    """Return where a redirect leads: what the filter leaves open is as in the request (GW-21)."""
    spoken = "https" if outcome.encrypted or request.scheme is Scheme.HTTPS else "http"
    scheme = redirect.scheme or spoken
    port = redirect.port or (DEFAULT_PORTS.get(redirect.scheme, request.port) if redirect.scheme else request.port)
    path = _changed(redirect.path, outcome.prefix, request.path) if redirect.path else request.path
    return RedirectTo(
        scheme=scheme, host=redirect.hostname or request.host, port=port, path=path, status=redirect.status
    )


def _changed(change: PathChange, prefix: str | None, path: str) -> str:
    """Return the path after a change; where no prefix was matched none is replaced (the API refuses such a rule)."""
    if change.type != "ReplacePrefixMatch":
        return change.value or "/"
    if prefix is None:
        return path
    rest = path[len(prefix.removesuffix("/")) :]
    return change.value.removesuffix("/") + rest or "/"


def shares_of(outcome: Outcome) -> tuple[Share, ...]:
    """Return every backend that an outcome can reach, mirrors included."""
    return tuple(share for share in (*outcome.shares, *outcome.mirrors) if not share.problem)
