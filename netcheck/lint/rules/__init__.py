"""Every rule, listed once. Each module holds one rule: its check, its page and its examples."""

from __future__ import annotations

from netcheck.lint.rule import Rule
from netcheck.lint.rules import (
    nc101_or_instead_of_and,
    nc102_dns_blocked,
    nc103_dns_one_protocol,
    nc104_inert_rules,
    nc105_egress_policy_blocks_ingress,
    nc106_allow_all_rule,
    nc107_selects_nothing,
    nc108_peer_matches_nothing,
    nc109_service_port_used,
    nc110_named_port_missing,
    nc111_ipblock_in_cluster,
    nc112_except_reopened,
    nc114_invalid_object,
    nc115_cross_namespace_pod_selector,
    nc117_protocol_mismatch,
    nc118_host_network_selected,
    nc120_default_allow,
    nc124_unknown_field,
    nc201_service_selects_nothing,
    nc202_target_port_missing,
)

ALL: tuple[Rule, ...] = (
    nc101_or_instead_of_and.RULE,
    nc102_dns_blocked.RULE,
    nc103_dns_one_protocol.RULE,
    nc104_inert_rules.RULE,
    nc105_egress_policy_blocks_ingress.RULE,
    nc106_allow_all_rule.RULE,
    nc107_selects_nothing.RULE,
    nc108_peer_matches_nothing.RULE,
    nc109_service_port_used.RULE,
    nc110_named_port_missing.RULE,
    nc111_ipblock_in_cluster.RULE,
    nc112_except_reopened.RULE,
    nc114_invalid_object.RULE,
    nc115_cross_namespace_pod_selector.RULE,
    nc117_protocol_mismatch.RULE,
    nc118_host_network_selected.RULE,
    nc120_default_allow.RULE,
    nc124_unknown_field.RULE,
    nc201_service_selects_nothing.RULE,
    nc202_target_port_missing.RULE,
)
"""Every rule, in the order of the files."""
