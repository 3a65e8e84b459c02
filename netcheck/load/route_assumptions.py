"""What is assumed about the ways in, stated only where a loaded Gateway, route or Ingress makes it matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.model.cluster import Assumption, Cluster
from netcheck.model.gateway import Gateway, ListenerSet, Material, Mirror

_MOST_SHOWN = 5
Name = tuple[str, str]
"""Namespace and name."""


def route_assumptions(cluster: Cluster) -> Iterator[Assumption]:
    """Yield what was assumed about Gateways, routes and their backends."""
    classes = _classes_not_loaded(cluster)
    if classes:
        word = "class" if len(classes) == 1 else "classes"
        yield Assumption(
            message=f"a controller is taken to serve the Gateway {word} {_few(classes)}, which no file defines",
            option="closedWorld: true in the configuration",
            rule="GW-2",
        )
    secrets = _certificates_not_loaded(cluster)
    if secrets:
        yield Assumption(
            message="certificate Secrets that are not loaded are taken to exist with a valid key pair: "
            f"{_few(f'{namespace}/{name}' for namespace, name in secrets)}",
            rule="GW-3",
        )
    authorities = _authorities_not_loaded(cluster)
    if authorities:
        yield Assumption(
            message="certificates of authorities that are not loaded are taken to exist: "
            f"{_few(f'{kind} {namespace}/{name}' for kind, namespace, name in authorities)}",
            option="closedWorld: true in the configuration",
            rule="GW-28",
        )
    if any(parent.group == "" and parent.kind == "Service" for route in cluster.routes for parent in route.parents):
        yield Assumption(message="a mesh is taken to put routes of Services in force", rule="GW-32")
    absent = _absent_backends(cluster)
    if absent:
        yield Assumption(
            message="namespaces that the input defines or has Services of are taken to be complete, so these backends "
            f"are absent: {_few(f'{namespace}/{name}' for namespace, name in absent)}",
            rule="GW-24",
        )


def _holders(cluster: Cluster) -> tuple[Gateway | ListenerSet, ...]:
    return (*cluster.gateways, *cluster.listener_sets)


def _classes_not_loaded(cluster: Cluster) -> list[str]:
    if cluster.whole:
        return []
    loaded = {item.name for item in cluster.gateway_classes}
    return sorted({item.class_name for item in cluster.gateways} - loaded)


def _certificates_not_loaded(cluster: Cluster) -> list[Name]:
    loaded = {(item.namespace, item.name) for item in cluster.materials if item.kind == "Secret"}
    named = {
        (reference.namespace, reference.name)
        for holder in _holders(cluster)
        for listener in holder.listeners
        for reference in listener.certificates
        if reference.kind == "Secret"
    }
    named |= {
        (found.namespace, found.name)
        for gateway in cluster.gateways
        if (found := gateway.backend_certificate) is not None and found.kind == "Secret"
    }
    return sorted(named - loaded)


def _authorities_not_loaded(cluster: Cluster) -> list[tuple[str, str, str]]:
    """Return kind, namespace and name of what Gateways check clients by, and policies backends."""
    if cluster.whole:
        return []
    return sorted(_authorities(cluster) - {(item.kind, item.namespace, item.name) for item in cluster.materials})


def _authorities(cluster: Cluster) -> set[tuple[str, str, str]]:
    of_clients = (ref for gateway in cluster.gateways for item in gateway.frontend for ref in item.authorities)
    of_backends = (ref for policy in cluster.backend_tls for ref in policy.authorities)
    return {
        (ref.kind, ref.namespace, ref.name)
        for ref in (*of_clients, *of_backends)
        if not ref.group and ref.kind in ("ConfigMap", "Secret")
    }


def material_of_clusters(cluster: Cluster) -> tuple[Material, ...]:
    """Return the key material of a cluster, of which no Secret and no ConfigMap is read: what is named is taken to be good.

    Only what files on top of the cluster hold is known (LIVE-3).
    """
    known = {(item.kind, item.namespace, item.name) for item in cluster.materials}
    named = {*_authorities(cluster), *(("Secret", *name) for name in _certificates_not_loaded(cluster))} - known
    taken = [
        Material(kind=kind, namespace=space, name=name, keypair=True, authority=True) for kind, space, name in named
    ]
    return tuple(sorted((*cluster.materials, *taken), key=lambda item: (item.namespace, item.name, item.kind)))


def _absent_backends(cluster: Cluster) -> list[Name]:
    """Return the Services that a route or Ingress names and that are judged to be absent."""
    loaded = {(item.namespace, item.name) for item in cluster.services}
    missing = {name for name in _backends(cluster) if name[1]} - loaded
    known = {namespace: not cluster.whole and cluster.knows_namespace(namespace) for namespace, _ in missing}
    return sorted(name for name in missing if known[name[0]])


def _backends(cluster: Cluster) -> Iterator[Name]:
    for route in cluster.routes:
        for rule in route.rules:
            mirrors = [item.backend for item in rule.filters if isinstance(item, Mirror)]
            for backend in (*rule.backends, *mirrors):
                if not backend.group and backend.kind == "Service":
                    yield backend.namespace, backend.name
    for ingress in cluster.ingresses:
        if ingress.default_backend is not None:
            yield ingress.namespace, ingress.default_backend.service
        for ingress_rule in ingress.rules:
            for path in ingress_rule.paths or ():
                yield ingress.namespace, path.backend.service
    for router in cluster.openshift_routes:
        for target in router.backends:
            yield router.namespace, target.service


def _few(names: Iterable[str]) -> str:
    listed = [f"`{name}`" for name in names]
    more = f" and {len(listed) - _MOST_SHOWN} more" if len(listed) > _MOST_SHOWN else ""
    return ", ".join(listed[:_MOST_SHOWN]) + more
