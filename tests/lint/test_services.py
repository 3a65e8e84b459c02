"""Rules about Services, doors, DNS, webhooks and scrapes: what they prove holds for the oracle, and nothing is said twice."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.errors import Place
from netcheck.lint.finding import LintSettings
from netcheck.lint.run import lint
from netcheck.load.loader import LoadOptions, load, load_text
from netcheck.model.cluster import Loaded
from netcheck.model.flow import AddressEnd, Flow, NodeEnd, PodEnd, Verdict
from netcheck.model.objects import (
    EndpointAddress,
    EndpointPort,
    EndpointSlice,
    Monitor,
    Service,
    ServicePort,
    ServiceType,
    Webhook,
)
from netcheck.model.profile import PRIVATE_V4, PROFILES
from netcheck.semantics.decide import decide
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol
from tests import strategies

SEEDS = range(100)
INSTALLATIONS = Path(__file__).resolve().parents[2] / "testdata" / "installations"
CALLED = ("NC126", "NC127", "NC128", "NC129")
PORTS = (80, 443, 8080)
RANGES = ((), (), ("203.0.113.0/24",), ("10.0.0.0/8", "2001:db8::/32"))


# ---- for every cluster ---------------------------------------------------------------------------------------------


def service(rng, drawn, index):
    """Return a Service over the pods of a namespace, of any type and traffic policy."""
    home = rng.choice(sorted(drawn.namespaces))
    labels = [pod.labels for pod in drawn.pods if pod.namespace == home and pod.labels]
    kind = rng.choice((ServiceType.CLUSTER_IP, ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER))
    numbers = rng.sample(PORTS, rng.randint(1, 2))
    return Service(
        namespace=home,
        name=f"svc-{index}",
        type=kind,
        selector=dict(rng.choice(labels)) if labels and rng.random() < 0.85 else None,
        ports=tuple(
            ServicePort(
                port=number,
                target_port=rng.choice((number, 8080, "http")),
                protocol=rng.choice(("TCP", "TCP", "UDP")),
                name=f"port-{number}",
                node_port=30000 + index if rng.random() < 0.5 and kind is not ServiceType.CLUSTER_IP else 0,
                place=Place("drawn", index + 1),
            )
            for number in numbers
        ),
        headless=kind is ServiceType.CLUSTER_IP and rng.random() < 0.3,
        load_balancer_source_ranges=rng.choice(RANGES) if kind is ServiceType.LOAD_BALANCER else (),
        allocate_node_ports=rng.random() < 0.5,
        external_traffic_policy=rng.choice(("Cluster", "Local")),
        internal_traffic_policy=rng.choice(("Cluster", "Local")),
        labels={"app": f"svc-{index}"},
        place=Place("drawn", index + 1),
    )


def endpoints(rng, drawn, index, of):
    texts = [text for pod in drawn.pods for text in pod.addresses if ":" not in text] or ["192.0.2.1"]
    return EndpointSlice(
        namespace=of.namespace,
        name=f"{of.name}-{index}",
        service=of.name,
        endpoints=tuple(EndpointAddress(address=text) for text in rng.sample(texts, min(2, len(texts)))),
        ports=tuple(EndpointPort(number=8080, protocol=item.protocol, name=item.name) for item in of.ports[:1]),
        place=Place("drawn", 100 + index),
    )


def drawn(seed, whole=False):
    """Return a generated cluster with Services, EndpointSlices, webhooks, monitors and pods that offer metrics."""
    rng = random.Random(seed)
    plain = strategies.of_seed(seed)
    services = tuple(service(rng, plain, index) for index in range(rng.randint(1, 5)))
    alone = [one for one in services if one.selector is None]
    homes = ["", "node-x", *(node.name for node in plain.nodes)]
    pods = tuple(
        replace(pod, scrape=rng.choice((None, (8080,), ())), node=pod.node or rng.choice(homes)) for pod in plain.pods
    )
    if pods and rng.random() < 0.5:
        labels = {**pods[0].labels, "app": "prometheus"}
        pods = (replace(pods[0], labels=labels), *pods[1:])
    return replace(
        plain,
        pods=pods,
        services=services,
        endpoint_slices=tuple(endpoints(rng, plain, i, one) for i, one in enumerate(alone) if rng.random() < 0.7),
        webhooks=tuple(
            Webhook(
                kind="APIService",
                name=one.name,
                service_namespace=one.namespace,
                service=one.name,
                port=one.ports[0].port if rng.random() < 0.8 else 9443,
                fails_open=rng.random() < 0.5,
            )
            for one in services
        ),
        monitors=tuple(
            Monitor(
                kind="ServiceMonitor",
                namespace=one.namespace,
                name=one.name,
                selector=LabelSelector.of(one.labels),
                namespaces=rng.choice((None, frozenset({one.namespace}))),
                ports=(one.ports[0].name,),
            )
            for one in services
        ),
        whole=whole,
    )


def found_in(cluster, *codes):
    return lint(Loaded(cluster=cluster), LintSettings(select=frozenset(codes))).findings


@pytest.mark.parametrize("whole", [False, True])
def test_every_rule_runs_on_every_cluster_and_its_witnesses_replay(whole):
    seen = Counter()
    for seed in SEEDS:
        for finding in lint(Loaded(cluster=drawn(seed, whole)), LintSettings(pedantic=True)).findings:
            assert finding.message[0].islower() or finding.message[0] == "`"
            assert not finding.message.endswith(".")
            seen[finding.rule, finding.witness is not None] += 1
    shown = {code for code, witness in seen if witness}
    assert {"NC127", "NC128", "NC129", "NC205", "NC209"} <= shown


def test_the_order_of_objects_changes_no_finding():
    for seed in SEEDS:
        cluster = drawn(seed)
        rng = random.Random(seed)
        shuffled = {
            name: tuple(rng.sample(getattr(cluster, name), len(getattr(cluster, name))))
            for name in ("services", "endpoint_slices", "webhooks", "monitors", "pods", "nodes")
        }
        turned = replace(cluster, **shuffled)
        one, other = (
            Counter((f.rule, f.severity, f.object) for f in lint(Loaded(cluster=each), LintSettings()).findings)
            for each in (cluster, turned)
        )
        assert one == other


def callers(cluster):
    """Return every end from which an API server may call: nodes, and addresses where nodes or other machines may be."""
    addresses = ("198.51.100.1", "2001:db8::1", "10.1.2.3", "fd00::1", *strategies.block_boundaries(cluster))
    pods = {text for pod in cluster.pods for text in pod.addresses}
    nodes = {text for node in cluster.nodes for text in node.addresses}
    outside = [AddressEnd(text) for text in dict.fromkeys(addresses) if text not in pods | nodes]
    return [*outside, *(NodeEnd(node) for node in cluster.nodes)]


def test_pods_of_an_unreachable_webhook_let_no_caller_in():
    proved = 0
    for seed in SEEDS:
        cluster = drawn(seed)
        for finding in found_in(cluster, "NC128"):
            if finding.basis != "proved":
                continue
            proved += 1
            hooks = [hook for hook in cluster.webhooks if hook.name == finding.object.split()[1]]
            for pod, number, protocol in behind(cluster, hooks[0]):
                for caller in callers(cluster):
                    if isinstance(caller, NodeEnd) and is_own(caller.node, pod):
                        continue
                    flow = Flow(source=caller, destination=PodEnd(pod), protocol=protocol, port=number)
                    assert decide(cluster, flow).verdict is Verdict.DENIED, (seed, caller)
    assert proved > 3


def is_own(node, pod):
    return node.name == pod.node or not pod.node


def behind(cluster, hook):
    """Yield pod, port and protocol of each backend of a webhook, found by a reading of its own."""
    for one in cluster.services:
        if (one.namespace, one.name) != (hook.service_namespace, hook.service) or not one.selector:
            continue
        for item in (item for item in one.ports if item.port == hook.port):
            for pod in cluster.pods:
                if pod.namespace != one.namespace or not one.selector.items() <= pod.labels.items():
                    continue
                named = [p.number for p in pod.ports if (p.name, p.protocol) == (item.target_port, item.protocol)]
                number = item.target_port if isinstance(item.target_port, int) else (named or [0])[0]
                if number:
                    yield pod, number, Protocol(item.protocol)


def test_blocked_scrapes_are_denied_to_every_collector():
    checked = 0
    for seed in SEEDS:
        cluster = drawn(seed)
        collectors = [pod for pod in cluster.pods if pod.labels.get("app") == "prometheus"]
        for finding in found_in(cluster, "NC129"):
            pods = [
                pod for pod in cluster.pods if finding.object.endswith(f" {pod.workload.namespace}/{pod.workload.name}")
            ]
            for pod in pods if "TCP 8080" in finding.message else ():
                for collector in collectors:
                    if pod is collector or pod.scrape != (8080,):
                        continue
                    checked += 1
                    flow = Flow(
                        source=PodEnd(collector), destination=PodEnd(pod), protocol=Protocol.TCP, port=8080
                    )  # fmt: skip
                    assert decide(cluster, flow).verdict is not Verdict.ALLOWED, seed
    assert checked > 3


# ---- single rules --------------------------------------------------------------------------------------------------

POD = """---
{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s, labels: {app: %s}}, spec: {containers: [{name: a, image: a}]}}
"""
SERVICE = """---
{apiVersion: v1, kind: Service, metadata: {name: %s, namespace: shop}, spec: {%s}}
"""
NAMESPACE = """---
{apiVersion: v1, kind: Namespace, metadata: {name: %s}}
"""
SLICE = """---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: db-1, namespace: %s, labels: {%s}}, addressType: IPv4,
  endpoints: [{addresses: [%s]}], ports: [{%s}]}
"""
WEBHOOK = """---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: hook}, webhooks: [{
  name: a.example.com, failurePolicy: %s, clientConfig: {service: {name: %s, namespace: shop}}, sideEffects: None,
  admissionReviewVersions: [v1], rules: []}]}
"""
INGRESS = """---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: in, namespace: shop},
  spec: {defaultBackend: {service: {name: %s, port: {number: 80}}}}}
"""
POLICY = """---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: np, namespace: shop}, spec: {podSelector: {},
  policyTypes: [%s], %s}}
"""


def blocks(*cidrs):
    return "ingress: [{from: [" + ", ".join(f"{{ipBlock: {{cidr: {cidr}}}}}" for cidr in cidrs) + "]}]"


def run(text, *codes, whole=False, profile="generic", pedantic=False):
    loaded = load_text(text, options=LoadOptions(whole=whole, profile=PROFILES[profile]))
    return lint(loaded, LintSettings(select=frozenset(codes), pedantic=pedantic)).findings


def rules_and_severities(text, **options):
    return {(item.rule, item.severity) for item in run(text, **options) if item.rule != "NC120"}


class TestPortNames:
    def test_a_refusal_for_a_missing_name_is_reported_once(self):
        text = SERVICE % ("web", "selector: {app: web}, ports: [{port: 80}, {port: 81}]") + POD % ("web", "shop", "web")
        assert Counter(item.rule for item in run(text)) == {"NC203": 2, "NC120": 2}

    def test_another_refusal_of_a_port_stays_an_invalid_object(self):
        text = SERVICE % ("web", "selector: {app: web}, ports: [{port: 0}]") + POD % ("web", "shop", "web")
        assert {item.rule for item in run(text)} == {"NC114", "NC120"}


class TestEndpoints:
    ALONE = SERVICE % ("db", "ports: [{name: pg, port: 5432}]")

    @pytest.mark.parametrize(
        ("slice_", "whole", "severity"),
        [
            ("", False, "info"),
            ("", True, "error"),
            (SLICE % ("shop", "", "192.0.2.1", "name: pg, port: 5432"), False, "error"),
            (SLICE % ("shop", "kubernetes.io/service-name: db", "192.0.2.1", "name: db, port: 5432"), False, "error"),
            (
                SLICE % ("shop", "kubernetes.io/service-name: db", "192.0.2.1", "name: pg, port: 5432, protocol: UDP"),
                False,
                "error",
            ),
            (SLICE % ("data", "kubernetes.io/service-name: db", "192.0.2.1", "name: pg, port: 1"), False, "info"),
            (
                SLICE % ("data", "kubernetes.io/service-name: db", "192.0.2.1", "name: pg, port: 1")
                + NAMESPACE % "data",
                False,
                "error",
            ),
        ],
        ids=["none", "none of a whole", "no label", "other name", "other protocol", "elsewhere", "known elsewhere"],
    )
    def test_severities(self, slice_, whole, severity):
        assert [item.severity for item in run(self.ALONE + slice_, "NC207", whole=whole)] == [severity]

    def test_a_matching_slice_is_enough(self):
        text = self.ALONE + SLICE % ("shop", "kubernetes.io/service-name: db", "192.0.2.1", "name: pg, port: 5432")
        assert run(text, whole=True) == ()

    def test_a_refused_slice_is_reported_once(self):
        text = self.ALONE + SLICE % ("shop", "kubernetes.io/service-name: db", "127.0.0.1", "name: pg, port: 5432")
        assert [item.rule for item in run(text, whole=True)] == ["NC114"]

    def test_legacy_endpoints_count(self):
        text = (
            self.ALONE
            + """---
{apiVersion: v1, kind: Endpoints, metadata: {name: db, namespace: shop}, subsets: [{addresses: [{ip: 192.0.2.1}],
  ports: [{name: pg, port: 5432}]}]}
"""
        )
        assert run(text, whole=True) == ()

    def test_the_service_of_the_api_servers_is_theirs(self):
        text = "{apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}, spec: {ports: [{port: 443}]}}"
        assert run(text, whole=True) == ()


class TestAliases:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("api.payments.example", set()),
            ("web.data.svc.cluster.local", {("NC206", "info")}),
            ("web.shop.svc.cluster.local", {("NC206", "warning")}),
            ("192.0.2.1", {("NC206", "warning")}),
            ("localhost", {("NC211", "warning")}),
            ("127.0.0.1", {("NC211", "warning")}),
            ("169.254.169.254", {("NC211", "warning")}),
            ("metadata.google.internal", {("NC211", "warning")}),
            ("10-0-0-7.data.pod.cluster.local", {("NC211", "warning")}),
            ("10-0-0-7.shop.pod.cluster.local", set()),
        ],
    )
    def test_where_a_name_leads(self, name, expected):
        assert rules_and_severities(SERVICE % ("alias", f"type: ExternalName, externalName: {name}")) == expected

    def test_an_ingress_that_leads_to_itself_is_an_error_of_one_rule(self):
        alias = SERVICE % ("alias", "type: ExternalName, externalName: localhost")
        found = run(alias + INGRESS % "alias", "NC206", "NC211")
        assert [(item.rule, item.severity) for item in found] == [("NC211", "error")]
        assert [item.object for item in found[0].related] == ["Ingress shop/in"]


class TestWebhooks:
    @pytest.mark.parametrize(
        ("policy", "whole", "severity"),
        [("Ignore", False, "error"), ("Fail", False, "warning"), ("Fail", True, "error")],
    )
    def test_a_missing_service_of_a_namespace_that_is_known(self, policy, whole, severity):
        (finding,) = run(WEBHOOK % (policy, "gone") + NAMESPACE % "shop", "NC128", whole=whole)
        assert (finding.severity, "does not exist" in finding.message) == (severity, True)

    def test_a_missing_service_may_be_elsewhere(self):
        assert run(WEBHOOK % ("Ignore", "gone"), "NC128") == ()

    def test_a_service_without_the_port(self):
        (finding,) = run(
            WEBHOOK % ("Fail", "web") + SERVICE % ("web", "selector: {a: b}, ports: [{port: 80}]"), "NC128"
        )
        assert "port 443 of Service `shop/web`, which has only `80`" in finding.message

    @pytest.mark.parametrize(
        ("rules", "found"),
        [
            ("ingress: [{from: [{podSelector: {}}]}]", 1),
            ("ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]", 0),
            ("ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}]", 0),
            ("ingress: [{}]", 0),
            ("ingress: []", 1),
        ],
        ids=["pods of the namespace", "an address", "tunnels", "everybody", "nobody"],
    )
    def test_policies_around_the_pods(self, rules, found):
        text = WEBHOOK % ("Fail", "web") + SERVICE % ("web", "selector: {app: web}, ports: [{port: 443}]")
        findings = run(text + POD % ("web", "shop", "web") + POLICY % ("Ingress", rules), "NC128")
        assert [(item.basis, item.severity) for item in findings] == [("proved", "warning")] * found
        assert all(item.witness.port == 443 and item.related for item in findings)


class TestNodeLocalDns:
    CACHE = """---
{apiVersion: v1, kind: Pod, metadata: {name: node-local-dns-x, namespace: kube-system, labels: {k8s-app: node-local-dns}},
  spec: {hostNetwork: true, containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}},
  spec: {containers: [{name: a, image: a}]}}
"""
    TO_PODS = "egress: [{to: [{namespaceSelector: {}}], ports: [{port: 53}, {port: 53, protocol: UDP}]}]"

    @pytest.mark.parametrize(
        ("profile", "severities"),
        [("generic", []), ("calico", ["warning"]), ("cilium", ["warning"]), ("antrea", ["info"])],
    )
    def test_it_depends_on_who_may_reach_the_own_node(self, profile, severities):
        text = self.CACHE + POD % ("web", "shop", "web") + POLICY % ("Egress", self.TO_PODS)
        assert [item.severity for item in run(text, "NC126", profile=profile)] == severities

    def test_pods_that_cannot_ask_at_all_are_reported_by_one_rule(self):
        rules = "egress: [{to: [{podSelector: {}}]}]"
        text = self.CACHE + POD % ("web", "shop", "web") + POLICY % ("Egress", rules)
        assert {item.rule for item in run(text, "NC102", "NC126", profile="calico")} == {"NC102"}


class TestDoors:
    BALANCER = "type: LoadBalancer, selector: {app: web}, ports: [{port: 443}]"

    @pytest.mark.parametrize(
        ("rules", "text", "basis"),
        [
            ("ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]", "nobody gets in", "proved"),
            (
                blocks("203.0.113.0/24", *PRIVATE_V4),
                "everybody gets in",
                "proved",
            ),
            (
                "ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}, {ipBlock: {cidr: 10.1.0.0/16}}]}]",
                "all of them get in through it or none",
                "syntactic",
            ),
        ],
        ids=["nobody", "everybody", "one or the other"],
    )
    def test_what_becomes_of_clients_that_a_policy_tells_apart(self, rules, text, basis):
        loaded = SERVICE % ("web", self.BALANCER) + POD % ("web", "shop", "web") + POLICY % ("Ingress", rules)
        (finding,) = run(loaded, "NC205")
        assert text in finding.message
        assert (finding.basis, finding.witness is not None) == (basis, basis == "proved")

    @pytest.mark.parametrize(
        "rules",
        [
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]",
            "ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]",
            "ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}]",
            "ingress: [{from: [{podSelector: {}}]}]",
            "ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 80}]}]",
        ],
        ids=["inner addresses", "everybody", "all but the metadata server", "pods", "another port"],
    )
    def test_a_policy_that_tells_no_clients_apart_is_no_finding(self, rules):
        loaded = SERVICE % ("web", self.BALANCER) + POD % ("web", "shop", "web") + POLICY % ("Ingress", rules)
        assert [item for item in run(loaded, "NC205") if item.basis != "heuristic"] == []

    @pytest.mark.parametrize("selected", ["{}", "{matchLabels: {app: web}}", "{matchLabels: {app: web, tier: front}}"])
    def test_pods_that_are_not_loaded_are_judged_by_the_policy_alone(self, selected):
        policy = (POLICY % ("Ingress", blocks("203.0.113.0/24"))).replace("{}", selected, 1)
        (finding,) = run(SERVICE % ("web", self.BALANCER) + policy, "NC205")
        assert (finding.severity, finding.basis, finding.witness) == ("warning", "syntactic", None)
        other = run(SERVICE % ("web", self.BALANCER.replace("app: web", "app: api")) + policy, "NC205")
        assert len(other) == (selected == "{}")

    @pytest.mark.parametrize("more", ["loadBalancerClass: example.com/direct, ", "externalTrafficPolicy: Local, "])
    def test_balancers_that_keep_addresses(self, more):
        rules = "ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]"
        loaded = SERVICE % ("web", more + self.BALANCER) + POD % ("web", "shop", "web") + POLICY % ("Ingress", rules)
        assert run(loaded, "NC205") == ()

    def test_a_service_that_nothing_restricts_is_for_the_pedantic(self):
        loaded = SERVICE % ("web", self.BALANCER) + POD % ("web", "shop", "web")
        assert rules_and_severities(loaded) == set()
        assert ("NC205", "info") in rules_and_severities(loaded, pedantic=True)

    @pytest.mark.parametrize(
        ("more", "severities"),
        [
            ("", ["info"]),
            ("allocateLoadBalancerNodePorts: false, ", []),
        ],
        ids=["a node port that is not asked for", "none"],
    )
    def test_ways_round_source_ranges(self, more, severities):
        ranges = f"loadBalancerSourceRanges: [203.0.113.0/24], {more}"
        loaded = SERVICE % ("web", ranges + self.BALANCER) + POD % ("web", "shop", "web")
        assert [item.severity for item in run(loaded, "NC127")] == severities

    def test_another_service_goes_round_source_ranges(self):
        ranges = "loadBalancerSourceRanges: [203.0.113.0/24], allocateLoadBalancerNodePorts: false, "
        other = (
            "type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 8443, targetPort: 443}]"
        )
        loaded = SERVICE % ("web", ranges + self.BALANCER) + SERVICE % ("side", other) + POD % ("web", "shop", "web")
        (finding,) = run(loaded, "NC127")
        assert (finding.severity, [item.object for item in finding.related]) == ("warning", ["Service shop/side"])
        assert (finding.witness.destination, finding.witness.port) == ("shop/web[Pod]", 443)


def test_installations_as_their_projects_ship_them_have_no_finding():
    """Modelled on ingress-nginx, metrics-server, kube-prometheus, istiod, Redis charts and cert-manager."""
    findings = lint(load([str(INSTALLATIONS)]), LintSettings()).findings
    assert [item for item in findings if item.rule.startswith("NC2") or item.rule in CALLED] == []


class TestRoutes:
    ROUTE = """---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: shop}, spec: {parentRefs: [{
  name: g}], rules: [{backendRefs: [{name: %s, port: 80}]}]}}
"""
    MIRROR = """---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: shop}, spec: {parentRefs: [{
  name: g}], rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: %s, port: 80}}}]}]}}
"""

    @pytest.mark.parametrize("route", [ROUTE, MIRROR], ids=["backend", "mirror"])
    def test_a_route_to_an_alias(self, route):
        alias = SERVICE % ("alias", "type: ExternalName, externalName: api.example")
        (finding,) = run(alias + route % "alias", "NC206")
        assert (finding.severity, [item.object for item in finding.related]) == ("warning", ["HTTPRoute shop/r"])
        assert run(alias + route % "other", "NC206") == ()

    def test_a_route_to_a_headless_service_uses_the_endpoints_port(self):
        headless = SERVICE % ("web", "clusterIP: None, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]")
        assert [item.severity for item in run(headless, "NC210")] == ["warning"]
        assert [item.severity for item in run(headless + self.ROUTE % "web", "NC210")] == ["info"]
