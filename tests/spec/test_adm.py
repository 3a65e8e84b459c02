"""Admin policies, SEMANTICS section 3: each class quotes its rule.

What a server refuses (ADM-21 and ADM-23, the exclusive fields of ADM-18 and ADM-19) is the loader's: tests/load. A flow
is what is left after a Service chose a backend, so ADM-26 and the second half of ADM-24 are those of Services.
"""

from __future__ import annotations

import pytest

from netcheck.load.loader import load_text
from netcheck.model.flow import AddressEnd, OwnNodeEnd, Tier
from netcheck.model.objects import Node
from netcheck.model.profile import PROFILES
from netcheck.semantics.walk import walkthrough
from tests.spec.builders import (
    ALLOWED,
    DENIED,
    INGRESS,
    NO,
    PERHAPS,
    UNKNOWN,
    YES,
    absent,
    accept,
    admin_port,
    banp,
    beneath,
    cluster,
    decision,
    deny,
    domains,
    everyone,
    flow,
    is_in,
    named,
    namespace,
    networks,
    on_nodes,
    opaque,
    over,
    passing,
    pod,
    pods,
    policy,
    port,
    rule,
    select,
    some,
    verdict,
)

WEB, DB, API = pod("web"), pod("db"), pod("api")
FAR = pod("far", ns="other")
OUTSIDE = "8.8.8.8"
ALL = everyone()
DENY_ALL, ACCEPT_ALL, PASS_ALL = deny(ALL), accept(ALL), passing(ALL)
CLOSED_DB = policy(on="app=db", ingress=[])
N1 = Node(name="n1", labels={"role": "worker"}, addresses=("192.168.0.1",))
N2 = Node(name="n2", labels={"role": "edge"}, addresses=("192.168.0.2",))
HOST = pod("agent", host_network=True, node="n1", addresses=N1.addresses)


def reasons(found):
    return [one.rule for one in found.reasons]


class TestADM1:
    """ "AdminNetworkPolicy: before NP; BaselineAdminNetworkPolicy: after NP; ClusterNetworkPolicy: spec.tier." """

    def test_both_kinds_of_the_admin_tier_come_before_network_policies(self) -> None:
        for kind in ("AdminNetworkPolicy", "ClusterNetworkPolicy"):
            there = cluster(WEB, DB, CLOSED_DB, over(kind=kind, ingress=[ACCEPT_ALL]))
            assert verdict(there, WEB, DB) is ALLOWED

    def test_both_kinds_of_the_baseline_tier_come_after(self) -> None:
        opened = policy(on="app=db", ingress=[rule()])
        for below in (banp(ingress=[DENY_ALL]), beneath(ingress=[DENY_ALL])):
            assert verdict(cluster(WEB, DB, below), WEB, DB) is DENIED
            assert verdict(cluster(WEB, DB, opened, below), WEB, DB) is ALLOWED


class TestADM2:
    """ "subject has exactly one of namespaces (all their pods) or pods (namespaceSelector AND podSelector). Empty
    selectors select everything, including system namespaces. Host-networked pods are never subjects." """

    SHOP, OTHER = namespace("shop", "team=a"), namespace("other", "team=b")

    def test_namespaces_means_all_their_pods(self) -> None:
        there = cluster(WEB, DB, FAR, self.SHOP, self.OTHER, over(on=everyone("team=a"), ingress=[DENY_ALL]))
        assert [verdict(there, FAR, WEB), verdict(there, FAR, DB), verdict(there, WEB, FAR)] == [
            DENIED,
            DENIED,
            ALLOWED,
        ]

    def test_pods_means_both_selectors(self) -> None:
        there = cluster(WEB, DB, FAR, self.SHOP, self.OTHER, over(on=some("app=db", "team=a"), ingress=[DENY_ALL]))
        assert [verdict(there, WEB, DB), verdict(there, DB, WEB), verdict(there, WEB, FAR)] == [
            DENIED,
            ALLOWED,
            ALLOWED,
        ]

    def test_empty_selectors_select_system_namespaces_too(self) -> None:
        dns = pod("dns", ns="kube-system")
        assert verdict(cluster(WEB, dns, over(ingress=[DENY_ALL])), WEB, dns) is DENIED

    def test_a_host_network_pod_is_never_a_subject(self) -> None:
        for setting in (NO, YES, PERHAPS):
            there = cluster(WEB, HOST, N1, over(ingress=[DENY_ALL]), host_net_subject=setting)
            assert verdict(there, WEB, HOST) is ALLOWED

    def test_unknown_namespace_labels_leave_open_whether_a_subject_is_selected(self) -> None:
        unknown = namespace("shop", known=False)
        there = cluster(WEB, DB, unknown, over(on=everyone("team=a"), ingress=[DENY_ALL]))
        found = decision(there, WEB, DB)
        assert (found.verdict, reasons(found)) == (UNKNOWN, ["WL-3"])
        either = [
            over("a", on=everyone("team=a"), ingress=[DENY_ALL]),
            over("b", on=everyone(select("", absent("team"))), ingress=[DENY_ALL]),
            over("c", on=everyone(select("", is_in("team", "b", "c"))), ingress=[DENY_ALL]),
        ]
        assert verdict(cluster(WEB, DB, unknown, *either), WEB, DB) is UNKNOWN
        known = namespace("shop", "team=c")
        assert verdict(cluster(WEB, DB, known, *either), WEB, DB) is DENIED


class TestADM3:
    """ "Admin tier ... first rule that matches the flow: Accept -> ALLOW; Deny -> DENY; Pass -> NetworkPolicy tier;
    (no match -> likewise). If the pod is isolated for this direction: verdict of NP, final. Otherwise Baseline.
    Then default: ALLOW." """

    def test_the_admin_tier_is_asked_first(self) -> None:
        opened = policy(on="app=db", ingress=[rule()])
        assert verdict(cluster(WEB, DB, opened, over(ingress=[DENY_ALL])), WEB, DB) is DENIED
        assert verdict(cluster(WEB, DB, CLOSED_DB, over(ingress=[ACCEPT_ALL])), WEB, DB) is ALLOWED

    @pytest.mark.parametrize("first", [[PASS_ALL], [deny(some("app=x"))]])
    def test_pass_and_no_match_lead_to_network_policies_and_then_to_the_baseline(self, first) -> None:
        above, below = over(ingress=first), beneath(ingress=[DENY_ALL])
        opened = policy(on="app=db", ingress=[rule()])
        assert verdict(cluster(WEB, DB, above, opened, below), WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, above, CLOSED_DB, beneath(ingress=[ACCEPT_ALL])), WEB, DB) is DENIED
        assert verdict(cluster(WEB, DB, above, below), WEB, DB) is DENIED
        assert verdict(cluster(WEB, DB, above), WEB, DB) is ALLOWED

    def test_what_passes_and_what_decides_are_both_named(self) -> None:
        there = cluster(WEB, DB, over(ingress=[passing(ALL, name="to teams")]), beneath(ingress=[DENY_ALL]))
        found = [one for one in decision(there, WEB, DB).deciders if one.direction is INGRESS]
        assert [(one.tier, one.action, one.policy, one.rule, one.cites, one.note) for one in found] == [
            (Tier.ADMIN, "pass", "ClusterNetworkPolicy c", "ingress[0]", "ADM-7", "rule `to teams`"),
            (Tier.BASELINE, "deny", "ClusterNetworkPolicy b", "ingress[0]", "ADM-7", ""),
        ]


class TestADM4:
    """ "Lower number = higher precedence. Priority is compared only inside a tier; every Admin rule precedes NP and
    Baseline." """

    def test_a_lower_number_wins(self) -> None:
        for low, high, answer in ((1, 2, ALLOWED), (2, 1, DENIED), (0, 1000, ALLOWED)):
            two = over("a", priority=low, ingress=[ACCEPT_ALL]), over("b", priority=high, ingress=[DENY_ALL])
            assert verdict(cluster(WEB, DB, *two), WEB, DB) is answer

    def test_the_kinds_of_one_tier_share_its_order(self) -> None:
        older = over("a", kind="AdminNetworkPolicy", priority=2, ingress=[DENY_ALL])
        assert verdict(cluster(WEB, DB, older, over("b", priority=1, ingress=[ACCEPT_ALL])), WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, older, over("b", priority=3, ingress=[ACCEPT_ALL])), WEB, DB) is DENIED

    def test_a_priority_says_nothing_across_tiers(self) -> None:
        there = cluster(WEB, DB, over(priority=1000, ingress=[ACCEPT_ALL]), beneath(priority=0, ingress=[DENY_ALL]))
        assert verdict(there, WEB, DB) is ALLOWED

    def test_the_baseline_admin_policy_comes_after_every_baseline_cluster_policy(self) -> None:
        last = banp(ingress=[DENY_ALL])
        assert verdict(cluster(WEB, DB, last, beneath(priority=1000, ingress=[ACCEPT_ALL])), WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, last, beneath(priority=0, ingress=[ACCEPT_ALL])), WEB, DB) is ALLOWED


class TestADM5:
    """ "Equal priority in the same tier: if both could match a connection, the implementation may apply either." """

    def tied(self, first, second, **switches):
        two = over("a", ingress=[first]), over("b", ingress=[second])
        return cluster(WEB, DB, *two, **switches)

    def test_two_that_differ_leave_it_open(self) -> None:
        found = decision(self.tied(ACCEPT_ALL, DENY_ALL), WEB, DB)
        assert (found.verdict, reasons(found)) == (UNKNOWN, ["ADM-5"])
        assert "`ClusterNetworkPolicy a`, `ClusterNetworkPolicy b`" in found.reasons[0].message

    def test_two_that_agree_do_not(self) -> None:
        assert verdict(self.tied(DENY_ALL, DENY_ALL), WEB, DB) is DENIED
        assert verdict(self.tied(ACCEPT_ALL, PASS_ALL), WEB, DB) is ALLOWED

    def test_pass_is_one_of_the_choices(self) -> None:
        two = over("a", ingress=[ACCEPT_ALL]), over("b", ingress=[PASS_ALL])
        assert verdict(cluster(WEB, DB, CLOSED_DB, *two), WEB, DB) is UNKNOWN

    def test_only_policies_that_match_are_tied(self) -> None:
        assert verdict(self.tied(accept(some("app=x")), DENY_ALL), WEB, DB) is DENIED
        elsewhere = over("b", on=some("app=x"), ingress=[DENY_ALL])
        assert verdict(cluster(WEB, DB, over("a", ingress=[ACCEPT_ALL]), elsewhere), WEB, DB) is ALLOWED

    def test_a_higher_one_settles_it_first(self) -> None:
        two = over("a", ingress=[ACCEPT_ALL]), over("b", ingress=[DENY_ALL])
        assert verdict(cluster(WEB, DB, over("top", priority=1, ingress=[DENY_ALL]), *two), WEB, DB) is DENIED

    def test_tiers_are_not_tied(self) -> None:
        there = cluster(WEB, DB, over(ingress=[ACCEPT_ALL]), beneath(ingress=[DENY_ALL]))
        assert verdict(there, WEB, DB) is ALLOWED

    def test_some_plugins_take_the_first_by_name(self) -> None:
        assert verdict(self.tied(ACCEPT_ALL, DENY_ALL, equal_priority=YES), WEB, DB) is ALLOWED
        assert verdict(self.tied(DENY_ALL, ACCEPT_ALL, equal_priority=YES), WEB, DB) is DENIED
        assert verdict(self.tied(DENY_ALL, ACCEPT_ALL, equal_priority=NO), WEB, DB) is UNKNOWN

    def test_the_name_counts_and_not_the_order_of_loading_nor_the_kind(self) -> None:
        first, second = over("a", ingress=[ACCEPT_ALL]), over("b", kind="AdminNetworkPolicy", ingress=[DENY_ALL])
        assert verdict(cluster(WEB, DB, second, first, equal_priority=YES), WEB, DB) is ALLOWED

    def test_the_directions_choose_separately(self) -> None:
        two = over("a", ingress=[ACCEPT_ALL], egress=[DENY_ALL]), over("b", ingress=[DENY_ALL], egress=[ACCEPT_ALL])
        assert verdict(cluster(WEB, DB, *two), WEB, DB) is UNKNOWN

    def test_three_may_be_tied(self) -> None:
        three = [over(name, ingress=[one]) for name, one in (("a", PASS_ALL), ("b", PASS_ALL), ("c", DENY_ALL))]
        assert verdict(cluster(WEB, DB, *three), WEB, DB) is UNKNOWN
        assert verdict(cluster(WEB, DB, CLOSED_DB, *three), WEB, DB) is DENIED


class TestADM6:
    """ "Inside one object, ingress rules are ordered by position, likewise egress; the first match wins." """

    def test_the_first_match_wins(self) -> None:
        web = some("app=web")
        assert verdict(cluster(WEB, DB, over(ingress=[accept(web), DENY_ALL])), WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, over(ingress=[DENY_ALL, accept(web)])), WEB, DB) is DENIED
        found = decision(cluster(API, DB, over(ingress=[accept(web), DENY_ALL])), API, DB)
        assert (found.verdict, found.deciders[1].rule) == (DENIED, "ingress[1]")

    def test_egress_has_its_own_order(self) -> None:
        there = cluster(WEB, DB, over(ingress=[ACCEPT_ALL], egress=[accept(some("app=db")), DENY_ALL]))
        assert (verdict(there, WEB, DB), verdict(there, DB, WEB)) == (ALLOWED, DENIED)


class TestADM7:
    """ "Accept: final for this direction. Deny: final. Pass: skip the rest of this tier. kCNP Baseline may use Pass,
    which leads to the default." """

    def test_pass_skips_the_rest_of_its_tier(self) -> None:
        there = cluster(WEB, DB, over("a", priority=1, ingress=[PASS_ALL]), over("b", priority=2, ingress=[DENY_ALL]))
        assert verdict(there, WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, over(ingress=[PASS_ALL, DENY_ALL])), WEB, DB) is ALLOWED

    def test_pass_in_the_baseline_leads_to_the_default(self) -> None:
        there = cluster(WEB, DB, beneath(ingress=[PASS_ALL, DENY_ALL]), banp(ingress=[DENY_ALL]))
        found = decision(there, WEB, DB)
        assert found.verdict is ALLOWED
        assert [(one.tier, one.action) for one in found.deciders[1:]] == [
            (Tier.BASELINE, "pass"),
            (Tier.DEFAULT, "allow"),
        ]


class TestADM8:
    """ "No implicit isolation ... unmatched traffic falls through. Policies with no rules for a direction do not touch
    that direction." """

    def test_what_no_rule_matches_is_not_denied(self) -> None:
        there = cluster(WEB, DB, API, over(ingress=[accept(some("app=web"))]))
        assert verdict(there, API, DB) is ALLOWED

    def test_ingress_rules_leave_egress_alone(self) -> None:
        there = cluster(DB, over(ingress=[DENY_ALL]), over("d", egress=[]))
        assert verdict(there, DB, OUTSIDE) is ALLOWED


class TestADM9:
    """ "Accept on egress does not bypass the destination's ingress policies (and vice versa)." """

    def test_both_directions_are_judged(self) -> None:
        assert verdict(cluster(WEB, DB, over(egress=[ACCEPT_ALL]), CLOSED_DB), WEB, DB) is DENIED
        out = policy(on="app=web", egress=[])
        assert verdict(cluster(WEB, DB, over(ingress=[ACCEPT_ALL]), out), WEB, DB) is DENIED


class TestADM10:
    """ "Isolation in step 2 is per direction: a pod selected only by an [Ingress] NetworkPolicy still goes through
    Baseline for egress. KNP ... returns a final accept as soon as any NP selects the pod." """

    def there(self, *more, **switches):
        return cluster(WEB, DB, *more, beneath(egress=[deny(some("app=db"))]), **switches)

    def test_a_policy_of_the_other_direction_does_not_keep_the_baseline_away(self) -> None:
        assert verdict(self.there(policy(on="app=web", ingress=[])), WEB, DB) is DENIED

    def test_with_some_plugins_it_does(self) -> None:
        selecting = policy(on="app=web", ingress=[])
        found = [verdict(self.there(selecting, baseline_skipped_by_any_np=one), WEB, DB) for one in (NO, YES, PERHAPS)]
        assert found == [DENIED, ALLOWED, UNKNOWN]
        found = decision(self.there(selecting, baseline_skipped_by_any_np=PERHAPS), WEB, DB)
        assert reasons(found) == ["ADM-10"]

    def test_a_policy_of_another_pod_does_not(self) -> None:
        assert verdict(self.there(CLOSED_DB, baseline_skipped_by_any_np=YES), DB, DB) is ALLOWED
        assert verdict(self.there(policy(on="app=api", ingress=[]), baseline_skipped_by_any_np=YES), WEB, DB) is DENIED

    def test_a_refused_policy_may(self) -> None:
        unclear = opaque(kind="NetworkPolicy", additive=True, directions=(INGRESS,), subject=select("app=web"))
        assert verdict(self.there(unclear), WEB, DB) is DENIED
        assert verdict(self.there(unclear, baseline_skipped_by_any_np=YES), WEB, DB) is UNKNOWN

    def test_the_profile_of_kube_network_policies_says_so(self) -> None:
        assert PROFILES["kindnet"].baseline_skipped_by_any_np is YES


class TestADM11:
    """ "An NP that isolates a pod but does not allow the flow denies it; a Baseline Accept cannot rescue it." """

    def test_the_baseline_does_not_rescue(self) -> None:
        assert verdict(cluster(WEB, DB, CLOSED_DB, beneath(ingress=[ACCEPT_ALL])), WEB, DB) is DENIED
        assert verdict(cluster(WEB, DB, CLOSED_DB, banp(ingress=[ACCEPT_ALL])), WEB, DB) is DENIED


class TestADM12:
    """ "A flow that no tier decides is allowed." """

    def test_it_is_allowed_by_default(self) -> None:
        nothing = deny(some("app=x"))
        there = cluster(WEB, DB, over(ingress=[nothing]), beneath(ingress=[nothing]))
        found = decision(there, WEB, DB)
        assert (found.verdict, found.deciders[1].tier) == (ALLOWED, Tier.DEFAULT)


class TestADM13:
    """ "Ingress peers: exactly one of namespaces or pods ... ingress admin rules can never match external sources;
    host-networked pods are not included." """

    def test_external_sources_nodes_and_the_own_node_are_never_matched(self) -> None:
        there = cluster(DB, N1, over(ingress=[DENY_ALL]))
        assert [verdict(there, one, DB) for one in (OUTSIDE, N1, OwnNodeEnd())] == [ALLOWED] * 3

    def test_host_network_pods_are_never_matched(self) -> None:
        for setting in (NO, YES, PERHAPS):
            there = cluster(DB, HOST, N1, over(ingress=[DENY_ALL], egress=[DENY_ALL]), host_net_peer=setting)
            assert (verdict(there, HOST, DB), verdict(there, DB, HOST)) == (ALLOWED, ALLOWED)

    def test_pods_means_both_selectors(self) -> None:
        spaces = namespace("shop", "team=a"), namespace("other", "team=b")
        there = cluster(
            WEB, DB, FAR, *spaces, over(ingress=[deny(some("app=web", "team=a")), deny(everyone("team=b"))])
        )
        assert [verdict(there, one, DB) for one in (WEB, FAR)] == [DENIED, DENIED]
        assert verdict(there, DB, WEB) is ALLOWED

    def test_unknown_namespace_labels_of_a_peer_leave_it_open(self) -> None:
        there = cluster(WEB, DB, namespace("shop", known=False), over(ingress=[deny(everyone("team=a"))]))
        assert verdict(there, WEB, DB) is UNKNOWN


class TestADM14:
    """ "Egress peers: exactly one of namespaces, pods, nodes, networks, domainNames." Several peers are ORed."""

    def test_any_of_several_peers_matches(self) -> None:
        there = cluster(WEB, DB, N1, over(egress=[deny([some("app=db"), networks("8.8.8.0/24"), on_nodes()])]))
        assert [verdict(there, WEB, one) for one in (DB, OUTSIDE, N1)] == [DENIED] * 3
        assert verdict(there, WEB, "9.9.9.9") is ALLOWED


class TestADM15:
    """ "networks: matches any destination address in range, including in-cluster pods, nodes. Deny 0.0.0.0/0 denies all
    IPv4 pod-to-pod egress." """

    EVERYWHERE = over(egress=[deny(networks("0.0.0.0/0"))])

    def test_pods_nodes_and_the_own_node_are_matched(self) -> None:
        there = cluster(WEB, DB, HOST, N1, self.EVERYWHERE, node_cidrs=("192.168.0.0/16",))
        assert [verdict(there, WEB, one) for one in (DB, HOST, N1, OwnNodeEnd(), OUTSIDE)] == [DENIED] * 5

    def test_a_pass_for_all_namespaces_before_it_spares_the_cluster(self) -> None:
        there = cluster(WEB, DB, over(egress=[PASS_ALL, deny(networks("0.0.0.0/0"))]))
        assert (verdict(there, WEB, DB), verdict(there, WEB, OUTSIDE)) == (ALLOWED, DENIED)

    def test_each_family_has_its_own(self) -> None:
        six = pod("six", addresses=("fd00::6",)), pod("seven", addresses=("fd00::7",))
        assert verdict(cluster(*six, self.EVERYWHERE), *six) is ALLOWED
        assert verdict(cluster(*six, over(egress=[deny(networks("10.0.0.0/8", "fd00::/8"))])), *six) is DENIED

    def test_an_unknown_address_leaves_it_open(self) -> None:
        nowhere = pod("nowhere", addresses=())
        there = cluster(WEB, nowhere, over(egress=[deny(networks("10.1.0.0/16"))]))
        assert verdict(there, WEB, nowhere) is UNKNOWN
        there = cluster(WEB, nowhere, over(egress=[deny(networks("10.1.0.0/16"))]), pod_cidrs=("10.1.2.0/24",))
        assert verdict(there, WEB, nowhere) is DENIED

    def test_the_edges_of_a_network(self) -> None:
        there = cluster(WEB, over(egress=[deny(networks("8.8.8.0/24"))]))
        asked = ("8.8.7.255", "8.8.8.0", "8.8.8.255", "8.8.9.0")
        assert [verdict(there, WEB, one) for one in asked] == [ALLOWED, DENIED, DENIED, ALLOWED]


class TestADM16:
    """ "nodes: matches destination addresses listed in node.status.addresses of selected nodes ({} = all nodes).
    Host-networked pods are reached through their node's address." """

    WORKERS = over(egress=[deny(on_nodes("role=worker"))])

    def test_nodes_by_their_labels(self) -> None:
        there = cluster(WEB, DB, N1, N2, self.WORKERS)
        assert [verdict(there, WEB, one) for one in (N1, N2, DB, OUTSIDE)] == [DENIED, ALLOWED, ALLOWED, ALLOWED]
        there = cluster(WEB, DB, N1, N2, over(egress=[deny(on_nodes())]))
        assert [verdict(there, WEB, one) for one in (N1, N2, DB, OUTSIDE)] == [DENIED, DENIED, ALLOWED, ALLOWED]

    def test_a_host_network_pod_through_the_node_it_names(self) -> None:
        elsewhere = pod("edge", host_network=True, node="n2", addresses=N2.addresses)
        there = cluster(WEB, HOST, elsewhere, N1, N2, self.WORKERS)
        assert [verdict(there, WEB, one) for one in (HOST, elsewhere)] == [DENIED, ALLOWED]

    def test_a_host_network_pod_through_the_address_it_has(self) -> None:
        unnamed = pod("agent", host_network=True, addresses=N1.addresses)
        assert verdict(cluster(WEB, unnamed, N1, self.WORKERS), WEB, unnamed) is DENIED

    def test_a_host_network_pod_on_a_node_that_is_not_loaded(self) -> None:
        lost = pod("agent", host_network=True, node="n9", addresses=("192.168.0.9",))
        found = decision(cluster(WEB, lost, N1, self.WORKERS), WEB, lost)
        assert (found.verdict, reasons(found)) == (UNKNOWN, ["ADM-16"])
        assert verdict(cluster(WEB, lost, N1, over(egress=[deny(on_nodes())])), WEB, lost) is DENIED

    def test_the_own_node_where_it_is_loaded(self) -> None:
        for name, answer in (("n1", DENIED), ("n2", ALLOWED)):
            on = pod("on", node=name)
            assert verdict(cluster(on, N1, N2, self.WORKERS), on, OwnNodeEnd()) is answer

    def test_the_own_node_where_it_is_not(self) -> None:
        found = decision(cluster(WEB, N1, self.WORKERS), WEB, OwnNodeEnd())
        assert (found.verdict, reasons(found)) == (UNKNOWN, ["ADM-16"])
        assert verdict(cluster(WEB, N1, over(egress=[deny(on_nodes())])), WEB, OwnNodeEnd()) is DENIED
        split = over(egress=[deny(on_nodes("role=worker")), deny(on_nodes(select("", absent("role"))))])
        both = over("d", egress=[deny(on_nodes(select("", is_in("role", "a"))))], priority=20)
        assert verdict(cluster(WEB, split, both), WEB, OwnNodeEnd()) is UNKNOWN

    def test_whatever_blocks_match(self) -> None:
        there = cluster(WEB, HOST, N1, self.WORKERS, cidr_matches_nodes=NO)
        assert [verdict(there, WEB, one) for one in (N1, HOST)] == [DENIED, DENIED]

    def test_the_own_node_exemption_is_of_the_network_policy_tier(self) -> None:
        on = pod("on", node="n1")
        for there in (cluster(on, N1, self.WORKERS), cluster(on, N1, beneath(egress=[deny(on_nodes())]))):
            assert verdict(there, on, OwnNodeEnd()) is DENIED
        isolated = policy(on="app=on", egress=[])
        assert verdict(cluster(on, N1, isolated, beneath(egress=[deny(on_nodes())])), on, OwnNodeEnd()) is ALLOWED


class TestADM17:
    """ "domainNames: exact name or *. prefix ... verdict ALLOW if resolved." To whom a name resolves is not known."""

    OPEN = over(egress=[accept(domains("example.com")), deny(networks("0.0.0.0/0"))])

    def test_an_address_may_be_one_of_the_name(self) -> None:
        found = decision(cluster(WEB, self.OPEN), WEB, OUTSIDE)
        assert (found.verdict, reasons(found)) == (UNKNOWN, ["ADM-17"])
        assert verdict(cluster(WEB, over(egress=[accept(domains("example.com"))])), WEB, OUTSIDE) is ALLOWED

    def test_pods_nodes_and_the_own_node_are_not(self) -> None:
        there = cluster(WEB, DB, HOST, N1, self.OPEN, node_cidrs=("192.168.0.0/16",))
        assert [verdict(there, WEB, one) for one in (DB, HOST, N1, OwnNodeEnd())] == [DENIED] * 4

    def test_one_name_is_one_fact(self) -> None:
        same = over(egress=[accept(domains("a.io")), deny(domains("a.io"))])
        assert verdict(cluster(WEB, same), WEB, OUTSIDE) is ALLOWED
        isolated = policy(on="app=web", egress=[])
        either = over(egress=[accept(domains("a.io")), passing(domains("b.io"))])
        assert verdict(cluster(WEB, isolated, either), WEB, OUTSIDE) is UNKNOWN
        spelled = over(egress=[accept(domains("A.io.")), deny(domains("a.io"))])
        assert verdict(cluster(WEB, spelled), WEB, OUTSIDE) is ALLOWED


class TestADM18:
    """ "portNumber, portRange (inclusive), namedPort. Missing ports = any port and protocol." """

    def test_a_number(self) -> None:
        there = cluster(WEB, DB, over(ingress=[deny(ALL, admin_port(80))]))
        assert [verdict(there, WEB, DB, number) for number in (79, 80, 81)] == [ALLOWED, DENIED, ALLOWED]
        assert verdict(there, WEB, DB, 80, "UDP") is ALLOWED

    def test_a_range_holds_both_its_ends(self) -> None:
        there = cluster(WEB, DB, over(ingress=[deny(ALL, admin_port(80, 82))]), end_port=NO)
        answers = [verdict(there, WEB, DB, number) for number in (79, 80, 81, 82, 83)]
        assert answers == [ALLOWED, DENIED, DENIED, DENIED, ALLOWED]

    def test_without_ports_any_port_of_any_protocol(self) -> None:
        there = cluster(WEB, DB, over(ingress=[DENY_ALL]))
        assert [verdict(there, WEB, DB, 1, name) for name in ("TCP", "UDP", "SCTP")] == [DENIED] * 3


class TestADM19:
    """ "protocols items, exactly one of tcp, udp, sctp or destinationNamedPort." Several are ORed."""

    def test_each_protocol_has_its_own_ports(self) -> None:
        items = (admin_port(80), admin_port(1, 65535, "UDP"), admin_port(9, protocol="SCTP"))
        there = cluster(WEB, DB, over(ingress=[deny(ALL, *items)]))
        asked = [(80, "TCP"), (9, "TCP"), (65535, "UDP"), (9, "SCTP"), (80, "SCTP")]
        assert [verdict(there, WEB, DB, *one) for one in asked] == [DENIED, ALLOWED, DENIED, DENIED, ALLOWED]


class TestADM20:
    """ "destinationNamedPort/namedPort: resolved on the destination pod's container ports; protocol follows the
    container port. Forbidden together with networks/nodes/domainNames." """

    DNS = pod("dns", ports=(port(53, "dns", "UDP"), port(80, "web")))

    def test_the_protocol_is_that_of_the_container_port(self) -> None:
        there = cluster(WEB, self.DNS, over(ingress=[deny(ALL, named("dns"))]))
        asked = [(53, "UDP"), (53, "TCP"), (80, "TCP")]
        assert [verdict(there, WEB, self.DNS, *one) for one in asked] == [DENIED, ALLOWED, ALLOWED]

    def test_on_egress_it_is_resolved_on_the_destination(self) -> None:
        there = cluster(WEB, self.DNS, DB, over(egress=[deny(ALL, named("web"))]))
        assert (verdict(there, WEB, self.DNS, 80), verdict(there, WEB, DB, 80)) == (DENIED, ALLOWED)

    def test_it_matches_nothing_that_is_no_pod(self) -> None:
        host = pod("agent", host_network=True, node="n1", addresses=N1.addresses, ports=(port(80, "web"),))
        there = cluster(WEB, host, N1, over(egress=[deny([networks("0.0.0.0/0"), on_nodes()], named("web"))]))
        assert [verdict(there, WEB, one, 80) for one in (host, N1, OUTSIDE)] == [ALLOWED] * 3

    def test_several_containers_of_one_name(self) -> None:
        two = pod("two", ports=(port(80, "web"), port(81, "web")))
        found = decision(cluster(WEB, two, over(ingress=[deny(ALL, named("web"))])), WEB, two, 80)
        assert (found.verdict, reasons(found)) == (UNKNOWN, ["NP-26"])


class TestADM22:
    """ "A peer with no known field set: for Accept treat the rule as matching nothing; for Deny and Pass as a deny-all
    rule." A server refuses such a peer, so its policy may do anything."""

    TEXT = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: main, image: example}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: newer}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress: [{action: %s, to: [{somethingNew: {}}]}]
"""

    @pytest.mark.parametrize("action", ["Accept", "Deny", "Pass"])
    def test_it_is_refused_so_nobody_knows(self, action) -> None:
        there = load_text(self.TEXT % action).cluster
        found = decision(there, there.pods[0], OUTSIDE)
        assert (found.verdict, reasons(found)) == (UNKNOWN, ["ADM-1"])
        assert verdict(there, OUTSIDE, there.pods[0]) is ALLOWED

    def test_a_rule_without_peers_matches_nothing(self) -> None:
        assert verdict(cluster(WEB, DB, over(ingress=[deny([])])), WEB, DB) is ALLOWED


class TestADM24:
    """ "Hairpin: pod -> its own pod IP is not subject to kCNP." """

    def test_a_pod_reaches_itself(self) -> None:
        there = cluster(WEB, over(ingress=[DENY_ALL], egress=[DENY_ALL]), beneath(ingress=[DENY_ALL]))
        assert verdict(there, WEB, WEB) is ALLOWED

    def test_two_pods_of_a_template_are_not_one(self) -> None:
        many = pod("web", template=True, replicas=2)
        assert verdict(cluster(many, over(ingress=[DENY_ALL])), many, many) is DENIED


class TestADM25:
    """ "Probe ports in the base manifests: TCP 80, UDP 53, SCTP 9003." In both tiers and directions."""

    @pytest.mark.parametrize(("number", "protocol"), [(80, "TCP"), (53, "UDP"), (9003, "SCTP")])
    @pytest.mark.parametrize("tier", [over, beneath])
    @pytest.mark.parametrize("side", ["ingress", "egress"])
    def test_every_protocol_in_both_tiers(self, number, protocol, tier, side) -> None:
        made = tier(**{side: [deny(ALL, admin_port(number, protocol=protocol))]})
        there = cluster(WEB, DB, made)
        others = {"TCP", "UDP", "SCTP"} - {protocol}
        assert verdict(there, WEB, DB, number, protocol) is DENIED
        assert {verdict(there, WEB, DB, number, other) for other in others} == {ALLOWED}


class TestADM27:
    """ "Cilium: conformance needs policy-cidr-match-mode incl. pods": networks follow the switches of ipBlock."""

    EVERYWHERE = over(egress=[deny(networks("0.0.0.0/0"))])

    def test_pods_are_matched_iff_blocks_match_pods(self) -> None:
        found = [verdict(cluster(WEB, DB, self.EVERYWHERE, cidr_matches_pods=s), WEB, DB) for s in (YES, NO, PERHAPS)]
        assert found == [DENIED, ALLOWED, UNKNOWN]

    def test_nodes_are_matched_iff_blocks_match_nodes(self) -> None:
        for end in (N1, HOST):
            there = [cluster(WEB, HOST, N1, self.EVERYWHERE, cidr_matches_nodes=s) for s in (YES, NO, PERHAPS)]
            assert [verdict(one, WEB, end) for one in there] == [DENIED, ALLOWED, UNKNOWN]

    def test_a_host_network_pod_counts_as_a_pod_where_it_can_be_told_apart(self) -> None:
        there = cluster(WEB, HOST, N1, self.EVERYWHERE, cidr_matches_pods=NO, host_net_peer=YES)
        assert verdict(there, WEB, HOST) is ALLOWED

    def test_addresses_outside_are_always_matched(self) -> None:
        there = cluster(WEB, self.EVERYWHERE, cidr_matches_pods=NO, cidr_matches_nodes=NO)
        assert verdict(there, WEB, OUTSIDE) is DENIED


class TestADM28:
    """ "Admin 10: Deny ingress from slytherin; NP allows slytherin; -> DENY. Change the action to Pass; -> ALLOW (NP
    decides). Pass, NP deleted, Baseline Deny -> DENY." (conformance CNPAdminTierIntegration)"""

    HARRY, DRACO = pod("harry", ns="gryffindor"), pod("draco", ns="slytherin")
    PEER = everyone("kubernetes.io/metadata.name=slytherin")
    NP = policy(ns="gryffindor", ingress=[rule([pods(ns="kubernetes.io/metadata.name=slytherin")])])

    def answer(self, *policies):
        return verdict(cluster(self.HARRY, self.DRACO, *policies), self.DRACO, self.HARRY)

    def test_deny_comes_before_the_network_policy(self) -> None:
        assert self.answer(over(ingress=[deny(self.PEER)]), self.NP) is DENIED

    def test_pass_leaves_it_to_the_network_policy(self) -> None:
        below = beneath(ingress=[deny(self.PEER)])
        assert self.answer(over(ingress=[passing(self.PEER)]), self.NP, below) is ALLOWED

    def test_without_it_the_baseline_decides(self) -> None:
        assert self.answer(over(ingress=[passing(self.PEER)]), beneath(ingress=[deny(self.PEER)])) is DENIED


class TestBesideOtherRules:
    """NP-36 and NET-18 come before all tiers."""

    def test_where_nothing_is_enforced_admin_policies_have_no_effect(self) -> None:
        there = [cluster(WEB, DB, over(ingress=[DENY_ALL]), enforced=s) for s in (NO, PERHAPS)]
        assert [verdict(one, WEB, DB) for one in there] == [ALLOWED, UNKNOWN]

    def test_a_policy_that_is_not_modelled_may_come_before_an_admin_policy(self) -> None:
        assert verdict(cluster(WEB, DB, over(ingress=[DENY_ALL]), opaque()), WEB, DB) is UNKNOWN

    def test_a_refused_network_policy_cannot(self) -> None:
        unclear = opaque(kind="NetworkPolicy", additive=True)
        assert verdict(cluster(WEB, DB, over(ingress=[DENY_ALL]), unclear), WEB, DB) is DENIED
        assert verdict(cluster(WEB, DB, beneath(ingress=[DENY_ALL]), unclear), WEB, DB) is UNKNOWN


class TestWalkthrough:
    """Every policy that is consulted, until one decides."""

    def steps(self, *policies):
        found = walkthrough(cluster(WEB, DB, *policies), flow(WEB, DB))
        return [(one.tier.value, one.action, one.policy, one.cites) for one in found if one.direction is INGRESS]

    def test_a_final_rule_ends_it(self) -> None:
        first = over("a", priority=1, ingress=[deny(some("app=x"))])
        second, third = over("b", priority=2, ingress=[DENY_ALL]), over("c", priority=3, ingress=[ACCEPT_ALL])
        assert self.steps(first, second, third, CLOSED_DB) == [
            ("Admin", "pass", "ClusterNetworkPolicy a", "ADM-8"),
            ("Admin", "deny", "ClusterNetworkPolicy b", "ADM-7"),
        ]

    def test_pass_leads_on_to_network_policies(self) -> None:
        assert self.steps(over("a", ingress=[PASS_ALL]), CLOSED_DB, beneath(ingress=[ACCEPT_ALL])) == [
            ("Admin", "pass", "ClusterNetworkPolicy a", "ADM-7"),
            ("NetworkPolicy", "deny", "NetworkPolicy shop/p", "NP-4"),
        ]

    def test_a_policy_without_rules_of_the_direction_is_not_consulted(self) -> None:
        assert [step[0] for step in self.steps(over("a", egress=[PASS_ALL]))] == ["Default"]

    def test_a_baseline_that_is_skipped_is_not_consulted(self) -> None:
        selecting, below = policy(on="app=db", egress=[]), beneath(ingress=[DENY_ALL])
        there = cluster(WEB, DB, selecting, below, baseline_skipped_by_any_np=YES)
        found = [one.tier for one in walkthrough(there, flow(WEB, DB)) if one.direction is INGRESS]
        assert found == [Tier.DEFAULT]

    def test_all_of_a_tie_are_named(self) -> None:
        two = over("a", ingress=[ACCEPT_ALL]), over("b", ingress=[DENY_ALL])
        assert [step[1:3] for step in self.steps(*two)] == [
            ("allow", "ClusterNetworkPolicy a"),
            ("deny", "ClusterNetworkPolicy b"),
        ]

    def test_the_baseline_and_the_default_come_last(self) -> None:
        assert self.steps(beneath(ingress=[deny(some("app=x"))]), banp(ingress=[DENY_ALL])) == [
            ("Baseline", "pass", "ClusterNetworkPolicy b", "ADM-8"),
            ("Baseline", "deny", "BaselineAdminNetworkPolicy default", "ADM-7"),
        ]
        assert [step[0] for step in self.steps(beneath(ingress=[PASS_ALL]))] == ["Baseline", "Default"]


def test_an_address_end_is_never_a_node() -> None:
    there = cluster(WEB, N1, over(egress=[deny(on_nodes())]))
    assert verdict(there, WEB, AddressEnd("192.168.0.77")) is ALLOWED
