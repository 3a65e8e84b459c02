"""Admin policies as the API server stores them: ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy.

One shape for the three kinds (SEMANTICS section 3). Source: network-policy-api, v1alpha2 and v1alpha1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.flow import Tier
from netcheck.model.policy import Direction
from netcheck.values.labels import LabelSelector


class AdminAction(Enum):
    """What a rule does (ADM-7). `Allow` of v1alpha1 and `Accept` of v1alpha2 are one action."""

    ACCEPT = "Accept"
    DENY = "Deny"
    PASS = "Pass"  # noqa: S105 - the API's word


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPods:
    """Pods as a subject or a peer (ADM-2, ADM-13): all pods of matching namespaces, or the matching ones among them.

    `pod_selector` is None iff the API's `namespaces` form was used. Host-network pods are never meant.
    """

    namespace_selector: LabelSelector
    pod_selector: LabelSelector | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminNodes:
    """An egress peer (ADM-16): the addresses of the nodes whose labels match."""

    selector: LabelSelector
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminNetworks:
    """An egress peer (ADM-15): any destination, pods and nodes included, whose address lies in one of `cidrs`."""

    cidrs: tuple[str, ...]
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminDomains:
    """An egress peer (ADM-17): the addresses to which a name resolves when the pod asks; nobody knows them here."""

    names: tuple[str, ...]
    place: Place | None = field(default=None, compare=False)


AdminPeer = AdminPods | AdminNodes | AdminNetworks | AdminDomains


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPort:
    """A port item (ADM-18 to ADM-20): a closed range of numbers of `protocol`, or a name.

    `protocol` is None iff `name` is set and any protocol is meant.
    """

    protocol: str | None = "TCP"
    first: int = 1
    last: int = 65535
    name: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRule:
    """A rule. No ports: any port and protocol. It has at least one peer."""

    action: AdminAction
    peers: tuple[AdminPeer, ...]
    ports: tuple[AdminPort, ...] = ()
    name: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPolicy:
    """An admin policy of any of the three kinds. `tier` is ADMIN or BASELINE; a BANP has priority 0."""

    kind: str
    name: str
    tier: Tier
    priority: int = 0
    subject: AdminPods
    ingress: tuple[AdminRule, ...] = ()
    egress: tuple[AdminRule, ...] = ()
    place: Place | None = field(default=None, compare=False)

    def rules(self, direction: Direction) -> tuple[AdminRule, ...]:
        """Return the rules of a direction, in order."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    @property
    def label(self) -> str:
        """`Kind name`."""
        return f"{self.kind} {self.name}"
