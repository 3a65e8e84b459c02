"""Endpoints that lead into another namespace, or back to the client.

What it finds: EndpointSlices and Endpoints that hold the address of a pod of another namespace, and ExternalNames that stand
for a pod of another namespace, for the client itself (`localhost`) or for a link-local address such as the metadata server.
Why it matters: who may write endpoints in one namespace can so reach pods of another through an Ingress controller or
Gateway that may talk to both (CVE-2021-25740), past a policy that trusts the proxy.
When to ignore it: both namespaces belong together and the endpoints were written on purpose.
How it is decided: by the addresses of the loaded pods and the pods that endpoints name. An error where an Ingress or a
Gateway API route leads to the Service. Loopback and link-local addresses in EndpointSlices are NC114.
Source: SEMANTICS SVC-12, SVC-13, DNS-4; CVE-2021-25740.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.aliases import Leads, alias_of
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import are_used, is_external_name, label, routes_to
from netcheck.lint.wording import listed
from netcheck.model.objects import EndpointAddress, EndpointSlice, Service

BAD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1  # finds: NC211
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.7]}]
ports: [{port: 80}]
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}]}
---
apiVersion: v1  # finds: NC211
kind: Service
metadata: {name: self, namespace: shop}
spec: {type: ExternalName, externalName: localhost}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.7], targetRef: {kind: Pod, name: web, namespace: shop}}, {addresses: [192.0.2.1]}]
ports: [{port: 80}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each EndpointSlice and each ExternalName that leads where it should not."""
    routes = routes_to(snapshot)
    for piece in snapshot.cluster.endpoint_slices:
        if piece.service:
            yield from _slice(snapshot, piece, routes.get((piece.namespace, piece.service), ()))
    for service in snapshot.cluster.services:
        if is_external_name(service):
            yield from _alias(snapshot, service, routes.get((service.namespace, service.name), ()))


def _slice(snapshot: Snapshot, piece: EndpointSlice, users: tuple[Related, ...]) -> Iterator[Finding]:
    strangers = {name: item for item in piece.endpoints if (name := _stranger(snapshot, piece, item))}
    if not strangers:
        return
    name = piece.service if piece.legacy else piece.name
    addresses = listed(item.address for item in strangers.values())
    yield RULE.finding(
        f"the endpoints of Service `{piece.namespace}/{piece.service}` hold {addresses}, of "
        f"{listed(strangers)} in another namespace{_through(users)}",
        about=f"{'Endpoints' if piece.legacy else 'EndpointSlice'} {piece.namespace}/{name}",
        place=piece.place,
        severity="error" if users else "warning",
        related=(*users[:5], *_pods(snapshot, strangers)),
        hint="let the owner of the other namespace expose a Service, and lead to it",
    )


def _stranger(snapshot: Snapshot, piece: EndpointSlice, endpoint: EndpointAddress) -> str:
    """Return the pod of another namespace that an endpoint stands for, or nothing."""
    position = snapshot.pod_at.get(endpoint.address)
    if position is not None:
        pod = snapshot.cluster.pods[position]
        found = (pod.namespace, pod.name)
    elif endpoint.pod is not None:
        found = endpoint.pod
    else:
        return ""
    return "" if found[0] == piece.namespace else f"Pod {found[0]}/{found[1]}"


def _pods(snapshot: Snapshot, strangers: dict[str, EndpointAddress]) -> Iterator[Related]:
    for name, endpoint in list(strangers.items())[:5]:
        position = snapshot.pod_at.get(endpoint.address)
        if position is not None:
            yield Related(message="has the address", place=snapshot.cluster.pods[position].place, object=name)


def _through(users: tuple[Related, ...]) -> str:
    return f": {listed(user.object for user in users)} leads there past its policies" if users else ""


def _alias(snapshot: Snapshot, service: Service, users: tuple[Related, ...]) -> Iterator[Finding]:
    alias = alias_of(snapshot, service)
    where = ""
    if alias.leads is Leads.LOOPBACK:
        where = "the client itself, or the proxy that follows it"
    elif alias.leads is Leads.LINK_LOCAL:
        where = "a link-local address of the client's node, such as the metadata server"
    elif alias.leads is Leads.POD and alias.namespace != service.namespace:
        where = f"a pod of namespace `{alias.namespace}`"
    if where:
        yield RULE.finding(
            f"the ExternalName `{service.external_name}` stands for {where}{_through(users)}",
            about=label(service),
            place=service.place,
            severity="error" if users else "warning",
            related=users[:5],
        )


RULE = Rule(
    code="NC211",
    name="endpoints-cross-namespace",
    severity="warning",
    basis="syntactic",
    summary="Endpoints that lead into another namespace, or back to the client",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
