"""What the manifests cannot tell: which CNI enforces the policies, and where addresses lie.

The switches are those of SEMANTICS appendix A; only those that the loaded kinds can feel are kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from types import MappingProxyType
from typing import Any


class Switch(Enum):
    """The value of a switch: implementations do it, do not, or nobody can say."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


_YES, _NO, _UNKNOWN = Switch.YES, Switch.NO, Switch.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one CNI behaves where implementations disagree. Defaults are the `generic` column.

    The field names are the switches' names (`cidrMatchesPods`), in snake case. `equal_priority` YES: ties are broken by
    name. `ingress_impl_specific` YES: a path of that type is a prefix (ING-6).
    """

    name: str = "generic"
    enforced: Switch = _YES
    cidr_matches_pods: Switch = _YES
    cidr_matches_nodes: Switch = _YES
    host_net_subject: Switch = _NO
    host_net_peer: Switch = _NO
    own_node_ingress: Switch = _YES
    own_node_egress: Switch = _YES
    self_via_service: Switch = _YES
    icmp_under_deny: Switch = _UNKNOWN
    policy_point: Switch = _YES
    end_port: Switch = _YES
    baseline_skipped_by_any_np: Switch = _NO
    equal_priority: Switch = _UNKNOWN
    listener_isolation: Switch = _YES
    tcp_route_on_tls_terminate: Switch = _UNKNOWN
    mesh_reference_grant: Switch = _NO
    ingress_impl_specific: Switch = _UNKNOWN

    def with_switch(self, field_name: str, value: Switch) -> Profile:
        """Return this profile with one switch (a field name) set to `value`."""
        changes: dict[str, Any] = {field_name: value}
        return replace(self, **changes)


def _camel(name: str) -> str:
    if name == "baseline_skipped_by_any_np":
        return "baselineSkippedByAnyNP"
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


SWITCH_FIELDS: Mapping[str, str] = MappingProxyType(
    {_camel(item.name): item.name for item in fields(Profile) if item.name != "name"}
)
"""Switch name as users write it -> field of `Profile`."""

_U = _UNKNOWN
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "generic": Profile(),
        "calico": Profile(name="calico", own_node_egress=_NO, icmp_under_deny=_NO, equal_priority=_YES),
        "cilium": Profile(
            name="cilium",
            cidr_matches_pods=_NO,
            cidr_matches_nodes=_NO,
            own_node_egress=_NO,
            icmp_under_deny=_NO,
            baseline_skipped_by_any_np=_U,
        ),
        "antrea": Profile(name="antrea", own_node_egress=_U, self_via_service=_U, icmp_under_deny=_NO),
        "ovn-kubernetes": Profile(
            name="ovn-kubernetes", host_net_peer=_U, own_node_egress=_U, self_via_service=_U, icmp_under_deny=_NO
        ),
        "aws-vpc": Profile(
            name="aws-vpc",
            own_node_egress=_U,
            self_via_service=_U,
            policy_point=_NO,
            end_port=_U,
            baseline_skipped_by_any_np=_U,
        ),
        "kindnet": Profile(
            name="kindnet",
            own_node_egress=_U,
            self_via_service=_U,
            baseline_skipped_by_any_np=_YES,
            equal_priority=_YES,
        ),
        "flannel": Profile(name="flannel", enforced=_NO),
    }
)
"""The profiles of `--cni` by name (SEMANTICS appendix A). `auto` is resolved to one of these before it is used."""

PRIVATE_V4 = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
PRIVATE_V6 = ("fc00::/7",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """CIDRs that the user gave (`--pod-cidr`, `--service-cidr`, `--node-cidr`); empty: not given.

    A pod or node without an address lies somewhere in its CIDRs, or else in the private ranges of RFC 1918 and
    fc00::/7 (docs/cli.md).
    """

    pod_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    node_cidrs: tuple[str, ...] = ()

    def pods_lie_in(self) -> tuple[str, ...]:
        """Return the CIDRs in which a pod without an address lies."""
        return self.pod_cidrs or (*PRIVATE_V4, *PRIVATE_V6)

    def nodes_lie_in(self) -> tuple[str, ...]:
        """Return the CIDRs in which a node without an address lies."""
        return self.node_cidrs or (*PRIVATE_V4, *PRIVATE_V6)
