"""The network model, SEMANTICS section 1: families, host-network pods, own nodes, the pod itself, opaque policies."""

from __future__ import annotations

import pytest

from netcheck.model.flow import OwnNodeEnd, Tier
from netcheck.model.objects import Node
from netcheck.semantics.decide import OracleLimit, decide
from tests.spec.builders import (
    ALLOWED,
    ANYONE,
    BOTH,
    DENIED,
    EGRESS,
    INGRESS,
    NO,
    PERHAPS,
    UNKNOWN,
    YES,
    block,
    cluster,
    decision,
    flow,
    item,
    namespace,
    opaque,
    pod,
    pods,
    policy,
    port,
    rule,
    select,
    verdict,
)

WEB, DB = pod("web"), pod("db")
OUTSIDE = "8.8.8.8"
ANY = rule()
OWN_NODE = OwnNodeEnd()
CLOSED = policy("closed", on="app=db", ingress=[], egress=[])


class TestNET2:
    """ "A flow lives in exactly one IP family. Selectors select pods irrespective of family; address matches match only
    within their own family. A single-stack IPv4 pod cannot reach an IPv6-only pod.\""""

    V4, V6 = pod("four", addresses=("10.1.0.4",)), pod("six", addresses=("fc00::6",))
    DUAL = pod("dual", addresses=("10.1.0.9", "fc00::9"))

    def test_without_a_common_family_nothing_passes(self) -> None:
        there = cluster(self.V4, self.V6, self.DUAL)
        assert verdict(there, self.V4, self.V6) is DENIED
        assert decision(there, self.V4, self.V6).deciders[0].cites == "NET-2"
        assert verdict(there, self.V4, self.DUAL) is verdict(there, self.DUAL, self.V6) is ALLOWED

    def test_even_where_policies_are_not_enforced(self) -> None:
        assert verdict(cluster(self.V4, self.V6, enforced=NO), self.V4, self.V6) is DENIED

    def test_an_asked_family_that_an_end_lacks_denies(self) -> None:
        there = cluster(self.V4, self.DUAL)
        assert [verdict(there, self.V4, self.DUAL, version=v) for v in (4, 6)] == [ALLOWED, DENIED]
        assert [verdict(there, OUTSIDE, self.DUAL, version=v) for v in (4, 6)] == [ALLOWED, DENIED]

    def test_an_ipv4_block_leaves_ipv6_denied_for_an_isolated_pod(self) -> None:
        there = cluster(self.DUAL, policy(ingress=[rule([block("0.0.0.0/0")])]))
        assert (verdict(there, OUTSIDE, self.DUAL), verdict(there, "2001:db8::1", self.DUAL)) == (ALLOWED, DENIED)

    def test_a_flow_of_either_family_needs_one_in_which_both_directions_allow(self) -> None:
        other = pod("other", addresses=("10.1.0.8", "fc00::8"))
        out = policy("out", on="app=dual", egress=[rule([block("0.0.0.0/0")])])
        into_four = policy("in", on="app=other", ingress=[rule([block("0.0.0.0/0")])])
        into_six = policy("in", on="app=other", ingress=[rule([block("::/0")])])
        assert verdict(cluster(self.DUAL, other, out, into_four), self.DUAL, other) is ALLOWED
        assert verdict(cluster(self.DUAL, other, out, into_six), self.DUAL, other) is DENIED

    def test_selectors_select_irrespective_of_family(self) -> None:
        other = pod("other", addresses=("10.1.0.8", "fc00::8"))
        there = cluster(self.DUAL, other, policy(on="app=other", ingress=[rule([pods("app=dual")])]))
        assert [verdict(there, self.DUAL, other, version=v) for v in (4, 6)] == [ALLOWED, ALLOWED]

    def test_a_pod_without_address_has_the_families_of_the_pod_range(self) -> None:
        nowhere = pod("nowhere", addresses=())
        assert verdict(cluster(nowhere, self.V6, pod_cidrs=("10.2.0.0/16",)), nowhere, self.V6) is DENIED
        assert verdict(cluster(nowhere, self.V6), nowhere, self.V6) is ALLOWED

    def test_a_node_without_address_has_the_families_of_the_node_range(self) -> None:
        node = Node(name="n")
        there = cluster(self.V6, self.V4, node, node_cidrs=("10.3.0.0/16",))
        assert (verdict(there, node, self.V6), verdict(there, node, self.V4)) == (DENIED, ALLOWED)


class TestNET3:
    """ "hostNetwork: true pods use the node's IPs. NetworkPolicy behaviour for them is undefined; (b) [the plugin]
    ignores them both as policy subject and as selector peers, and treats their traffic as node traffic. (b) is the
    common case and netcheck's default.\""""

    HOST = pod("agent", host_network=True, addresses=("192.168.0.7",), ports=(port(80, "http"),))
    DENY = policy("deny", on="app=agent", ingress=[], egress=[])

    def test_a_host_network_pod_is_no_subject(self) -> None:
        there = cluster(WEB, self.HOST, self.DENY)
        assert verdict(there, WEB, self.HOST) is verdict(there, self.HOST, WEB) is ALLOWED
        assert decision(there, WEB, self.HOST).deciders[1].cites == "NET-3"

    def test_unless_the_switch_says_so(self) -> None:
        there = cluster(WEB, self.HOST, self.DENY, host_net_subject=YES)
        assert verdict(there, WEB, self.HOST) is verdict(there, self.HOST, WEB) is DENIED
        assert verdict(cluster(WEB, self.HOST, self.DENY, host_net_subject=PERHAPS), WEB, self.HOST) is UNKNOWN

    def test_selectors_do_not_match_it_unless_the_switch_says_so(self) -> None:
        chosen = policy(on="app=db", ingress=[rule([pods("app=agent"), pods(ns=ANYONE)])])
        answers = [verdict(cluster(DB, self.HOST, chosen, host_net_peer=s), self.HOST, DB) for s in (NO, YES, PERHAPS)]
        assert answers == [DENIED, ALLOWED, UNKNOWN]

    def test_a_rule_without_peers_allows_it(self) -> None:
        assert verdict(cluster(DB, self.HOST, policy(on="app=db", ingress=[ANY])), self.HOST, DB) is ALLOWED

    def test_blocks_match_it_as_a_node(self) -> None:
        written = policy(on="app=db", ingress=[rule([block("192.168.0.0/24")])])
        assert verdict(cluster(DB, self.HOST, written), self.HOST, DB) is ALLOWED
        assert verdict(cluster(DB, self.HOST, written, cidr_matches_nodes=NO), self.HOST, DB) is DENIED
        assert verdict(cluster(DB, self.HOST, written, cidr_matches_pods=NO), self.HOST, DB) is ALLOWED

    def test_blocks_match_it_as_a_pod_where_plugins_can_tell_it(self) -> None:
        written = policy(on="app=db", ingress=[rule([block("192.168.0.0/24")])])
        there = {"host_net_peer": YES}
        assert verdict(cluster(DB, self.HOST, written, cidr_matches_nodes=NO, **there), self.HOST, DB) is ALLOWED
        assert verdict(cluster(DB, self.HOST, written, cidr_matches_pods=NO, **there), self.HOST, DB) is DENIED

    def test_its_address_lies_in_the_node_range(self) -> None:
        lost = pod("agent", host_network=True, addresses=())
        written = policy(on="app=db", ingress=[rule([block("192.168.0.0/24")])])
        assert verdict(cluster(DB, lost, written, node_cidrs=("192.168.0.0/25",)), lost, DB) is ALLOWED
        assert verdict(cluster(DB, lost, written, pod_cidrs=("192.168.0.0/25",)), lost, DB, version=4) is UNKNOWN

    def test_a_named_port_of_it_counts_where_it_counts_as_a_pod(self) -> None:
        named = policy(on="app=web", egress=[rule(ports=[item("http")])])
        assert verdict(cluster(WEB, self.HOST, named), WEB, self.HOST) is DENIED
        assert verdict(cluster(WEB, self.HOST, named, host_net_peer=YES), WEB, self.HOST) is ALLOWED


class TestNET4:
    """ "Traffic from the pod's own node to the pod is always allowed on ingress, whatever the policies. Traffic from other
    nodes gets no exemption.\""""

    def test_the_own_node_is_exempt(self) -> None:
        answer = decision(cluster(DB, CLOSED), OWN_NODE, DB)
        assert answer.verdict is ALLOWED
        assert (answer.deciders[1].action, answer.deciders[1].cites) == ("exempt", "NET-4")

    def test_another_node_is_not(self) -> None:
        assert verdict(cluster(DB, CLOSED), Node(name="n", addresses=("192.168.0.8",)), DB) is DENIED

    def test_where_the_switch_is_off_the_own_node_is_some_node(self) -> None:
        placed, node = pod("db", node="n"), Node(name="n", addresses=("192.168.0.8",))
        opened = policy(on="app=db", ingress=[rule([block("192.168.0.8/32")])])
        assert verdict(cluster(placed, node, opened, own_node_ingress=NO), OWN_NODE, placed, version=4) is UNKNOWN
        assert verdict(cluster(placed, node, CLOSED, own_node_ingress=NO), OWN_NODE, placed) is DENIED
        everywhere = policy(on="app=db", ingress=[rule([block("0.0.0.0/0")])])
        assert verdict(cluster(placed, everywhere, own_node_ingress=NO), OWN_NODE, placed) is ALLOWED


class TestNET5:
    """ "Traffic from a pod to its own node: ... ALLOW under the generic profile with note, policy-evaluated under calico
    and cilium profiles.\""""

    def test_the_own_node_is_exempt_under_the_generic_profile(self) -> None:
        answer = decision(cluster(DB, CLOSED), DB, OWN_NODE)
        assert (answer.verdict, answer.deciders[0].cites) == (ALLOWED, "NET-5")

    def test_policies_are_evaluated_where_the_switch_is_off(self) -> None:
        assert verdict(cluster(DB, CLOSED, own_node_egress=NO), DB, OWN_NODE) is DENIED
        everywhere = policy(on="app=db", egress=[rule([block("0.0.0.0/0")])])
        assert verdict(cluster(DB, everywhere, own_node_egress=NO), DB, OWN_NODE) is ALLOWED

    def test_where_it_is_not_known_the_reason_says_so(self) -> None:
        answer = decision(cluster(DB, CLOSED, own_node_egress=PERHAPS), DB, OWN_NODE)
        assert (answer.verdict, [one.rule for one in answer.reasons]) == (UNKNOWN, ["NET-5"])

    def test_the_switches_of_the_two_directions_are_two(self) -> None:
        assert verdict(cluster(DB, CLOSED, own_node_egress=NO), OWN_NODE, DB) is ALLOWED
        assert verdict(cluster(DB, CLOSED, own_node_ingress=NO), DB, OWN_NODE) is ALLOWED


class TestNET6:
    """ "A pod cannot block traffic to itself on its own pod IP or loopback. netcheck: self-flow via pod IP = ALLOW.\""""

    def test_a_pod_reaches_itself(self) -> None:
        answer = decision(cluster(DB, CLOSED), DB, DB)
        assert answer.verdict is ALLOWED
        assert [(one.action, one.cites) for one in answer.deciders] == [("exempt", "NET-6")] * 2

    def test_another_pod_of_the_same_name_is_another_pod(self) -> None:
        assert verdict(cluster(DB, CLOSED), pod("db", ns="other"), DB) is DENIED

    def test_a_template_to_itself_is_a_flow_between_two_of_its_pods(self) -> None:
        twin = pod("db", template=True, replicas=2, addresses=())
        assert verdict(cluster(twin, CLOSED), twin, twin) is DENIED
        single = pod("db", template=True, replicas=1, addresses=())
        assert verdict(cluster(single, CLOSED), single, single) is DENIED

    def test_so_is_what_stands_for_several_pods(self) -> None:
        several = pod("db", replicas=2)
        assert verdict(cluster(several, CLOSED), several, several) is DENIED


class TestNET13:
    """ "A verdict is about who may initiate. Replies to an allowed connection are implicitly allowed.\""""

    def test_the_reply_needs_no_rule(self) -> None:
        there = cluster(WEB, DB, policy("a", on="app=web", ingress=[]), policy("b", on="app=db", egress=[]))
        assert (verdict(there, WEB, DB), verdict(there, DB, WEB)) == (ALLOWED, DENIED)


class TestNET17:
    """ "containers[].ports is documentation: an undeclared port is still reachable.\""""

    def test_an_undeclared_port_is_reachable(self) -> None:
        server = pod("db", ports=(port(5432),))
        assert verdict(cluster(WEB, server, policy(on="app=db", ingress=[ANY])), WEB, server, 9) is ALLOWED


class TestADM3:
    """ "Admin tier, then NetworkPolicies, then the baseline tier, then allow." Without admin policies the outer tiers pass."""

    def test_what_no_tier_decides_is_allowed_by_default(self) -> None:
        answer = decision(cluster(WEB, DB), WEB, DB)
        assert [(one.tier, one.action) for one in answer.deciders] == [(Tier.DEFAULT, "allow")] * 2


class TestOpaquePolicies:
    """A policy kind that is not modelled makes unknown only the pods that its selector and namespace can match, and only
    in its direction (NET-18)."""

    FAR = pod("far", ns="other")
    REFUSED = opaque(kind="NetworkPolicy", name="bad", additive=True, rule="NP-13", directions=(INGRESS,))

    def test_only_its_namespace_direction_and_subjects_become_unknown(self) -> None:
        there = cluster(WEB, DB, self.FAR, opaque(directions=(INGRESS,), subject=select("app=db")))
        assert verdict(there, WEB, DB) is UNKNOWN
        assert verdict(there, DB, self.FAR) is verdict(there, self.FAR, WEB) is ALLOWED

    def test_without_a_namespace_it_may_concern_any_pod(self) -> None:
        there = cluster(WEB, self.FAR, opaque(namespace=None, directions=(EGRESS,)))
        assert verdict(there, self.FAR, OUTSIDE) is UNKNOWN
        there = cluster(WEB, self.FAR, opaque(namespace="shop", directions=(EGRESS,)))
        assert (verdict(there, self.FAR, OUTSIDE), verdict(there, WEB, OUTSIDE)) == (ALLOWED, UNKNOWN)
        assert verdict(there, OUTSIDE, self.FAR) is ALLOWED

    def test_its_namespace_selector_limits_it(self) -> None:
        reach = opaque(namespace=None, namespace_selector=select("team=a"))
        spaces = (namespace("shop", "team=a"), namespace("other"), namespace("blank", known=False))
        blank = pod("blank", ns="blank")
        there = cluster(*spaces, WEB, self.FAR, blank, reach)
        assert [verdict(there, OUTSIDE, one) for one in (WEB, self.FAR, blank)] == [UNKNOWN, ALLOWED, UNKNOWN]
        assert [one.rule for one in decision(there, OUTSIDE, blank).reasons] == ["WL-3", "NET-18"]

    def test_a_refused_network_policy_can_isolate_an_open_pod(self) -> None:
        answer = decision(cluster(WEB, DB, self.REFUSED), WEB, DB)
        assert (answer.verdict, [one.rule for one in answer.reasons]) == (UNKNOWN, ["NP-13"])
        assert "NetworkPolicy shop/bad" in answer.reasons[0].message

    def test_a_refused_network_policy_takes_nothing_from_what_a_rule_allows(self) -> None:
        assert verdict(cluster(WEB, DB, self.REFUSED, policy(on="app=db", ingress=[ANY])), WEB, DB) is ALLOWED

    def test_a_refused_network_policy_may_allow_what_others_isolate(self) -> None:
        assert verdict(cluster(WEB, DB, self.REFUSED, CLOSED), WEB, DB) is UNKNOWN

    def test_a_refused_network_policy_holds_back_neither_own_node_nor_self(self) -> None:
        there = cluster(DB, self.REFUSED)
        assert verdict(there, OWN_NODE, DB) is verdict(there, DB, DB) is ALLOWED

    def test_any_other_kind_may_decide_whatever_rules_and_exemptions_say(self) -> None:
        there = cluster(WEB, DB, opaque(), policy(ingress=[ANY], egress=[ANY]))
        assert verdict(there, WEB, DB) is verdict(there, DB, DB) is verdict(there, OWN_NODE, DB) is UNKNOWN

    def test_a_direction_that_denies_in_any_case_stays_denied(self) -> None:
        there = cluster(WEB, DB, opaque(directions=(EGRESS,)), CLOSED)
        assert verdict(there, WEB, DB) is DENIED
        assert all("supposed" not in one.note for one in decision(there, WEB, DB).deciders)

    def test_host_network_pods_are_concerned_only_if_they_can_be_subjects(self) -> None:
        host = pod("agent", host_network=True)
        assert verdict(cluster(host, opaque(directions=BOTH)), OUTSIDE, host) is ALLOWED
        assert verdict(cluster(host, opaque(directions=BOTH), host_net_subject=YES), OUTSIDE, host) is UNKNOWN

    def test_every_policy_that_matters_is_a_reason(self) -> None:
        there = cluster(WEB, DB, opaque(name="a"), opaque(name="b"), self.REFUSED)
        said = " ".join(one.message for one in decision(there, WEB, DB).reasons)
        assert all(name in said for name in ("shop/a", "shop/b", "shop/bad"))


class TestTheLimit:
    """A question with more completions than the limit is refused, not guessed, unless those tried already disagree."""

    NOWHERE = pod("client", addresses=())
    WIDE = ("10.0.0.0/9", "10.128.0.0/9", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

    def test_too_many_completions_that_agree_raise(self) -> None:
        there = cluster(DB, policy(on="app=db", ingress=[rule([block(one) for one in self.WIDE])]))
        assert decide(there, flow(self.NOWHERE, DB), limit=4).verdict is ALLOWED
        with pytest.raises(OracleLimit):
            decide(there, flow(self.NOWHERE, DB), limit=3)

    def test_too_many_completions_that_disagree_are_unknown(self) -> None:
        there = cluster(DB, policy(on="app=db", ingress=[rule([block(one) for one in ("10.1.0.0/16", "10.3.0.0/16")])]))
        answer = decide(there, flow(self.NOWHERE, DB, version=4), limit=2)
        assert (answer.verdict, len(answer.reasons)) == (UNKNOWN, 1)
