"""Gateway API objects built by hand, as short as tests need them."""

from __future__ import annotations

from netcheck.errors import Place
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import (
    AllowedNamespaces,
    BackendRef,
    BackendTLSPolicy,
    From,
    Gateway,
    HTTPMatch,
    Listener,
    ListenerSet,
    ObjectRef,
    ParentRef,
    PolicyTarget,
    Route,
    RouteRule,
)
from netcheck.model.objects import Namespace, Service, ServicePort

ALL = AllowedNamespaces(source=From.ALL)
PLACE = Place("a.yaml", 1)


def namespace(name, *, known=True, **labels):
    place = PLACE if known else None
    return {
        name: Namespace(
            name=name, labels={"kubernetes.io/metadata.name": name, **labels}, labels_known=known, place=place
        )
    }


def listener(name="http", protocol="HTTP", port=80, **fields):
    return Listener(name=name, protocol=protocol, port=port, **fields)


def gateway(*listeners, name="edge", namespace="infra", **fields):
    return Gateway(namespace=namespace, name=name, class_name="public", listeners=listeners or (listener(),), **fields)


def listener_set(name, *listeners, namespace="infra", created="", parent="edge"):
    ref = ParentRef(namespace="infra", name=parent)
    return ListenerSet(namespace=namespace, name=name, parent=ref, listeners=listeners, created=created)


def parent(name="edge", namespace="infra", **fields):
    return ParentRef(name=name, namespace=namespace, **fields)


def backend(name="web", port=80, namespace="infra", **fields):
    return BackendRef(namespace=namespace, name=name, port=port, **fields)


def route(name="web", *parents, kind="HTTPRoute", namespace="infra", hosts=(), backends=(), created="", **fields):
    matches = (HTTPMatch(),) if kind == "HTTPRoute" else ()
    rules = fields.pop("rules", (RouteRule(matches=matches, backends=backends),))
    return Route(
        kind=kind, namespace=namespace, name=name, parents=parents or (parent(),), hostnames=hosts, rules=rules,
        created=created, **fields,
    )  # fmt: skip


def service(name="web", *ports, namespace="infra", **fields):
    found = tuple(
        ServicePort(port=item, target_port=item) if isinstance(item, int) else item for item in ports or (80,)
    )
    return Service(namespace=namespace, name=name, ports=found, **fields)


def authority(name, kind="ConfigMap", namespace="infra"):
    return ObjectRef(group="", kind=kind, namespace=namespace, name=name)


def tls_policy(name, *authorities, target="web", section="", created="", well_known=""):
    return BackendTLSPolicy(
        namespace="infra", name=name, targets=(PolicyTarget(group="", kind="Service", name=target, section=section),),
        hostname="web.example.com", authorities=authorities, well_known=well_known, created=created,
    )  # fmt: skip


def cluster(*objects, namespaces=None, **fields):
    """Return a cluster of these objects; `infra` is defined unless namespaces are given."""
    lists = {Gateway: "gateways", ListenerSet: "listener_sets", Route: "routes", Service: "services",
             BackendTLSPolicy: "backend_tls"}  # fmt: skip
    found = {name: tuple(item for item in objects if isinstance(item, kind)) for kind, name in lists.items()}
    return Cluster(namespaces=namespace("infra") if namespaces is None else namespaces, **{**found, **fields})


def statuses(conditions):
    """Return `{type: (status, reason)}`."""
    return {item.type: (item.status, item.reason) for item in conditions}
