"""STRICT mTLS where clients have no certificate.

What it finds: workloads of the mesh that take mTLS only, while the API server calls them as a webhook, or a LoadBalancer or
NodePort leads clients from outside straight to them.
Why it matters: the API server and clients outside are not in the mesh. Their connections are refused; a webhook that fails closed
stops the objects that it is asked about.
When to ignore it: something between the clients and the pods speaks the mesh's mTLS.
How it is decided: by the PeerAuthentications, and by the labels of namespaces and pods that put these into the mesh for certain;
Istio's own gateways are left out. Clients that are pods are never guessed at.
Source: SEMANTICS IST-16, IST-17.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netcheck.lint.finding import Finding, Related
from netcheck.lint.mesh import has_sidecar, is_ambient, is_gateway, mtls_mode
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owner
from netcheck.logic.services import targets
from netcheck.model.foreign import PeerAuthentication
from netcheck.model.objects import Pod, Service, ServiceType, Webhook

BAD = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1  # finds: NC504
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
"""

BAD_WEBHOOK = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Namespace
metadata: {name: guard, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: guard, namespace: guard}
spec: {selector: {app: guard}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: v1
kind: Pod
metadata: {name: guard, namespace: guard, labels: {app: guard}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9443}]}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks:
- name: guard.example.com  # finds: NC504
  clientConfig: {service: {name: guard, namespace: guard}}
  sideEffects: None
  admissionReviewVersions: [v1]
"""

GOOD = """
apiVersion: security.istio.io/v1  # netcheck: ignore[NC132] because the mesh's rules are enough here
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""


class _Shut(NamedTuple):
    """A pod that takes mTLS only, and the policy that says so."""

    pod: Pod
    policy: PeerAuthentication


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the webhooks, then the Services with clients outside."""
    for webhook in snapshot.cluster.webhooks:
        service = snapshot.service_at.get((webhook.service_namespace, webhook.service))
        shut = _shut(snapshot, service, webhook.port) if service is not None else None
        if shut is not None:
            yield _of_webhook(webhook, shut)
    for service in snapshot.cluster.services:
        if service.type in (ServiceType.LOAD_BALANCER, ServiceType.NODE_PORT):
            shut = _shut(snapshot, service)
            if shut is not None:
                yield _of_service(service, shut)


def _shut(snapshot: Snapshot, service: Service, port: int | None = None) -> _Shut | None:
    """Return a backend that refuses what comes without mTLS, iff every backend of every port (or of one) does."""
    found: list[_Shut] = []
    for item in service.ports:
        if port is not None and item.port != port:
            continue
        for target in targets(snapshot.cluster, service, item):
            if target.pod is None:
                return None
            pod = snapshot.cluster.pods[target.pod]
            mode, policy = mtls_mode(snapshot, pod, target.number)
            meshed = has_sidecar(snapshot, pod) or is_ambient(snapshot, pod)
            if mode != "STRICT" or policy is None or not meshed or is_gateway(pod):
                return None
            found.append(_Shut(pod, policy))
    return found[0] if found else None


def _of_webhook(webhook: Webhook, shut: _Shut) -> Finding:
    then = "and it is passed over" if webhook.fails_open else "and what it is asked about is refused"
    return RULE.finding(
        f"the API server calls `{owner(shut.pod)}`, which takes mTLS only: the call fails, {then}",
        about=f"{webhook.kind} {webhook.name}",
        place=webhook.place,
        severity="error",
        related=_related(shut),
        hint="set `portLevelMtls` to PERMISSIVE for the webhook's port, or leave the pod out of the mesh",
    )


def _of_service(service: Service, shut: _Shut) -> Finding:
    return RULE.finding(
        f"`{service.type.value}` leads clients from outside to `{owner(shut.pod)}`, which takes mTLS only: they are refused",
        about=f"Service {service.namespace}/{service.name}",
        place=service.place,
        related=_related(shut),
        hint="let them in through a gateway of the mesh, or set the port to PERMISSIVE",
    )


def _related(shut: _Shut) -> tuple[Related, ...]:
    return (Related(message="asks for mTLS", place=shut.policy.place, object=shut.policy.label),)


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.peer_authentication)


RULE = Rule(
    code="NC504",
    name="strict-mtls-plain-clients",
    severity="warning",
    basis="syntactic",
    summary="STRICT mTLS where clients have no certificate",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD, BAD_WEBHOOK),
    good=(GOOD,),
)
