"""A targetPort by name that the pods do not declare.

What it finds: Service ports whose `targetPort` is a name that no selected pod declares with the Service port's protocol.
Why it matters: endpoints are made without that port, silently, and connections to it are refused.
When to ignore it: a container that is injected later declares the port. An info where only some of the pods lack it.
How it is decided: by the container ports of the selected pods; a port that an EndpointSlice of the Service has is there. A
number that no container declares, or with another protocol only, is no defect, and is reported with `--pedantic` only.
Source: SEMANTICS SVC-7, SVC-14, NET-17.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.listening import declares, declares_name
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import closest, owners
from netcheck.model.objects import Pod, Service, ServicePort

BAD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
  - {port: 80, targetPort: http}  # finds: NC202
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: web, containerPort: 8080}]}]}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: web}, {name: extra, port: 81, targetPort: 8081}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Service port whose target some pod does not declare."""
    for service in snapshot.cluster.services:
        pods = [snapshot.cluster.pods[i] for i in snapshot.backends(service)]
        for item in service.ports if pods else ():
            if _is_offered(snapshot, service, item):
                continue
            if isinstance(item.target_port, str):
                yield from _by_name(service, item, pods)
            elif any(pod.ports for pod in pods):
                yield from _by_number(service, item, pods)


def _is_offered(snapshot: Snapshot, service: Service, item: ServicePort) -> bool:
    """Return whether an EndpointSlice of the Service has the port: it says what its writer found (SVC-14)."""
    key = (item.name, item.protocol)
    ports = (port for piece in snapshot.slices_of(service) for port in piece.ports if piece.endpoints and port.number)
    return any((port.name, port.protocol) == key for port in ports)


def _by_name(service: Service, item: ServicePort, pods: list[Pod]) -> Iterator[Finding]:
    name = str(item.target_port)
    lacking = [pod for pod in pods if not declares_name(pod, item.protocol, name)]
    if lacking:
        yield RULE.finding(
            f"port {item.port} leads to `{name}`, but no container of {owners(lacking)} declares a {item.protocol} port of "
            "that name: there are no endpoints for it",
            about=f"Service {service.namespace}/{service.name}",
            place=item.place,
            severity="error" if len(lacking) == len(pods) else "info",
            hint=_hint(item, name, lacking),
        )


def _hint(item: ServicePort, name: str, pods: list[Pod]) -> str:
    ports = [port for pod in pods for port in pod.ports if port.name]
    for port in ports:
        if port.name == name:
            return f"container port `{name}` is declared with protocol {port.protocol}, not {item.protocol}"
    names = sorted({port.name for port in ports if port.protocol == item.protocol})
    close = closest(name, names) or (names[0] if len(names) == 1 else "")
    return f"did you mean `{close}`?" if close else ""


def _by_number(service: Service, item: ServicePort, pods: list[Pod]) -> Iterator[Finding]:
    number = item.port if service.headless else item.target_port
    assert isinstance(number, int)
    if not any(declares(pod, item.protocol, number) for pod in pods):
        others = sorted({port.protocol for pod in pods for port in pod.ports if port.number == number})
        but = f" with that protocol, only with {' and '.join(others)}" if others else ""
        yield RULE.finding(
            f"port {item.port} leads to {item.protocol} {number}, which no container of {owners(pods)} declares{but}",
            about=f"Service {service.namespace}/{service.name}",
            place=item.place,
            severity="info",
            basis="heuristic",
        )


RULE = Rule(
    code="NC202",
    name="target-port-missing",
    severity="error",
    basis="syntactic",
    summary="A targetPort by name that the pods do not declare",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
