"""A Service whose selector matches no pod.

What it finds: Services that have a selector, no loaded pod to lead to and no address in an EndpointSlice.
Why it matters: such a Service has no endpoints, and connections to it are refused. The usual cause is a selector that names
the labels of a Deployment instead of those of its pod template.
When to ignore it: the pods are deployed from elsewhere. An info unless the input is known to be whole.
How it is decided: by matching the selector against the labels of the loaded pods and pod templates of the namespace.
Services without a selector are NC207.
Source: SEMANTICS SVC-2, SVC-14, SVC-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.matching import meant_labels
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import counted
from netcheck.model.objects import Service, ServiceType
from netcheck.values.labels import LabelSelector

BAD = """
# whole: true
apiVersion: v1  # finds: NC201
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web, tier: front}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
# whole: true
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: external, namespace: shop}
spec: {selector: {app: elsewhere}, ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: external-1, namespace: shop, labels: {kubernetes.io/service-name: external}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{port: 80}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Service whose selector matches nothing."""
    for service in snapshot.cluster.services:
        if not service.selector or service.type is ServiceType.EXTERNAL_NAME or snapshot.backends(service):
            continue
        if not snapshot.cluster.knows_pods(service.namespace):
            continue
        if any(piece.endpoints for piece in snapshot.slices_of(service)):  # of pods that are not loaded
            continue
        yield _finding(snapshot, service)


def _finding(snapshot: Snapshot, service: Service) -> Finding:
    selector = LabelSelector.of(service.selector)
    pods = len(snapshot.index.within(service.namespace))
    lost = any(found.namespace == service.namespace for found in snapshot.cluster.lost)
    meant = meant_labels(snapshot, service.namespace, selector)
    return RULE.finding(
        f"selector `{selector}` matches none of the {counted(pods, 'pod')} loaded in namespace `{service.namespace}`: the "
        "Service has no endpoints",
        about=f"Service {service.namespace}/{service.name}",
        place=service.place,
        severity="error" if snapshot.whole and not lost else "info",
        hint=f"did you mean {meant}?" if meant else "",
    )


RULE = Rule(
    code="NC201",
    name="service-selects-nothing",
    severity="error",
    basis="syntactic",
    summary="A Service whose selector matches no pod",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
