"""Rules about admin policies: what is proved harmless is no finding, severities, witnesses and fixes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.engines import smt
from netcheck.errors import SolverLimit
from netcheck.lint import admin
from netcheck.lint.finding import LintSettings
from netcheck.lint.run import lint
from netcheck.load.loader import LoadOptions, load_text
from netcheck.model.cluster import Cluster, Loaded
from netcheck.model.profile import PROFILES, Profile, Switch
from tests import strategies

CNP = """
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: %s}
spec:
  tier: %s
  priority: %d
  subject: {namespaces: {}}
  %s: [%s]
"""
ANP = """
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: old}
spec: {priority: 100, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}
"""
POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s, labels: {app: %s}}
spec: {containers: [{name: c, image: i}]}
"""
TEAM = "{action: %s, from: [{namespaces: {matchLabels: {team: %s}}}]}"
NP = """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: db}}}]}]}
"""


def cnp(name, rule, priority=10, tier="Admin", direction="ingress"):
    return CNP % (name, tier, priority, direction, rule)


def found(code, text, whole=False, profile=PROFILES["generic"]):
    loaded = load_text(text, options=LoadOptions(whole=whole, profile=profile))
    return lint(loaded, LintSettings(select=frozenset({code}))).findings


class TestEqualPriorities:
    CLASH = cnp("a", TEAM % ("Accept", "x")) + cnp("b", TEAM % ("Deny", "x"))

    def test_a_clash_has_a_witness(self):
        (finding,) = found("NC601", self.CLASH)
        assert finding.basis == "proved"
        assert "team=x" in finding.witness.source_labels

    @pytest.mark.parametrize(
        "text",
        [
            cnp("a", TEAM % ("Deny", "x")) + cnp("b", TEAM % ("Deny", "x")),
            cnp("a", TEAM % ("Accept", "x")) + cnp("b", TEAM % ("Deny", "y")),
            cnp("a", TEAM % ("Accept", "x")) + cnp("b", TEAM % ("Pass", "x")),
            cnp("a", TEAM % ("Accept", "x")) + cnp("b", TEAM % ("Deny", "x"), tier="Baseline"),
            cnp("first", TEAM % ("Deny", "x"), priority=1) + CLASH,
        ],
        ids=["same action", "no flow in common", "nothing below", "two tiers", "decided before"],
    )
    def test_an_order_that_is_proved_not_to_matter_is_no_finding(self, text):
        assert found("NC601", text) == ()

    def test_accept_and_pass_clash_where_something_below_denies(self):
        tie = cnp("a", TEAM % ("Accept", "x")) + cnp("b", TEAM % ("Pass", "x"))
        assert len(found("NC601", tie + cnp("c", TEAM % ("Deny", "x"), tier="Baseline"))) == 1

    def test_a_plugin_that_goes_by_name_leaves_nothing_open(self):
        by_name = replace(PROFILES["generic"], equal_priority=Switch.YES)
        assert found("NC601", self.CLASH, profile=by_name) == ()


class TestShadowed:
    def test_several_rules_shadow_together(self):
        rules = "{action: Deny, from: [{namespaces: {matchExpressions: [{key: team, operator: %s}]}}]}"
        text = cnp("a", ", ".join((rules % "Exists", rules % "DoesNotExist", TEAM % ("Accept", "x"))))
        (finding,) = found("NC608", text)
        assert "spec.ingress[2] never decides: `spec.ingress[0]` matches" in finding.message

    def test_two_halves_shadow_the_whole(self):
        rule = "{action: %s, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: %d, end: %d}}}}]}"
        parts = [rule % ("Deny", 1, 99), rule % ("Deny", 100, 200), rule % ("Accept", 50, 150)]
        (finding,) = found("NC608", cnp("a", ", ".join(parts)))
        assert [item.object for item in finding.related] == ["ClusterNetworkPolicy a"] * 2
        parts[2] = rule % ("Accept", 50, 201)
        assert found("NC608", cnp("a", ", ".join(parts))) == ()

    def test_a_policy_of_equal_priority_shadows_nothing(self):
        text = cnp("a", TEAM % ("Deny", "x")) + cnp("b", TEAM % ("Accept", "x"))
        assert found("NC608", text) == ()
        assert len(found("NC608", text.replace("priority: 10", "priority: 9", 1))) == 1

    def test_a_solver_that_gives_up_finds_nothing(self, monkeypatch):
        def give_up(*_, **__):
            raise SolverLimit("timeout")

        monkeypatch.setattr(admin, "separating_flow", give_up)
        assert found("NC608", cnp("a", ", ".join([TEAM % ("Deny", "x")] * 2))) == ()
        assert found("NC601", TestEqualPriorities.CLASH) == ()

    def test_leaving_out_what_is_shadowed_changes_nothing(self):
        """The two queries agree: what is proved never to decide can be deleted from any generated cluster."""
        count = 0
        for seed in range(150):
            cluster = replace(strategies.of_seed(seed, admin=True), opaque=(), profile=Profile())
            findings = lint(Loaded(cluster=cluster), LintSettings(select=frozenset({"NC608"}))).findings
            for finding in findings:
                assert smt.separating_flow(cluster, without(cluster, finding)) is None, seed
                count += 1
        assert count > 5


def without(cluster, finding):
    """Return the cluster without the rule that a finding is about."""
    path = finding.message.split()[0].removeprefix("spec.")
    field, index = path.rstrip("]").split("[")
    kept = []
    for policy in cluster.admin:
        rules = list(getattr(policy, field))
        if policy.label == finding.object:
            del rules[int(index)]
        kept.append(replace(policy, **{field: tuple(rules)}))
    return replace(cluster, admin=tuple(kept)) if cluster.admin else Cluster()


class TestDenials:
    def test_a_denied_pod_is_shown_between_loaded_pods(self):
        text = cnp("a", "{action: Deny, to: [{networks: [0.0.0.0/0]}]}", direction="egress")
        (finding,) = found("NC602", text + POD % ("web", "shop", "web") + POD % ("db", "shop", "db"))
        assert (finding.severity, finding.basis) == ("error", "proved")
        assert (finding.witness.source, finding.witness.note) == ("shop/db[Pod]", "over IPv4")

    def test_an_address_block_is_meant(self):
        text = cnp("a", "{action: Deny, to: [{networks: [192.0.2.0/24]}]}", direction="egress")
        assert found("NC602", text) == ()

    def test_a_plugin_whose_blocks_do_not_match_pods(self):
        text = cnp("a", "{action: Deny, to: [{networks: [0.0.0.0/0]}]}", direction="egress")
        assert found("NC602", text, profile=PROFILES["cilium"]) == ()

    def test_a_networkpolicy_of_which_only_some_is_denied_is_an_info(self):
        deny = "{action: Deny, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: %s}}}}]}"
        pods = POD % ("web", "shop", "web") + POD % ("db", "shop", "db")
        (finding,) = found("NC611", cnp("a", deny % "web") + NP + pods)
        assert (finding.severity, finding.witness.source) == ("info", "shop/web[Pod]")
        assert found("NC611", cnp("a", deny % "other") + NP + pods) == ()

    def test_a_baseline_deny_overrides_nothing(self):
        pods = POD % ("web", "shop", "web") + POD % ("db", "shop", "db")
        assert found("NC611", cnp("a", "{action: Deny, from: [{namespaces: {}}]}", tier="Baseline") + NP + pods) == ()


class TestVersions:
    def test_a_baseline_is_an_info_where_the_input_is_not_whole(self):
        text = cnp("a", TEAM % ("Accept", "x"), tier="Baseline") + NP + POD % ("web", "shop", "web")
        assert [found("NC603", text, whole=whole)[0].severity for whole in (False, True)] == ["info", "warning"]
        assert found("NC603", text + POD % ("free", "lab", "free")) == ()

    def test_the_fix_loads_and_is_of_the_new_version(self):
        (finding,) = found("NC612", ANP)
        assert [policy.label for policy in load_text(finding.fix).cluster.admin] == ["ClusterNetworkPolicy old"]

    def test_the_priority_counts_under_ovn_kubernetes_only(self):
        assert found("NC610", ANP) == ()
        assert len(found("NC610", ANP, profile=PROFILES["ovn-kubernetes"])) == 1

    def test_a_baseline_of_another_name_is_reported_once(self):
        text = ANP.replace("Admin", "BaselineAdmin").replace("priority: 100, ", "")
        codes = [item.rule for item in lint(load_text(text), LintSettings()).findings]
        assert codes == ["NC604"]

    def test_nothing_is_said_where_nothing_is_enforced(self):
        text = TestEqualPriorities.CLASH + cnp("c", "{action: Deny, to: [{networks: [0.0.0.0/0]}]}", direction="egress")
        assert [
            item.rule
            for item in lint(load_text(text, options=LoadOptions(profile=PROFILES["flannel"])), LintSettings()).findings
        ] == []
