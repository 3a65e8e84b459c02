"""Small clusters to serve: objects as an API server has them."""

from __future__ import annotations

from typing import Any

from tests.live.server import Documents


def meta(name: str, namespace: str = "", **labels: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "uid": f"uid-{namespace}-{name}", "labels": labels}
    return {**found, "namespace": namespace} if namespace else found


def namespace(name: str) -> dict[str, Any]:
    return {"metadata": meta(name, **{"kubernetes.io/metadata.name": name})}


def pod(where: str, name: str, address: str, app: str, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {**meta(name, where, app=app), **metadata},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "hostIP": "172.18.0.2",
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def policy(where: str, name: str, app: str, allowed: str) -> dict[str, Any]:
    peer = {"podSelector": {"matchLabels": {"app": allowed}}}
    spec = {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]}
    return {"metadata": meta(name, where), "spec": spec}


def service(where: str, name: str, app: str) -> dict[str, Any]:
    spec = {"selector": {"app": app}, "type": "ClusterIP", "clusterIP": "10.96.0.7", "ports": [{"port": 80}]}
    return {"metadata": meta(name, where), "spec": spec}


def node(name: str, address: str) -> dict[str, Any]:
    return {"metadata": meta(name), "status": {"addresses": [{"type": "InternalIP", "address": address}]}}


def small() -> Documents:
    """Two namespaces: in `shop`, `web` may reach `db`, and nobody else; `tools` has no policy."""
    pods = [
        pod("shop", "web-1", "10.0.0.1", "web"),
        pod("shop", "web-2", "10.0.0.2", "web"),
        pod("shop", "db-1", "10.0.0.3", "db"),
        pod("tools", "scan-1", "10.0.1.1", "scan"),
        pod("tools", "probe-1", "10.0.1.2", "probe"),
    ]
    return (
        Documents()
        .add("v1", "namespaces", "Namespace", [namespace("shop"), namespace("tools")], namespaced=False)
        .add("v1", "nodes", "Node", [node("n1", "172.18.0.2")], namespaced=False)
        .add("v1", "pods", "Pod", pods)
        .add("v1", "services", "Service", [service("shop", "db", "db"), service("tools", "scan", "scan")])
        .add("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy",
             [policy("shop", "db", "db", "web"), policy("shop", "web", "web", "web"), policy("shop", "z", "z", "web")])
        .add("cilium.io/v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", [])
        .add("gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute", [])
    )  # fmt: skip
