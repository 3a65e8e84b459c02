"""A headless Service whose port is not the pods' port.

What it finds: ports of headless Services whose `targetPort` is another number, or a name that stands for another number on
every selected pod.
Why it matters: a headless Service has no address of its own. Clients look up the pods' addresses and connect to them on the
port of the Service, which nothing translates, and there nobody listens.
When to ignore it: all clients read the port from SRV records. An info where an Ingress or a Gateway API route leads to the
Service, for these use the endpoints' port, and where a pod declares the Service's port too no finding.
How it is decided: by the numbers, and by the container ports of the loaded pods.
Source: SEMANTICS SVC-10, SVC-11, DNS-2.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related
from netcheck.lint.listening import declares
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import label, routes_to
from netcheck.logic.services import target_number
from netcheck.model.objects import Pod, Service, ServicePort

BAD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: None
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}  # finds: NC210
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: http, port: 8080, targetPort: http}, {name: metrics, port: 9090}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each port of a headless Service that its pods do not have."""
    routes = routes_to(snapshot)
    for service in snapshot.cluster.services:
        if service.headless and service.selector:
            pods = [snapshot.cluster.pods[i] for i in snapshot.backends(service)]
            for item in service.ports:
                if item.target_port != item.port and not any(declares(pod, item.protocol, item.port) for pod in pods):
                    yield from _finding(service, item, pods, routes.get((service.namespace, service.name), ()))


def _finding(service: Service, item: ServicePort, pods: list[Pod], users: tuple[Related, ...]) -> Iterator[Finding]:
    if isinstance(item.target_port, int):
        numbers = {item.target_port}
    else:
        numbers = {number for pod in pods if (number := target_number(pod, item)) is not None}
    if not numbers or item.port in numbers:
        return
    shown = " or ".join(str(number) for number in sorted(numbers))
    yield RULE.finding(
        f"port {item.port} is not translated to {shown}, for the Service is headless: clients that connect to "
        f"`{service.name}:{item.port}` reach the pods on port {item.port}",
        about=label(service),
        place=item.place or service.place,
        severity="info" if users else "warning",
        related=users[:5],
        hint=f"write `port: {shown}`, or drop `clusterIP: None`" if len(numbers) == 1 else "drop `clusterIP: None`",
    )


def has_headless(snapshot: Snapshot) -> bool:
    """Return whether a headless Service was read."""
    return any(service.headless for service in snapshot.cluster.services)


RULE = Rule(
    code="NC210",
    name="headless-port-differs",
    severity="warning",
    basis="syntactic",
    summary="A headless Service whose port is not the pods' port",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_headless,
    bad=(BAD,),
    good=(GOOD,),
)
