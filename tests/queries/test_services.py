"""`query` through Services: hairpins (NET-7, ADM-24), traffic that stays local (SVC-21), several backends (SVC-37), proxies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.errors import UsageError
from netcheck.load.loader import load_text
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.profile import Switch
from netcheck.model.routes import Controller
from netcheck.queries.reach import query
from netcheck.queries.results import QueryResult

ALLOWED, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.DENIED, Verdict.UNKNOWN


def pod(name: str, app: str, node: str = "") -> str:
    placed = f"nodeName: {node}, " if node else ""
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: {app}, own: {name}}}}}
spec: {{{placed}containers: [{{name: c, image: i}}]}}
"""


def service(extra: str = "") -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]{extra}}}
"""


def policy(subject: str, ingress: str = "") -> str:
    return f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {subject}, namespace: shop}}
spec: {{podSelector: {{matchLabels: {{own: {subject}}}}}, policyTypes: [Ingress], ingress: [{ingress}]}}
"""


def admin(tier: str, action: str) -> str:
    return f"""
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: {tier.lower()}}}
spec:
  tier: {tier}
  priority: 1
  subject: {{namespaces: {{}}}}
  ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]
"""


def loaded(*documents: str, **switches: Switch) -> Cluster:
    cluster = load_text("---".join(documents)).cluster
    profile = cluster.profile
    for name, value in switches.items():
        profile = profile.with_switch(name, value)
    return replace(cluster, profile=profile)


def asked(cluster: Cluster, source: str = "shop/web", destination: str = "svc:shop/web") -> QueryResult:
    return query(cluster, source, destination, port="80")


def rules(result: QueryResult) -> set[str]:
    return {reason.rule for reason in result.reasons}


class TestHairpin:
    web = pod("web", "web")

    def verdict(self, *documents: str, switch: Switch = Switch.YES) -> Verdict:
        return asked(loaded(self.web, service(), *documents, self_via_service=switch)).verdict

    def test_net_7_network_policies_do_not_hold_it_back(self) -> None:
        result = asked(loaded(self.web, service(), policy("web")))
        assert result.verdict is ALLOWED
        (pair,) = result.pairs
        assert {decider.cites for decider in pair.decided_by if decider.policy == ""} >= {"NET-7"}

    def test_net_7_they_do_where_the_plugin_says_so(self) -> None:
        assert self.verdict(policy("web"), switch=Switch.NO) is DENIED
        assert self.verdict(policy("web", "{from: [{podSelector: {}}]}"), switch=Switch.NO) is ALLOWED

    def test_net_7_nobody_knows_under_some_profiles(self) -> None:
        result = asked(loaded(self.web, service(), policy("web"), self_via_service=Switch.UNKNOWN))
        assert result.verdict is UNKNOWN
        assert rules(result) == {"NET-7"}
        assert self.verdict(switch=Switch.UNKNOWN) is ALLOWED  # no policy that could matter

    def test_adm_24_admin_policies_are_in_force(self) -> None:
        assert self.verdict(admin("Admin", "Deny")) is DENIED
        assert self.verdict(admin("Baseline", "Deny")) is DENIED

    def test_adm_24_the_pods_own_address_is_not_subject_to_them(self) -> None:
        cluster = loaded(self.web, service(), admin("Admin", "Deny"))
        assert asked(cluster, destination="pod:shop/web").verdict is ALLOWED

    def test_adm_24_so_is_a_headless_service(self) -> None:
        headless = service(", clusterIP: None")
        assert asked(loaded(self.web, headless, admin("Admin", "Deny"))).verdict is ALLOWED

    def test_adm_11_an_isolated_pod_never_comes_to_the_baseline(self) -> None:
        assert self.verdict(admin("Baseline", "Deny"), policy("web")) is ALLOWED


class TestLocalTraffic:
    local = service(", internalTrafficPolicy: Local")

    def test_svc_21_only_the_backend_on_the_clients_node_counts(self) -> None:
        pods = pod("c", "client", "n1"), pod("w1", "web", "n1"), pod("w2", "web", "n2")
        assert asked(loaded(*pods, self.local), "shop/c").verdict is ALLOWED
        result = asked(loaded(*pods, self.local, policy("w1")), "shop/c")
        assert result.verdict is DENIED
        assert [pair.destination for pair in result.pairs] == ["shop/w1[Pod]"]
        assert asked(loaded(*pods, self.local, policy("w2")), "shop/c").verdict is ALLOWED

    def test_svc_21_a_node_without_backend_drops(self) -> None:
        result = asked(loaded(pod("c", "client", "n1"), pod("w2", "web", "n2"), self.local), "shop/c")
        assert result.verdict is DENIED
        assert rules(result) == {"SVC-21"}

    def test_svc_21_without_nodes_nobody_knows(self) -> None:
        pods = pod("c", "client"), pod("w1", "web", "n1")
        result = asked(loaded(*pods, self.local), "shop/c")
        assert result.verdict is UNKNOWN
        assert rules(result) == {"SVC-21"}
        assert asked(loaded(*pods, self.local, policy("w1")), "shop/c").verdict is DENIED

    def test_svc_21_is_about_virtual_addresses(self) -> None:
        headless = service(", internalTrafficPolicy: Local, clusterIP: None")
        assert asked(loaded(pod("c", "client", "n1"), pod("w2", "web", "n2"), headless), "shop/c").verdict is ALLOWED


def test_svc_37_backends_that_are_not_reached_are_named() -> None:
    pods = pod("c", "client"), pod("w1", "web"), pod("w2", "web"), pod("w3", "web")
    result = asked(loaded(*pods, service(), policy("w2")), "shop/c")
    assert result.verdict is ALLOWED
    (reason,) = result.reasons
    assert reason.rule == "SVC-37"
    assert reason.message == "from shop/c[Pod] only some of the backends are reachable; not reached: shop/w2[Pod]"
    assert asked(loaded(*pods, service()), "shop/c").reasons == ()
    assert asked(loaded(*pods, service(), *map(policy, ("w1", "w2", "w3"))), "shop/c").verdict is DENIED


def test_svc_6_pods_that_terminate_serve_while_none_is_ready() -> None:
    ending = pod("w1", "web").replace("name: w1,", "name: w1, deletionTimestamp: '2025-01-01T00:00:00Z',", 1)
    cluster = loaded(pod("c", "client"), ending, service())
    (one, other) = (replace(item, ready=True) for item in cluster.pods)
    assert other.terminating
    assert asked(replace(cluster, pods=(one, other)), "shop/c").verdict is ALLOWED
    unready = replace(cluster, pods=(one, replace(other, ready=False)))
    assert (asked(unready, "shop/c").verdict, rules(asked(unready, "shop/c"))) == (DENIED, {"SVC-25"})
    both = loaded(pod("c", "client"), ending, pod("w2", "web"), service())
    assert [pair.destination for pair in asked(both, "shop/c").pairs] == ["shop/w2[Pod]"]


def test_svc_17_the_address_of_a_load_balancer_is_its_service() -> None:
    balanced = service(", type: LoadBalancer") + "status: {loadBalancer: {ingress: [{ip: 198.51.100.7}]}}\n"
    result = asked(loaded(pod("c", "client"), pod("w1", "web"), balanced), "shop/c", "198.51.100.7")
    assert [pair.service for pair in result.pairs] == ["Service shop/web port 80"]


INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop}
spec: {ingressClassName: mine, defaultBackend: {service: {name: web, port: {number: 80}}}}
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec: {gatewayClassName: c, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
EDGE = "{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}}]}"
ROUTER = Controller(namespace="edge", labels={"app": "router"})


@pytest.mark.parametrize(("end", "rule"), [("ingress:shop/front", "ING-13"), ("gateway:shop/front", "GW-29")])
class TestProxies:
    def cluster(self, *documents: str, named: bool = False) -> Cluster:
        cluster = loaded(pod("web", "web"), service(), INGRESS, GATEWAY, *documents)
        return replace(cluster, controllers=(ROUTER,)) if named else cluster

    def test_one_that_is_not_loaded_is_symbolic(self, end: str, rule: str) -> None:
        assert asked(self.cluster(), end).verdict is ALLOWED
        assert asked(self.cluster(policy("web")), end).verdict is DENIED
        result = asked(self.cluster(policy("web", EDGE)), end)
        assert result.verdict is UNKNOWN
        assert rules(result) == {rule}
        assert "--ingress-controller" in result.reasons[0].message

    def test_one_that_the_user_names_is_a_pod(self, end: str, rule: str) -> None:
        assert asked(self.cluster(policy("web", EDGE), named=True), end).verdict is ALLOWED, rule
        assert asked(self.cluster(policy("web", "{from: [{podSelector: {}}]}"), named=True), end).verdict is DENIED

    def test_as_a_destination_it_is_its_pods(self, end: str, rule: str) -> None:
        assert query(self.cluster(named=True), "shop/web", end, port="80").verdict is ALLOWED
        result = query(self.cluster(), "shop/web", end, port="80")
        assert (result.verdict, rules(result)) == (UNKNOWN, {rule})
        shut = policy("web").replace("[Ingress]", "[Egress]")
        assert query(self.cluster(shut), "shop/web", end, port="80").verdict is DENIED

    def test_the_other_end_must_be_a_pod(self, end: str, rule: str) -> None:
        with pytest.raises(UsageError, match="must be known pods"):
            query(self.cluster(), end, "internet", port="80")
        assert rule


@pytest.mark.parametrize("end", ["ingress:shop/none", "gateway:shop/none"])
def test_an_end_that_is_not_loaded_is_refused_with_what_is(end: str) -> None:
    with pytest.raises(UsageError, match=f"names no loaded {end.partition(':')[0].capitalize()}"):
        asked(loaded(pod("web", "web"), service(), INGRESS, GATEWAY), end)


def test_a_proxy_uses_the_target_port_of_a_headless_service() -> None:
    headless = service(", clusterIP: None")
    cluster = replace(loaded(pod("web", "web"), headless, GATEWAY), controllers=(ROUTER,))
    for one in (cluster, replace(cluster, controllers=())):
        (pair,) = asked(one, "gateway:shop/front").pairs
        assert str(pair.asked) == "TCP/8080"
