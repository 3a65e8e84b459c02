"""Rules about Ingress, OpenShift Routes and Gateway API: what is proved holds for every request, and nothing is said twice."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from netcheck.engines.requests import Ever, RequestEngine
from netcheck.lint.finding import LintSettings
from netcheck.lint.requests import Questions, request_text
from netcheck.lint.run import lint
from netcheck.lint.snapshot import Snapshot
from netcheck.load.loader import LoadOptions, load_text
from netcheck.logic.routing import Router
from netcheck.logic.services import targets
from netcheck.model.cluster import Loaded
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.objects import Service, ServicePort
from netcheck.model.request import Request, Scheme
from netcheck.model.routes import Controller, Ingress, IngressBackend
from netcheck.queries.exposure_doors import usable
from netcheck.queries.routes import routes
from netcheck.semantics.decide import decide
from netcheck.values.labels import LabelSelector
from tests import route_strategies, strategies

SEEDS = range(40)
KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "Ingress", "Route")
CODES = frozenset({*(f"NC30{n}" for n in range(1, 6)), *(f"NC40{n}" for n in range(1, 10))})

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: app, containerPort: 8080}]}]}
---
"""


def route(
    name="shop", parent="{name: gw, namespace: infra}", rules="[{backendRefs: [{name: web, port: 80}]}]", more=""
):
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  {more}
  parentRefs: [{parent}]
  rules: {rules}
---
"""


def ingress(name="web", spec="", annotations="{}"):
    return f"""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}, namespace: shop, annotations: {annotations}}}
spec: {{{spec}}}
---
"""


def grant(namespace, sources, targets='{group: "", kind: Service}'):
    return f"""
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: grant, namespace: {namespace}}}
spec: {{from: [{sources}], to: [{targets}]}}
---
"""


def deny(namespace="shop", rules="[]"):
    return f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: deny, namespace: {namespace}}}
spec: {{podSelector: {{}}, policyTypes: [Ingress], ingress: {rules}}}
---
"""


def found(text, *codes, whole=False, pedantic=False):
    """Return the findings of these rules."""
    loaded = load_text(text, options=LoadOptions(whole=whole))
    assert not loaded.lost_anything
    findings = lint(loaded, LintSettings(pedantic=pedantic)).findings
    return [item for item in findings if item.rule in codes]


# ---- for every cluster -------------------------------------------------------------------------------------------------


def never_of(cluster):
    return {item.chosen for item in Questions(cluster, Router(cluster)).never(*KINDS)}


def answers_of(cluster):
    """Return for each match what the engine that asks about every match says at each door."""
    engine = RequestEngine(cluster)
    found = {}
    for frontend in engine.frontends():
        for chosen in engine.matches(frontend):
            found.setdefault(chosen, []).append(engine.reached(frontend, chosen))
    return found


def test_what_never_gets_a_request_is_what_the_engine_says_that_asks_about_every_match():
    both = 0
    for seed in SEEDS:
        cluster = route_strategies.of_seed(seed)
        never, answers = never_of(cluster), answers_of(cluster)
        unreached = {chosen for chosen, said in answers.items() if all(one.verdict is Ever.NO for one in said)}
        assert never <= unreached, seed
        missed = {item for item in unreached - never if any(one.shadowed_by for one in answers[item])}
        assert {item.kind for item in missed} <= {"Ingress"}, seed  # taken by another one with the same backend
        both += len(never)
    assert both > 30


def test_no_generated_request_comes_to_a_match_that_never_gets_one():
    for seed in SEEDS:
        cluster = route_strategies.of_seed(seed)
        router, never = Router(cluster), never_of(cluster)
        for request in route_strategies.requests(seed, cluster, 40) if never else ():
            at = [router.at_gateway(gateway, request) for gateway in cluster.gateways]
            at += [router.at_ingress(name, request) for name in router.ingresses.names()]
            at += [router.at_router(request)] if cluster.openshift_routes else []
            assert never.isdisjoint(item.chosen for item in at), seed


def test_ties_are_among_those_that_the_engine_finds_and_the_oracle_confirms_each():
    pairs = 0
    for seed in SEEDS:
        cluster = route_strategies.of_seed(seed)
        known = {frozenset((item.one.label, item.other.label)) for item in RequestEngine(cluster).conflicts()}
        for tie in Questions(cluster, Router(cluster)).ties("Gateway", "Service", "Ingress", "Router"):
            assert frozenset(tie.pair) in known, seed
            pairs += 1
    assert pairs > 5


def test_every_rule_runs_on_every_cluster_and_says_nothing_twice():
    seen = Counter()
    for seed in SEEDS:
        loaded = Loaded(cluster=route_strategies.of_seed(seed))
        findings = [item for item in lint(loaded, LintSettings(pedantic=True)).findings if item.rule in CODES]
        for finding in findings:
            assert not finding.message.endswith("."), finding
            seen[finding.rule] += 1
        said = Counter((item.rule, item.object, item.place, item.message) for item in findings)
        assert all(count == 1 for count in said.values()), seed
    assert {"NC301", "NC305", "NC401", "NC402", "NC403", "NC404", "NC407", "NC408"} <= set(seen)


def test_a_route_that_the_status_says_is_not_accepted_has_a_finding():
    """`netcheck routes` and lint read one decision. That a listener takes no traffic itself is told at the listener."""
    codes = {"NotAllowedByListeners": "NC401", "NoMatchingListenerHostname": "NC402", "NoMatchingParent": "NC404"}
    checked = 0
    for seed in SEEDS:
        cluster = route_strategies.of_seed(seed)
        findings = lint(Loaded(cluster=cluster), LintSettings(select=frozenset(codes.values()))).findings
        told = {(item.rule, item.object) for item in findings}
        for line in routes(cluster).routes:
            for parent in line.parents:
                accepted = parent.status.conditions[0]
                if accepted.status == "False" and "takes no traffic" not in accepted.message:
                    code = codes.get(accepted.reason)
                    assert code is None or (code, line.route.label) in told, (seed, accepted)
                    checked += 1
    assert checked > 20


# ---- one by one --------------------------------------------------------------------------------------------------------


def test_many_routes_with_one_match_are_one_finding():
    text = GATEWAY + "".join(
        route(f"r{number}", rules=f"[{{backendRefs: [{{name: s{number}, port: 80}}]}}]") for number in range(600)
    )
    (tie,) = found(text, "NC406")
    assert "`HTTPRoute shop/r0`" in tie.message
    assert "17 more" in tie.message


@pytest.mark.parametrize(
    ("sources", "targets", "hint"),
    [
        ("{group: '', kind: HTTPRoute, namespace: shop}", '{group: "", kind: Service}', "names group ``"),
        (
            "{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: shop}",
            '{group: "", kind: Service}',
            "is given to kind `GRPCRoute`",
        ),
        (
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: blog}",
            '{group: "", kind: Service}',
            "is given to `blog`, not to `shop`",
        ),
        (
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}",
            "{group: core, kind: Service}",
            "names another group",
        ),
        (
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}",
            '{group: "", kind: Service, name: other}',
            "is for `other` only",
        ),
        (
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}",
            '{group: "", kind: Secret}',
            "permits no Service",
        ),
    ],
)
def test_what_is_wrong_with_a_grant_is_told(sources, targets, hint):
    text = route(rules="[{backendRefs: [{name: api, namespace: backend, port: 80}]}]") + grant(
        "backend", sources, targets
    )
    (finding,) = found(text + "{apiVersion: v1, kind: Namespace, metadata: {name: backend}}", "NC403")
    assert hint in finding.hint
    assert finding.related[0].object == "ReferenceGrant backend/grant"


def test_a_namespace_of_which_nothing_is_known_gives_no_finding():
    text = route(rules="[{backendRefs: [{name: api, namespace: backend, port: 80}, {name: web, port: 80}]}]")
    assert found(text, *CODES) == []
    assert {item.rule for item in found(text, *CODES, whole=True)} == {"NC403", "NC404", "NC408"}


def test_a_backend_of_weight_0_is_a_warning():
    text = SERVICE + route(rules="[{backendRefs: [{name: web, port: 80}, {name: next, port: 80, weight: 0}]}]")
    (finding,) = found(text, "NC408")
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    ("more", "severity"), [("", "info"), (GATEWAY, "warning"), (GATEWAY.replace("infra", "shop"), "error")]
)
def test_a_parent_is_surely_missing_where_the_input_has_gateways_of_its_namespace(more, severity):
    (finding,) = found(SERVICE + route(parent="{name: other}") + more, "NC404")
    assert finding.severity == severity


def test_the_listeners_of_waypoints_are_known():
    waypoint = GATEWAY.replace("port: 80, protocol: HTTP", "port: 15008, protocol: PROTOCOL")
    assert found(waypoint.replace("PROTOCOL", "HBONE"), *CODES) == []
    assert [item.rule for item in found(waypoint.replace("PROTOCOL", "HTTP3"), *CODES)] == ["NC405"]


def test_a_kind_of_another_group_is_a_guess():
    refs = "[{backendRefs: [{group: example.net, kind: Pool, name: a}]}]"
    assert found(route(rules=refs), "NC408") == []
    (finding,) = found(route(rules=refs), "NC408", pedantic=True)
    assert finding.severity == "info"


def test_a_listener_without_traffic_is_told_at_the_listener_and_not_at_its_routes():
    text = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: example
  listeners:
  - {name: a, port: 443, protocol: TCP}
  - {name: b, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: shop, namespace: shop}
spec:
  hostnames: [a.example.com]
  parentRefs: [{name: gw, namespace: infra, sectionName: b}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""
    assert [item.rule for item in found(text, *CODES)] == ["NC405", "NC405"]


def test_what_the_api_server_refuses_is_not_missing_too():
    text = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec: {gatewayClassName: example, listeners: [{name: web, port: 80, protocol: HTTP, tls: {}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 800000}]}
---
"""
    text += grant("other", "")
    text += route(rules="[{backendRefs: [{name: web, port: 80}, {name: api, namespace: other, port: 80}]}]")
    text += ingress(spec="ingressClassName: nginx, defaultBackend: {service: {name: web, port: {number: 80}}}")
    loaded = load_text(text, options=LoadOptions(whole=True))
    codes = {item.rule for item in lint(loaded, LintSettings()).findings if item.severity == "error"}
    assert codes == {"NC114"}


@pytest.mark.parametrize(
    ("port", "hint"),
    [
        ("{number: 8080}", "8080 is where its pods listen (targetPort); the Service's own port is 80"),
        ("{name: app}", "its only port is 80, named `http`"),
        ("{name: htpt}", "did you mean `http`?"),
    ],
)
def test_the_port_of_an_ingress_is_the_services(port, hint):
    text = SERVICE + ingress(spec=f"ingressClassName: nginx, defaultBackend: {{service: {{name: web, port: {port}}}}}")
    (finding,) = found(text, "NC301")
    assert finding.hint == hint


def test_an_unknown_class_is_an_info_where_other_classes_may_be_defined():
    text = "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: internal}, spec: {controller: a/b}}\n---\n"
    text += ingress(spec="ingressClassName: nginx, rules: [{host: a.example.com}]")
    assert [item.severity for item in found(text, "NC302")] == ["info"]
    assert [item.severity for item in found(text, "NC302", whole=True)] == ["warning"]
    assert found(ingress(spec="ingressClassName: nginx, rules: [{host: a.example.com}]"), "NC302") == []


def test_a_canary_does_not_contend():
    path = "http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]}"
    rules = f"ingressClassName: nginx, rules: [{{host: a.example.com, {path}}}]"
    one, other = rules.replace("NAME", "one"), rules.replace("NAME", "two")
    assert [item.rule for item in found(ingress("one", one) + ingress("two", other), "NC303")] == ["NC303"]
    canary = '{nginx.ingress.kubernetes.io/canary: "true"}'
    assert found(ingress("one", one) + ingress("two", other, canary), "NC303") == []
    assert found(ingress("one", one) + ingress("two", one), "NC303") == []


def test_annotations_that_change_what_is_taken_or_who_answers_are_known():
    paths = [
        f"{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {port}}}}}}}"
        for name, port in (
            ("ssl-redirect", "{name: use-annotation}"),
            ("grpc", "{number: 80}"),
            ("web", "{number: 80}"),
        )
    ]
    spec = f"ingressClassName: alb, rules: [{{host: a.example.com, http: {{paths: [{', '.join(paths)}]}}}}]"
    plain = Counter(item.rule for item in found(SERVICE + ingress(spec=spec), "NC301", "NC305"))
    assert plain == {"NC301": 1, "NC305": 2}
    conditions = "{alb.ingress.kubernetes.io/conditions.grpc: '[]'}"
    assert [item.rule for item in found(SERVICE + ingress(spec=spec, annotations=conditions), "NC301", "NC305")] == [
        "NC301"
    ]
    redirect = "{nginx.ingress.kubernetes.io/permanent-redirect: 'https://b.example.com'}"
    assert "NC301" not in {item.rule for item in found(SERVICE + ingress(spec=spec, annotations=redirect), "NC301")}


def test_a_rule_without_paths_is_left_to_the_controller():
    whole = "ingressClassName: nginx, rules: [{host: a.example.com}]"
    path = "{path: /, pathType: Prefix, backend: {service: {name: one, port: {number: 80}}}}"
    rooted = f"ingressClassName: nginx, rules: [{{host: a.example.com, http: {{paths: [{path}]}}}}]"
    assert found(ingress("one", rooted) + ingress("two", whole), "NC303", "NC305") == []


def test_a_tls_host_that_another_ingress_serves_is_used():
    tls = "ingressClassName: nginx, tls: [{hosts: [a.example.com, b.c.example.com], secretName: a}]"
    rule = "rules: [{host: '*.example.com'}]"
    (finding,) = found(ingress(spec=f"{tls}, {rule}"), "NC303")
    assert "`b.c.example.com`" in finding.message
    assert "one label only" in finding.hint
    other = ingress("other", "ingressClassName: nginx, rules: [{host: b.c.example.com}]")
    assert found(ingress(spec=f"{tls}, {rule}") + other, "NC303") == []


# ---- proxies -----------------------------------------------------------------------------------------------------------

OPEN_TO = {
    "nobody": "[]",
    "own namespace": "[{from: [{podSelector: {}}]}]",
    "another port": "[{ports: [{port: 80}]}]",
    "a namespace": "[{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]",
    "an address": "[{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]",
    "everybody": "[{}]",
}
WEB = "ingressClassName: any, defaultBackend: {service: {name: web, port: {number: 80}}}"


@pytest.mark.parametrize(("who", "count"), [(who, 1 if number < 3 else 0) for number, who in enumerate(OPEN_TO)])
def test_an_unknown_controller_is_kept_out_where_nobody_from_elsewhere_is_let_in(who, count):
    findings = found(SERVICE + ingress(spec=WEB) + deny(rules=OPEN_TO[who]), "NC119")
    assert [item.severity for item in findings] == ["warning"] * count
    assert all(item.witness is not None and item.related for item in findings)


@pytest.mark.parametrize(("who", "count"), [("nobody", 1), ("own namespace", 0)])
def test_the_proxy_of_a_gateway_may_be_in_the_gateways_namespace(who, count):
    text = GATEWAY.replace("infra", "shop") + SERVICE + route(parent="{name: gw}") + deny(rules=OPEN_TO[who])
    assert len(found(text, "NC119")) == count


@pytest.mark.parametrize(("selector", "severity"), [("{}", ["error"]), ("{matchLabels: {app: other}}", [])])
def test_the_proxys_own_policies_may_keep_it_from_its_backends(selector, severity):
    proxy = """
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: infra, labels: {gateway.networking.k8s.io/gateway-name: gw}}
spec: {containers: [{name: a, image: a}]}
---
"""
    policy = f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: out, namespace: infra}}
spec: {{podSelector: {selector}, policyTypes: [Egress]}}
---
"""
    findings = found(GATEWAY + SERVICE + route() + proxy + policy, "NC119")
    assert [item.severity for item in findings] == severity
    assert all(item.related[0].message == "isolates the proxy" for item in findings)
    assert all(item.witness.source == "infra/proxy[Pod]" for item in findings)


def with_ingress(cluster, rng):
    """Return a cluster with a Service over pods of a namespace, an Ingress that leads there, and pods that serve it."""
    home = rng.choice(cluster.pods)
    proxy = rng.choice(cluster.pods)
    service = Service(
        namespace=home.namespace,
        name="web",
        selector=dict(home.labels) or {"none": "such"},
        ports=(ServicePort(port=80, target_port=rng.choice((80, 8080))),),
    )
    backend = IngressBackend(service="web", port=80)
    return replace(
        cluster,
        services=(service,),
        endpoint_slices=(),
        ingresses=(Ingress(namespace=home.namespace, name="web", default_backend=backend),),
        controllers=(Controller(namespace=proxy.namespace, labels=proxy.labels),),
    )


def verdicts(cluster):
    """Return for each pod behind the Ingress what the oracle says of the proxy's pods."""
    (service,), (controller,) = cluster.services, cluster.controllers
    wanted = LabelSelector.of(controller.labels)
    proxies = [pod for pod in cluster.pods if pod.namespace == controller.namespace and wanted.matches(pod.labels)]
    return [
        {
            decide(
                cluster,
                Flow(
                    source=PodEnd(proxy),
                    destination=PodEnd(cluster.pods[target.pod]),
                    protocol=target.protocol,
                    port=target.number,
                ),
            ).verdict
            for proxy in proxies
        }
        if cluster.pods[target.pod] not in proxies  # NET-6
        else {Verdict.ALLOWED}
        for target in usable(targets(cluster, service, service.ports[0]), cluster.pods)
    ]


def test_a_proxy_is_blocked_iff_the_oracle_denies_each_of_its_pods_each_backend():
    seen = Counter()
    for seed in range(250):
        cluster = with_ingress(strategies.of_seed(seed, admin=bool(seed % 2)), random.Random(seed))
        findings = lint(Loaded(cluster=cluster), LintSettings(select=frozenset({"NC119"}))).findings
        said = verdicts(cluster)
        denied = [one == {Verdict.DENIED} for one in said]
        expected = [] if not any(denied) else ["error"] if all(denied) else ["warning"]
        assert [item.severity for item in findings] == expected, seed
        seen[(expected or [""])[0]] += 1
    assert min(seen[key] for key in ("", "warning", "error")) > 3


@pytest.mark.parametrize(("namespace", "severity"), [("edge", []), ("other", ["error"])])
def test_a_controller_that_the_user_names_is_judged_though_it_is_not_loaded(namespace, severity):
    rules = "[{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}, podSelector: {matchLabels: {app: a}}}]}]"
    loaded = load_text(SERVICE + ingress(spec=WEB) + deny(rules=rules))
    named = Controller(namespace=namespace, labels={"app": "a"})
    result = lint(replace(loaded, cluster=replace(loaded.cluster, controllers=(named,))), LintSettings())
    findings = [item for item in result.findings if item.rule == "NC119"]
    assert [item.severity for item in findings] == severity
    assert all(item.related and item.witness is None for item in findings)


def test_where_the_controller_is_not_known_nobody_from_elsewhere_gets_in():
    shown = 0
    for seed in range(250):
        cluster = replace(with_ingress(strategies.of_seed(seed), random.Random(seed)), controllers=())
        (ingress_,) = cluster.ingresses
        for _ in lint(Loaded(cluster=cluster), LintSettings(select=frozenset({"NC119"}))).findings:
            others = [pod for pod in cluster.pods if pod.namespace != ingress_.namespace and not pod.host_network]
            ends = [*map(PodEnd, others), AddressEnd("198.51.100.1"), AddressEnd("10.1.2.3")]
            (service,) = cluster.services
            for target in usable(targets(cluster, service, service.ports[0]), cluster.pods):
                end = PodEnd(cluster.pods[target.pod])
                for source in ends:
                    flow = Flow(source=source, destination=end, protocol=target.protocol, port=target.number)
                    assert decide(cluster, flow).verdict is Verdict.DENIED, seed
            shown += 1
    assert shown > 10


# ---- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Request(host="a.b", path="/c", query=(("d", "e"),)), "`GET http://a.b/c?d=e`"),
        (
            Request(scheme=Scheme.HTTPS, host="a.b", port=8443, headers=(("x", "y"),)),
            "`GET https://a.b:8443/` with `x: y`",
        ),
        (Request(scheme=Scheme.TLS, sni="a.b", port=443), "a TLS connection for `a.b`"),
        (Request(scheme=Scheme.UDP, port=53), "a UDP connection to port 53"),
    ],
)
def test_requests_are_written_as_people_write_them(request_, text):
    assert request_text(request_) == text


def test_a_cluster_without_routes_has_no_questions():
    assert not list(Snapshot(load_text(SERVICE)).requests.never(*KINDS))
