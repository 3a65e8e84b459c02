"""Ingress, OpenShift Routes, key material, webhooks, monitors, and what is assumed of them."""

import base64
import os
from pathlib import Path

import pytest

from netcheck.errors import Severity
from netcheck.load.loader import LoadOptions, load_text
from netcheck.model.cluster import LostRoute
from netcheck.model.gateway import Material
from netcheck.model.objects import Monitor, PodDNS, Webhook
from netcheck.model.routes import (
    Ingress,
    IngressBackend,
    IngressClass,
    IngressPath,
    IngressRule,
    IngressTLS,
    OpenShiftBackend,
    OpenShiftRoute,
)
from netcheck.values.labels import LabelSelector
from tests.load.test_gateway import cluster_of, document
from tests.load.test_gateway_validation import L, listeners

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBAA==\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMIIBAA==\n-----END EC PRIVATE KEY-----\n"
GATEWAY = document("Gateway", listeners(L)).replace("name: x", "name: gate")


def ingress_of(spec, metadata="", extra=""):
    text = document("Ingress", spec, group="networking.k8s.io", metadata=metadata, extra=extra)
    (found,) = cluster_of(text).ingresses
    return found


def route_of(spec, extra=""):
    (found,) = cluster_of(document("Route", spec, group="route.openshift.io", extra=extra)).openshift_routes
    return found


class TestIngress:
    def test_everything(self):
        found = ingress_of(
            "  ingressClassName: web\n"
            "  defaultBackend: {resource: {apiGroup: example.com, kind: Bucket, name: b}}\n"
            "  tls: [{hosts: [a.example], secretName: k}, {}]\n"
            "  rules:\n"
            "  - host: a.example\n"
            "    http:\n"
            "      paths:\n"
            "      - {path: /a, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}\n"
            "      - {pathType: ImplementationSpecific, backend: {service: {name: t, port: {name: http}}}}\n"
            "  - host: b.example\n",
            extra="status: {loadBalancer: {ingress: [{ip: 192.0.2.1}, {hostname: lb.example}]}}\n",
        )
        assert found == Ingress(
            namespace="shop",
            name="x",
            class_name="web",
            default_backend=IngressBackend(resource="Bucket/b"),
            rules=(
                IngressRule(
                    host="a.example",
                    paths=(
                        IngressPath(type="Prefix", path="/a", backend=IngressBackend(service="s", port=80)),
                        IngressPath(
                            type="ImplementationSpecific", path="", backend=IngressBackend(service="t", port="http")
                        ),
                    ),
                ),
                IngressRule(host="b.example"),
            ),
            tls=(IngressTLS(hosts=("a.example",), secret="k"), IngressTLS()),
            addresses=("192.0.2.1", "lb.example"),
        )
        assert [rule.place.line for rule in found.rules] == [9, 14]
        assert [path.place.line for path in found.rules[0].paths] == [12, 13]

    def test_the_annotation_of_the_class_is_told_apart_from_the_field(self):
        found = ingress_of(
            "  defaultBackend: {service: {name: s, port: {number: 1}}}",
            metadata=", annotations: {kubernetes.io/ingress.class: old}, creationTimestamp: 2026-01-02T03:04:05Z",
        )
        assert (found.class_name, found.class_annotation) == ("", "old")
        assert found.created == "2026-01-02T03:04:05Z"

    @pytest.mark.parametrize(("value", "default"), [("'true'", True), ("'false'", False), ("'yes'", False)])
    def test_classes(self, value, default):
        text = (
            "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: web\n"
            f"  annotations: {{ingressclass.kubernetes.io/is-default-class: {value}}}\n"
            "spec: {controller: example.com/c}\n"
        )
        assert cluster_of(text).ingress_classes == (
            IngressClass(name="web", controller="example.com/c", default=default),
        )

    def test_a_refused_ingress_whose_paths_are_not_plain_is_lost(self):
        text = document("Ingress", "  rules: [{http: {paths: [{path: /}]}}]", group="networking.k8s.io")
        cluster = load_text(text).cluster
        assert cluster.ingresses == ()
        assert cluster.lost_routes == (LostRoute(namespace="shop", kind="Ingress", name="x"),)


class TestOpenShiftRoute:
    def test_the_defaults(self):
        found = route_of("  to: {kind: Service, name: s}")
        assert found == OpenShiftRoute(
            namespace="shop", name="x", backends=(OpenShiftBackend(service="s", weight=100),)
        )
        assert found.insecure == "None"

    def test_everything(self):
        found = route_of(
            "  host: A.example\n  path: /a\n  wildcardPolicy: Subdomain\n  port: {targetPort: '8080'}\n"
            "  to: {kind: Service, name: s, weight: 0}\n  alternateBackends: [{kind: Service, name: t, weight: 5}]\n"
            "  tls: {termination: edge, insecureEdgeTerminationPolicy: Redirect}"
        )
        assert found == OpenShiftRoute(
            namespace="shop",
            name="x",
            host="a.example",
            path="/a",
            backends=(OpenShiftBackend(service="s", weight=0), OpenShiftBackend(service="t", weight=5)),
            target_port=8080,
            termination="edge",
            insecure="Redirect",
            subdomain=True,
        )
        assert [backend.place.line for backend in found.backends] == [9, 10]

    def test_a_made_up_host_is_read_from_the_status(self):
        found = route_of("  to: {kind: Service, name: s}", extra="status: {ingress: [{host: x-shop.apps.example}]}\n")
        assert found.host == "x-shop.apps.example"


def coded(text):
    return base64.b64encode(text.encode()).decode()


def holder(kind, **data):
    fields = "".join(f"  {key}: {value}\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: k, namespace: shop}}\ndata:\n{fields}"


class TestMaterial:
    @pytest.mark.parametrize(
        ("certificate", "key", "keypair"),
        [
            (coded(CERTIFICATE), coded(KEY), True),
            (coded(CERTIFICATE + CERTIFICATE), coded(KEY), True),
            (coded(KEY), coded(CERTIFICATE), False),
            (coded(CERTIFICATE), coded("hello"), False),
            (coded(CERTIFICATE), "''", False),
            (coded(CERTIFICATE.replace("MIIB", "%%%%")), coded(KEY), False),
            (coded(CERTIFICATE.replace("MIIB", "AAAA")), coded(KEY), False),
            ("hello", "hello", False),
            (coded("\N{SNOWMAN}"), coded(KEY), False),
        ],
    )
    def test_key_pairs(self, certificate, key, keypair):
        text = holder("Secret", **{"tls.crt": certificate, "tls.key": key}) + "type: kubernetes.io/tls\n"
        assert cluster_of(GATEWAY, text).materials == (
            Material(kind="Secret", namespace="shop", name="k", keypair=keypair),
        )

    def test_string_data_is_not_coded_and_wins(self):
        fields = "".join(f"  {key}: {text!r}\n" for key, text in (("tls.crt", CERTIFICATE), ("tls.key", KEY)))
        fields = fields.replace("'", '"')
        text = holder("Secret", **{"tls.crt": "''"}) + f"stringData:\n{fields}"
        (found,) = cluster_of(GATEWAY, text).materials
        assert found.keypair
        assert "MIIB" not in repr(found)

    @pytest.mark.parametrize(("written", "authority"), [(CERTIFICATE, True), ("", False), ("hello", False)])
    def test_authorities(self, written, authority):
        text = holder("ConfigMap", **{"ca.crt": f'"{written}"'.replace("\n", "\\n")})
        assert cluster_of(GATEWAY, text).materials == (
            Material(kind="ConfigMap", namespace="shop", name="k", authority=authority),
        )

    def test_a_config_map_without_certificates_is_no_authority(self):
        (found,) = cluster_of(GATEWAY, holder("ConfigMap", a="b")).materials
        assert not found.authority

    def test_nothing_is_looked_at_where_nothing_could_name_it(self):
        assert cluster_of(holder("ConfigMap", a="b")).materials == ()


class TestCallers:
    def test_admission_webhooks(self):
        service = "service: {namespace: ops, name: hook"
        text = (
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: v}\n"
            "webhooks:\n"
            f"- {{name: a.example.com, clientConfig: {{{service}, path: /x}}}}}}\n"
            f"- {{name: b.example.com, failurePolicy: Ignore, clientConfig: {{{service}, port: 9443}}}}}}\n"
            "- {name: c.example.com, clientConfig: {url: 'https://example.com'}}\n"
        )
        kind = "ValidatingWebhookConfiguration"
        found = cluster_of(text).webhooks
        assert found == (
            Webhook(kind=kind, name="v", webhook="a.example.com", service_namespace="ops", service="hook"),
            Webhook(
                kind=kind, name="v", webhook="b.example.com", service_namespace="ops", service="hook", port=9443,
                fails_open=True,
            ),
        )  # fmt: skip
        assert [hook.place.line for hook in found] == [5, 6]

    def test_conversions_and_aggregated_apis(self):
        service = "service: {namespace: ops, name: s, port: 8443}"
        api = "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\n"
        crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.example.com}\n"
        called = (
            crd + f"spec: {{conversion: {{strategy: Webhook, webhook: {{clientConfig: {{{service}}}}}}}}}\n",
            crd.replace("a.ex", "b.ex") + "spec: {conversion: {strategy: None}}\n",
            f"{api}metadata: {{name: v1.m.example}}\nspec: {{{service}}}\n",
            f"{api}metadata: {{name: v1.}}\nspec: {{service: null}}\n",
        )
        found = cluster_of(*called).webhooks
        assert [(hook.kind, hook.service_namespace, hook.service, hook.port) for hook in found] == [
            ("CustomResourceDefinition", "ops", "s", 8443),
            ("APIService", "ops", "s", 8443),
        ]

    @pytest.mark.parametrize(
        ("selector", "namespaces"),
        [
            ("", {"shop"}),
            ("namespaceSelector: {any: true}", None),
            ("namespaceSelector: {matchNames: [a, b]}", {"a", "b"}),
        ],
    )
    def test_monitors(self, selector, namespaces):
        text = document(
            "ServiceMonitor",
            f"  selector: {{matchLabels: {{app: a}}}}\n  endpoints: [{{port: http}}, {{targetPort: 9090}}, {{port: http}}]\n"
            f"  {selector}",
            group="monitoring.coreos.com",
        )
        assert cluster_of(text).monitors == (
            Monitor(
                kind="ServiceMonitor",
                namespace="shop",
                name="x",
                selector=LabelSelector.of({"app": "a"}),
                namespaces=None if namespaces is None else frozenset(namespaces),
                ports=("http", 9090),
            ),
        )

    def test_pod_monitors(self):
        text = document(
            "PodMonitor",
            "  selector: {}\n  podMetricsEndpoints: [{portNumber: 8080}, {port: m}]",
            group="monitoring.coreos.com",
        )
        assert cluster_of(text).monitors[0].ports == (8080, "m")

    @pytest.mark.parametrize("selector", ["{matchExpressions: [{key: a, operator: Is}]}", "{matchLabels: {a: 1}}"])
    def test_a_selector_that_nobody_can_read_is_left_out(self, selector):
        text = document("PodMonitor", f"  selector: {selector}", group="monitoring.coreos.com")
        assert load_text(text).cluster.monitors == ()


NDOTS = "options: [{name: ndots, value: '2'}, {name: edns0}]"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p%s}\nspec:\n  containers: [{name: c, image: i}]\n  %s\n"


class TestPods:
    @pytest.mark.parametrize(
        ("written", "dns"),
        [
            ("", None),
            ("dnsPolicy: ClusterFirst", None),
            ("dnsPolicy: Default", PodDNS(policy="Default")),
            ("hostname: h\n  subdomain: s", PodDNS(hostname="h", subdomain="s")),
            (
                f"dnsPolicy: None\n  dnsConfig: {{nameservers: [10.0.0.10], searches: [a.b], {NDOTS}}}",
                PodDNS(policy="None", nameservers=("10.0.0.10",), searches=("a.b",), ndots=2),
            ),
        ],
    )
    def test_how_names_are_resolved(self, written, dns):
        assert cluster_of(POD % ("", written.replace("None", "'None'"))).pods[0].dns == dns

    @pytest.mark.parametrize(
        ("annotations", "scrape"),
        [
            ("", None),
            ("prometheus.io/scrape: 'false'", None),
            ("prometheus.io/port: '9'", None),
            ("prometheus.io/scrape: 'true'", ()),
            ("prometheus.io/scrape: 'true', prometheus.io/port: '9090'", (9090,)),
            ("prometheus.io/scrape: 'true', prometheus.io/port: http", ()),
        ],
    )
    def test_what_is_offered_to_prometheus(self, annotations, scrape):
        assert cluster_of(POD % (f", annotations: {{{annotations}}}", "")).pods[0].scrape == scrape

    def test_templates_say_the_same(self):
        text = (
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  serviceName: dbs\n"
            "  selector: {matchLabels: {a: b}}\n  template:\n    metadata:\n      labels: {a: b}\n"
            "      annotations: {prometheus.io/scrape: 'true'}\n    spec: {containers: [{name: c, image: i}]}\n"
        )
        (pod,) = cluster_of(text).pods
        assert pod.dns == PodDNS(subdomain="dbs")
        assert pod.scrape == ()


SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: s%s}\nspec:\n  type: %s\n  ports: [{port: 80}]\n  %s\n"
RANGES = ", annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: '10.0.0.0/8, 192.0.2.0/24'}"


@pytest.mark.parametrize(
    ("kind", "metadata", "spec", "ranges"),
    [
        ("LoadBalancer", RANGES, "", ("10.0.0.0/8", "192.0.2.0/24")),
        ("LoadBalancer", RANGES, "loadBalancerSourceRanges: [198.51.100.0/24]", ("198.51.100.0/24",)),
        ("LoadBalancer", "", "", ()),
    ],
)
def test_svc_18_source_ranges_of_the_annotation_count_where_the_field_says_nothing(kind, metadata, spec, ranges):
    (found,) = cluster_of(SERVICE % (metadata, kind, spec)).services
    assert found.load_balancer_source_ranges == ranges
    assert found.allocate_node_ports


def test_svc_17_node_ports_may_be_left_out():
    (found,) = cluster_of(SERVICE % ("", "LoadBalancer", "allocateLoadBalancerNodePorts: false")).services
    assert not found.allocate_node_ports


def assumed(*texts, whole=False):
    found = load_text("---\n".join(texts), options=LoadOptions(whole=whole)).assumptions
    return [item.rule for item in found if item.rule.startswith("GW-")]


SECURE = document("Gateway", listeners("name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: k}]}"))
BACKEND = document("HTTPRoute", "  rules: [{backendRefs: [{name: s, port: 80}]}]")
SHOP = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


class TestAssumptions:
    def test_none_without_routes(self):
        assert assumed(SHOP, holder("Secret", a="b"), SERVICE % ("", "ClusterIP", "")) == []

    def test_gateway_classes_are_taken_to_be_served_unless_the_input_is_whole(self):
        assert assumed(GATEWAY) == ["GW-2"]
        assert assumed(GATEWAY, whole=True) == []
        loaded = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: c}\n"
        assert assumed(GATEWAY, loaded + "spec: {controllerName: a.example/b}\n") == []

    def test_certificates_that_are_not_loaded_are_taken_to_exist(self):
        assert assumed(SECURE) == ["GW-2", "GW-3"]
        assert assumed(SECURE, holder("Secret", a="b")) == ["GW-2"]

    def test_authorities_that_are_not_loaded_are_taken_to_exist_unless_the_input_is_whole(self):
        refs = "validation: {hostname: a.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: %s}]}"
        policy = document("BackendTLSPolicy", f"  targetRefs: [{{group: '', kind: Service, name: s}}]\n  {refs % 'k'}")
        assert assumed(policy) == ["GW-28"]
        assert assumed(policy, whole=True) == []
        message = next(iter(load_text(policy).assumptions)).message
        assert message.endswith("are taken to exist: `ConfigMap shop/k`")
        refs = "caCertificateRefs: [{group: '', kind: ConfigMap, name: k}]"
        tls = f"  tls: {{frontend: {{default: {{validation: {{{refs}}}}}}}}}\n"
        assert assumed(document("Gateway", listeners(L) + tls)) == ["GW-2", "GW-28"]

    def test_routes_of_services_are_taken_to_be_in_force(self):
        assert assumed(document("HTTPRoute", "  parentRefs: [{group: '', kind: Service, name: s}]")) == ["GW-32"]

    def test_namespaces_that_are_defined_are_taken_to_be_complete(self):
        assert assumed(BACKEND, SHOP) == ["GW-24"]
        assert assumed(BACKEND) == []
        assert assumed(BACKEND, SHOP, (SERVICE % (", namespace: shop", "ClusterIP", ""))) == []
        backend = "{service: {name: t, port: {number: 80}}}"
        ingress = document("Ingress", f"  defaultBackend: {backend}", group="networking.k8s.io")
        assert assumed(ingress, SHOP) == ["GW-24"]


CORPUS = Path(os.environ.get("CORPUS", "../shared/corpus/dev"))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the conformance corpus is not there (CORPUS)")
@pytest.mark.parametrize("suite", ["gateway-api", "gateway-api-mesh"])
def test_no_manifest_of_the_conformance_suites_is_refused(suite):
    texts = {path.read_text() for path in (CORPUS / suite).glob("*/input/*.yaml")}
    assert texts
    found = [problem for text in sorted(texts) for problem in load_text(text).problems]
    assert [str(problem) for problem in found if problem.severity is Severity.ERROR] == []
