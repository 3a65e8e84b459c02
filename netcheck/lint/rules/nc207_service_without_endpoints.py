"""A Service without a selector that has no endpoints, or none for a port.

What it finds: Services without a selector to which no EndpointSlice belongs, or whose EndpointSlices have no port of a
Service port's name and protocol.
Why it matters: nothing makes endpoints for such a Service, and without any its connections are refused. Endpoints are
joined by the label `kubernetes.io/service-name` in the Service's own namespace, and ports by name: a slip in either is silent.
When to ignore it: a controller writes the endpoints; an info for this reason, unless the input is known to be whole or holds
an EndpointSlice that was meant.
How it is decided: by the labels, namespaces and port names of the loaded EndpointSlices and Endpoints. Addresses that the
API server refuses (loopback, link-local) are NC114.
Source: SEMANTICS SVC-8, SVC-13, SVC-14, SVC-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import are_used, is_external_name, label
from netcheck.lint.wording import listed
from netcheck.model.objects import EndpointSlice, Service, ServicePort

BAD = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec:
  ports:
  - {name: postgres, port: 5432}  # finds: NC207
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{name: pg, port: 5432}]
"""

BAD_PLACE = """
apiVersion: v1  # finds: NC207
kind: Service
metadata: {name: db, namespace: shop}
spec: {ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: data, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{port: 5432}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: data}}
"""

BAD_LABEL = """
apiVersion: v1  # finds: NC207
kind: Service
metadata: {name: db, namespace: shop}
spec: {ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{port: 5432}]
"""

GOOD = """
# whole: true
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {ports: [{name: postgres, port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{name: postgres, port: 5432}]
"""

_API_SERVER = ("default", "kubernetes")
"""The API servers keep the endpoints of this Service themselves (SVC-31)."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Service without endpoints, and for each port without any."""
    strays = _Strays(snapshot)
    for service in snapshot.cluster.services:
        if service.selector or is_external_name(service) or (service.namespace, service.name) == _API_SERVER:
            continue
        pieces = snapshot.slices_of(service)
        if pieces:
            yield from _ports(service, pieces)
        elif not _is_refused(snapshot, service.namespace):
            yield _none(snapshot, service, strays.meant(service))


def _is_refused(snapshot: Snapshot, namespace: str) -> bool:
    """Return whether endpoints of a namespace could not be read: they may be the Service's."""
    starts = (f"EndpointSlice {namespace}/", f"Endpoints {namespace}/")
    return any(problem.object.startswith(starts) for problem in snapshot.loaded.problems)


def _ports(service: Service, pieces: tuple[EndpointSlice, ...]) -> Iterator[Finding]:
    if service.headless:  # SVC-10: clients choose the port
        return
    offered = {(port.name, port.protocol) for piece in pieces for port in piece.ports if port.number}
    for item in service.ports:
        if (item.name, item.protocol) not in offered:
            yield _port(service, item, pieces)


def _port(service: Service, item: ServicePort, pieces: tuple[EndpointSlice, ...]) -> Finding:
    ports = [port for piece in pieces for port in piece.ports if port.number]
    names = sorted({port.name for port in ports if port.protocol == item.protocol})
    wanted = f"named `{item.name}`" if item.name else "without a name"
    offered = f"the names {listed(name or '(none)' for name in names)}" if names else f"no {item.protocol} port"
    what = "an Endpoints object" if pieces[0].legacy else "an EndpointSlice"
    return RULE.finding(
        f"port {item.port} needs {item.protocol} endpoints {wanted}, and those of the Service have {offered}: there is "
        "nothing behind it",
        about=label(service),
        place=item.place or service.place,
        related=tuple(
            Related(message="holds its endpoints", place=piece.place, object=_named(piece)) for piece in pieces[:5]
        ),
        hint=f"give the port of {what} the name of the Service's port, and its protocol",
    )


def _none(snapshot: Snapshot, service: Service, meant: tuple[EndpointSlice, str] | None) -> Finding:
    if meant is not None:
        piece, why = meant
        return RULE.finding(
            f"the Service has no selector and no endpoints: {_named(piece)} {why}",
            about=label(service),
            place=service.place,
            related=(Related(message="does not belong to the Service", place=piece.place, object=_named(piece)),),
            hint=f"label it `kubernetes.io/service-name: {service.name}`, in namespace `{service.namespace}`",
        )
    return RULE.finding(
        "the Service has no selector, and no EndpointSlice or Endpoints object belongs to it: it has no endpoints, unless "
        "a controller writes them",
        about=label(service),
        place=service.place,
        severity="error" if snapshot.whole else "info",
    )


class _Strays:
    """EndpointSlices that may have been meant for a Service to which they do not belong."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._cluster = snapshot.cluster
        self._known = snapshot.service_at.keys()
        self._found: dict[str, list[EndpointSlice]] = {}
        for piece in snapshot.cluster.endpoint_slices:
            for name in {piece.service} if piece.service else {piece.name, piece.name.rpartition("-")[0]}:
                self._found.setdefault(name, []).append(piece)

    def meant(self, service: Service) -> tuple[EndpointSlice, str] | None:
        """Return the endpoints that were probably meant for a Service, and why they do not count."""
        for piece in self._found.get(service.name, ()):
            why = self._why(piece, service)
            if why:
                return piece, why
        return None

    def _why(self, piece: EndpointSlice, service: Service) -> str:
        if piece.namespace == service.namespace:
            if piece.service:  # only slices that proxies do not read are left
                return "holds names instead of addresses, which proxies ignore"
            return "lacks the label `kubernetes.io/service-name`"
        stray = (piece.namespace, piece.service) not in self._known and self._cluster.knows_namespace(piece.namespace)
        return f"lies in namespace `{piece.namespace}`, where no such Service is" if piece.service and stray else ""


def _named(piece: EndpointSlice) -> str:
    if piece.legacy:
        return f"Endpoints {piece.namespace}/{piece.service}"
    return f"EndpointSlice {piece.namespace}/{piece.name}"


RULE = Rule(
    code="NC207",
    name="service-without-endpoints",
    severity="error",
    basis="syntactic",
    summary="A Service without a selector that has no endpoints, or none for a port",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD, BAD_PLACE, BAD_LABEL),
    good=(GOOD,),
)
