"""Which pods serve an Ingress, a Route or a Gateway (ING-2, ING-3, ING-13, GW-29), and the pod that stands for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.engines.sets import SetEngine
from netcheck.load.loader import load_text
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.routes import Controller
from netcheck.queries.connections import connections
from netcheck.queries.dataplane import CONTROLLERS, DataPlanes, data_plane, is_phantom, with_phantoms
from netcheck.semantics.decide import decide
from netcheck.values.ports import Protocol


def pod(namespace: str, name: str, **labels: str) -> str:
    listed = ", ".join(f'"{key}": "{value}"' for key, value in labels.items())
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{{listed}}}}}
spec: {{containers: [{{name: c, image: i}}]}}
"""


def ingress_class(name: str, controller: str, *, default: bool = False) -> str:
    return f"""
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {{name: {name}, annotations: {{ingressclass.kubernetes.io/is-default-class: "{str(default).lower()}"}}}}
spec: {{controller: {controller}}}
"""


def ingress(name: str, class_name: str = "", annotation: str = "") -> str:
    spec = f"ingressClassName: {class_name}, " if class_name else ""
    noted = f", annotations: {{kubernetes.io/ingress.class: {annotation}}}" if annotation else ""
    return f"""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}, namespace: shop{noted}}}
spec: {{{spec}defaultBackend: {{service: {{name: web, port: {{number: 80}}}}}}}}
"""


ROUTE = """
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: web, namespace: shop}
spec: {host: a.example.com, to: {kind: Service, name: web}}
"""


def gateway(name: str = "public", class_name: str = "example", addresses: str = "") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: infra}}
spec:
  gatewayClassName: {class_name}
  addresses: [{addresses}]
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
"""


def gateway_class(name: str, controller: str) -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: {name}}}
spec: {{controllerName: {controller}}}
"""


def loaded(*documents: str) -> Cluster:
    return load_text("---".join(documents)).cluster


def names(cluster: Cluster, positions: tuple[int, ...]) -> list[str]:
    return [f"{cluster.pods[position].namespace}/{cluster.pods[position].name}" for position in positions]


NAME = "app.kubernetes.io/name"
ROUTER = "ingresscontroller.operator.openshift.io/deployment-ingresscontroller"
TABLE = [
    ("k8s.io/ingress-nginx", "ingress-nginx", {NAME: "ingress-nginx", "app.kubernetes.io/component": "controller"}),
    ("nginx.org/ingress-controller", "nginx-ingress", {NAME: "nginx-ingress"}),
    ("nginx.org/ingress-controller", "nginx-ingress", {"app": "nginx-ingress"}),
    ("traefik.io/ingress-controller", "kube-system", {NAME: "traefik"}),
    ("haproxy.org/ingress-controller/mine", "haproxy-controller", {NAME: "kubernetes-ingress"}),
    ("haproxy-ingress.github.io/controller", "ingress-controller", {NAME: "haproxy-ingress"}),
    ("projectcontour.io/contour", "projectcontour", {"app": "envoy"}),
    ("ingress-controllers.konghq.com/kong", "kong", {NAME: "kong"}),
    ("ingress-controllers.konghq.com/kong", "kong", {NAME: "gateway"}),
    ("istio.io/ingress-controller", "istio-ingress", {"istio": "ingressgateway"}),
    ("openshift.io/ingress-to-route", "openshift-ingress", {ROUTER: "default"}),
]


@pytest.mark.parametrize(("controller", "namespace", "labels"), TABLE)
def test_ing_13_pods_of_a_controller_are_found_by_class_and_labels(
    controller: str, namespace: str, labels: dict[str, str]
) -> None:
    cluster = loaded(
        ingress_class("mine", controller),
        ingress("web", "mine"),
        pod(namespace, "proxy", **labels, other="x"),
        pod(namespace, "bystander", app="x"),
    )
    found = data_plane(cluster, "Ingress", "shop", "web")
    assert names(cluster, found.positions) == [f"{namespace}/proxy"]
    assert found.certain
    assert found.id == "ingress-controller"


@pytest.mark.parametrize(("controller", "source"), [
    ("cilium.io/ingress-controller", "reserved:ingress"),
    ("ingress.k8s.aws/alb", "VPC subnets"),
    ("networking.gke.io/ingress", "130.211.0.0/22"),
    ("azure/application-gateway", "its subnet"),
])  # fmt: skip
def test_ing_13_what_has_no_pods_is_symbolic_and_says_where_it_comes_from(controller: str, source: str) -> None:
    found = data_plane(loaded(ingress_class("mine", controller), ingress("web", "mine")), "Ingress", "shop", "web")
    assert not found.certain
    assert not found.are_pods
    (reason,) = found.reasons
    assert reason.rule == "ING-13"
    assert source in reason.message


def test_every_row_of_the_table_is_tested() -> None:
    tested = {controller for controller, *_ in TABLE}
    for row in CONTROLLERS:
        assert row.source or any(row.serves(controller) for controller in tested), row.name


def test_ing_13_a_class_name_alone_is_a_hint_that_loaded_pods_must_bear_out() -> None:
    alone = data_plane(loaded(ingress("web", "traefik")), "Ingress", "shop", "web")
    assert not alone.certain
    assert not alone.are_pods
    assert "--ingress-controller" in alone.reasons[0].message
    cluster = loaded(ingress("web", "traefik"), pod("kube-system", "t", **{NAME: "traefik"}))
    assert names(cluster, data_plane(cluster, "Ingress", "shop", "web").positions) == ["kube-system/t"]


def test_ing_13_labels_of_another_controller_do_not_count() -> None:
    cluster = loaded(
        ingress_class("traefik", "k8s.io/ingress-nginx"),
        ingress("web", "traefik"),
        pod("kube-system", "t", **{NAME: "traefik"}),
    )
    found = data_plane(cluster, "Ingress", "shop", "web")
    assert not found.positions
    assert found.are_pods  # the class says that it is ingress-nginx, which has pods


def test_ing_13_common_labels_count_in_the_usual_namespace_first() -> None:
    documents = [ingress_class("c", "projectcontour.io/x"), ingress("web", "c"), pod("shop", "envoy", app="envoy")]
    cluster = loaded(*documents, pod("projectcontour", "envoy", app="envoy"))
    assert names(cluster, data_plane(cluster, "Ingress", "shop", "web").positions) == ["projectcontour/envoy"]
    cluster = loaded(*documents)
    assert names(cluster, data_plane(cluster, "Ingress", "shop", "web").positions) == ["shop/envoy"]


class TestClasses:
    nginx = ingress_class("nginx", "k8s.io/ingress-nginx")
    traefik = ingress_class("default", "traefik.io/ingress-controller", default=True)
    pods = (
        pod("ingress-nginx", "nx", **{NAME: "ingress-nginx", "app.kubernetes.io/component": "controller"}),
        pod("traefik", "t", **{NAME: "traefik"}),
    )

    def found(self, *documents: str) -> list[str]:
        cluster = loaded(self.nginx, *self.pods, *documents)
        return names(cluster, data_plane(cluster, "Ingress", "shop", "web").positions)

    def test_ing_2_the_annotation_comes_before_the_field(self) -> None:
        assert self.found(self.traefik, ingress("web", "", "nginx")) == ["ingress-nginx/nx"]

    def test_ing_3_the_default_class_serves_what_names_none(self) -> None:
        assert self.found(self.traefik, ingress("web")) == ["traefik/t"]

    def test_ing_3_two_defaults_or_none_tell_nothing(self) -> None:
        other = ingress_class("other", "k8s.io/ingress-nginx", default=True)
        assert self.found(self.traefik, other, ingress("web")) == []
        assert self.found(ingress("web")) == []

    def test_classes_with_different_pods_have_ends_of_their_own(self) -> None:
        cluster = loaded(
            self.nginx, self.traefik, *self.pods, ingress("web", "nginx"), ingress("api", "default"), ROUTE
        )
        planes = DataPlanes(cluster)
        ids = [planes.of("Ingress", "shop", name).id for name in ("web", "api")]
        assert ids == ["ingress-controller:nginx", "ingress-controller:default"]
        assert planes.of("Route", "shop", "web").id == "ingress-controller:openshift-default"

    def test_classes_that_nobody_is_loaded_for_share_one_end(self) -> None:
        cluster = loaded(ingress("web", "a"), ingress("api", "b"), ROUTE)
        assert [item.id for item in connections(cluster).endpoints if item.id.startswith("ingress")] == [
            "ingress-controller"
        ]


class TestGateways:
    def found(self, *documents: str) -> list[str]:
        cluster = loaded(*documents)
        return names(cluster, data_plane(cluster, "Gateway", "infra", "public").positions)

    def test_gw_29_generated_pods_carry_the_name_in_the_namespace(self) -> None:
        label = {"gateway.networking.k8s.io/gateway-name": "public"}
        assert self.found(gateway(), pod("infra", "p", **label), pod("other", "q", **label)) == ["infra/p"]

    def test_gw_29_envoy_gateway_runs_them_in_a_namespace_of_its_own(self) -> None:
        labels = {
            "gateway.envoyproxy.io/owning-gateway-name": "public",
            "gateway.envoyproxy.io/owning-gateway-namespace": "infra",
        }
        stranger = {**labels, "gateway.envoyproxy.io/owning-gateway-namespace": "shop"}
        system = "envoy-gateway-system"
        assert self.found(gateway(), pod(system, "p", **labels), pod(system, "q", **stranger)) == [f"{system}/p"]

    def test_gw_29_istio_proxies_that_were_deployed_by_hand(self) -> None:
        proxy = pod("istio-system", "p", istio="ingressgateway")
        istio = gateway_class("istio", "istio.io/gateway-controller")
        address = "{type: Hostname, value: ingress.istio-system.svc.cluster.local}"
        assert self.found(istio, gateway(class_name="istio", addresses=address), proxy) == ["istio-system/p"]
        assert self.found(istio, gateway(class_name="istio"), proxy) == []  # then a proxy of its own is generated

    def test_gw_29_a_service_that_the_address_names_tells_them_exactly(self) -> None:
        service = """
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: istio-system}
spec: {selector: {own: "yes"}, ports: [{port: 80}]}
"""
        proxies = pod("istio-system", "p", istio="ingressgateway"), pod("istio-system", "q", own="yes")
        address = "{type: Hostname, value: ingress.istio-system.svc.cluster.local}"
        assert self.found(gateway(class_name="istio", addresses=address), service, *proxies) == ["istio-system/q"]

    def test_gw_29_a_gateway_of_a_cloud_has_no_pods(self) -> None:
        cluster = loaded(gateway_class("gke", "networking.gke.io/gateway"), gateway(class_name="gke"))
        (reason,) = data_plane(cluster, "Gateway", "infra", "public").reasons
        assert reason.rule == "GW-29"
        assert "130.211.0.0/22" in reason.message


class TestNamed:
    router = Controller(namespace="edge", labels={"app": "router"})

    def test_what_the_user_names_comes_first(self) -> None:
        nginx = pod("ingress-nginx", "nx", **{NAME: "ingress-nginx", "app.kubernetes.io/component": "controller"})
        text = ingress_class("nginx", "k8s.io/ingress-nginx"), ingress("web", "nginx"), nginx
        cluster = replace(loaded(*text, pod("edge", "r", app="router")), controllers=(self.router,))
        assert names(cluster, data_plane(cluster, "Ingress", "shop", "web").positions) == ["edge/r"]

    def test_a_controller_of_one_class_comes_before_one_of_all(self) -> None:
        mine = Controller(namespace="edge", labels={"app": "mine"}, serves="nginx")
        cluster = loaded(ingress("web", "nginx"), ingress("api", "other"), pod("edge", "m", app="mine"))
        cluster = with_phantoms(replace(cluster, controllers=(self.router, mine)))
        planes = DataPlanes(cluster)
        assert names(cluster, planes.of("Ingress", "shop", "web").positions) == ["edge/m"]
        assert names(cluster, planes.of("Ingress", "shop", "api").positions) == ["edge/ingress-controller"]

    def test_a_proxy_without_loaded_pods_becomes_a_pod(self) -> None:
        cluster = replace(loaded(ingress("web", "nginx"), pod("shop", "web", app="web")), controllers=(self.router,))
        before = data_plane(cluster, "Ingress", "shop", "web")
        assert before.phantom is not None
        assert before.certain
        bigger = with_phantoms(cluster)
        assert bigger.pods[: len(cluster.pods)] == cluster.pods
        (extra,) = bigger.pods[len(cluster.pods) :]
        assert is_phantom(extra)
        assert (extra.namespace, dict(extra.labels), extra.addresses) == ("edge", {"app": "router"}, ())
        assert not bigger.namespaces["edge"].labels_known
        assert with_phantoms(bigger) == bigger
        assert data_plane(bigger, "Ingress", "shop", "web").positions == (len(cluster.pods),)

    def test_nothing_is_added_where_the_pods_are_loaded(self) -> None:
        cluster = replace(loaded(ingress("web"), pod("edge", "r", app="router")), controllers=(self.router,))
        assert with_phantoms(cluster) is cluster

    def test_a_gateway_gives_its_name(self) -> None:
        cluster = with_phantoms(replace(loaded(gateway()), controllers=(self.router,)))
        assert cluster.pods[-1].name == "public"

    def test_a_name_that_is_taken_is_not_used_again(self) -> None:
        taken = pod("edge", "ingress-controller", app="x")
        cluster = with_phantoms(replace(loaded(ingress("web"), taken), controllers=(self.router,)))
        assert [item.name for item in cluster.pods] == ["ingress-controller", "ingress-controller-2"]


POLICIES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [%s]}]}
"""
SPACE = "{kubernetes.io/metadata.name: edge}"
PEERS = {
    f"{{namespaceSelector: {{matchLabels: {SPACE}}}}}": Verdict.ALLOWED,
    "{namespaceSelector: {}, podSelector: {matchLabels: {app: router}}}": Verdict.ALLOWED,
    "{namespaceSelector: {}, podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}": Verdict.DENIED,
    "{namespaceSelector: {matchLabels: {team: infra}}}": Verdict.UNKNOWN,
    "{podSelector: {}}": Verdict.DENIED,
    '{ipBlock: {cidr: "10.0.0.0/9"}}': Verdict.UNKNOWN,
    '{ipBlock: {cidr: "192.0.2.0/24"}}': Verdict.DENIED,
}


@pytest.mark.parametrize("peer", PEERS)
def test_a_pod_that_stands_for_a_proxy_is_judged_the_same_by_every_judge(peer: str) -> None:
    service = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
    text = ingress("web", "nginx"), pod("shop", "web", app="web"), service, POLICIES % peer
    cluster = with_phantoms(replace(loaded(*text), controllers=(TestNamed.router,)))
    web, proxy = cluster.pods
    decision = decide(cluster, Flow(source=PodEnd(proxy), destination=PodEnd(web), protocol=Protocol.TCP, port=8080))
    assert decision.verdict is PEERS[peer]
    engine = SetEngine(cluster)
    masks = engine.pair(engine.universe.class_of[1], engine.universe.class_of[0])
    assert (bool(masks.allowed), bool(masks.unknown)) == (
        decision.verdict is Verdict.ALLOWED,
        decision.verdict is Verdict.UNKNOWN,
    )
    found = connections(cluster)
    ids = [endpoint.id for endpoint in found.endpoints]
    assert not any("proxy" in id_ for id_ in ids)
    ways = [(ids[row.source], row.via) for row in (*found.entries, *found.unknown) if row.via]
    assert ways == ([] if decision.verdict is Verdict.DENIED else [("ingress-controller", "Ingress shop/web")])
    assert bool(found.unknown) == (decision.verdict is Verdict.UNKNOWN)
