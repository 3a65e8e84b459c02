"""A Service over workloads that do not all serve its port.

What it finds: Services with a virtual address whose selector matches pods of several workloads, where some of them declare
the port that the Service leads to and others declare ports, but not this one.
Why it matters: connections are spread over all the pods, so a part of them reaches pods that do not listen. Policies of the
workloads may differ too. The usual cause is a selector by a label that the whole application shares.
When to ignore it: the other pods listen on the port without declaring it.
How it is decided: by the container ports of the selected pods and templates. A `targetPort` by name leads only to pods that
declare it, and headless Services spread nothing: both are left alone, and so are pods that declare no port at all.
Source: SEMANTICS SVC-2, SVC-7, SVC-37.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related
from netcheck.lint.listening import declares
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import are_used, label
from netcheck.lint.wording import listed, owner
from netcheck.model.objects import Pod, Service, ServicePort

BAD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {part-of: shop}
  ports:
  - {port: 80, targetPort: 8080}  # finds: NC204
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, part-of: shop}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db, part-of: shop}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: all, namespace: shop}
spec:
  selector: {part-of: shop}
  ports: [{name: http, port: 80, targetPort: http}, {name: metrics, port: 9090, targetPort: 9090}]
---
apiVersion: v1
kind: Pod
metadata: {name: blue, namespace: shop, labels: {app: web, part-of: shop}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}, {containerPort: 9090}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: green, namespace: shop, labels: {app: web, part-of: shop}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}, {containerPort: 9090}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Service port that some of the selected workloads do not serve."""
    for service in snapshot.cluster.services:
        if service.headless:
            continue
        pods = [snapshot.cluster.pods[i] for i in snapshot.backends(service)]
        if len({pod.workload for pod in pods}) > 1:
            for item in service.ports:
                yield from _spread(service, item, pods)


def _spread(service: Service, item: ServicePort, pods: list[Pod]) -> Iterator[Finding]:
    if not isinstance(item.target_port, int):
        return
    serving = [pod for pod in pods if declares(pod, item.protocol, item.target_port)]
    served = {pod.workload for pod in serving}
    others = {owner(pod): pod for pod in pods if pod.ports and pod.workload not in served}
    if not serving or not others:
        return
    yield RULE.finding(
        f"port {item.port} leads to {item.protocol} {item.target_port}, which {listed(map(owner, serving))} "
        f"{'declare' if len(served) > 1 else 'declares'}, but the selector also matches {listed(others)}, which "
        f"{'declare' if len(others) > 1 else 'declares'} other ports: a part of the connections fails",
        about=label(service),
        place=item.place or service.place,
        related=tuple(
            Related(message="is selected, and does not declare the port", place=pod.place, object=name)
            for name, pod in list(others.items())[:5]
        ),
        hint="add a label to the selector that only the serving pods have",
    )


RULE = Rule(
    code="NC204",
    name="selector-spans-workloads",
    severity="warning",
    basis="syntactic",
    summary="A Service over workloads that do not all serve its port",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
