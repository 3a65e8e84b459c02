"""Ways in: through each type of Service (NP-22, SVC-16 to SVC-20), and through proxies that are not loaded (ING-13, GW-29)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.load.loader import load_text
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.model.routes import Controller
from netcheck.queries.connections import Resolution, Scope, connections
from netcheck.queries.explain import explained_list
from netcheck.queries.results import EndpointType

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
"""
NODES = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 10.0.1.1}]}
"""


def service(extra: str) -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}], {extra}}}
"""


def policy(peers: str) -> str:
    return f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: shop}}
spec: {{podSelector: {{}}, ingress: [{{from: [{peers}], ports: [{{port: 8080}}]}}]}}
"""


def block(cidr: str) -> str:
    return policy(f'{{ipBlock: {{cidr: "{cidr}"}}}}')


CLOSED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec: {podSelector: {}}
"""


def loaded(*documents: str) -> Cluster:
    return load_text("---".join(documents)).cluster


def ways(cluster: Cluster, scope: Scope | None = None) -> dict[str, list[str]]:
    """Return source -> `via`, unknown ones with their rules in brackets."""
    found = connections(cluster, scope=scope)
    out: dict[str, list[str]] = {}
    for row in (*found.entries, *found.unknown):
        if row.via:
            assert str(row.connections) == "TCP/8080"
            rules = f" [{', '.join(reason.rule for reason in row.reasons)}]" if row.reasons else ""
            out.setdefault(found.endpoints[row.source].id, []).append(row.via + rules)
    return out


THROUGH_ITS_NODE = "Service shop/web (NodePort, only through the node that runs the pod)"
BALANCED, BY_NODE, BY_ADDRESS = (f"Service shop/web ({kind})" for kind in ("LoadBalancer", "NodePort", "externalIP"))


class TestServices:
    @pytest.mark.parametrize(("extra", "via"), [
        ("type: ClusterIP", None),
        ("clusterIP: None", None),
        ("type: NodePort", BY_NODE),
        ("type: LoadBalancer", BALANCED),
        ("externalIPs: [192.0.2.1]", BY_ADDRESS),
    ])  # fmt: skip
    def test_each_type_has_its_doors(self, extra: str, via: str | None) -> None:
        assert ways(loaded(POD, service(extra))) == ({"ip:rest": [via]} if via else {})

    def test_a_closed_pod_is_reached_through_its_own_node_alone(self) -> None:
        assert ways(loaded(POD, service("type: LoadBalancer, externalTrafficPolicy: Local"), CLOSED)) == {}
        cluster = loaded(POD, service("type: NodePort"), NODES, CLOSED)
        assert ways(cluster) == {"ip:rest": [THROUGH_ITS_NODE]}
        profile = cluster.profile.with_switch("own_node_ingress", Switch.NO)
        assert ways(replace(cluster, profile=profile)) == {}

    def test_np_22_local_keeps_the_address_of_the_client(self) -> None:
        text = service("type: LoadBalancer, externalTrafficPolicy: Local")
        assert ways(loaded(POD, text, block("203.0.113.0/24"))) == {"ip:203.0.113.0/24": [BALANCED]}

    def test_np_22_cluster_makes_the_client_a_node(self) -> None:
        text = service("type: NodePort")
        assert ways(loaded(POD, text, NODES, block("203.0.113.0/24")))["ip:rest"] == [THROUGH_ITS_NODE]
        both = ways(loaded(POD, text, NODES, block("10.0.0.0/16")))
        assert both == {id_: [BY_NODE] for id_ in ("ip:10.0.0.0/16", "ip:rest")}

    def test_np_22_where_only_some_nodes_are_let_in_the_node_decides(self) -> None:
        found = ways(loaded(POD, service("type: NodePort"), NODES, block("10.0.0.0/24")))
        assert found["ip:10.0.0.0/24"] == [THROUGH_ITS_NODE.replace("pod)", "pod and n1)")]
        cluster = loaded(POD, service("type: NodePort"), NODES, block("10.0.0.0/24"))
        profile = cluster.profile.with_switch("own_node_ingress", Switch.NO)
        assert ways(replace(cluster, profile=profile))["ip:10.0.0.0/24"] == [f"{BY_NODE} [NP-22]"]

    def test_np_22_nodes_that_are_not_loaded_lie_somewhere_private(self) -> None:
        text = POD, service("type: NodePort")
        assert ways(loaded(*text, block("203.0.113.0/24")))["ip:rest"] == [THROUGH_ITS_NODE]
        found = ways(loaded(*text, block("10.0.0.0/24")))["ip:rest"]
        assert found == [THROUGH_ITS_NODE.replace("only", "at least")]
        assert ways(loaded(*text, block("0.0.0.0/0")))["ip:rest"] == [BY_NODE]

    def test_cidrs_that_do_not_match_nodes_do_not_let_them_in(self) -> None:
        cluster = loaded(POD, service("type: NodePort"), NODES, block("10.0.0.0/16"))
        profile = cluster.profile.with_switch("cidr_matches_nodes", Switch.NO)
        assert set(map(tuple, ways(replace(cluster, profile=profile)).values())) == {(THROUGH_ITS_NODE,)}

    def test_svc_18_source_ranges_cut_the_load_balancer_and_not_the_node_port(self) -> None:
        text = service("type: LoadBalancer, loadBalancerSourceRanges: [198.51.100.0/25]")
        assert ways(loaded(POD, text)) == {"ip:198.51.100.0/25": [BALANCED, BY_NODE], "ip:rest": [BY_NODE]}

    def test_addresses_are_not_cut_for_ranges_that_no_load_balancer_has(self) -> None:
        cut = connections(loaded(POD, service("type: LoadBalancer, loadBalancerSourceRanges: [198.51.100.0/25]")))
        whole = connections(loaded(POD, service("type: LoadBalancer")))
        count = [sum(end.type is EndpointType.IP for end in found.endpoints) for found in (cut, whole)]
        assert count == [2, 1]

    def test_a_family_that_the_pod_lacks_is_not_its_way_in(self) -> None:
        pod = POD + "status: {podIPs: [{ip: 10.1.0.1}]}\n"
        assert set(ways(loaded(pod, service("type: NodePort")))) == {"ip:rest-ipv4"}


INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {ingressClassName: mine, defaultBackend: {service: {name: web, port: {number: 80}}}}
"""
NGINX = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: mine}
spec: {controller: k8s.io/ingress-nginx}
"""
EVERY_POD = policy("{namespaceSelector: {}}")
VIA = "Ingress shop/web"


class TestProxiesThatAreNotLoaded:
    def found(self, *documents: str, **switches: Switch) -> list[str]:
        cluster = loaded(POD, service("type: ClusterIP"), INGRESS, *documents)
        profile = cluster.profile
        for name, value in switches.items():
            profile = profile.with_switch(name, value)
        return ways(replace(cluster, profile=profile)).get("ingress-controller", [])

    def test_what_lets_everybody_in_lets_it_in(self) -> None:
        assert self.found() == [VIA]
        assert self.found(policy("")) == [VIA]

    def test_what_lets_nobody_in_does_not(self) -> None:
        assert self.found(CLOSED) == []
        assert self.found(policy("{podSelector: {}}").replace("8080", "9999")) == []

    def test_the_rest_is_unknown(self) -> None:
        assert self.found(policy("{podSelector: {}}")) == [f"{VIA} [ING-13]"]
        assert self.found(EVERY_POD) == [f"{VIA} [ING-13]"]  # it may be no pod at all

    def test_a_rule_for_every_pod_lets_in_what_is_some_pod(self) -> None:
        assert self.found(NGINX, EVERY_POD, host_net_peer=Switch.YES) == [VIA]
        assert self.found(NGINX, EVERY_POD) == [f"{VIA} [ING-13]"]  # on its node's network no selector sees it (NET-3)

    def test_a_mode_that_is_not_known_is_tried_both_ways(self) -> None:
        everything = policy('{ipBlock: {cidr: "0.0.0.0/0"}}, {ipBlock: {cidr: "::/0"}}, {namespaceSelector: {}}')
        assert self.found(everything, cidr_matches_nodes=Switch.UNKNOWN, cidr_matches_pods=Switch.UNKNOWN) == [
            f"{VIA} [ING-13]"
        ]

    def test_net_6_a_proxy_that_is_its_own_backend_reaches_itself(self) -> None:
        cluster = loaded(POD, service("type: ClusterIP"), INGRESS, CLOSED)
        cluster = replace(cluster, controllers=(Controller(namespace="shop", labels={"app": "web"}),))
        (found,) = ways(cluster).values()
        assert found == [f"{VIA} (only through itself: it is one of the proxy's pods (NET-6))"]

    def test_of_several_pods_those_that_may_are_named(self) -> None:
        labels = "app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller"
        proxies = [
            f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: edge, labels: {{{labels}, zone: {name}}}}}
spec: {{containers: [{{name: c, image: i}}]}}
"""
            for name in ("east", "west")
        ]
        only_east = policy("{namespaceSelector: {}, podSelector: {matchLabels: {zone: east}}}")
        assert self.found(NGINX, *proxies, only_east) == [f"{VIA} (only through edge/east[Pod])"]


@pytest.mark.parametrize("resolution", list(Resolution))
def test_a_list_with_cuts_and_a_proxy_that_stands_for_one_can_be_explained(resolution: Resolution) -> None:
    balanced = service("type: LoadBalancer, loadBalancerSourceRanges: [198.51.100.0/25]")
    cluster = replace(
        loaded(POD, balanced, INGRESS, EVERY_POD), controllers=(Controller(namespace="edge", labels={"app": "x"}),)
    )
    found = explained_list(cluster, connections(cluster, resolution=resolution), resolution, focused=True)
    assert all(row.decided_by for row in found.row_source)
    assert {row.via for row in found.entries} >= {VIA}


class TestScope:
    text = POD, service("type: LoadBalancer"), INGRESS

    def test_a_focus_on_the_backend_or_on_the_proxy(self) -> None:
        both = {"ip:rest": [BALANCED], "ingress-controller": [VIA]}
        cluster = loaded(*self.text)
        assert ways(cluster, Scope(focus=("shop/web",))) == both
        assert ways(cluster, Scope(focus=("shop/web",), direction=Direction.EGRESS)) == {}
        assert ways(cluster, Scope(focus=("ingress-controller",))) == {"ingress-controller": [VIA]}
        assert ways(cluster, Scope(exclude_namespaces=frozenset({"shop"}))) == {}
        assert ways(cluster, Scope(only_namespaces=frozenset({"shop"}))) == both

    def test_pods_of_one_workload_share_a_row(self) -> None:
        twice = POD, POD.replace("name: web,", "name: web2,", 1)
        found = connections(loaded(*twice, *self.text[1:]), resolution=Resolution.POD)
        assert len([row for row in found.entries if row.via == VIA]) == 2


ROUTE = """
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: web, namespace: shop}
spec: {host: a.example.com, to: {kind: Service, name: web, weight: WEIGHT}, port: {targetPort: TARGET}}
"""


@pytest.mark.parametrize(("weight", "target", "leads"), [
    ("100", "8080", True),
    ("0", "8080", False),
    ("100", "9090", False),
])  # fmt: skip
def test_ing_16_a_route_leads_to_backends_with_a_weight_on_its_target_port(
    weight: str, target: str, leads: bool
) -> None:
    text = ROUTE.replace("WEIGHT", weight).replace("TARGET", target)
    found = ways(loaded(POD, service("type: ClusterIP"), text))
    assert found == ({"ingress-controller": ["Route shop/web"]} if leads else {})


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: c}
spec: {controllerName: example.com/c}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: c
  listeners:
    - {name: http, port: 80, protocol: HTTP}
    - {name: tcp, port: 81, protocol: TCP}
"""


def route(kind: str, rules: str, name: str = "r", created: str = "", version: str = "v1") -> str:
    when = f", creationTimestamp: '{created}'" if created else ""
    return f"""
apiVersion: gateway.networking.k8s.io/{version}
kind: {kind}
metadata: {{name: {name}, namespace: shop{when}}}
spec: {{parentRefs: [{{name: gw}}], rules: [{rules}]}}
"""


TO_WEB = "{name: web, port: 80}"
MIRROR = f"{{type: RequestMirror, requestMirror: {{backendRef: {TO_WEB}}}}}"
REDIRECT = "{type: RequestRedirect, requestRedirect: {hostname: other.example.com}}"
EXTENSION = "{type: ExtensionRef, extensionRef: {group: x.example.com, kind: Thing, name: t}}"


class TestGateways:
    def found(self, *documents: str) -> list[str]:
        return ways(loaded(POD, service("type: ClusterIP"), GATEWAY, *documents)).get("gateway:shop/gw", [])

    @pytest.mark.parametrize(("rules", "via"), [
        (f"{{backendRefs: [{TO_WEB}]}}", ["Gateway shop/gw"]),
        ("{backendRefs: [{name: web, port: 80, weight: 0}]}", []),
        ("{backendRefs: [{name: web, port: 81}]}", []),
        ("{backendRefs: [{name: other, port: 80}]}", []),
        (f"{{filters: [{REDIRECT}]}}", []),
        (f"{{filters: [{MIRROR}]}}", ["Gateway shop/gw"]),
        (f"{{filters: [{EXTENSION}], backendRefs: [{TO_WEB}]}}", ["Gateway shop/gw [GW-21]"]),
    ])  # fmt: skip
    def test_gw_21_gw_22_what_a_rule_leads_to(self, rules: str, via: list[str]) -> None:
        assert self.found(route("HTTPRoute", rules)) == via

    def test_gw_29_its_pods_are_not_known(self) -> None:
        found = self.found(route("HTTPRoute", f"{{backendRefs: [{TO_WEB}]}}"), EVERY_POD)
        assert found == ["Gateway shop/gw [GW-29]"]

    def test_gw_12_a_route_that_is_not_attached_leads_nowhere(self) -> None:
        other = route("HTTPRoute", f"{{backendRefs: [{TO_WEB}]}}").replace("{name: gw}", "{name: gw, sectionName: x}")
        assert self.found(other) == []

    def test_gw_20_of_tcp_routes_the_oldest_takes_all(self) -> None:
        to_web, to_none = f"{{backendRefs: [{TO_WEB}]}}", "{backendRefs: [{name: none, port: 80}]}"
        old, young = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"

        def pair(first: str, second: str) -> list[str]:
            texts = (route("TCPRoute", to_web, "a", first), route("TCPRoute", to_none, "b", second))
            return self.found(*texts)

        assert pair(old, young) == ["Gateway shop/gw"]
        assert pair(young, old) == []
        assert pair("", "") == ["Gateway shop/gw [GW-20]"]
