"""`suggest`: what each kind of need keeps, which gaps are closed, how the policies are written, and what is said of the rest."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
import yaml

from netcheck.load.intents import intent_documents, read_intents
from netcheck.load.loader import LoadOptions, load_text
from netcheck.load.recorded_flows import recorded_flows
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.policy import Direction
from netcheck.model.profile import Profile, Switch
from netcheck.queries.manifests import network_policy_text
from netcheck.queries.suggest import Scope, suggest
from netcheck.queries.suggest_cells import Open
from netcheck.queries.suggest_groups import Groups
from netcheck.queries.suggest_needs import Sources
from netcheck.queries.suggest_proof import Plan, prove, with_policies
from netcheck.queries.suggest_results import NeedKind
from netcheck.report.suggest_yaml import suggestions_yaml
from netcheck.semantics.decide import decide
from netcheck.values.ports import Protocol

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
OUTSIDE = "93.184.216.34"


def pod(name, namespace="shop", ports=(8080,), labels=None, **spec):
    text = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name} if labels is None else labels},
        "spec": {
            "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": one} for one in ports]}],
            **spec,
        },
    }
    return json.dumps(text) + "\n---\n"


def calling(name, *hosts, namespace="shop", **more):
    container = {
        "name": "c",
        "image": "i",
        "env": [{"name": f"PEER_{at}", "value": one} for at, one in enumerate(hosts)],
    }
    return pod(name, namespace, containers=[{**container, **more}])


def service(name, namespace="shop", port=80, target=8080, **spec):
    body = {"selector": {"app": name}, "ports": [{"port": port, "targetPort": target}], **spec}
    text = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": body}
    return json.dumps(text) + "\n---\n"


def policy(name, namespace="shop", **spec):
    text = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }
    return json.dumps(text) + "\n---\n"


def thing(version, kind, name, namespace=None, **rest):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, **rest}) + "\n---\n"


CORE_DNS = pod("coredns", "kube-system", (53,), {"k8s-app": "kube-dns"}) + service(
    "kube-dns",
    "kube-system",
    selector={"k8s-app": "kube-dns"},
    ports=[{"name": n, "protocol": p, "port": 53, "targetPort": 53} for n, p in (("dns", "UDP"), ("tcp", "TCP"))],
)


class Suggested:
    """What is suggested for a text, and how flows fare with it."""

    def __init__(self, text, *kinds, intents="", flows="", scope=None, profile=None, options=None):
        options = options or LoadOptions(evidence=True)
        self.loaded = load_text(text, options=replace(options, evidence=True))
        self.cluster = self.loaded.cluster
        if profile is not None:
            self.cluster = replace(self.cluster, profile=profile)
        documents, wrong = intent_documents(
            f"apiVersion: netcheck/v1\nkind: Intents\nintents:\n{intents}".encode(), "i.yaml"
        )
        read, more = read_intents(documents, "default") if intents else ((), [])
        recorded, bad = recorded_flows(f"source,destination,port\n{flows}", "flows.csv")
        assert [*wrong, *more, *bad] == [] or not intents
        self.found = suggest(
            self.cluster,
            Sources(
                kinds=frozenset(kinds or NeedKind),
                intents=tuple(read),
                flows=recorded,
                evidence=self.loaded.evidence,
            ),
            scope,
            timeout_ms=20_000,
        )
        self.policies = {item.policy.label.partition(" ")[2]: item.policy for item in self.found.policies}
        self.after = with_policies(self.cluster, self.policies.values())

    def end(self, name):
        if name[0].isdigit():
            return AddressEnd(name)
        return PodEnd(next(one for one in self.cluster.pods if f"{one.namespace}/{one.workload.name}" == name))

    def passes(self, source, destination, port=8080, protocol="TCP"):
        flow = Flow(source=self.end(source), destination=self.end(destination), protocol=Protocol(protocol), port=port)
        return decide(self.after, flow).verdict is Verdict.ALLOWED

    @property
    def reasons(self):
        return [item.reason for item in self.found.dropped]

    @property
    def whys(self):
        return [item.why for item in self.found.needs]

    def objects(self):
        return list(yaml.safe_load_all("".join(suggestions_yaml(self.found))))


WEB_API_DB = pod("web") + pod("api") + pod("db")


# ---- gaps --------------------------------------------------------------------------------------------------------------


NOT_API = {"key": "app", "operator": "NotIn", "values": ["api"]}


class TestGaps:
    def test_each_namespace_gets_one_policy_that_denies_by_default(self):
        found = Suggested(WEB_API_DB + pod("x", "other"), NeedKind.INTENTS)
        assert set(found.policies) == {"shop/default-deny", "other/default-deny"}
        assert {(gap.namespace, gap.direction, gap.closed_by) for gap in found.found.gaps} == {
            (name, direction, "default-deny") for name in ("shop", "other") for direction in Direction
        }
        assert found.found.proved
        assert found.found.smallest
        assert not found.passes("shop/web", "shop/api")

    @pytest.mark.parametrize("direction", list(Direction))
    def test_only_the_direction_that_is_asked_for(self, direction):
        found = Suggested(WEB_API_DB, NeedKind.INTENTS, scope=Scope(directions=frozenset({direction})))
        assert [one.types for one in found.policies.values()] == [(direction,)]
        assert not found.passes("shop/web", "shop/api")
        assert found.passes("93.184.216.34", "shop/web") == (direction is EGRESS)

    def test_only_some_namespaces(self):
        text = WEB_API_DB + pod("x", "other") + pod("y", "third")
        assert set(Suggested(text, NeedKind.INTENTS, scope=Scope(only=frozenset({"other"}))).policies) == {
            "other/default-deny"
        }
        assert set(Suggested(text, NeedKind.INTENTS, scope=Scope(exclude=frozenset({"other"}))).policies) == {
            "shop/default-deny",
            "third/default-deny",
        }

    def test_the_clusters_own_namespaces_are_left_alone_and_named(self):
        found = Suggested(WEB_API_DB + CORE_DNS)
        assert {name.partition("/")[0] for name in found.policies} == {"shop"}
        assert any(note.startswith("left alone: namespace kube-system") for note in found.found.notes)

    def test_unless_they_are_asked_for(self):
        found = Suggested(CORE_DNS + pod("web"), scope=Scope(only=frozenset({"kube-system"})))
        assert {name.partition("/")[0] for name in found.policies} == {"kube-system"}
        assert found.passes("shop/web", "kube-system/coredns", 53, "UDP")

    def test_what_is_isolated_already_stays_as_it_is(self):
        closed = policy("closed", podSelector={"matchLabels": {"app": "db"}}, policyTypes=["Ingress", "Egress"])
        found = Suggested(WEB_API_DB + closed, NeedKind.INTENTS)
        gap = next(one for one in found.found.gaps if one.direction is INGRESS)
        assert gap.workloads == ("shop/api[Pod]", "shop/web[Pod]")
        assert not found.passes("shop/web", "shop/db")

    def test_an_isolated_namespace_has_no_gap(self):
        found = Suggested(WEB_API_DB + policy("closed", policyTypes=["Ingress", "Egress"]))
        assert found.found.gaps == found.found.policies == found.found.checks == ()
        assert "no policies are suggested" in "".join(suggestions_yaml(found.found))

    def test_a_half_that_is_isolated_is_not_written_again(self):
        found = Suggested(WEB_API_DB + policy("closed", policyTypes=["Ingress"]), NeedKind.INTENTS)
        assert [one.types for one in found.policies.values()] == [(EGRESS,)]

    def test_names_that_are_taken_are_not_taken_again(self):
        taken = policy("default-deny", podSelector={"matchLabels": {"app": "db"}}, policyTypes=["Ingress", "Egress"])
        assert set(Suggested(WEB_API_DB + taken, NeedKind.INTENTS).policies) == {"shop/default-deny-2"}

    def test_nothing_is_suggested_where_nothing_enforces_it(self):
        found = Suggested(WEB_API_DB, profile=Profile(enforced=Switch.NO))
        assert found.found.policies == ()
        assert not found.found.enforced

    def test_what_a_policy_of_unknown_effect_may_isolate_is_not_called_closed(self):
        calico = thing("projectcalico.org/v3", "NetworkPolicy", "tiered", "shop", spec={"selector": "all()"})
        found = Suggested(WEB_API_DB + calico, NeedKind.INTENTS).found
        assert {gap.direction for gap in found.gaps} == {EGRESS}
        assert {gap.direction for gap in found.unknown} == {INGRESS}
        assert all("tiered" in reason.message for gap in found.unknown for reason in gap.reasons)

    def test_what_an_admin_policy_restricts_is_not_called_isolated(self):
        """NP-4: the proof that gaps close refuses a plan that isolates nobody, even where an admin policy restricts all."""
        rule = {"name": "r", "action": "Deny", "to": [{"namespaces": {"matchLabels": {"team": "x"}}}]}
        spec = {"priority": 1, "subject": {"namespaces": {}}, "egress": [rule]}
        admin = thing("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", "deny", spec=spec)
        cluster = load_text(WEB_API_DB + admin).cluster
        groups = Groups(cluster, 1000)
        every = groups.of_namespace("shop")
        assert every
        plan = Plan(needs=(), open=Open(groups={INGRESS: 0, EGRESS: every}), policies=(), timeout_ms=1000)
        (closed,) = [item for item in prove(cluster, groups, plan) if item.claim.startswith("every gap is closed")]
        assert closed.holds is False

    def test_a_pod_on_the_host_network_is_no_gap(self):
        found = Suggested(pod("agent", hostNetwork=True))
        assert found.found.gaps == ()

    def test_what_a_baseline_denies_stays_denied(self):
        """ADM-3, ADM-10: a NetworkPolicy lifts what a baseline denies, so what passes is listed pod by pod."""
        baseline = thing(
            "policy.networking.k8s.io/v1alpha1",
            "BaselineAdminNetworkPolicy",
            "default",
            spec={
                "subject": {"namespaces": {}},
                "ingress": [
                    {
                        "name": "no",
                        "action": "Deny",
                        "from": [{"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "db"}}}}],
                    }
                ],
            },
        )
        found = Suggested(WEB_API_DB + service("web") + baseline)
        assert not found.passes("shop/db", "shop/web")
        assert found.passes("shop/api", "shop/web")
        assert found.found.proved

    def test_what_an_admin_policy_lets_through_is_a_note(self):
        admin = thing(
            "policy.networking.k8s.io/v1alpha1",
            "AdminNetworkPolicy",
            "open",
            spec={
                "priority": 1,
                "subject": {"pods": {"namespaceSelector": {}, "podSelector": {"matchExpressions": [NOT_API]}}},
                "ingress": [
                    {
                        "name": "a",
                        "action": "Allow",
                        "from": [{"namespaces": {}}],
                        "ports": [{"portNumber": {"protocol": "TCP", "port": 9}}],
                    }
                ],
                "egress": [
                    {
                        "name": "a",
                        "action": "Allow",
                        "to": [{"namespaces": {}}],
                        "ports": [{"portNumber": {"protocol": "TCP", "port": 9}}],
                    }
                ],
            },
        )
        found = Suggested(WEB_API_DB + admin, NeedKind.INTENTS)
        assert found.passes("shop/web", "shop/db", 9)
        assert not found.passes("shop/web", "shop/db", 10)
        assert found.found.proved
        assert [item.holds for item in found.found.checks if "admin policy" in item.otherwise] == [False]


# ---- intents and flows -----------------------------------------------------------------------------------------------


class TestIntents:
    def test_what_is_allowed_passes_and_nothing_else(self):
        found = Suggested(
            WEB_API_DB, NeedKind.INTENTS, intents="- {name: a, allow: {from: shop/web, to: shop/api, ports: [8080]}}"
        )
        assert found.passes("shop/web", "shop/api")
        assert not found.passes("shop/web", "shop/api", 8081)
        assert not found.passes("shop/api", "shop/web")
        assert not found.passes("shop/web", "shop/db")
        assert found.found.proved

    def test_what_is_denied_today_is_opened(self):
        closed = policy("closed", podSelector={"matchLabels": {"app": "db"}}, policyTypes=["Ingress"])
        found = Suggested(
            WEB_API_DB + closed, intents="- {name: a, allow: {from: shop/web, to: shop/db, ports: [5432]}}"
        )
        assert found.passes("shop/web", "shop/db", 5432)
        assert not found.passes("shop/api", "shop/db", 5432)
        assert found.found.proved

    def test_what_is_opened_isolates_nobody_anew(self):
        """Only the ingress of db is denied: the egress of web, which is not to be closed, stays open."""
        closed = policy("closed", podSelector={"matchLabels": {"app": "db"}}, policyTypes=["Ingress"])
        scope = Scope(directions=frozenset({INGRESS}))
        found = Suggested(
            WEB_API_DB + closed, intents="- {name: a, allow: {from: shop/web, to: shop/db, ports: [5432]}}", scope=scope
        )
        assert all(one.types == (INGRESS,) for one in found.policies.values())
        assert found.passes("shop/web", OUTSIDE, 443)
        assert found.passes("shop/web", "shop/db", 5432)

    @pytest.mark.parametrize("bound", ["deny: {from: shop/web, to: shop/db}", "only: {from: shop/api, to: shop/db}"])
    def test_what_a_deny_or_an_only_forbids_is_not_kept(self, bound):
        text = calling("web", "db.shop:5432") + calling("api", "db.shop:5432") + pod("db", ports=(5432,))
        text += service("db", port=5432, target=5432)
        found = Suggested(text, NeedKind.NAMES, intents=f"- {{name: b, {bound}}}")
        assert not found.passes("shop/web", "shop/db", 5432)
        assert found.passes("shop/api", "shop/db", 5432)
        assert any("intent `b` forbids it" in reason for reason in found.reasons)
        assert found.found.proved

    def test_an_end_that_is_not_there_is_told(self):
        found = Suggested(WEB_API_DB, NeedKind.INTENTS, intents="- {name: a, allow: {from: shop/gone, to: shop/db}}")
        assert len(found.reasons) == 1
        assert "intent `a`" in found.reasons[0]

    def test_to_the_internet(self):
        found = Suggested(
            WEB_API_DB, NeedKind.INTENTS, intents="- {name: a, allow: {from: shop/web, to: internet, ports: [443]}}"
        )
        assert found.passes("shop/web", OUTSIDE, 443)
        assert not found.passes("shop/api", OUTSIDE, 443)
        assert not found.passes("shop/web", "shop/api", 443)


class TestFlows:
    def test_recorded_connections_pass(self):
        found = Suggested(WEB_API_DB, NeedKind.FLOWS, flows=f"shop/web,shop/api,8080\nshop/api,{OUTSIDE},443\n")
        assert found.passes("shop/web", "shop/api")
        assert found.passes("shop/api", OUTSIDE, 443)
        assert not found.passes("shop/web", "shop/db")
        assert found.found.proved

    def test_ends_may_be_written_as_list_writes_them(self):
        found = Suggested(WEB_API_DB, NeedKind.FLOWS, flows="shop/web[Pod],shop/api[Pod],8080\n")
        assert found.passes("shop/web", "shop/api")

    def test_what_is_denied_today_is_told_and_stays_denied(self):
        closed = policy("closed", podSelector={"matchLabels": {"app": "db"}}, policyTypes=["Ingress"])
        found = Suggested(WEB_API_DB + closed, NeedKind.FLOWS, flows="shop/web,shop/db,1\n")
        assert not found.passes("shop/web", "shop/db", 1)
        assert found.reasons == ["recorded: policies deny it today"]

    def test_an_end_that_is_not_there_is_told_with_its_line(self):
        found = Suggested(WEB_API_DB, NeedKind.FLOWS, flows="shop/web,shop/gone,1\n")
        assert [(item.place.file, item.place.line) for item in found.found.dropped] == [("flows.csv", 2)]

    def test_a_pod_on_the_host_network_counts_by_its_address(self):
        node = thing("v1", "Node", "n", status={"addresses": [{"type": "InternalIP", "address": "192.168.0.5"}]})
        agent = pod("agent", hostNetwork=True, nodeName="n")
        found = Suggested(WEB_API_DB + node + agent, NeedKind.FLOWS, flows="shop/agent,shop/api,8080\n")
        blocks = [peer.cidr for one in found.policies.values() for rule in one.ingress for peer in rule.peers]
        assert blocks in (["192.168.0.5/32"], [])
        assert found.passes("shop/agent", "shop/api")


# ---- what the input tells --------------------------------------------------------------------------------------------


class TestPolicies:
    def test_what_one_side_lets_through_by_name_passes_the_other(self):
        rule = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 5432}]}
        closed = policy("db", podSelector={"matchLabels": {"app": "db"}}, policyTypes=["Ingress"], ingress=[rule])
        found = Suggested(WEB_API_DB + closed, NeedKind.POLICIES)
        assert found.passes("shop/web", "shop/db", 5432)
        assert not found.passes("shop/api", "shop/db", 5432)
        assert not found.passes("shop/web", "shop/api")

    def test_a_rule_for_everybody_names_nobody(self):
        closed = policy("db", policyTypes=["Ingress"], ingress=[{}])
        assert Suggested(WEB_API_DB + closed, NeedKind.POLICIES).whys == []


ROUTE = thing(
    "networking.k8s.io/v1",
    "Ingress",
    "web",
    "shop",
    spec={
        "ingressClassName": "nginx",
        "rules": [
            {
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "web", "port": {"number": 80}}},
                        }
                    ]
                }
            }
        ],
    },
)
CLASS = thing("networking.k8s.io/v1", "IngressClass", "nginx", spec={"controller": "k8s.io/ingress-nginx"})


class TestWaysIn:
    def test_a_route_without_a_loaded_proxy_lets_everybody_in(self):
        found = Suggested(WEB_API_DB + service("web") + CLASS + ROUTE, NeedKind.ROUTES)
        assert found.passes(OUTSIDE, "shop/web")
        assert not found.passes(OUTSIDE, "shop/api")
        assert "not loaded" in found.found.needs[0].source.text

    def test_a_route_with_one_lets_it_in_alone(self):
        labels = {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"}
        proxy = pod("controller", "ingress-nginx", (80,), labels)
        text = WEB_API_DB + service("web") + CLASS + ROUTE + proxy
        options = LoadOptions()
        found = Suggested(text, NeedKind.ROUTES, options=options)
        assert found.passes("ingress-nginx/controller", "shop/web")
        assert not found.passes(OUTSIDE, "shop/web")
        assert not found.passes("shop/api", "shop/web")

    @pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
    def test_a_door_lets_everybody_in_on_its_target_port(self, kind):
        found = Suggested(WEB_API_DB + service("web", type=kind), NeedKind.DOORS)
        assert found.passes(OUTSIDE, "shop/web")
        assert not found.passes(OUTSIDE, "shop/web", 80)
        assert not found.passes(OUTSIDE, "shop/api")

    def test_source_ranges_count_where_the_source_is_kept(self):
        ranges = {
            "loadBalancerSourceRanges": ["93.184.216.0/24"],
            "externalTrafficPolicy": "Local",
            "allocateLoadBalancerNodePorts": False,
        }
        found = Suggested(WEB_API_DB + service("web", type="LoadBalancer", **ranges), NeedKind.DOORS)
        assert found.passes(OUTSIDE, "shop/web")
        assert not found.passes("8.8.8.8", "shop/web")

    def test_behind_a_node_they_do_not(self):
        """NP-22: the pod sees the node's address."""
        ranges = {"loadBalancerSourceRanges": ["93.184.216.0/24"]}
        found = Suggested(WEB_API_DB + service("web", type="LoadBalancer", **ranges), NeedKind.DOORS)
        assert found.passes("8.8.8.8", "shop/web")


class TestNames:
    @pytest.mark.parametrize(
        "host",
        [
            "api:80",
            "http://api",
            "http://user:hunter2@api.shop/x",
            "api.shop.svc.cluster.local:80",
            "tcp://api.shop.svc:80",
        ],
    )
    def test_a_service_that_is_named_is_called(self, host):
        found = Suggested(calling("web", host) + pod("api") + pod("db") + service("api"), NeedKind.NAMES)
        assert found.passes("shop/web", "shop/api")
        assert not found.passes("shop/web", "shop/db")
        assert not found.passes("shop/db", "shop/api")
        assert "hunter2" not in "".join(suggestions_yaml(found.found))
        assert found.found.proved

    def test_of_another_namespace(self):
        found = Suggested(calling("web", "db.data:80") + pod("db", "data") + service("db", "data"), NeedKind.NAMES)
        assert found.passes("shop/web", "data/db")
        assert found.found.proved

    def test_a_port_that_the_service_does_not_have_is_told(self):
        found = Suggested(calling("web", "api:81") + pod("api") + service("api"), NeedKind.NAMES)
        assert found.reasons == ["env PEER_0 names port 81, which Service shop/api does not have"]

    def test_a_name_that_is_not_there_is_told(self):
        found = Suggested(calling("web", "http://gone.shop.svc"), NeedKind.NAMES)
        assert len(found.reasons) == 1
        assert found.reasons[0].startswith("env PEER_0: ")

    def test_a_host_outside_is_every_address_outside_on_its_port(self):
        found = Suggested(calling("web", "https://api.example.com/v1") + pod("api"), NeedKind.NAMES)
        assert found.passes("shop/web", OUTSIDE, 443)
        assert not found.passes("shop/web", OUTSIDE, 80)
        assert not found.passes("shop/web", "10.0.0.1", 443)
        assert not found.passes("shop/api", OUTSIDE, 443)

    def test_an_address(self):
        found = Suggested(calling("web", "10.9.8.7:5432"), NeedKind.NAMES)
        assert found.passes("shop/web", "10.9.8.7", 5432)
        assert not found.passes("shop/web", "10.9.8.8", 5432)

    def test_an_external_name(self):
        text = calling("web", "https://mail") + service("mail", type="ExternalName", externalName="mail.example.com")
        found = Suggested(text, NeedKind.NAMES)
        assert found.passes("shop/web", OUTSIDE, 443)

    def test_a_headless_service_is_called_at_its_pods(self):
        text = (
            calling("web", "db:5432")
            + pod("db", ports=(5432,))
            + service("db", port=5432, target=5432, clusterIP="None")
        )
        found = Suggested(text, NeedKind.NAMES)
        assert found.passes("shop/web", "shop/db", 5432)

    def test_members_of_a_stateful_set_call_each_other(self):
        """Several pods of one template: they are not one pod that reaches itself (NET-6)."""
        container = {
            "name": "c",
            "image": "i",
            "args": ["--peers=db-0.db:2380,db-1.db:2380"],
            "ports": [{"containerPort": 2380}],
        }
        text = thing(
            "apps/v1",
            "StatefulSet",
            "db",
            "shop",
            spec={
                "serviceName": "db",
                "replicas": 2,
                "selector": {"matchLabels": {"app": "db"}},
                "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [container]}},
            },
        ) + service("db", port=2380, target=2380, clusterIP="None")
        found = Suggested(text, NeedKind.NAMES)
        rules = [rule for one in found.policies.values() for rule in (*one.ingress, *one.egress)]
        assert len(rules) == 2
        assert found.passes("shop/db", "shop/db", 2380)
        assert found.found.proved

    def test_a_service_account_with_rights_talks_to_the_api_server(self):
        binding = thing(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "b",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            subjects=[{"kind": "ServiceAccount", "name": "op", "namespace": "shop"}],
        )
        found = Suggested(pod("op", serviceAccountName="op") + binding, NeedKind.NAMES)
        assert "where the API server listens is not in the input" in found.reasons[0]
        slices = service("kubernetes", "default", port=443, target=6443, selector=None) + thing(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "kubernetes",
            "default",
            addressType="IPv4",
            endpoints=[{"addresses": ["172.18.0.2"]}],
            ports=[{"name": "", "port": 6443, "protocol": "TCP"}],
        ).replace(
            '"name": "kubernetes",', '"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"},'
        )
        found = Suggested(pod("op", serviceAccountName="op") + pod("web") + binding + slices, NeedKind.NAMES)
        assert found.passes("shop/op", "172.18.0.2", 6443)
        assert not found.passes("shop/web", "172.18.0.2", 6443)


class TestCallersOfOtherKinds:
    def test_a_webhook_is_called_by_the_api_server(self):
        hook = thing(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            "h",
            webhooks=[
                {
                    "name": "h.example",
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                    "clientConfig": {"service": {"name": "web", "namespace": "shop", "port": 80}},
                }
            ],
        )
        found = Suggested(WEB_API_DB + service("web") + hook, NeedKind.WEBHOOKS)
        assert found.passes(OUTSIDE, "shop/web")
        assert not found.passes(OUTSIDE, "shop/api")

    def test_what_is_scraped_is_reached_by_prometheus(self):
        scraped = pod("web").replace(
            '"labels"', '"annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"}, "labels"'
        )
        prometheus = pod("prometheus", "monitoring", labels={"app.kubernetes.io/name": "prometheus"})
        found = Suggested(scraped + pod("api") + prometheus, NeedKind.MONITORS)
        assert found.passes("monitoring/prometheus", "shop/web", 9090)
        assert not found.passes("shop/api", "shop/web", 9090)
        alone = Suggested(scraped, NeedKind.MONITORS)
        assert alone.reasons == ["no Prometheus pod is loaded that could be let in; an intent can name it"]

    def test_a_service_monitor_names_ports(self):
        monitor = thing(
            "monitoring.coreos.com/v1",
            "ServiceMonitor",
            "m",
            "shop",
            spec={"selector": {"matchLabels": {"a": "b"}}, "endpoints": [{"port": "metrics"}]},
        )
        offered = service("web", ports=[{"name": "metrics", "port": 9090, "targetPort": 9091}]).replace(
            '"name": "web", ', '"name": "web", "labels": {"a": "b"}, ', 1
        )
        prometheus = pod("prometheus", "monitoring", labels={"app": "prometheus"})
        found = Suggested(WEB_API_DB + offered + monitor + prometheus, NeedKind.MONITORS)
        assert found.passes("monitoring/prometheus", "shop/web", 9091)


class TestServices:
    def test_what_is_offered_and_called_by_nobody_known_is_open_to_its_namespace(self):
        found = Suggested(WEB_API_DB + pod("x", "other") + service("api"), NeedKind.SERVICES)
        assert found.passes("shop/web", "shop/api")
        assert not found.passes("other/x", "shop/api")
        assert not found.passes("shop/web", "shop/api", 80)

    def test_a_port_that_is_declared_only_too(self):
        found = Suggested(WEB_API_DB, NeedKind.SERVICES)
        assert found.passes("shop/web", "shop/db")
        assert not found.passes("shop/web", "shop/db", 8081)

    def test_what_has_a_known_caller_is_open_to_that_one_only(self):
        text = calling("web", "http://api") + pod("api") + pod("db") + service("api")
        found = Suggested(text, NeedKind.NAMES, NeedKind.SERVICES)
        assert found.passes("shop/web", "shop/api")
        assert not found.passes("shop/db", "shop/api")


class TestDns:
    def test_goes_to_the_pods_that_answer(self):
        found = Suggested(WEB_API_DB + CORE_DNS, NeedKind.DNS)
        for protocol in ("UDP", "TCP"):
            assert found.passes("shop/web", "kube-system/coredns", 53, protocol)
        assert not found.passes("shop/web", "kube-system/coredns", 54)
        assert set(found.policies) == {"shop/default-deny"}

    def test_on_their_own_port(self):
        text = CORE_DNS.replace('"targetPort": 53', '"targetPort": 1053')
        found = Suggested(WEB_API_DB + text, NeedKind.DNS)
        assert found.passes("shop/web", "kube-system/coredns", 1053, "UDP")
        assert not found.passes("shop/web", "kube-system/coredns", 53, "UDP")

    def test_where_none_is_loaded_by_its_usual_labels(self):
        (one,) = Suggested(WEB_API_DB, NeedKind.DNS).policies.values()
        assert "kubernetes.io/metadata.name: kube-system" in network_policy_text(one)
        assert "k8s-app: kube-dns" in network_policy_text(one)

    def test_of_openshift(self):
        route = thing("route.openshift.io/v1", "Route", "r", "shop", spec={"to": {"kind": "Service", "name": "web"}})
        (one,) = Suggested(WEB_API_DB + route, NeedKind.DNS).policies.values()
        assert "openshift-dns" in network_policy_text(one)
        assert "port: 5353" in network_policy_text(one)

    def test_a_cache_on_the_node_is_asked_at_its_address(self):
        local = pod("node-local-dns", "kube-system", labels={"k8s-app": "node-local-dns"}, hostNetwork=True)
        found = Suggested(WEB_API_DB + CORE_DNS + local, NeedKind.DNS)
        assert found.passes("shop/web", "169.254.20.10", 53, "UDP")


# ---- how policies are written ----------------------------------------------------------------------------------------


class TestPoliciesAsWritten:
    def test_pods_without_labels_are_told_from_all_others(self):
        bare = pod("bare", labels={})
        text = bare + pod("web") + pod("api")
        found = Suggested(text, NeedKind.FLOWS, flows="shop/bare,shop/api,8080\n")
        assert found.passes("shop/bare", "shop/api")
        assert not found.passes("shop/web", "shop/api")
        assert found.found.proved

    def test_pods_with_equal_labels_are_one(self):
        text = pod("a", labels={"app": "x"}) + pod("b", labels={"app": "x"}) + pod("web")
        found = Suggested(text, NeedKind.FLOWS, flows="shop/web,shop/a,8080\n")
        assert found.passes("shop/web", "shop/b")
        assert found.found.proved

    def test_labels_that_controllers_generate_are_not_selected_by(self):
        text = pod("a", labels={"app": "a", "pod-template-hash": "1"}) + pod(
            "b", labels={"app": "b", "pod-template-hash": "1"}
        )
        found = Suggested(text, NeedKind.FLOWS, flows="shop/a,shop/b,1\n")
        assert "pod-template-hash" not in "".join(suggestions_yaml(found.found))

    def test_peers_of_one_rule_share_a_selector(self):
        text = "".join(pod(name) for name in ("a", "b", "c", "d"))
        found = Suggested(text, NeedKind.FLOWS, flows="shop/a,shop/d,1\nshop/b,shop/d,1\n")
        rule = found.policies["shop/allow-d"].ingress[0]
        assert [str(peer.pod_selector) for peer in rule.peers] == ["app in (a,b)"]

    def test_blocks_of_both_families(self):
        found = Suggested(WEB_API_DB, NeedKind.FLOWS, flows="shop/web,2001:db8::7,1\nshop/web,203.0.113.7,1\n")
        blocks = [peer.cidr for peer in found.policies["shop/allow-web"].egress[0].peers]
        assert blocks == ["203.0.113.7/32", "2001:db8::7/128"]

    def test_everything_but_some_is_a_block_with_exceptions(self):
        found = Suggested(calling("web", "https://example.com"), NeedKind.NAMES)
        (rule,) = found.policies["shop/allow-web"].egress
        assert [peer.cidr for peer in rule.peers] == ["0.0.0.0/0", "::/0"]
        assert "10.0.0.0/8" in rule.peers[0].excepts

    def test_the_text_is_what_the_api_server_takes(self):
        found = Suggested(calling("web", "http://api", "https://example.com") + pod("api") + service("api") + CORE_DNS)
        objects = found.objects()
        assert [(one["kind"], one["metadata"]["namespace"]) for one in objects] == [("NetworkPolicy", "shop")] * len(
            objects
        )
        again = load_text("".join(suggestions_yaml(found.found)), "out.yaml")
        assert again.problems == ()
        assert {one.label for one in again.cluster.policies} == {f"NetworkPolicy {name}" for name in found.policies}

    @pytest.mark.parametrize("value", ["", "true", "1", "1e3", "0x1f", "null", "y", "a.b", "A_b-9"])
    def test_labels_stay_what_they_are(self, value):
        text = pod("a", labels={"app": value}) + pod("b", labels={"app": "zz"})
        found = Suggested(text, NeedKind.FLOWS, flows="shop/a,shop/b,1\nshop/b,shop/a,1\n")
        assert found.found.proved

    def test_a_pod_whose_labels_are_refused_is_not_named(self):
        found = Suggested(pod("a", labels={"app": "-"}) + WEB_API_DB, NeedKind.SERVICES)
        assert '"-"' not in "".join(network_policy_text(one) for one in found.policies.values())
        assert found.found.proved

    def test_the_order_of_the_input_does_not_matter(self):
        parts = [
            calling("web", "http://api", "https://example.com"),
            pod("api"),
            service("api"),
            pod("db"),
            pod("x", "other"),
            CORE_DNS,
        ]
        texts = set()
        for seed in range(4):
            random.Random(seed).shuffle(parts)
            found = Suggested("".join(parts))
            texts.add("".join(network_policy_text(one) for one in found.policies.values()))
        assert len(texts) == 1

    def test_several_ports_of_a_peer_are_one_rule(self):
        found = Suggested(
            WEB_API_DB, NeedKind.FLOWS, flows="shop/web,shop/api,1\nshop/web,shop/api,2\nshop/web,shop/api,9\n"
        )
        (rule,) = found.policies["shop/allow-api"].ingress
        assert [(one.port, one.end_port) for one in rule.ports] == [(1, 2), (9, None)]

    def test_a_range_that_another_rule_cuts_stays_whole(self):
        rule = {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}
        closed = policy("web", podSelector={"matchLabels": {"app": "web"}}, policyTypes=["Egress"], egress=[rule])
        found = Suggested(WEB_API_DB + service("db") + closed, NeedKind.POLICIES, NeedKind.SERVICES)
        assert any(not rule.ports for rule in found.policies["shop/allow-db"].ingress)
        assert found.found.proved
