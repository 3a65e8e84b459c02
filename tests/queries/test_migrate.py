"""`migrate`: what is printed loads without problems, allows the same flows, and a false proof is never given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.engines import smt
from netcheck.errors import SolverLimit
from netcheck.load.loader import load_text
from netcheck.model.admin import AdminAction, AdminDomains, AdminPods, AdminPolicy, AdminPort, AdminRule
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Tier
from netcheck.model.policy import Direction
from netcheck.queries import migrate as module
from netcheck.queries.migrate import ANP, BANP, NEW_KIND, manifest, manifest_text, migrate, prove_equal
from netcheck.values.labels import LabelSelector
from tests import strategies

EVERYTHING = AdminPods(namespace_selector=LabelSelector())
FLIPPED = {AdminAction.ACCEPT: AdminAction.DENY, AdminAction.DENY: AdminAction.PASS, AdminAction.PASS: AdminAction.DENY}


def pods(name):
    return AdminPods(namespace_selector=LabelSelector(), pod_selector=LabelSelector.of({"app": name}))


def rule(action=AdminAction.DENY, peers=(EVERYTHING,), ports=(), name=""):
    return AdminRule(action=action, peers=peers, ports=ports, name=name)


def anp(name="a", priority=10, **more):
    return AdminPolicy(kind=ANP, name=name, tier=Tier.ADMIN, priority=priority, subject=EVERYTHING, **more)


def banp(**more):
    return AdminPolicy(kind=BANP, name="default", tier=Tier.BASELINE, subject=EVERYTHING, **more)


def cnp(name="c", tier=Tier.ADMIN, priority=10, **more):
    return AdminPolicy(kind=NEW_KIND, name=name, tier=tier, priority=priority, subject=EVERYTHING, **more)


def migrated(*admin):
    return migrate(Cluster(admin=admin))


def made(result):
    return [policy for found in result.rewritten for policy in found.policies]


def loaded_again(result):
    """Return all admin policies afterwards, those that were rewritten as they are read back from their YAML."""
    texts = [manifest_text(policy) for policy in made(result)]
    if not texts:
        return result.admin
    loaded = load_text("---\n".join(texts))
    assert loaded.problems == ()
    by_name = {policy.name: policy for policy in loaded.cluster.admin}
    return tuple(by_name.get(policy.name, policy) for policy in result.admin)


class TestRewriting:
    def test_an_admin_policy_keeps_name_priority_and_rules(self):
        (found,) = made(migrated(anp("guard", 7, ingress=(rule(name="first"),))))
        assert (found.kind, found.name, found.tier, found.priority) == (NEW_KIND, "guard", Tier.ADMIN, 7)
        assert found.ingress == (rule(name="first"),)

    def test_the_baseline_comes_last(self):
        existing = cnp(tier=Tier.BASELINE, priority=999, ingress=(rule(AdminAction.ACCEPT),))
        result = migrated(banp(ingress=(rule(),)), existing)
        assert [(item.tier, item.priority) for item in made(result)] == [(Tier.BASELINE, 1000)]
        assert result.proof.holds

    def test_a_baseline_whose_place_is_taken_is_left(self):
        result = migrated(banp(ingress=(rule(),)), cnp(tier=Tier.BASELINE, priority=1000))
        assert [item.message for item in result.left] == [
            "it comes after every other Baseline policy, but priority 1000 is taken"
        ]
        assert result.rewritten == ()

    def test_a_name_that_is_taken_gets_a_suffix(self):
        result = migrated(anp("c", 5), anp("default"), banp(), cnp("c", priority=6))
        assert [item.name for item in made(result)] == ["c-admin", "default", "default-baseline"]

    def test_long_lists_of_peers_and_ports_become_several_rules_in_order(self):
        peers = tuple(pods(f"p{number}") for number in range(30))
        ports = tuple(AdminPort(first=number, last=number) for number in range(1, 61, 2))
        result = migrated(anp(ingress=(rule(peers=peers, ports=ports), rule(AdminAction.ACCEPT))))
        (found,) = made(result)
        assert [(len(item.peers), len(item.ports)) for item in found.ingress] == [
            (25, 25),
            (25, 5),
            (5, 25),
            (5, 5),
            (1, 0),
        ]
        assert result.proof.holds

    def test_many_rules_become_policies_of_successive_priorities(self):
        rules = tuple(
            rule(
                AdminAction.ACCEPT if number % 2 else AdminAction.DENY,
                (pods(f"p{number % 7}"),),
                ports=(AdminPort(first=1, last=number + 1),),
            )
            for number in range(60)
        )
        result = migrated(anp(egress=rules, ingress=rules[:3]))
        assert [(item.name, item.priority) for item in made(result)] == [("a", 10), ("a-admin", 11), ("a-admin-2", 12)]
        assert [len(item.egress) for item in made(result)] == [25, 25, 10]
        assert result.proof.holds
        assert prove_equal(
            Cluster(admin=(anp(egress=rules, ingress=rules[:3]),)), Cluster(admin=loaded_again(result))
        ).holds

    @pytest.mark.parametrize("other", [anp("b", 11), cnp(priority=12)])
    def test_many_rules_need_free_priorities(self, other):
        result = migrated(anp(egress=(rule(),) * 51), other)
        assert "priorities 10 to 12 are not free" in result.left[0].message
        assert result.proof.holds

    def test_priorities_end_at_1000(self):
        assert (
            "priorities 1000 to 1001 are not free"
            in migrated(anp(priority=1000, egress=(rule(),) * 26)).left[0].message
        )

    def test_a_port_name_that_the_new_version_refuses_is_left(self):
        result = migrated(anp(ingress=(rule(ports=(AdminPort(protocol=None, name="not_a_port"),)),)))
        assert "ingress[0]: v1alpha2 refuses the port name `not_a_port`" in result.left[0].message

    def test_names_are_for_rules_that_accept(self):
        peers = (AdminDomains(names=("a.example",)),)
        assert migrated(anp(egress=(rule(AdminAction.ACCEPT, peers),))).left == ()
        assert "accept only" in migrated(anp(egress=(rule(AdminAction.PASS, peers),))).left[0].message

    def test_a_policy_that_the_server_refuses_is_left(self):
        text = (
            "{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: a},"
            " spec: {priority: 5000, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}}"
        )
        result = migrate(load_text(text).cluster)
        assert [item.object for item in result.left] == ["AdminNetworkPolicy a"]

    def test_nothing_to_do(self):
        result = migrated(cnp())
        assert (result.rewritten, result.left, result.admin) == ((), (), (cnp(),))


class TestProof:
    @pytest.mark.parametrize("direction", list(Direction))
    def test_a_pass_is_told_from_an_accept(self, direction):
        """Without any NetworkPolicy both let the flow pass; with one they differ."""
        field = direction.value.lower()
        one, other = (
            Cluster(admin=(anp(**{field: (rule(action),)}),)) for action in (AdminAction.ACCEPT, AdminAction.PASS)
        )
        found = prove_equal(one, other)
        assert found.witness.note == f"they differ for {field}"

    def test_an_order_that_matters_is_told(self):
        one, two = rule(peers=(pods("a"),)), rule(AdminAction.ACCEPT)
        found = prove_equal(Cluster(admin=(anp(ingress=(one, two)),)), Cluster(admin=(anp(ingress=(two, one)),)))
        assert "app=a" in found.witness.source_labels

    def test_a_solver_that_gives_up_proves_nothing(self, monkeypatch):
        def give_up(*_, **__):
            raise SolverLimit("the solver gave up: timeout")

        monkeypatch.setattr(module, "separating_flow", give_up)
        found = migrated(anp(ingress=(rule(),))).proof
        assert (found.holds, found.limit) == (False, "the solver gave up: timeout")


class TestManifests:
    def test_ports(self):
        ports = (AdminPort(), AdminPort(protocol="UDP", first=53, last=53), AdminPort(protocol=None, name="web"))
        found = manifest(cnp(ingress=(rule(ports=ports),)))["spec"]["ingress"][0]["protocols"]
        assert found == [
            {"tcp": {"destinationPort": {"range": {"start": 1, "end": 65535}}}},
            {"udp": {"destinationPort": {"number": 53}}},
            {"destinationNamedPort": "web"},
        ]

    @pytest.mark.parametrize(
        "value", ["true", "No", "1", "1e3", "", "0x1f", "null", "~", "a: b", "- a", "y", "1.5", "=", "é"]
    )
    def test_texts_are_read_back_as_texts(self, value):
        (back,) = load_text(manifest_text(cnp(ingress=(rule(name=value),)))).cluster.admin
        assert back.ingress[0].name == value

    @pytest.mark.parametrize("value", ["true", "1", "", "0x1f", "null", "y", "1.5", "1_000", "2001-01-01"])
    def test_label_values_are_read_back(self, value):
        (back,) = load_text(manifest_text(cnp(ingress=(rule(peers=(pods(value),)),)))).cluster.admin
        assert back.ingress[0].peers[0].pod_selector.requirements[0].values == (value,)


# ---- for every cluster ---------------------------------------------------------------------------------------------


def drawn(first, last):
    for seed in range(first, last):
        cluster = strategies.of_seed(seed, admin=True)
        if any(policy.kind != NEW_KIND for policy in cluster.admin):
            yield seed, cluster


def test_generated_policies_are_rewritten_and_proved_as_they_are_read_back():
    count = 0
    for seed, cluster in drawn(0, 200):
        result = migrate(cluster)
        assert result.proof.holds, seed
        after = replace(cluster, admin=loaded_again(result))
        assert prove_equal(cluster, after).holds, seed
        known = [replace(item, opaque=()) for item in (cluster, after)]
        assert smt.separating_flow(*known) is None, seed
        labels = {item.source.label for item in result.rewritten} | {item.object for item in result.left}
        assert {policy.label for policy in cluster.admin if policy.kind != NEW_KIND} <= labels
        count += len(result.rewritten)
    assert count > 40


def test_a_changed_action_of_an_admin_rule_that_decides_is_never_proved_equal():
    """Another action of a policy's first rule is told apart, wherever that rule decides any flow."""
    told = 0
    for seed, cluster in drawn(200, 260):
        for policy in cluster.admin:
            if policy.tier is Tier.ADMIN and policy.ingress:
                first, *others = policy.ingress
                changed = replace(policy, ingress=(replace(first, action=FLIPPED[first.action]), *others))
                alone, altered = Cluster(admin=(policy,)), Cluster(admin=(changed,))
                decides = smt.separating_flow(
                    Cluster(admin=(replace(policy, ingress=(replace(first, action=AdminAction.ACCEPT),), egress=()),)),
                    Cluster(admin=(replace(policy, ingress=(replace(first, action=AdminAction.DENY),), egress=()),)),
                )
                assert prove_equal(alone, altered).holds == (decides is None), seed
                told += decides is not None
    assert told > 5
