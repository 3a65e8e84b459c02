"""Ways in for generated clusters: a Service, an Ingress and an HTTPRoute each for some workloads, and a proxy of each kind."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

Json = dict[str, Any]
EDGE = "edge"
REQUESTS = 1_000
INGRESS_LABELS = {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"}
GATEWAY_LABELS = {"gateway.networking.k8s.io/gateway-name": "public"}
TYPES = ("ClusterIP",) * 8 + ("NodePort", "LoadBalancer")


class Served(Protocol):
    """A workload that a Service can select."""

    namespace: str
    name: str
    labels: dict[str, str]
    ports: dict[str, int]


def ways(rng: random.Random, workloads: Sequence[Served], count: int) -> Iterator[Json]:
    """Yield `count` Services, one in five open to the outside, and an Ingress and an HTTPRoute for each; then the proxies.

    Half of the paths are `/`; hosts have up to ten paths, so that matches of one host are compared with each other.
    """
    if not count:
        return
    for number in range(count):
        yield from _way(rng, workloads[number % len(workloads)], number)
    yield from _proxies()


def requests(count: int) -> list[Json]:
    """Return a thousand requests for the hosts and paths of `count` ways, half from outside, half from a proxy's pods."""
    found = []
    for number in range(REQUESTS):
        way = number % count
        source = "internet" if number % 2 else f"{EDGE}/nginx"
        served = "ingress" if number % 4 < 2 else "gateway"
        found.append({"from": source, "to": f"http://{_host(served, way)}{_path(way)}"})
    return found


def _host(served: str, number: int) -> str:
    """Return a host that one proxy serves: of one that two serve, nothing says to which of them it points."""
    return f"{served}-{number // 10}.example.com"


def _path(number: int) -> str:
    return "/" if number % 2 else f"/part-{number}"


def _meta(namespace: str, name: str) -> Json:
    return {"name": name, "namespace": namespace}


def _way(rng: random.Random, workload: Served, number: int) -> Iterator[Json]:
    name, space = f"way-{number}", workload.namespace
    path = _path(number)
    port_name = next(iter(workload.ports))
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(space, name),
        "spec": {
            "type": rng.choice(TYPES),
            "selector": {"app": workload.labels["app"]},
            "ports": [{"name": "main", "port": 80, "targetPort": rng.choice((port_name, workload.ports[port_name]))}],
            **({} if number % 7 else {"externalIPs": ["203.0.113.9"]}),
        },
    }
    backend = {"service": {"name": name, "port": rng.choice(({"number": 80}, {"name": "main"}))}}
    yield {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": _meta(space, name),
        "spec": {
            "ingressClassName": "nginx",
            "rules": [
                {
                    "host": _host("ingress", number),
                    "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]},
                }
            ],
        },
    }
    yield {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": _meta(space, name),
        "spec": {
            "parentRefs": [{"name": "public", "namespace": EDGE}],
            "hostnames": [_host("gateway", number)],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": path}}],
                    "backendRefs": [{"name": name, "port": 80}],
                }
            ],
        },
    }


def _proxies() -> Iterator[Json]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": EDGE, "labels": {"team": "platform"}}}
    yield {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "nginx"},
        "spec": {"controller": "k8s.io/ingress-nginx"},
    }
    yield {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "shared"},
        "spec": {"controllerName": "example.com/shared"},
    }
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}
    yield {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": _meta(EDGE, "public"),
        "spec": {"gatewayClassName": "shared", "listeners": [listener]},
    }
    for name, labels in (("nginx", INGRESS_LABELS), ("public", GATEWAY_LABELS)):
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _meta(EDGE, name),
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "proxy", "image": "proxy", "ports": [{"containerPort": 8080}]}]},
                },
            },
        }
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _meta(EDGE, name),
            "spec": {"type": "LoadBalancer", "selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        }
