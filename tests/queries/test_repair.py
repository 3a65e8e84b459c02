"""`verify --repair`: what is offered for single stories, in which order, what it changes besides, and why nothing is."""

from __future__ import annotations

import pytest
import yaml

from netcheck.errors import SolverLimit
from netcheck.load.intents import intent_documents, read_intents
from netcheck.load.loader import load_text
from netcheck.queries import repair as repair_module
from netcheck.queries.repair import with_repairs
from netcheck.queries.verify import verify
from netcheck.queries.verify_results import Outcome
from netcheck.report.policy_yaml import policy_yaml

OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {team: data}}
---
apiVersion: v1
kind: Namespace
metadata: {name: dev, labels: {team: dev}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: test, namespace: dev, labels: {app: test}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 5432, name: sql}, {containerPort: 9187}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {selector: {app: db}, ports: [{port: 80, targetPort: sql}]}
---
"""
DB = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: %s
---
"""
OPEN = DB % "[{from: [{namespaceSelector: {}}], ports: [{port: 5432}, {port: 9187}]}]"
TWO_PEERS = (
    DB % "[{from: [{namespaceSelector: {matchLabels: {team: shop}}}, {namespaceSelector: {matchLabels: {team: dev}}}]}]"
)
TWO_RULES = (
    DB
    % "[{from: [{namespaceSelector: {}}], ports: [{port: 5432}]}, {from: [{namespaceSelector: {matchLabels: {team: dev}}}]}]"
)
ANYBODY = DB % "[{}]"
NOBODY = DB % "[]"
BLOCK = DB % "[{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"
CLOSED_SHOP = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
---
"""
ADMIN = """
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: wall}
spec:
  priority: 1
  subject: {namespaces: {matchLabels: {team: data}}}
  ingress: [{name: one, action: %s, from: [{namespaces: {matchLabels: {team: dev}}}]}]
---
"""


def repairs(text, *bodies, timeout_ms=30_000, most=3):
    """Return the repairs of the first of some intents over the objects and a text."""
    listed = "".join(f"  - name: it-{number}\n    {body}\n" for number, body in enumerate(bodies))
    document = f"apiVersion: netcheck/v1\nkind: Intents\nintents:\n{listed}"
    intents, problems = read_intents(intent_documents(document.encode(), "i.yaml")[0])
    assert not problems, problems
    cluster = load_text(OBJECTS + text).cluster
    found = with_repairs(cluster, verify(cluster, intents), timeout_ms=timeout_ms, most=most)
    (result,) = [item for item in found.results if item.intent.name == "it-0"]
    assert result.outcome is Outcome.VIOLATED
    return result.repairs


def texts(found):
    return [[edit.text for edit in repair.edits] for repair in found.repairs]


class TestClosing:
    def test_a_peer_becomes_all_but_those_that_are_denied(self):
        (best, *_) = repairs(OPEN, "deny: {from: {namespace: dev}, to: data/db}").repairs
        (edit,) = best.edits
        assert edit.action == "narrow-peer"
        assert edit.text.endswith(
            "`ingress[0]` of NetworkPolicy data/db to all pods of namespaces kubernetes.io/metadata.name!=dev"
        )
        assert (best.opened, best.closed, best.edits[0].rule, best.edits[0].place.line) == (0, 0, "ingress[0]", 45)

    def test_removal_costs_what_else_it_closes(self):
        found = repairs(OPEN, "deny: {from: {namespace: dev}, to: data/db}")
        (removal,) = [item for item in found.repairs if item.edits[0].action == "remove-rule"]
        assert [(item.opens, item.sources, item.destinations, str(item.connections)) for item in removal.effects] == [
            (False, ("shop/api[Pod]", "shop/web[Pod]"), ("data/db[Pod]",), "TCP/5432,9187")
        ]
        assert removal.closed == 2

    def test_one_peer_of_several_goes(self):
        (best, *_) = repairs(TWO_PEERS, "deny: {from: {namespace: dev}, to: data/db}").repairs
        assert (best.edits[0].action, best.closed) == ("remove-peer", 0)

    def test_ports_that_nobody_may_reach_are_taken_out(self):
        (best, *_) = repairs(OPEN, "deny: {from: all-pods, to: data/db, ports: [9187]}").repairs
        assert [edit.text for edit in best.edits] == [
            "narrow the ports of `ingress[0]` of NetworkPolicy data/db to TCP/5432"
        ]
        assert (best.opened, best.closed) == (0, 0)

    def test_a_rule_is_split_so_that_nothing_else_changes(self):
        found = repairs(OPEN, "deny: {from: shop/web, to: data/db, ports: [9187]}")
        split = found.repairs[0]
        assert (split.edits[0].action, split.closed) == ("replace-rule", 0)
        assert split.edits[0].text.endswith("and TCP/5432 from all pods of all namespaces")

    def test_an_ipblock_gets_an_except(self):
        (best, *_) = repairs(BLOCK, "deny: {from: 203.0.113.0/24, to: data/db}").repairs
        assert best.edits[0].text.endswith("to 0.0.0.0/0 except 203.0.113.0/24")
        assert not best.effects

    def test_an_only_keeps_those_listed(self):
        (best, *_) = repairs(ANYBODY, "only: {from: shop/api, to: data/db}").repairs
        assert best.edits[0].text.endswith("by rule: all ports from pods app=api of namespace shop")
        assert not best.effects

    def test_two_rules_take_two_edits_and_no_fewer(self):
        found = repairs(TWO_RULES, "only: {from: shop/api, to: data/db}")
        assert {len(item.edits) for item in found.repairs} == {2}

    def test_a_pod_that_nothing_isolates_gets_a_policy(self):
        (best, *_) = repairs("", "deny: {from: {namespace: data}, to: internet}").repairs
        (policy,) = best.policies
        document = yaml.safe_load(policy_yaml(policy))
        assert best.added == {"NetworkPolicy data/it-0-egress"}
        assert (document["spec"]["podSelector"], document["spec"]["policyTypes"]) == ({}, ["Egress"])
        assert document["spec"]["egress"][0]["to"][0] == {"namespaceSelector": {}}
        assert not best.effects

    def test_a_policy_that_isolates_leaves_out_pods_that_are_isolated(self):
        stray = "apiVersion: v1\nkind: Pod\nmetadata: {name: stray, namespace: data}\nspec: {containers: [{name: c, image: i}]}\n---\n"
        found = repairs(NOBODY + stray, "deny: {from: all-pods, to: {namespace: data}}")
        (policy,) = found.repairs[0].policies
        assert str(policy.pod_selector) == "app!=db"
        assert found.repairs[0].opened == 0

    def test_what_sources_may_reach_is_limited_where_they_are(self):
        (best, *_) = repairs("", "only: {from: dev/test, to: shop/web, ports: [80], closes: from}").repairs
        assert best.added == {"NetworkPolicy dev/it-0-egress"}
        assert best.edits[0].text.endswith("let out TCP/80 to pods app=web of namespace shop")


class TestAnyPod:
    def test_no_pod_to_come_gets_around_it(self):
        found = repairs(OPEN, "only: {from: 'ns=shop,app=api', to: data/db}\n    scope: any-pod")
        assert found.repairs[0].edits[0].text.endswith("to pods app=api of namespace shop")

    def test_a_rule_that_lets_through_nobody_who_exists_is_found(self):
        text = DB % "[{from: [{namespaceSelector: {matchLabels: {team: none}}}]}]"
        found = repairs(text, "deny: {from: all-pods, to: data/db}\n    scope: any-pod")
        assert ["remove `ingress[0]` of NetworkPolicy data/db"] in texts(found)

    def test_namespaces_that_do_not_exist_cannot_be_given_policies(self):
        found = repairs("", "deny: {from: internet, to: 'app=new'}\n    scope: any-pod")
        assert not found.repairs
        assert found.message.startswith("no NetworkPolicy selects pods of a namespace that does not exist yet")

    def test_an_allow_opens_to_all_that_could_be_created(self):
        found = repairs(NOBODY, "allow: {from: 'ns=shop,app=api', to: data/db, ports: [5432]}\n    scope: any-pod")
        assert "add a rule to `ingress` of NetworkPolicy data/db: TCP/5432 from pods app=api of namespace shop" in [
            text for edits in texts(found) for text in edits
        ]


class TestOpening:
    def test_a_rule_or_a_policy_more(self):
        found = repairs(NOBODY, "allow: {from: shop/api, to: data/db, ports: [5432]}")
        assert [repair.edits[0].action for repair in found.repairs] == ["add-rule", "add-policy"]
        assert all(not repair.effects for repair in found.repairs)

    def test_both_sides_are_opened(self):
        found = repairs(NOBODY + CLOSED_SHOP, "allow: {from: shop/api, to: data/db, ports: [5432]}")
        assert all(len(repair.edits) == 2 for repair in found.repairs)
        assert {policy.namespace for policy in found.repairs[0].policies} == {"data", "shop"}

    def test_a_port_more_where_the_peer_fits(self):
        text = DB % "[{from: [{namespaceSelector: {matchLabels: {team: shop}}}], ports: [{port: 1}]}]"
        found = repairs(text, "allow: {from: 'ns=shop', to: data/db, ports: [5432]}")
        assert ["add TCP/5432 to the ports of `ingress[0]` of NetworkPolicy data/db"] in texts(found)

    def test_a_peer_more_where_the_ports_fit(self):
        text = DB % "[{from: [{namespaceSelector: {matchLabels: {team: shop}}}], ports: [{port: sql}]}]"
        found = repairs(text, "allow: {from: dev/test, to: data/db, ports: [5432]}")
        assert ["add the peer pods app=test of namespace dev to `ingress[0]` of NetworkPolicy data/db"] in texts(found)

    def test_the_backends_of_a_service_are_opened_on_their_target_port(self):
        found = repairs(NOBODY, "allow: {from: dev/test, to: 'svc:data/db', ports: [80]}")
        assert "TCP/5432" in found.repairs[0].edits[0].text

    def test_where_any_port_will_do_those_declared_are_opened(self):
        found = repairs(NOBODY, "allow: {from: dev/test, to: data/db}")
        assert "TCP/5432, TCP/9187" in found.repairs[0].edits[0].text


class TestOtherIntents:
    def test_a_repair_that_breaks_another_intent_is_not_offered(self):
        found = repairs(
            OPEN,
            "deny: {from: {namespace: dev}, to: data/db}",
            "allow: {from: shop/web, to: data/db, ports: [5432]}",
        )
        assert "remove-rule" not in {edit.action for repair in found.repairs for edit in repair.edits}
        assert all(not repair.breaks for repair in found.repairs)

    def test_where_intents_contradict_each_other_it_is_said_which_breaks(self):
        found = repairs(
            OPEN,
            "deny: {from: dev/test, to: data/db, ports: [5432]}",
            "allow: {from: dev/test, to: data/db, ports: [5432]}",
        )
        assert found.repairs
        assert all(repair.breaks == ("it-1",) for repair in found.repairs)


class TestNoRepair:
    def test_an_admin_policy_that_allows_is_named(self):
        found = repairs(ADMIN % "Allow", "deny: {from: dev/test, to: data/db}")
        # The other side can still be closed: dev's egress.
        assert {edit.policy for repair in found.repairs for edit in repair.edits} == {"NetworkPolicy dev/it-0-egress"}

    def test_an_admin_policy_that_denies_is_named(self):
        found = repairs(ADMIN % "Deny", "allow: {from: dev/test, to: data/db, ports: [5432]}")
        assert not found.repairs
        assert found.message.startswith("AdminNetworkPolicy wall `ingress[0]` decides it")

    def test_what_matches_nothing_has_none(self):
        found = repairs("", "deny: {from: 'app=none', to: data/db}")
        assert found.message == "it matches nothing, which no policy changes"

    def test_what_is_not_finished_in_time_is_said(self, monkeypatch):
        def late(*_):
            raise SolverLimit("late")
            yield

        monkeypatch.setattr(repair_module, "cheapest", late)
        found = repairs(OPEN, "deny: {from: dev/test, to: data/db}")
        assert not found.repairs
        assert found.message == "none was found in time (--solver-timeout)"


def test_fewer_are_shown_if_fewer_are_asked_for_and_they_are_the_first():
    body = "deny: {from: {namespace: dev}, to: data/db}"
    every = texts(repairs(OPEN, body))
    assert texts(repairs(OPEN, body, most=1)) == every[:1]
    assert len(every) == 3


@pytest.mark.parametrize("text", [OPEN, TWO_PEERS, TWO_RULES, ANYBODY, BLOCK])
def test_the_same_question_has_the_same_answer(text):
    body = "only: {from: shop/api, to: data/db, ports: [5432]}"
    assert repairs(text, body) == repairs(text, body)
