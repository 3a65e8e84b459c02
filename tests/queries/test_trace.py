"""What `trace` says of single requests, hop by hop: one test for each kind of hop and each way to stop."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.errors import UsageError
from netcheck.load.loader import LoadOptions, load, load_text
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.profile import Switch
from netcheck.model.routes import Controller
from netcheck.queries.trace import trace
from netcheck.queries.trace_requests import request_of
from netcheck.queries.trace_results import Delivered, assumptions

SHOP = str(Path(__file__).resolve().parents[2] / "testdata" / "trace")
YES, NO, UNKNOWN = Delivered.YES, Delivered.NO, Delivered.UNKNOWN

BASE = """
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: a, labels: {app: client}}
spec: {nodeName: n1, containers: [{name: c, image: x}]}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: a, labels: {app: web}}
spec: {nodeName: n2, containers: [{name: c, image: x, ports: [{name: http, containerPort: 8080, hostPort: 9000}]}]}
status: {podIP: 10.0.0.2, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec: {type: %s, clusterIP: 10.96.0.1, selector: {app: web}, ports: [{port: 80, targetPort: http%s}]%s}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: a}
spec: {podSelector: {matchLabels: {app: %s}}, policyTypes: [%s]}
"""


def service(kind="ClusterIP", port="", more=""):
    return SERVICE % (kind, port, more)


def cluster_of(*documents: str, whole: bool = True) -> Cluster:
    return load_text("\n---\n".join((BASE, *documents)), options=LoadOptions(whole=whole)).cluster


def traced(cluster, source, to="", **words):
    (found,) = trace(cluster, [request_of(source=source, to=to, **words)], default_namespace="a")
    return found


@pytest.fixture(scope="module")
def shop():
    return load((SHOP,), LoadOptions()).cluster


def deciding(found):
    assert found.deciding is not None
    return found.deciding


# ---- Services --------------------------------------------------------------------------------------------------------


def test_a_service_port_is_translated_to_the_named_port_of_its_pod():
    found = traced(cluster_of(service()), "a/client", "svc:a/web:80")
    assert (found.delivered, found.status) == (YES, 200)
    assert found.hops[0].translation == "10.96.0.1 TCP/80 -> a/web[Pod] TCP/8080"
    assert [(item.name, item.port, item.targets) for item in found.backends] == [("web", 80, "all")]


def test_a_port_that_the_service_lacks_stops_the_request():
    found = traced(cluster_of(service()), "a/client", "svc:a/web:81")
    assert (found.delivered, found.status, deciding(found).rule) == (NO, None, "SVC-27")


def test_a_service_whose_only_port_is_another_one_is_asked_on_that():
    only = service().replace("port: 80,", "port: 8000,")
    assert traced(cluster_of(only), "a/client", "svc:a/web").delivered is YES


@pytest.mark.parametrize(("app", "direction"), [("client", "Egress"), ("web", "Ingress")])
def test_the_policies_of_both_ends_can_stop_it_and_are_named(app, direction):
    found = traced(cluster_of(service(), DENY % (app, direction)), "a/client", "svc:a/web:80")
    assert found.delivered is NO
    assert "NetworkPolicy a/deny" in deciding(found).reason
    assert deciding(found).place is not None


def test_some_backends_are_enough_and_both_are_named():
    other = BASE.split("---")[2].replace("name: web,", "name: web2,").replace("app: web}", "app: web, old: sure}")
    denied = DENY.replace("app: %s", "old: %s") % ("sure", "Ingress")
    found = traced(cluster_of(service(), other.replace("10.0.0.2", "10.0.0.3"), denied), "a/client", "svc:a/web:80")
    assert (found.delivered, found.backends[0].targets) == (YES, "some")
    assert {hop.verdict for hop in found.hops} == {Verdict.ALLOWED, Verdict.DENIED}


def test_a_service_without_endpoints_refuses():
    found = traced(cluster_of(service().replace("app: web", "app: gone")), "a/client", "svc:a/web:80")
    assert (found.delivered, deciding(found).rule) == (NO, "SVC-25")


def test_no_loaded_pod_behind_a_service_is_unknown_unless_the_input_is_whole():
    text = service().replace("app: web", "app: gone")
    found = traced(cluster_of(text, whole=False), "a/client", "svc:a/web:80")
    assert found.delivered is UNKNOWN
    assert [reason.rule for reason in found.reasons] == ["SVC-2"]


def test_internal_traffic_policy_local_needs_an_endpoint_on_the_clients_node():
    found = traced(cluster_of(service(more=", internalTrafficPolicy: Local")), "a/client", "svc:a/web:80")
    assert (found.delivered, deciding(found).rule) == (NO, "SVC-21")


def test_a_pod_that_is_not_ready_gets_nothing():
    text = "\n---\n".join((BASE.replace('status: "True"', 'status: "False"'), service()))
    cluster = load_text(text, options=LoadOptions(whole=True)).cluster
    assert deciding(traced(cluster, "a/client", "svc:a/web:80")).rule == "SVC-25"


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web", "web.a", "web.a.svc", "web.a.svc.cluster.local", "WEB"])
def test_a_service_is_found_by_each_of_its_names(name):
    assert traced(cluster_of(service()), "a/client", f"http://{name}/").delivered is YES


def test_a_name_that_does_not_exist_stops_the_request():
    found = traced(cluster_of(service()), "a/client", "http://wep/")
    assert (found.delivered, deciding(found).what) == (NO, "DNS name wep")


def test_a_pod_that_may_not_ask_dns_gets_no_further(shop):
    denied = DENY.replace("namespace: a", "namespace: shop") % ("admin", "Egress")
    policies = load_text(denied).cluster.policies
    cluster = load((SHOP,), LoadOptions()).cluster
    found = traced(replace(cluster, policies=(*cluster.policies, *policies)), "shop/admin", "http://cart/")
    assert found.delivered is NO
    assert deciding(found).what == "shop/admin[Deployment] -> cluster DNS UDP/53"
    assert traced(shop, "shop/admin", "http://db:5432/").delivered is YES


def test_tcp_53_shut_is_shown_and_does_not_block(shop):
    found = traced(shop, "shop/cart", "tcp://db:5432")
    shut = [hop for hop in found.hops if hop.verdict is Verdict.DENIED]
    assert found.delivered is YES
    assert [hop.what for hop in shut] == ["shop/cart[Deployment] -> cluster DNS TCP/53"]


def test_dns_pods_that_are_not_loaded_are_unknown_where_policies_may_shut_them_out():
    found = traced(cluster_of(service(), DENY % ("client", "Egress"), whole=False), "a/client", "http://web/")
    assert found.hops[0].verdict is Verdict.UNKNOWN
    assert found.hops[0].rule == "DNS-9"


def test_an_srv_name_tells_the_port(shop):
    found = traced(shop, "shop/admin", "_sql._tcp.db", protocol="tcp")
    assert found.hops[-1].what.endswith("shop/db[StatefulSet] TCP/5432")


# ---- from outside ----------------------------------------------------------------------------------------------------


def test_a_cluster_ip_is_not_reached_from_outside():
    found = traced(cluster_of(service()), "internet", "svc:a/web:80")
    assert (found.delivered, deciding(found).rule) == (NO, "SVC-27")


@pytest.mark.parametrize(("source", "delivered"), [("8.8.8.8", YES), ("9.9.9.9", NO), ("8.8.0.0/16", UNKNOWN)])
def test_source_ranges_of_a_load_balancer_say_who_gets_in(source, delivered):
    cluster = cluster_of(
        service("LoadBalancer", more=', loadBalancerSourceRanges: ["8.8.8.0/24"], allocateLoadBalancerNodePorts: false')
    )
    assert traced(cluster, source, "svc:a/web:80").delivered is delivered


def test_behind_a_node_port_the_pod_sees_a_node():
    allow = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-8, namespace: a}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 8.8.8.8/32}}]}]}
"""
    cluster = service("NodePort", ", nodePort: 30080")
    kept = service("NodePort", ", nodePort: 30080", ", externalTrafficPolicy: Local")
    assert traced(cluster_of(cluster, allow), "8.8.8.8", "http://192.168.0.2:30080/").delivered is UNKNOWN
    assert traced(cluster_of(kept, allow), "8.8.8.8", "http://192.168.0.2:30080/").delivered is YES
    assert traced(cluster_of(kept, allow), "8.8.4.4", "http://192.168.0.2:30080/").delivered is NO


def test_a_host_port_leads_to_its_pod():
    assert traced(cluster_of(), "internet", "http://192.168.0.2:9000/").delivered is YES


def test_a_name_that_nothing_serves_is_unknown():
    assert traced(cluster_of(), "internet", "https://elsewhere.example.com/").delivered is UNKNOWN


# ---- proxies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "delivered", "status"),
    [("/cart", YES, 200), ("/old", NO, 301), ("/admin", NO, 503), ("/lost", NO, 500), ("/none", NO, 404)],
)
def test_what_a_gateway_answers(shop, path, delivered, status):
    found = traced(shop, "internet", f"http://shop.example.com{path}")
    assert (found.delivered, found.status) == (delivered, status)


def test_weights_and_the_backend_that_policies_shut_out_are_shown(shop):
    found = traced(shop, "internet", "http://shop.example.com/cart")
    assert [(item.name, item.weight, item.reached) for item in found.backends] == [
        ("cart", 90, YES),
        ("cart-canary", 10, NO),
    ]


def test_a_redirect_tells_where_to(shop):
    found = traced(shop, "internet", "http://shop.example.com/old")
    assert found.redirect is not None
    assert (found.redirect.scheme, found.redirect.host, found.redirect.path) == ("https", "shop.example.com", "/")


def test_the_address_of_the_proxys_load_balancer_leads_to_the_gateway(shop):
    found = traced(shop, "internet", "http://198.18.7.7/cart", host="shop.example.com")
    assert found.delivered is YES
    assert found.route is not None
    assert found.route.label == "HTTPRoute shop/shop"


INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: a}
spec:
  ingressClassName: nginx
  rules:
  - host: web.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


def test_an_ingress_leads_to_its_backend_and_an_unknown_controller_is_unknown_behind_policies():
    assert traced(cluster_of(service(), INGRESS), "internet", "http://web.example.com/x").delivered is YES
    some = (DENY % ("web", "Ingress")).replace("policyTypes", "ingress: [{from: [{podSelector: {}}]}], policyTypes")
    found = traced(cluster_of(service(), INGRESS, some), "internet", "http://web.example.com/x")
    assert found.delivered is UNKNOWN
    assert "ING-13" in {reason.rule for reason in found.reasons}
    shut = traced(cluster_of(service(), INGRESS, DENY % ("web", "Ingress")), "internet", "http://web.example.com/x")
    assert (shut.delivered, shut.status) == (NO, None)


ROUTE = """
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: web, namespace: a}
spec: {host: web.example.com, to: {kind: Service, name: web}, port: {targetPort: http}}
"""


def test_an_openshift_route_leads_to_its_target_port():
    found = traced(cluster_of(service(), ROUTE), "internet", "http://web.example.com/")
    assert (found.delivered, found.status) == (YES, 200)
    assert found.hops[-1].what.endswith("a/web[Pod] TCP/8080")


MESH = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: split, namespace: a}
spec:
  parentRefs: [{group: "", kind: Service, name: web}]
  rules: [{matches: [{path: {type: Exact, value: /gone}}], backendRefs: [{name: gone, port: 80}]}]
"""


def test_a_mesh_route_takes_the_place_of_the_services_endpoints_whatever_the_host_header():
    cluster = cluster_of(service(), MESH)
    found = traced(cluster, "a/client", "http://web/gone", headers=[("host", "other")])
    assert (found.delivered, found.status) == (NO, 500)
    assert found.route is not None
    assert traced(cluster, "a/client", "http://web/").status == 404


def test_an_object_of_a_mesh_that_nothing_follows_leaves_the_trace_open():
    virtual = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: a}
spec: {hosts: [web]}
"""
    found = traced(cluster_of(service(), virtual), "a/client", "http://web/")
    assert found.delivered is UNKNOWN
    assert "VirtualService a/web" in found.reasons[0].message


# ---- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words", "told"),
    [
        ("a/client", {"to": "svc:a/none"}, "names no loaded Service"),
        ("nobody", {"to": "http://web/"}, "names no loaded workload or pod"),
        ("any-pod", {"to": "http://web/"}, "names no loaded pod"),
        ("svc:a/web", {"to": "http://web/"}, "a Service sends nothing"),
        ("internet", {"gateway": "a/none"}, "names no loaded Gateway"),
        ("internet", {"to": "ingress:a/none"}, "names no loaded Ingress"),
        ("a/client", {"to": "we b"}, "is no URL, name, address or end"),
        ("a/client", {}, "nothing says where the request goes"),
        ("a/client", {"to": "a/web"}, "a port is needed"),
    ],
)
def test_what_means_nothing_is_a_usage_error(source, words, told):
    with pytest.raises(UsageError, match=told):
        traced(cluster_of(service()), source, **words)


# ---- further ways ----------------------------------------------------------------------------------------------------

NODE_LOCAL = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-local-dns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: node-local-dns}}
  template:
    metadata: {labels: {k8s-app: node-local-dns}}
    spec: {hostNetwork: true, containers: [{name: c, image: x}]}
"""


@pytest.mark.parametrize(("own_node", "verdict"), [("yes", Verdict.ALLOWED), ("no", Verdict.DENIED)])
def test_node_local_dns_is_the_pods_own_node(own_node, verdict):
    cluster = cluster_of(service(), NODE_LOCAL, DENY % ("client", "Egress"))
    cluster = replace(cluster, profile=cluster.profile.with_switch("own_node_egress", Switch(own_node)))
    assert traced(cluster, "a/client", "http://web/").hops[0].verdict is verdict


def test_a_named_controller_that_is_not_loaded_settles_what_an_unknown_one_leaves_open():
    some = (DENY % ("web", "Ingress")).replace(
        "policyTypes",
        "ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: proxy}}}]}], policyTypes",
    )
    cluster = cluster_of(service(), INGRESS, some)
    assert traced(cluster, "internet", "http://web.example.com/").delivered is UNKNOWN
    for labels, delivered in (({"app": "proxy"}, YES), ({"app": "other"}, NO)):
        named = replace(cluster, controllers=(Controller(namespace="proxies", labels=labels),))
        assert traced(named, "internet", "http://web.example.com/").delivered is delivered


def test_a_proxy_may_be_the_sender(shop):
    assert traced(shop, "gateway:infra/public", "svc:shop/cart:80").delivered is YES
    assert traced(shop, "gateway:infra/public", "svc:shop/cart-canary:80").delivered is NO


def test_a_pod_may_ask_a_gateway_through_its_service(shop):
    found = traced(shop, "shop/admin", "http://shop.example.com/cart")
    assert found.delivered is YES
    assert any(hop.what.startswith("shop/admin[Deployment] -> the proxy of Gateway") for hop in found.hops)
    assert traced(shop, "shop/cart", "http://shop.example.com/cart").delivered is NO


def test_a_gateway_with_one_port_for_what_is_spoken_is_asked_on_that():
    gateway = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: a}
spec: {gatewayClassName: c, listeners: [{name: odd, port: 8888, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: a}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: c}
spec: {controllerName: example.com/c}
"""
    found = traced(cluster_of(service(), gateway), "internet", gateway="a/g")
    assert found.delivered is YES
    assert found.hops[0].what == "port 8888"
    assert traced(cluster_of(service(), gateway), "internet", gateway="a/g", port=80).delivered is NO


def test_an_address_outside_is_left_to_policies():
    assert traced(cluster_of(), "a/client", "https://8.8.8.8/").delivered is YES
    assert traced(cluster_of(DENY % ("client", "Egress")), "a/client", "https://8.8.8.8/").delivered is NO


def test_every_answer_says_what_decides_it(shop):
    chance = random.Random(0)
    sources = ["internet", "8.8.8.8", "10.0.0.0/8", "own-node", "gateway:infra/public", "shop/cart", "shop/admin"]
    places = ["cart", "db", "db-0.db", "payments.shop.svc", "svc:shop/admin", "svc:infra/public-envoy", "198.18.7.7"]
    places += ["shop.example.com", "other.example.com", "8.8.8.8", "10.96.1.1", "gateway:infra/public", "gone.shop"]
    for _ in range(300):
        words = {
            "to": chance.choice(places),
            "protocol": chance.choice(["", "http", "https", "grpc", "tls", "tcp", "udp"]),
            "port": chance.choice([None, 80, 443, 53, 5432]),
            "path": chance.choice(["", "/cart", "/old", "/admin", "/lost"]),
        }
        found = traced(shop, chance.choice(sources), **words)
        assert found.delivered is YES or found.redirect is not None or found.deciding is not None
        assert (found.delivered is UNKNOWN) is bool(found.reasons)
        assert found.status is None or found.delivered is not UNKNOWN


class TestWhatNothingFollows:
    """A mesh object that is about other names leaves a trace as it is (MSH-1)."""

    MESH = """
apiVersion: networking.istio.io/v1
kind: %s
metadata: {name: m, namespace: shop}
spec: %s
"""

    @pytest.mark.parametrize(
        ("kind", "spec", "delivered"),
        [
            ("ServiceEntry", "{hosts: [accounts.example.com, '*.googleapis.com']}", "yes"),
            ("ServiceEntry", "{hosts: ['*.local']}", "unknown"),
            ("VirtualService", "{hosts: [other]}", "yes"),
            ("VirtualService", "{hosts: [web]}", "unknown"),
            ("VirtualService", "{hosts: [WEB.shop]}", "unknown"),
            ("VirtualService", "{hosts: ['*'], gateways: [public]}", "yes"),
            ("VirtualService", "{hosts: ['*'], gateways: [public, mesh]}", "unknown"),
            ("DestinationRule", "{host: web.shop.svc.cluster.local}", "unknown"),
            ("DestinationRule", "{host: db.shop.svc.cluster.local}", "yes"),
            ("Sidecar", "{egress: [{hosts: ['./*']}]}", "unknown"),
        ],
    )
    def test_only_objects_about_the_service_leave_it_open(self, kind: str, spec: str, delivered: str) -> None:
        loaded = load_text(
            "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n"
            "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, "
            "spec: {selector: {app: web}, ports: [{port: 80}]}}\n---\n"
            "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, "
            "spec: {containers: [{name: a, image: a}]}}\n---\n"
            "{apiVersion: v1, kind: Pod, metadata: {name: client, namespace: shop}, "
            "spec: {containers: [{name: a, image: a}]}}\n---\n" + self.MESH % (kind, spec)
        )
        assert traced(loaded.cluster, "shop/client", "svc:shop/web").delivered.value == delivered


def test_what_a_way_takes_for_granted_is_an_assumption():
    ingress = (
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: a}, spec: {ingressClassName: x, "
        "rules: [{host: a.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, "
        "port: {number: 80}}}}]}}]}}"
    )
    found = traced(cluster_of(service(), ingress), "internet", "http://a.com/")
    assert [(item.rule, item.option) for item in assumptions([found, found])] == [("GW-30", "--ingress-controller")]
    assert assumptions([traced(cluster_of(service()), "internet", "svc:a/web")]) == ()
