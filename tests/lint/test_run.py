"""Running the rules: choosing them, their severities, order, witnesses, and what holds for every cluster."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from netcheck.errors import UsageError
from netcheck.lint.catalogue import RULES
from netcheck.lint.finding import SEVERITIES, LintSettings
from netcheck.lint.run import lint
from netcheck.lint.snapshot import example_labels
from netcheck.load.loader import LoadOptions, load_text
from netcheck.model.cluster import Loaded
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.model.profile import Profile
from tests import strategies

SHOP = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - {}
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {containers: [{name: a, image: a}]}
"""
ADMIN = """---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: admin}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: a}}}]}]
"""
EVERY_SERVICE = """---
{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer, externalTrafficPolicy: Local,
  selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: c}, spec: {type: ExternalName, externalName: c.example}}
---
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.a}, spec: {group: a, version: v1,
  groupPriorityMinimum: 1, versionPriority: 1, service: {name: a, namespace: elsewhere}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: q, annotations: {prometheus.io/scrape: "true"}},
  spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: kube-system, labels: {k8s-app: node-local-dns}},
  spec: {hostNetwork: true, containers: [{name: a, image: a}]}}
"""
ABOUT_SERVICES = {
    *("NC126", "NC127", "NC128", "NC129"),
    *("NC203", "NC204", "NC205", "NC206", "NC207", "NC208", "NC209", "NC210", "NC211"),
}
EVERY_ROUTE = """---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, namespace: elsewhere},
  spec: {rules: [{host: a.example}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g, namespace: elsewhere},
  spec: {gatewayClassName: a, listeners: [{name: web, port: 80, protocol: HTTP}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: elsewhere},
  spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: a, port: 80}]}]}}
"""
ABOUT_ROUTES = {"NC119", *(f"NC30{number}" for number in range(1, 6)), *(f"NC40{number}" for number in range(1, 10))}
EVERY_OTHER = """---
{apiVersion: v1, kind: Namespace, metadata: {name: mesh, labels: {istio.io/dataplane-mode: ambient}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: m, namespace: mesh}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: m, namespace: mesh},
  spec: {podSelector: {}, ingress: [{ports: [{port: http}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: m, namespace: mesh}, spec: {podSelector: {}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: named, namespace: mesh},
  spec: {podSelector: {}, ingress: [{ports: [{port: http}]}]}}
---
{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, namespace: mesh}, spec: {}}
---
{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: a, namespace: mesh}, spec: {}}
---
{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {name: a, namespace: mesh},
  spec: {podSelector: {}, port: 80}}
---
{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: a}, spec: {types: [Ingress]}}
---
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: a, namespace: mesh},
  spec: {endpointSelector: {}, ingress: [{}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: mesh, annotations: {service.cilium.io/global: "true"}},
  spec: {selector: {a: b}, ports: [{port: 80}]}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "x" . }}
"""
ABOUT_OTHERS = {
    *("NC123", "NC131", "NC132", "NC501", "NC502", "NC503", "NC504", "NC505", "NC506", "NC605", "NC606", "NC607"),
    *("NC701", "NC702"),
}
ABOUT_ADMIN = {"NC133", *(f"NC60{number}" for number in (1, 2, 3, 4, 8, 9)), "NC610", "NC611", "NC612"}
SEEDS = range(60)


def run(text=SHOP, whole=False, **settings):
    return lint(load_text(text, options=LoadOptions(whole=whole)), LintSettings(**settings))


def codes(result):
    return {item.rule for item in result.findings}


def test_every_rule_about_a_kind_that_was_read_is_checked_by_default():
    result = run()
    without_notes = [rule.code for rule in RULES if not rule.code.startswith("NC9")]
    without_others = [code for code in without_notes if code not in ABOUT_OTHERS]
    without_routes = [code for code in without_others if code not in ABOUT_ROUTES]
    without_services = [code for code in without_routes if code not in ABOUT_SERVICES]
    assert result.checked_rules == tuple(code for code in without_services if code not in ABOUT_ADMIN)
    assert run(SHOP + ADMIN).checked_rules == tuple(without_services)
    assert run(SHOP + ADMIN + EVERY_SERVICE).checked_rules == tuple(without_routes)
    assert run(SHOP + ADMIN + EVERY_SERVICE + EVERY_ROUTE).checked_rules == tuple(without_others)
    everything = SHOP + ADMIN + EVERY_SERVICE + EVERY_ROUTE + EVERY_OTHER
    assert run(everything).checked_rules == tuple(without_notes)
    assert codes(result) == {"NC102", "NC120"}


def test_select_takes_codes_and_names():
    result = run(select=frozenset({"NC102", "default-allow"}))
    assert result.checked_rules == ("NC102", "NC120")


def test_ignore_takes_codes_and_names():
    assert codes(run(ignore=frozenset({"dns-blocked"}))) == {"NC120"}
    assert codes(run(ignore=frozenset({"NC120"}))) == {"NC102"}


@pytest.mark.parametrize("field", ["select", "ignore"])
def test_an_unknown_rule_is_an_error(field):
    with pytest.raises(UsageError, match="did you mean `NC102`"):
        run(**{field: frozenset({"dns-blockd"})})


def test_a_severity_is_replaced_for_all_findings_of_a_rule():
    result = run(severity={"dns-blocked": "info", "NC120": "error"})
    assert {(item.rule, item.severity) for item in result.findings} == {("NC102", "info"), ("NC120", "error")}


def test_an_unknown_severity_is_an_error():
    with pytest.raises(UsageError, match="no severity"):
        run(severity={"NC102": "fatal"})


def test_heuristic_findings_are_reported_where_asked_for():
    assert "NC106" not in codes(run())
    assert "NC106" in codes(run(pedantic=True))
    assert "NC106" in codes(run(select=frozenset({"allow-all-rule"})))


def test_findings_are_sorted_by_place():
    places = [(item.place, item.rule) for item in run(pedantic=True).findings]
    assert places == sorted(places)


def test_the_order_of_documents_changes_nothing_but_places():
    parts = SHOP.split("---\n")
    turned = run("---\n".join(reversed(parts)))
    assert {(f.rule, f.object, f.message) for f in turned.findings} == {
        (f.rule, f.object, f.message) for f in run().findings
    }


def test_blocked_dns_shows_the_denied_query():
    finding = next(item for item in run().findings if item.rule == "NC102")
    assert finding.basis == "proved"
    assert (finding.witness.source, finding.witness.destination) == ("shop/web[Pod]", "kube-system/coredns[Pod]")
    assert (finding.witness.protocol.value, finding.witness.port) == ("UDP", 53)


def test_a_gap_shows_who_reaches_the_pod():
    gaps = [item for item in run().findings if item.rule == "NC120" and item.severity == "warning"]
    assert {item.object for item in gaps} == {"Pod shop/db"}
    assert {(item.witness.source, item.witness.destination) for item in gaps} == {
        ("kube-system/coredns[Pod]", "shop/db[Pod]"),
        ("shop/db[Pod]", "kube-system/coredns[Pod]"),
    }


def test_input_that_is_known_to_be_whole_is_judged_more_strictly():
    text = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: a}, ports: [{port: 80}]}}"
    assert [item.severity for item in run(text).findings] == ["info"]
    assert [item.severity for item in run(text, whole=True).findings] == ["error"]


def test_a_plugin_that_enforces_nothing_leaves_no_gap_to_report():
    loaded = load_text(SHOP, options=LoadOptions(profile=strategies.PROFILES["flannel"]))
    assert "NC120" not in codes(lint(loaded, LintSettings()))


# ---- for every cluster ---------------------------------------------------------------------------------------------


def drawn(seed, whole=False, admin=False):
    return replace(strategies.of_seed(seed, admin=admin), whole=whole)


@pytest.mark.parametrize("admin", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_generated_clusters_give_well_formed_findings_whose_witnesses_replay(whole, admin):
    known = {rule.code: rule.name for rule in RULES}
    for seed in SEEDS:
        for finding in lint(Loaded(cluster=drawn(seed, whole, admin)), LintSettings(pedantic=True)).findings:
            assert known[finding.rule] == finding.name
            assert finding.severity in SEVERITIES
            assert finding.message[0].islower() or finding.message[0] == "`"
            assert not finding.message.endswith(".")


def test_denying_everything_by_default_closes_every_gap():
    for seed in SEEDS:
        cluster = replace(drawn(seed), opaque=(), profile=Profile())
        denying = tuple(
            NetworkPolicy(namespace=name, name="deny", types=(Direction.INGRESS, Direction.EGRESS))
            for name in cluster.namespaces
        )
        closed = replace(cluster, policies=(*cluster.policies, *denying))
        found = lint(Loaded(cluster=closed), LintSettings(select=frozenset({"NC120"}))).findings
        assert not [item for item in found if "no policy isolates" in item.message]


def test_the_order_of_policies_and_pods_changes_no_finding():
    for seed in SEEDS:
        cluster = drawn(seed)
        rng = random.Random(seed)
        turned = replace(
            cluster,
            policies=tuple(rng.sample(cluster.policies, len(cluster.policies))),
            pods=tuple(rng.sample(cluster.pods, len(cluster.pods))),
        )
        one, other = (
            {(f.rule, f.severity) for f in lint(Loaded(cluster=found), LintSettings()).findings}
            for found in (cluster, turned)
        )
        assert one == other


def test_gaps_are_exactly_the_workloads_that_no_policy_selects():
    """The reference walks all policies and pods with matching of its own."""
    for seed in SEEDS:
        cluster = replace(drawn(seed), opaque=(), profile=Profile())
        found = lint(Loaded(cluster=cluster), LintSettings(select=frozenset({"NC120"}))).findings
        for direction in Direction:
            word = f"for {direction.value.lower()}, so"
            named = {item.object for item in found if "no policy isolates" in item.message and word in item.message}
            assert named == set(open_workloads(cluster, direction))


def open_workloads(cluster, direction):
    """Yield the workloads with an open pod, in namespaces where some policy isolates a pod, be it one not loaded."""
    for pod in cluster.pods:
        policies = [p for p in cluster.policies if p.namespace == pod.namespace and direction in p.types]
        if pod.host_network or any(pod in selected(cluster, policy) for policy in policies):
            continue
        if any(isolates(cluster, policy) for policy in policies):
            yield f"{pod.workload.kind} {pod.workload.namespace}/{pod.workload.name}"


def selected(cluster, policy):
    return [
        pod
        for pod in cluster.pods
        if pod.namespace == policy.namespace
        and all(one.matches(pod.labels.get(one.key)) for one in policy.pod_selector.requirements)
    ]


def isolates(cluster, policy):
    """Return whether a policy selects a pod that it can isolate; one that selects no loaded pod may select others."""
    pods = selected(cluster, policy)
    return any(not pod.host_network for pod in pods) if pods else example_labels(policy.pod_selector) is not None
