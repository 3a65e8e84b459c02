"""NetworkPolicy v1, SEMANTICS section 2: each class quotes its rule."""

from __future__ import annotations

from dataclasses import replace

from netcheck.errors import Place
from netcheck.model.objects import Node
from netcheck.model.profile import PROFILES
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
    absent,
    block,
    cluster,
    decision,
    exists,
    is_in,
    item,
    labels,
    namespace,
    not_in,
    pod,
    pods,
    policy,
    port,
    rule,
    select,
    verdict,
)

WEB, DB, API = pod("web"), pod("db"), pod("api")
FAR = pod("web", ns="other")
OUTSIDE = "8.8.8.8"
ANY = rule()


class TestNP1:
    """ "A policy's subject is the set of pods in metadata.namespace whose labels match spec.podSelector ... {} means
    every pod in the namespace." Source: NetworkPolicySpec.podSelector."""

    def test_a_policy_isolates_the_pods_that_its_selector_matches(self) -> None:
        assert verdict(cluster(WEB, DB, policy(on="app=db", ingress=[])), WEB, DB) is DENIED

    def test_a_policy_leaves_other_pods_of_its_namespace_alone(self) -> None:
        assert verdict(cluster(WEB, DB, policy(on="app=db", ingress=[])), DB, WEB) is ALLOWED

    def test_a_policy_leaves_pods_of_other_namespaces_alone(self) -> None:
        assert verdict(cluster(WEB, FAR, policy(on="app=web", ingress=[])), WEB, FAR) is ALLOWED

    def test_an_empty_selector_means_every_pod_of_the_namespace(self) -> None:
        there = cluster(WEB, DB, FAR, policy(ingress=[]))
        assert [verdict(there, FAR, one) for one in (WEB, DB)] == [DENIED, DENIED]
        assert verdict(there, WEB, FAR) is ALLOWED

    def test_a_node_or_an_address_is_no_subject(self) -> None:
        there = cluster(WEB, policy(ingress=[], egress=[ANY]))
        assert verdict(there, WEB, OUTSIDE) is ALLOWED
        assert decision(there, WEB, OUTSIDE).deciders[1].cites == "NP-1"


class TestNP2:
    """The effective types, with defaults applied, say which directions a policy isolates.

    (The defaulting itself is the loader's.)"""

    def test_a_policy_of_type_ingress_leaves_egress_open(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[]))
        assert (verdict(there, WEB, DB), verdict(there, DB, WEB)) == (DENIED, ALLOWED)

    def test_a_policy_of_type_egress_leaves_ingress_open(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", egress=[]))
        assert (verdict(there, WEB, DB), verdict(there, DB, WEB)) == (ALLOWED, DENIED)

    def test_both_types_without_rules_deny_all(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", types=BOTH))
        assert (verdict(there, WEB, DB), verdict(there, DB, WEB)) == (DENIED, DENIED)


class TestNP3:
    """ "ingress missing or []: nothing is allowed in. ingress: [{}]: everything is allowed in. from missing or []: any
    source, including external addresses. ports missing or []: any port and any protocol. ports: [{}]: TCP, any port.\""""

    def test_no_rule_allows_nothing(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[]))
        assert {verdict(there, source, DB) for source in (WEB, OUTSIDE)} == {DENIED}

    def test_an_empty_rule_allows_everything(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[ANY]))
        assert {verdict(there, source, DB, 1, "SCTP") for source in (WEB, OUTSIDE)} == {ALLOWED}

    def test_a_rule_without_peers_allows_any_source_on_its_ports_only(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item(80)])]))
        assert {verdict(there, source, DB, 80) for source in (WEB, FAR, OUTSIDE)} == {ALLOWED}
        assert {verdict(there, source, DB, 81) for source in (WEB, FAR, OUTSIDE)} == {DENIED}

    def test_a_rule_without_ports_allows_every_protocol_to_its_peers_only(self) -> None:
        there = cluster(WEB, API, DB, policy(on="app=db", ingress=[rule([pods("app=web")])]))
        assert {verdict(there, WEB, DB, 7, protocol) for protocol in ("TCP", "UDP", "SCTP")} == {ALLOWED}
        assert verdict(there, API, DB) is DENIED

    def test_an_empty_port_item_means_tcp_only(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item()])]))
        assert (verdict(there, WEB, DB, 5, "TCP"), verdict(there, WEB, DB, 5, "UDP")) == (ALLOWED, DENIED)


class TestNP4:
    """ "A pod is isolated for direction D iff at least one policy selects it with D in its effective types. A pod not
    isolated for D is unrestricted in D.\""""

    def test_without_any_policy_all_is_allowed(self) -> None:
        assert verdict(cluster(WEB, DB), WEB, DB) is ALLOWED

    def test_ingress_and_egress_are_isolated_independently(self) -> None:
        there = cluster(WEB, DB, policy("in", on="app=db", ingress=[]), policy("out", on="app=web", egress=[]))
        assert verdict(there, DB, WEB) is ALLOWED
        assert verdict(there, WEB, DB) is DENIED

    def test_the_isolating_policies_are_what_denies(self) -> None:
        there = cluster(WEB, DB, policy("b", on="app=db", ingress=[]), policy("a", ingress=[rule([pods("app=x")])]))
        egress, *ingress = decision(there, WEB, DB).deciders
        assert (egress.action, egress.policy, egress.cites) == ("allow", "", "NP-4")
        assert [(one.action, one.policy, one.cites) for one in ingress] == [
            ("deny", "NetworkPolicy shop/a", "NP-5"),
            ("deny", "NetworkPolicy shop/b", "NP-4"),
        ]


class TestNP5:
    """ "Policies are additive: an isolated pod may do exactly the union of what all selecting policies (with that
    direction) allow. There is no deny rule, no order, no priority.\""""

    def test_what_any_policy_allows_is_allowed(self) -> None:
        there = cluster(
            *(WEB, API, DB),
            policy("a", on="app=db", ingress=[rule([pods("app=web")])]),
            policy("b", on="app=db", ingress=[rule([pods("app=api")], [item(80)])]),
        )
        assert verdict(there, WEB, DB, 443) is ALLOWED
        assert (verdict(there, API, DB, 80), verdict(there, API, DB, 443)) == (ALLOWED, DENIED)
        assert verdict(there, OUTSIDE, DB) is DENIED

    def test_a_deny_all_policy_takes_nothing_away(self) -> None:
        deny, allow = policy("a", ingress=[], egress=[]), policy("b", ingress=[ANY], egress=[ANY])
        assert verdict(cluster(WEB, DB, deny, allow), WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, allow, deny), WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, deny), WEB, DB) is DENIED

    def test_rules_of_two_policies_are_not_combined_into_one(self) -> None:
        there = cluster(
            *(WEB, API, DB),
            policy("a", on="app=db", ingress=[rule([pods("app=web")], [item(80)])]),
            policy("b", on="app=db", ingress=[rule([pods("app=api")], [item(443)])]),
        )
        assert verdict(there, WEB, DB, 443) is DENIED

    def test_the_place_is_that_of_the_rule_else_of_the_policy(self) -> None:
        here, there = Place("a.yaml", 9), Place("a.yaml", 1)
        for written, expected in ((replace(ANY, place=here), here), (ANY, there)):
            chosen = replace(policy(ingress=[written]), place=there)
            assert decision(cluster(WEB, DB, chosen), WEB, DB).deciders[1].place == expected

    def test_the_first_rule_that_allows_is_named(self) -> None:
        there = cluster(WEB, DB, policy("a", ingress=[rule([pods("app=x")]), ANY]), policy("b", ingress=[ANY]))
        ingress = decision(there, WEB, DB).deciders[1]
        assert (ingress.policy, ingress.rule, ingress.action) == ("NetworkPolicy shop/a", "ingress[1]", "allow")


class TestNP6:
    """ "Both ends decide: pod-to-pod traffic needs the source's egress side and the destination's ingress side to allow
    it.\""""

    def test_egress_denied_at_the_client_denies_what_the_server_allows(self) -> None:
        there = cluster(WEB, DB, policy("a", on="app=web", egress=[]), policy("b", on="app=db", ingress=[ANY]))
        assert verdict(there, WEB, DB) is DENIED
        assert verdict(there, DB, WEB) is ALLOWED

    def test_ingress_denied_at_the_server_denies_what_the_client_allows(self) -> None:
        there = cluster(WEB, DB, policy("a", on="app=web", egress=[ANY]), policy("b", on="app=db", ingress=[]))
        assert verdict(there, WEB, DB) is DENIED

    def test_both_allowing_allow(self) -> None:
        there = cluster(WEB, DB, policy("a", on="app=web", egress=[ANY]), policy("b", on="app=db", ingress=[ANY]))
        assert verdict(there, WEB, DB) is ALLOWED


class TestNP7:
    """ "A rule matches when (some peer matches or there are no peers) AND (some port matches or there are no ports).
    Inside from/to and inside ports the items are ORed.\""""

    THERE = cluster(
        *(WEB, API, DB, FAR),
        policy(on="app=db", ingress=[rule([pods("app=web"), pods("app=api")], [item(80), item(53, "UDP")])]),
    )

    def test_any_peer_with_any_port_is_allowed(self) -> None:
        for source in (WEB, API):
            assert verdict(self.THERE, source, DB, 80) is ALLOWED
            assert verdict(self.THERE, source, DB, 53, "UDP") is ALLOWED

    def test_a_matching_peer_is_not_enough(self) -> None:
        assert verdict(self.THERE, WEB, DB, 81) is DENIED

    def test_a_matching_port_is_not_enough(self) -> None:
        assert verdict(self.THERE, FAR, DB, 80) is DENIED


class TestNP8:
    """ "podSelector: matching pods in the policy's own namespace. namespaceSelector: all pods in matching namespaces.
    Both: matching pods in matching namespaces (AND). ipBlock: addresses.\""""

    SPACES = (namespace("shop", "team=a"), namespace("other", "team=b"))
    FAR_API = pod("api", ns="other")
    ENDS = (WEB, API, FAR, FAR_API)

    def allowed(self, *peers: object) -> list[object]:
        there = cluster(*self.SPACES, *self.ENDS, DB, policy(on="app=db", ingress=[rule(peers)]))  # type: ignore[arg-type]
        return [one for one in (*self.ENDS, OUTSIDE) if verdict(there, one, DB) is ALLOWED]

    def test_a_pod_selector_alone_means_the_own_namespace(self) -> None:
        assert self.allowed(pods("app=web")) == [WEB]

    def test_a_namespace_selector_alone_means_all_pods_there(self) -> None:
        assert self.allowed(pods(ns="team=b")) == [FAR, self.FAR_API]

    def test_both_selectors_mean_matching_pods_in_matching_namespaces(self) -> None:
        assert self.allowed(pods("app=web", ns="team=b")) == [FAR]

    def test_an_ip_block_means_addresses(self) -> None:
        assert self.allowed(block("8.0.0.0/8")) == [OUTSIDE]


class TestNP9:
    """ "The YAML dash decides AND vs OR. One list item with both selectors = AND; two items = OR.\""""

    def test_one_item_is_and_two_items_are_or(self) -> None:
        one, two = [pods("app=web", ns="team=b")], [pods("app=web"), pods(ns="team=b")]
        spaces = (namespace("shop"), namespace("other", "team=b"))
        both, either = (cluster(*spaces, WEB, FAR, DB, policy(on="app=db", ingress=[rule(p)])) for p in (one, two))
        assert (verdict(both, WEB, DB), verdict(both, FAR, DB)) == (DENIED, ALLOWED)
        assert (verdict(either, WEB, DB), verdict(either, FAR, DB)) == (ALLOWED, ALLOWED)


class TestNP10:
    """ "A podSelector-only peer never reaches another namespace.\""""

    def test_pods_of_other_namespaces_are_denied_in(self) -> None:
        there = cluster(WEB, FAR, DB, policy(on="app=db", ingress=[rule([pods("app=web")])]))
        assert (verdict(there, WEB, DB), verdict(there, FAR, DB)) == (ALLOWED, DENIED)

    def test_pods_of_other_namespaces_are_denied_out(self) -> None:
        there = cluster(WEB, FAR, DB, policy(on="app=db", egress=[rule([pods(ANYONE)])]))
        assert (verdict(there, DB, WEB), verdict(there, DB, FAR)) == (ALLOWED, DENIED)


class TestNP11:
    """ "namespaceSelector: {} selects every namespace, including the policy's own and system namespaces. It selects pods,
    so it does not select nodes, external addresses or (generic profile) host-network pods.\""""

    HOST = pod("agent", ns="kube-system", host_network=True, addresses=("192.168.0.7",))
    THERE = cluster(WEB, FAR, DB, HOST, policy(on="app=db", ingress=[rule([pods(ns=ANYONE)])]))

    def test_pods_of_all_namespaces_match_even_where_labels_are_unknown(self) -> None:
        there = cluster(namespace("other", known=False), WEB, FAR, DB, *self.THERE.policies)
        assert [verdict(there, one, DB) for one in (WEB, FAR)] == [ALLOWED, ALLOWED]

    def test_nodes_addresses_and_host_network_pods_do_not_match(self) -> None:
        node = Node(name="n", addresses=("192.168.0.8",))
        assert {verdict(self.THERE, one, DB) for one in (node, OUTSIDE, self.HOST)} == {DENIED}


class TestNP12:
    """ "In: key present and value in the set. NotIn: key absent, or value not in the set. Exists: key present (any value,
    also the empty string). DoesNotExist: key absent. All are ANDed; exact and case sensitive; {} matches everything.\""""

    @staticmethod
    def admits(selector: object, text: str) -> bool:
        client = pod("client", labels(text))
        there = cluster(client, DB, policy(on="app=db", ingress=[rule([pods(selector)])]))  # type: ignore[arg-type]
        return verdict(there, client, DB) is ALLOWED

    def test_in_needs_the_key_and_a_listed_value(self) -> None:
        chosen = select("", is_in("app", "a", "b"))
        assert [self.admits(chosen, text) for text in ("app=a", "app=b", "app=c", "x=a", "")] == [1, 1, 0, 0, 0]

    def test_not_in_holds_without_the_key(self) -> None:
        chosen = select("", not_in("app", "a"))
        assert [self.admits(chosen, text) for text in ("app=a", "app=b", "")] == [0, 1, 1]

    def test_exists_takes_any_value_also_the_empty_one(self) -> None:
        chosen = select("", exists("app"))
        assert [self.admits(chosen, text) for text in ("app=a", "app=", "x=a")] == [1, 1, 0]

    def test_does_not_exist_needs_the_key_to_be_absent(self) -> None:
        chosen = select("", absent("app"))
        assert [self.admits(chosen, text) for text in ("app=a", "app=", "x=a")] == [0, 0, 1]

    def test_all_requirements_must_hold(self) -> None:
        chosen = select("app=a", exists("tier"))
        assert [self.admits(chosen, text) for text in ("app=a,tier=x", "app=a", "tier=x")] == [1, 0, 0]

    def test_values_and_keys_are_case_sensitive(self) -> None:
        assert [self.admits(select("app=a"), text) for text in ("app=a", "app=A", "App=a")] == [1, 0, 0]

    def test_an_empty_value_needs_the_key(self) -> None:
        assert [self.admits(select({"app": ""}), text) for text in ("app=", "")] == [1, 0]

    def test_an_empty_selector_matches_everything(self) -> None:
        assert self.admits(ANYONE, "")


class TestNP15:
    """ "Every namespace carries kubernetes.io/metadata.name: <name>; use it to select a namespace by name.\""""

    NAME = "kubernetes.io/metadata.name"

    def test_a_namespace_is_selected_by_its_name_even_if_its_labels_are_unknown(self) -> None:
        for known in (True, False):
            there = cluster(
                *(namespace("other", known=known), WEB, FAR, DB),
                policy(on="app=db", ingress=[rule([pods(ns=f"{self.NAME}=other")])]),
            )
            assert (verdict(there, FAR, DB), verdict(there, WEB, DB)) == (ALLOWED, DENIED)

    def test_all_but_one_namespace_are_selected_with_not_in(self) -> None:
        chosen = select("", not_in(self.NAME, "other"))
        there = cluster(WEB, FAR, DB, policy(on="app=db", ingress=[rule([pods(ns=chosen)])]))
        assert (verdict(there, FAR, DB), verdict(there, WEB, DB)) == (DENIED, ALLOWED)


class TestNP16:
    """ "ipBlock.cidr matches the peer address as seen at the enforcement point; except carves addresses out of this
    peer.\""""

    THERE = cluster(DB, policy(on="app=db", ingress=[rule([block("8.0.0.0/8", "8.8.0.0/16")])]))

    def test_addresses_of_the_block_are_allowed_from_the_first_to_the_last(self) -> None:
        assert {verdict(self.THERE, one, DB) for one in ("8.0.0.0", "8.7.255.255", "8.9.0.0", "8.255.255.255")} == {
            ALLOWED
        }

    def test_addresses_beside_the_block_are_denied(self) -> None:
        assert {verdict(self.THERE, one, DB) for one in ("7.255.255.255", "9.0.0.0")} == {DENIED}

    def test_excepted_addresses_are_denied(self) -> None:
        assert {verdict(self.THERE, one, DB) for one in ("8.8.0.0", "8.8.255.255")} == {DENIED}

    def test_egress_looks_at_the_destination(self) -> None:
        there = cluster(DB, policy(on="app=db", egress=[rule([block("8.0.0.0/8")])]))
        assert (verdict(there, DB, "8.1.1.1"), verdict(there, DB, "9.1.1.1")) == (ALLOWED, DENIED)


class TestNP18:
    """ "except is not a deny: another rule or policy may allow the excepted address.\""""

    def test_another_peer_rule_or_policy_allows_what_is_excepted(self) -> None:
        outer, inner = block("8.0.0.0/8", "8.8.0.0/16"), block("8.8.8.0/24")
        written = (
            [policy(on="app=db", ingress=[rule([outer, inner])])],
            [policy(on="app=db", ingress=[rule([outer]), rule([inner])])],
            [policy("a", on="app=db", ingress=[rule([outer])]), policy("b", on="app=db", ingress=[rule([inner])])],
        )
        for policies in written:
            there = cluster(DB, *policies)
            assert (verdict(there, "8.8.8.8", DB), verdict(there, "8.8.9.9", DB)) == (ALLOWED, DENIED)


class TestNP20:
    """ "Does ipBlock match pod addresses? ... Calico, Antrea, OVN-Kubernetes, KNP compare the packet address, so they
    match pods. Cilium does not." -> cidrMatchesPods, cidrMatchesNodes.

    docs/cli.md: a pod without an address lies in --pod-cidr, else in the private ranges; an ipBlock that covers all of
    that matches it, a disjoint one does not, one that covers part of it is unknown."""

    NOWHERE = pod("client", addresses=())
    PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

    def verdict_of(self, *cidrs: str, source: object = NOWHERE, **more: object) -> object:
        peers = [block(cidr) for cidr in cidrs]
        there = cluster(DB, policy(on="app=db", ingress=[rule(peers)]), **more)  # type: ignore[arg-type]
        return verdict(there, source, DB, version=4)  # type: ignore[arg-type]

    def test_a_block_of_one_pod_address_matches_that_pod_only(self) -> None:
        client = pod("client", addresses=("10.1.1.1",))
        assert self.verdict_of("10.1.1.1/32", source=client) is ALLOWED
        assert self.verdict_of("10.1.1.2/32", source=client) is DENIED

    def test_no_block_matches_a_pod_where_the_plugin_has_identities(self) -> None:
        client = pod("client", addresses=("10.1.1.1",))
        assert self.verdict_of("0.0.0.0/0", source=client, cidr_matches_pods=NO) is DENIED
        assert self.verdict_of("0.0.0.0/0", source=OUTSIDE, cidr_matches_pods=NO) is ALLOWED

    def test_no_block_matches_a_node_where_the_plugin_has_identities(self) -> None:
        node = Node(name="n", addresses=("10.9.9.9",))
        assert self.verdict_of("0.0.0.0/0", source=node) is ALLOWED
        assert self.verdict_of("0.0.0.0/0", source=node, cidr_matches_nodes=NO) is DENIED
        assert self.verdict_of("0.0.0.0/0", source=node, cidr_matches_pods=NO) is ALLOWED

    def test_a_block_around_the_whole_range_matches_a_pod_without_address(self) -> None:
        assert self.verdict_of("10.0.0.0/8", pod_cidrs=("10.2.0.0/16",)) is ALLOWED
        assert self.verdict_of("0.0.0.0/0") is ALLOWED

    def test_a_block_beside_the_range_does_not(self) -> None:
        assert self.verdict_of("10.3.0.0/16", pod_cidrs=("10.2.0.0/16",)) is DENIED
        assert self.verdict_of("8.0.0.0/8") is DENIED

    def test_a_block_around_part_of_the_range_is_unknown(self) -> None:
        there = cluster(DB, policy(on="app=db", ingress=[rule([block("10.2.3.0/24")])]), pod_cidrs=("10.2.0.0/16",))
        answer = decision(there, self.NOWHERE, DB)
        assert (answer.verdict, answer.deciders) == (UNKNOWN, ())
        assert [(one.rule, "shop/client" in one.message) for one in answer.reasons] == [("NP-20", True)]

    def test_a_hole_of_one_address_anywhere_in_the_range_makes_unknown(self) -> None:
        for hole in ("10.2.0.0/32", "10.2.255.255/32", "10.2.7.7/32"):
            there = cluster(
                DB, policy(on="app=db", ingress=[rule([block("10.0.0.0/8", hole)])]), pod_cidrs=("10.2.0.0/16",)
            )
            assert verdict(there, self.NOWHERE, DB) is UNKNOWN

    def test_two_blocks_that_together_cover_the_range_are_definite(self) -> None:
        assert self.verdict_of("10.2.0.0/17", "10.2.128.0/17", pod_cidrs=("10.2.0.0/16",)) is ALLOWED
        assert self.verdict_of("10.2.0.0/17", pod_cidrs=("10.2.0.0/16",)) is UNKNOWN

    def test_all_private_ranges_together_cover_a_pod_without_address(self) -> None:
        assert self.verdict_of(*self.PRIVATE[:3]) is ALLOWED
        assert self.verdict_of(*self.PRIVATE[:2]) is UNKNOWN

    def test_rules_of_two_policies_cover_the_range_together(self) -> None:
        one = policy("a", on="app=db", ingress=[rule([block("10.2.0.0/16", "10.2.3.0/24")])])
        two = policy("b", on="app=db", ingress=[rule([block("10.2.3.0/24")])])
        assert verdict(cluster(DB, one, two, pod_cidrs=("10.2.0.0/16",)), self.NOWHERE, DB) is ALLOWED
        assert verdict(cluster(DB, one, pod_cidrs=("10.2.0.0/16",)), self.NOWHERE, DB) is UNKNOWN

    def test_two_pods_of_one_template_have_each_their_own_address(self) -> None:
        twin = pod("twin", addresses=(), template=True, replicas=2)
        half, rest = block("10.2.0.0/17"), block("10.2.128.0/17")
        out, into = policy("o", egress=[rule([half])]), policy("i", ingress=[rule([rest])])
        there = cluster(twin, out, into, pod_cidrs=("10.2.0.0/16",))
        assert verdict(there, twin, twin) is UNKNOWN

    def test_an_unknown_address_does_not_matter_where_ports_already_deny(self) -> None:
        there = cluster(DB, policy(on="app=db", ingress=[rule([block("10.2.3.0/24")], [item(443)])]))
        assert (verdict(there, self.NOWHERE, DB, 80), verdict(there, self.NOWHERE, DB, 443)) == (DENIED, UNKNOWN)

    def test_a_node_without_address_lies_in_the_node_range(self) -> None:
        node = Node(name="n")
        assert self.verdict_of("10.5.0.0/16", source=node, node_cidrs=("10.5.1.0/24",)) is ALLOWED
        assert self.verdict_of("10.5.0.0/16", source=node, node_cidrs=("10.6.1.0/24",)) is DENIED
        assert self.verdict_of("10.5.0.0/16", source=node) is UNKNOWN


class TestNP21:
    """ "0.0.0.0/0 therefore means everything incl. pods and nodes under most plugins, and only the world outside the
    cluster under Cilium's default.\""""

    def test_zero_slash_zero_under_most_plugins_and_under_cilium(self) -> None:
        node, rules = Node(name="n", addresses=("10.9.9.9",)), [rule([block("0.0.0.0/0")])]
        ends = (WEB, node, OUTSIDE)
        generic = cluster(WEB, DB, node, policy(on="app=db", ingress=rules))
        cilium = cluster(WEB, DB, node, policy(on="app=db", ingress=rules), cidr_matches_pods=NO, cidr_matches_nodes=NO)
        assert [verdict(generic, one, DB) for one in ends] == [ALLOWED, ALLOWED, ALLOWED]
        assert [verdict(cilium, one, DB) for one in ends] == [DENIED, DENIED, ALLOWED]
        assert PROFILES["cilium"].cidr_matches_pods is PROFILES["cilium"].cidr_matches_nodes is NO


class TestNP25:
    """ "protocol defaults to TCP per port item. port missing = all ports of that protocol. Port numbers refer to the
    destination side in both directions.\""""

    def test_a_port_item_opens_its_port_and_protocol_only(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item(80)])]))
        asked = [(80, "TCP"), (79, "TCP"), (81, "TCP"), (80, "UDP"), (80, "SCTP")]
        assert [verdict(there, WEB, DB, *one) for one in asked] == [ALLOWED, DENIED, DENIED, DENIED, DENIED]

    def test_a_port_item_without_port_opens_all_ports_of_its_protocol(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item(protocol="UDP")])]))
        assert {verdict(there, WEB, DB, number, "UDP") for number in (1, 80, 65535)} == {ALLOWED}
        assert verdict(there, WEB, DB, 80, "TCP") is DENIED

    def test_egress_ports_are_those_of_the_destination(self) -> None:
        there = cluster(WEB, DB, policy(on="app=web", egress=[rule(ports=[item(5432)])]))
        assert (verdict(there, WEB, DB, 5432), verdict(there, WEB, DB, 80)) == (ALLOWED, DENIED)


class TestNP26:
    """ "A named port is resolved per destination pod: any container port with that name and the same protocol
    contributes its number. ... Not found -> the item matches nothing for that pod." Two containers of a pod may share
    a name, then plugins differ."""

    A, B = pod("a", ports=(port(8080, "http"),)), pod("b", ports=(port(9090, "http"),))
    NAMED = rule(ports=[item("http")])

    def test_ingress_resolves_on_the_subject(self) -> None:
        there = cluster(WEB, self.A, policy(on="app=a", ingress=[self.NAMED]))
        assert (verdict(there, WEB, self.A, 8080), verdict(there, WEB, self.A, 9090)) == (ALLOWED, DENIED)

    def test_egress_resolves_on_each_destination(self) -> None:
        there = cluster(WEB, self.A, self.B, policy(on="app=web", egress=[self.NAMED]))
        asked = [(self.A, 8080), (self.B, 9090), (self.A, 9090), (self.B, 8080)]
        assert [verdict(there, WEB, *one) for one in asked] == [ALLOWED, ALLOWED, DENIED, DENIED]

    def test_a_name_of_another_protocol_does_not_count(self) -> None:
        dns = pod("dns", ports=(port(53, "dns", "UDP"),))
        there = cluster(WEB, dns, policy(on="app=dns", ingress=[rule(ports=[item("dns", "TCP"), item("dns", "UDP")])]))
        assert (verdict(there, WEB, dns, 53, "UDP"), verdict(there, WEB, dns, 53, "TCP")) == (ALLOWED, DENIED)

    def test_a_name_that_is_not_found_leaves_the_pod_isolated(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[self.NAMED]))
        assert {verdict(there, WEB, DB, number) for number in (80, 8080)} == {DENIED}

    def test_a_name_of_two_containers_is_unknown_at_each_of_their_numbers(self) -> None:
        twice = pod("a", ports=(port(8080, "http"), port(9090, "http")))
        there = cluster(WEB, twice, policy(on="app=a", ingress=[self.NAMED]))
        assert [verdict(there, WEB, twice, number) for number in (8080, 9090, 80)] == [UNKNOWN, UNKNOWN, DENIED]
        assert [one.rule for one in decision(there, WEB, twice, 8080).reasons] == ["NP-26"]

    def test_two_containers_with_the_same_number_are_definite(self) -> None:
        twice = pod("a", ports=(port(8080, "http"), port(8080, "http")))
        assert verdict(cluster(WEB, twice, policy(on="app=a", ingress=[self.NAMED])), WEB, twice, 8080) is ALLOWED


class TestNP27:
    """ "A named port never matches an address that is not a pod (external, node).\""""

    def test_egress_to_an_address_or_a_node_never_matches_a_name(self) -> None:
        there = cluster(WEB, policy(on="app=web", egress=[rule(ports=[item("http")])]))
        assert {verdict(there, WEB, one) for one in (OUTSIDE, Node(name="n", addresses=("10.9.9.9",)))} == {DENIED}

    def test_from_an_address_the_name_is_the_subjects_own(self) -> None:
        server = pod("a", ports=(port(80, "http"),))
        assert verdict(cluster(server, policy(ingress=[rule(ports=[item("http")])])), OUTSIDE, server) is ALLOWED


class TestNP28:
    """ "endPort: inclusive range port..endPort. A plugin without support applies the single port only.\""""

    @staticmethod
    def verdicts(**switches: object) -> list[object]:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item(80, end=82)])]), **switches)  # type: ignore[arg-type]
        return [verdict(there, WEB, DB, number) for number in (79, 80, 81, 82, 83)]

    def test_the_range_is_inclusive(self) -> None:
        assert self.verdicts() == [DENIED, ALLOWED, ALLOWED, ALLOWED, DENIED]

    def test_without_support_only_the_first_port_is_open(self) -> None:
        assert self.verdicts(end_port=NO) == [DENIED, ALLOWED, DENIED, DENIED, DENIED]

    def test_where_support_is_not_known_the_rest_of_the_range_is(self) -> None:
        assert self.verdicts(end_port=PERHAPS) == [DENIED, ALLOWED, UNKNOWN, UNKNOWN, DENIED]

    def test_a_range_of_one_port_and_the_whole_range_are_ranges(self) -> None:
        one = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item(80, end=80)])]))
        assert [verdict(one, WEB, DB, number) for number in (79, 80, 81)] == [DENIED, ALLOWED, DENIED]
        full = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item(1, end=65535)])]))
        assert {verdict(full, WEB, DB, number) for number in (1, 65535)} == {ALLOWED}


class TestNP30:
    """ "SCTP must be handled even by plugins that cannot filter it: an SCTP-only rule still isolates the pod and must not
    open TCP.\""""

    def test_an_sctp_rule_isolates_and_does_not_open_tcp(self) -> None:
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule(ports=[item(80, "SCTP")])]))
        assert [verdict(there, WEB, DB, 80, one) for one in ("SCTP", "TCP", "UDP")] == [ALLOWED, DENIED, DENIED]


class TestNP33:
    """ "Rules for a direction not in effective policyTypes are stored but ignored.\""""

    def test_ingress_rules_of_an_egress_policy_neither_isolate_nor_allow(self) -> None:
        inert = policy("a", on="app=db", ingress=[rule([pods("app=web")])], egress=[], types=[EGRESS])
        assert verdict(cluster(WEB, API, DB, inert), API, DB) is ALLOWED
        assert verdict(cluster(WEB, API, DB, inert, policy("b", on="app=db", ingress=[])), WEB, DB) is DENIED

    def test_egress_rules_of_an_ingress_policy_do_not_allow(self) -> None:
        inert = policy("a", on="app=db", ingress=[], egress=[ANY], types=[INGRESS])
        assert verdict(cluster(WEB, DB, inert, policy("b", on="app=db", egress=[])), DB, WEB) is DENIED


class TestNP34:
    """ "A policy that selects no pod has no effect.\""""

    def test_a_policy_that_selects_no_pod_changes_nothing(self) -> None:
        there = cluster(WEB, DB, policy(on="app=none", ingress=[], egress=[]), policy("q", ns="empty", ingress=[]))
        assert verdict(there, WEB, DB) is ALLOWED


class TestNP35:
    """ "A policy affects pods of any origin in the namespace, including system pods and pods with no labels ({} matches
    them).\""""

    def test_a_pod_without_labels_is_isolated_by_an_empty_selector(self) -> None:
        bare = pod("bare", "", ns="kube-system")
        assert verdict(cluster(bare, WEB, policy(ns="kube-system", ingress=[])), WEB, bare) is DENIED
        assert verdict(cluster(bare, WEB, policy(ns="kube-system", on="app=x", ingress=[])), WEB, bare) is ALLOWED


class TestNP36:
    """ "Creating NetworkPolicies without an enforcing plugin has no effect and no error.\""""

    def test_without_enforcement_everything_is_allowed(self) -> None:
        closed = policy(ingress=[], egress=[])
        assert verdict(cluster(WEB, DB, closed, enforced=NO), WEB, DB) is ALLOWED
        assert verdict(cluster(WEB, DB, closed, enforced=PERHAPS), WEB, DB) is UNKNOWN
        assert verdict(cluster(WEB, DB, closed), WEB, DB) is DENIED


class TestNP39:
    """The formal encoding: "Egress is symmetric with f.src as subject, r.to, and ports still resolved on f.dst.\""""

    def test_egress_mirrors_ingress_and_ports_stay_at_the_destination(self) -> None:
        server = pod("db", ports=(port(5432, "sql"),))
        peer, opened = pods("app=db"), item("sql")
        there = cluster(WEB, API, server, policy(on="app=web", egress=[rule([peer], [opened])]))
        assert verdict(there, WEB, server, 5432) is ALLOWED
        assert {verdict(there, WEB, API, 5432), verdict(there, WEB, server, 80)} == {DENIED}
        assert verdict(there, API, server, 80) is ALLOWED
