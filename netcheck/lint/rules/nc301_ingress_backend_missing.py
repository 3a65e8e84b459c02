"""A backend of an Ingress or OpenShift Route that does not exist.

What it finds: Services that an Ingress or Route names and that do not exist, ports that the Service does not have, ports
of an OpenShift Route on which nothing behind the Service listens, and Routes whose backends all have weight 0.
Why it matters: every request for such a path is answered 503 or 404. The port of an Ingress is the Service's own, by number
or by name; the one of an OpenShift Route is the pods' (targetPort). The Service must lie in the same namespace.
When to ignore it: another controller writes the Service. Where an annotation says that the controller answers itself, with
a redirect or an action, nothing is reported.
How it is decided: by the Services in the input. A Service counts as absent where the input tells what its namespace holds.
What a resource backend stands for is left to the controller.
Source: SEMANTICS ING-8, ING-15, ING-16, SVC-7.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.annotations import USE_ANNOTATION, answers_itself
from netcheck.lint.attached import is_refused, meant_port, meant_service
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import behind, related
from netcheck.lint.wording import listed
from netcheck.model.objects import Service
from netcheck.model.routes import OpenShiftRoute
from netcheck.queries.ingress_lines import ingress_lines, openshift_lines
from netcheck.queries.route_results import BackendLine, IngressLine

BAD = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web, port: {number: 8080}}}  # finds: NC301
      - path: /cart
        pathType: Prefix
        backend: {service: {name: crat, port: {name: http}}}  # finds: NC301
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
"""

BAD_ROUTE = """
apiVersion: route.openshift.io/v1  # finds: NC301
kind: Route
metadata: {name: web, namespace: shop}
spec:
  host: shop.example.com
  to: {kind: Service, name: web, weight: 100}
  port: {targetPort: 80}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
      - {path: /web, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}
---
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: web, namespace: shop}
spec: {host: web.example.com, to: {kind: Service, name: web, weight: 100}, port: {targetPort: 8080}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{name: http, port: 8080}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each backend that is not there."""
    for line in ingress_lines(snapshot.cluster, snapshot.attached.backends, {}):
        yield from _ingress(snapshot, line)
    for item in openshift_lines(snapshot.cluster, snapshot.attached.backends, {}):
        for backend in item.backends:
            if backend.share.problem and not _is_refused(snapshot, backend):
                yield _finding(snapshot, item.route.label, backend)
        yield from _route(snapshot, item.route)


def _ingress(snapshot: Snapshot, line: IngressLine) -> Iterator[Finding]:
    said: set[tuple[object, ...]] = set()
    for path in line.paths if not answers_itself(line.ingress) else ():
        share = path.backend.share
        if share.port == USE_ANNOTATION:
            continue
        place = share.place or line.ingress.place
        key = (share.name, share.port, place.line if place is not None else None)
        if share.problem and key not in said and not _is_refused(snapshot, path.backend):
            said.add(key)
            yield _finding(snapshot, line.ingress.label, path.backend)


def _is_refused(snapshot: Snapshot, backend: BackendLine) -> bool:
    return is_refused(snapshot, f"Service {backend.share.namespace}/{backend.share.name}")


def _finding(snapshot: Snapshot, label: str, backend: BackendLine) -> Finding:
    share = backend.share
    service = snapshot.service_at.get((share.namespace, share.name))
    if service is None:
        message = f"Service `{share.namespace}/{share.name}` does not exist: requests for it fail"
        hint = meant_service(snapshot, share.namespace, share.name)
    else:
        message = f"{backend.message}: requests for it fail"
        hint = meant_port(service, share.port)
    return RULE.finding(
        message,
        about=label,
        place=share.place,
        related=(related(service, "is the Service"),) if service is not None else (),
        hint=hint,
    )


# ---- OpenShift -----------------------------------------------------------------------------------------------------------


def _route(snapshot: Snapshot, route: OpenShiftRoute) -> Iterator[Finding]:
    if route.backends and not any(item.weight for item in route.backends):
        yield RULE.finding(
            "every backend has weight 0: requests are answered 503",
            about=route.label,
            place=route.place,
            hint="give one of them a weight, or delete the Route",
        )
    for item in route.backends:
        service = snapshot.service_at.get((route.namespace, item.service))
        if service is not None and item.weight and route.target_port is not None and _misses(snapshot, route, service):
            yield _port(route, service)


def _misses(snapshot: Snapshot, route: OpenShiftRoute, service: Service) -> bool:
    """Return whether surely no port behind the Service is the one that the Route names (ING-15)."""
    wanted = str(route.target_port)
    for item in service.ports:
        if wanted in (item.name, str(item.target_port)):
            return False
        if isinstance(item.target_port, str):
            found = behind(snapshot, service, item)
            if not found or wanted in {str(one.number) for one in found}:
                return False
    return bool(service.ports) and bool(service.selector)


def _port(route: OpenShiftRoute, service: Service) -> Finding:
    targets = listed(str(item.target_port) for item in service.ports)
    own = next((item for item in service.ports if item.port == route.target_port), None)
    hint = f"the port of a Route is the pods': write targetPort {own.target_port}" if own is not None else ""
    return RULE.finding(
        f"port `{route.target_port}` is none on which pods of Service `{service.namespace}/{service.name}` listen, nor the "
        f"name of one: those are {targets}",
        about=route.label,
        place=route.place,
        related=(related(service, "is the Service"),),
        hint=hint,
    )


def is_used(snapshot: Snapshot) -> bool:
    """Return whether an Ingress or an OpenShift Route was read."""
    return bool(snapshot.cluster.ingresses or snapshot.cluster.openshift_routes)


RULE = Rule(
    code="NC301",
    name="ingress-backend-missing",
    severity="error",
    basis="syntactic",
    summary="A backend of an Ingress or OpenShift Route that does not exist",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=is_used,
    bad=(BAD, BAD_ROUTE),
    good=(GOOD,),
)
