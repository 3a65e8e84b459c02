"""Admin policies: what the three kinds become, and what is left of those that are refused."""

from __future__ import annotations

import json

import pytest

from netcheck.errors import Severity
from netcheck.load.loader import load_text
from netcheck.model.admin import (
    AdminAction,
    AdminDomains,
    AdminNetworks,
    AdminNodes,
    AdminPods,
    AdminPort,
    AdminRule,
)
from netcheck.model.flow import Tier
from netcheck.model.policy import Direction
from netcheck.values.labels import LabelSelector
from tests import strategies

EVERYTHING = LabelSelector()
ALL_PODS = AdminPods(namespace_selector=EVERYTHING)


def cnp(*lines, name="c", tier="Admin", priority=5, subject="{namespaces: {}}"):
    head = (
        f"apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: {name}}}\n"
        f"spec:\n  tier: {tier}\n  priority: {priority}\n  subject: {subject}\n"
    )
    return head + "".join(f"  {line}\n" for line in lines)


def anp(*lines, name="a", priority=5, subject="{namespaces: {}}"):
    head = (
        f"apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {{name: {name}}}\n"
        f"spec:\n  priority: {priority}\n  subject: {subject}\n"
    )
    return head + "".join(f"  {line}\n" for line in lines)


def banp(*lines, name="default"):
    head = (
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n"
        f"metadata: {{name: {name}}}\nspec:\n  subject: {{namespaces: {{}}}}\n"
    )
    return head + "".join(f"  {line}\n" for line in lines)


def loaded_policy(text):
    loaded = load_text(text)
    assert loaded.problems == ()
    assert loaded.cluster.opaque == ()
    assert loaded.complete
    (found,) = loaded.cluster.admin
    return found


def opaque_policy(text):
    loaded = load_text(text)
    assert loaded.cluster.admin == ()
    (found,) = loaded.cluster.opaque
    assert not found.additive
    assert found.namespace is None
    return found


class TestWhatIsLoaded:
    """Each part of the API has its part in the model."""

    def test_every_egress_peer_of_v1alpha2(self):
        found = loaded_policy(
            cnp(
                "egress:",
                "- name: out",
                "  action: Accept",
                "  to:",
                "  - namespaces: {matchLabels: {team: a}}",
                "  - pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}",
                "  - nodes: {}",
                '  - networks: [10.1.2.3/8, "fd00::/8"]',
                '  - domainNames: ["*.example.com"]',
            )
        )
        assert (found.kind, found.name, found.tier, found.priority) == ("ClusterNetworkPolicy", "c", Tier.ADMIN, 5)
        (rule,) = found.egress
        assert (rule.action, rule.name, rule.ports) == (AdminAction.ACCEPT, "out", ())
        assert rule.peers == (
            AdminPods(namespace_selector=LabelSelector.of({"team": "a"})),
            AdminPods(namespace_selector=EVERYTHING, pod_selector=LabelSelector.of({"app": "db"})),
            AdminNodes(selector=EVERYTHING),
            AdminNetworks(cidrs=("10.0.0.0/8", "fd00::/8")),
            AdminDomains(names=("*.example.com",)),
        )

    def test_every_item_of_protocols(self):
        found = loaded_policy(
            cnp(
                "ingress:",
                "- action: Pass",
                "  from: [{namespaces: {}}]",
                "  protocols:",
                "  - tcp: {destinationPort: {number: 80}}",
                "  - udp: {destinationPort: {range: {start: 1, end: 65535}}}",
                "  - sctp: {destinationPort: {number: 9}}",
                "  - destinationNamedPort: http",
            )
        )
        assert found.ingress[0].ports == (
            AdminPort(protocol="TCP", first=80, last=80),
            AdminPort(protocol="UDP", first=1, last=65535),
            AdminPort(protocol="SCTP", first=9, last=9),
            AdminPort(protocol=None, name="http"),
        )

    def test_every_item_of_ports(self):
        found = loaded_policy(
            anp(
                "ingress:",
                "- action: Allow",
                "  from: [{namespaces: {}}]",
                "  ports:",
                "  - portNumber: {port: 80}",
                "  - portNumber: {protocol: UDP, port: 53}",
                "  - portRange: {protocol: SCTP, start: 9, end: 9}",
                "  - namedPort: http",
            )
        )
        assert (found.kind, found.tier) == ("AdminNetworkPolicy", Tier.ADMIN)
        assert found.ingress[0].action is AdminAction.ACCEPT
        assert found.ingress[0].ports == (
            AdminPort(protocol="TCP", first=80, last=80),
            AdminPort(protocol="UDP", first=53, last=53),
            AdminPort(protocol="SCTP", first=9, last=9),
            AdminPort(protocol=None, name="http"),
        )

    def test_an_empty_protocol_is_tcp_and_is_told(self):
        ports = '[{portNumber: {protocol: "", port: 80}}]'
        loaded = load_text(anp(f"ingress: [{{action: Allow, from: [{{namespaces: {{}}}}], ports: {ports}}}]"))
        assert loaded.cluster.admin[0].ingress[0].ports == (AdminPort(protocol="TCP", first=80, last=80),)
        assert [problem.severity for problem in loaded.problems] == [Severity.WARNING]

    def test_an_empty_list_of_ports_means_any(self):
        found = loaded_policy(anp("ingress: [{action: Deny, from: [{namespaces: {}}], ports: []}]"))
        assert found.ingress == (AdminRule(action=AdminAction.DENY, peers=(ALL_PODS,)),)

    def test_a_baseline_admin_policy_has_priority_0_and_the_baseline_tier(self):
        found = loaded_policy(banp("egress: [{action: Deny, to: [{namespaces: {}}]}]"))
        assert (found.name, found.tier, found.priority) == ("default", Tier.BASELINE, 0)
        assert found.ingress == ()
        assert found.rules(Direction.EGRESS) == (AdminRule(action=AdminAction.DENY, peers=(ALL_PODS,)),)

    @pytest.mark.parametrize(("tier", "meant"), [("Admin", Tier.ADMIN), ("Baseline", Tier.BASELINE)])
    @pytest.mark.parametrize("priority", [0, 1000])
    def test_a_cluster_policy_says_its_tier_and_priority(self, tier, meant, priority):
        found = loaded_policy(cnp(tier=tier, priority=priority))
        assert (found.tier, found.priority) == (meant, priority)

    def test_a_subject_by_pods_holds_both_selectors(self):
        subject = "{pods: {namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchLabels: {app: db}}}}"
        found = loaded_policy(cnp(subject=subject))
        assert str(found.subject.namespace_selector) == "team=a"
        assert str(found.subject.pod_selector) == "app=db"

    def test_every_part_knows_its_place(self):
        found = loaded_policy(cnp("ingress:", "- action: Deny", "  from:", "  - namespaces: {}"))
        rule = found.ingress[0]
        places = (found.place, found.subject.place, rule.place, rule.peers[0].place)
        assert [(place.line, place.column) for place in places] == [(1, 1), (7, 12), (9, 5), (11, 7)]

    def test_policies_are_sorted_by_kind_and_name(self):
        text = "---\n".join([cnp(name="b"), cnp(name="a"), banp(), anp(name="z")])
        found = load_text(text).cluster.admin
        assert [policy.label for policy in found] == [
            "AdminNetworkPolicy z",
            "BaselineAdminNetworkPolicy default",
            "ClusterNetworkPolicy a",
            "ClusterNetworkPolicy b",
        ]

    def test_of_two_with_one_name_the_last_counts(self):
        loaded = load_text(cnp(priority=1) + "---\n" + cnp(priority=2))
        assert [policy.priority for policy in loaded.cluster.admin] == [2]
        assert "defined twice" in loaded.problems[0].message


class TestWhatIsRefused:
    """A refused policy limits what it can concern to what can be read of it."""

    @pytest.mark.parametrize(
        "text",
        [
            cnp("ingress: [{action: Allow, from: [{namespaces: {}}]}]"),
            cnp("ingress: [{action: Deny, from: []}]"),
            cnp("ingress: [{action: Deny, from: [{}]}]"),
            cnp("ingress: [{action: Deny, from: [{newPeer: {}}]}]"),
            cnp("ingress: [{action: Deny, from: [{networks: [10.0.0.0/8]}]}]"),
            cnp("ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {}}]}]"),
            cnp("ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: null}}]}]"),
            cnp("ingress: [{action: Deny, from: [{namespaces: {}}], protocols: []}]"),
            cnp("ingress: [{action: Deny, from: [{namespaces: {}}]}]", priority=1001),
            cnp("ingress: [{action: Deny, from: [{namespaces: {}}]}]", tier="Other"),
            anp("ingress: [{action: Accept, from: [{namespaces: {}}]}]"),
            anp('ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{namedPort: ""}]}]'),
            banp("ingress: [{action: Pass, from: [{namespaces: {}}]}]"),
            banp("ingress: [{action: Deny, from: [{namespaces: {}}]}]", name="other"),
        ],
    )
    def test_what_a_server_refuses_is_opaque_in_the_direction_of_its_rules(self, text):
        assert opaque_policy(text).directions == (Direction.INGRESS,)

    @pytest.mark.parametrize(
        "peer",
        [
            '{domainNames: [""]}',
            "{domainNames: [null]}",
            "{networks: [10.0.0.0]}",
            "{networks: [010.0.0.0/8]}",
            "{networks: [null]}",
        ],
    )
    def test_a_bad_egress_peer_is_refused(self, peer):
        assert opaque_policy(cnp(f"egress: [{{action: Deny, to: [{peer}]}}]")).directions == (Direction.EGRESS,)

    @pytest.mark.parametrize(("write", "action", "most"), [(cnp, "Accept", 25), (anp, "Allow", 100)])
    @pytest.mark.parametrize("more", [0, 1])
    def test_each_version_has_its_limits(self, write, action, most, more):
        rule, peer = f"{{action: {action}, to: [{{namespaces: {{}}}}]}}", "{namespaces: {}}"
        rules = write(f"egress: [{', '.join([rule] * (most + more))}]")
        peers = write(f"egress: [{{action: {action}, to: [{', '.join([peer] * (most + more))}]}}]")
        for text in (rules, peers):
            assert len(load_text(text).cluster.opaque) == more
            assert len(load_text(text).cluster.admin) == 1 - more

    def test_only_v1alpha1_wants_both_selectors_and_what_is_missing_means_everything(self):
        subject = "{pods: {podSelector: {matchLabels: {app: db}}}}"
        assert loaded_policy(cnp(subject=subject)).subject.namespace_selector == EVERYTHING
        loaded = load_text(anp(subject=subject))
        assert [problem.severity for problem in loaded.problems] == [Severity.ERROR]
        assert loaded.cluster.admin[0].subject.namespace_selector == EVERYTHING

    def test_a_valid_subject_limits_it(self):
        subject = "{pods: {namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchLabels: {app: db}}}}"
        found = opaque_policy(cnp("egress: [{action: Deny, to: []}]", subject=subject))
        assert (str(found.subject), str(found.namespace_selector)) == ("app=db", "team=a")

    def test_a_bad_subject_does_not(self):
        both = "{namespaces: {matchLabels: {team: a}}, pods: {namespaceSelector: {}, podSelector: {}}}"
        found = opaque_policy(cnp("egress: [{action: Deny, to: [{namespaces: {}}]}]", subject=both))
        assert (found.subject, found.namespace_selector) == (None, None)

    def test_without_rules_it_concerns_nothing(self):
        loaded = load_text(cnp(priority=1001))
        assert (loaded.cluster.admin, loaded.cluster.opaque) == ((), ())
        assert not loaded.complete

    def test_a_bad_name_changes_nothing_of_what_it_means(self):
        loaded = load_text(cnp("ingress: [{action: Deny, from: [{namespaces: {}}]}]", name="Not_A_Name"))
        assert [policy.name for policy in loaded.cluster.admin] == ["Not_A_Name"]
        assert not loaded.complete


class TestOlderForms:
    """The fields that v0.1.2 removed are told, and the policy is not modelled: servers drop them and widen it."""

    @pytest.mark.parametrize(
        "peer",
        [
            "{namespaces: {sameLabels: [team]}}",
            "{namespaces: {notSameLabels: [team]}}",
            "{namespaces: {namespaceSelector: {}}}",
            "{pods: {namespaces: {namespaceSelector: {}}, podSelector: {}}}",
        ],
    )
    def test_a_policy_with_one_is_not_modelled(self, peer):
        text = anp(f"ingress: [{{action: Deny, from: [{peer}]}}]")
        assert "before v0.1.2" in opaque_policy(text).message
        loaded = load_text(text)
        assert [item.kind for item in loaded.not_modelled] == ["AdminNetworkPolicy"]
        assert not loaded.complete


class TestMixedVersions:
    """ADM-1: "v1alpha2 replaces both older kinds. Load both; warn when a cluster mixes them." """

    @pytest.mark.parametrize("older", [anp(), banp()])
    def test_both_versions_are_loaded_with_a_warning(self, older):
        loaded = load_text(f"{cnp()}---\n{older}")
        (problem,) = loaded.problems
        assert problem.severity is Severity.WARNING
        assert problem.place.line == 9
        assert len(loaded.cluster.admin) == 2

    def test_one_version_alone_is_fine(self):
        assert load_text(f"{anp()}---\n{banp()}").problems == ()


def test_labels_and_addresses_that_admin_policies_read_are_among_the_assumptions():
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: c, image: i}]}\n"
    rule = "egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}]}]"
    loaded = load_text(pod + "---\n" + cnp(rule, subject="{namespaces: {matchLabels: {team: a}}}"))
    assert {item.rule for item in loaded.assumptions} == {"CNI-1", "NP-20", "WL-3"}


def written_selector(selector):
    tests = []
    for test in selector.requirements:
        values = {"values": list(test.values)} if test.values else {}
        tests.append({"key": test.key, "operator": test.operator.value, **values})
    return {"matchExpressions": tests} if tests else {}


def written_peer(peer):
    if isinstance(peer, AdminNetworks):
        return {"networks": list(peer.cidrs)}
    if isinstance(peer, AdminDomains):
        return {"domainNames": list(peer.names)}
    if isinstance(peer, AdminNodes):
        return {"nodes": written_selector(peer.selector)}
    spaces = written_selector(peer.namespace_selector)
    if peer.pod_selector is None:
        return {"namespaces": spaces}
    return {"pods": {"namespaceSelector": spaces, "podSelector": written_selector(peer.pod_selector)}}


def written_port(port, newer):
    if port.name:
        return {"destinationNamedPort" if newer else "namedPort": port.name}
    if newer:
        number, several = {"number": port.first}, {"range": {"start": port.first, "end": port.last}}
        return {port.protocol.lower(): {"destinationPort": number if port.first == port.last else several}}
    return {"portRange": {"protocol": port.protocol, "start": port.first, "end": port.last}}


def written_rule(rule, peers, newer):
    word = "Allow" if rule.action is AdminAction.ACCEPT and not newer else rule.action.value
    out = {"action": word, peers: [written_peer(peer) for peer in rule.peers]}
    if rule.ports:
        out["protocols" if newer else "ports"] = [written_port(port, newer) for port in rule.ports]
    return {**out, "name": rule.name} if rule.name else out


def written_policy(policy):
    newer = policy.kind == "ClusterNetworkPolicy"
    spec = {"subject": written_peer(policy.subject)}
    if policy.kind != "BaselineAdminNetworkPolicy":
        spec["priority"] = policy.priority
    if newer:
        spec["tier"] = policy.tier.value
    for side, peers in (("ingress", "from"), ("egress", "to")):
        spec[side] = [written_rule(rule, peers, newer) for rule in getattr(policy, side)]
    version = "policy.networking.k8s.io/v1alpha2" if newer else "policy.networking.k8s.io/v1alpha1"
    return {"apiVersion": version, "kind": policy.kind, "metadata": {"name": policy.name}, "spec": spec}


def test_every_generated_policy_is_read_back_as_it_was_written():
    for seed in range(150):
        policies = strategies.of_seed(seed, admin=True).admin
        if not policies:
            continue
        loaded = load_text("\n---\n".join(json.dumps(written_policy(policy)) for policy in policies))
        assert loaded.cluster.admin == policies
        assert not [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
