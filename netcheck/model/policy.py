"""NetworkPolicy v1 as the API server stores it, and policies of which only the reach is known.

Source: k8s.io/api/networking/v1. Defaults are applied by the loader (SEMANTICS NP-2, NP-25); absent and
empty lists are both the empty tuple, as the API stores them (NP-3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.values.labels import LabelSelector


class Direction(Enum):
    """A direction of traffic as the selected pod sees it."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPeer:
    """A peer by selectors (NP-8): at least one of the two is set; None means that the field is absent."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IPBlockPeer:
    """A peer by addresses (NP-16): `cidr` without the addresses of `excepts`, as plain canonical CIDR texts."""

    cidr: str
    excepts: tuple[str, ...] = ()
    place: Place | None = field(default=None, compare=False)


Peer = PodPeer | IPBlockPeer


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPort:
    """A port item (NP-25): `port` is a number, a name, or None for all ports of `protocol`.

    `end_port` is None, or the inclusive end of the range that starts at a numeric `port` (NP-28).
    """

    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """A rule of `ingress` or `egress`. No peers: any peer. No ports: any port and protocol (NP-3)."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPolicy:
    """A NetworkPolicy, defaults applied. `types` holds the effective policyTypes (NP-2), without repetition.

    Attributes:
        stated_types: whether the manifest itself names `policyTypes`.
    """

    namespace: str
    name: str
    pod_selector: LabelSelector = LabelSelector()
    types: tuple[Direction, ...] = (Direction.INGRESS,)
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()
    stated_types: bool = True
    place: Place | None = field(default=None, compare=False)

    def rules(self, direction: Direction) -> tuple[PolicyRule, ...]:
        """Return the rules written for `direction`, whether or not it is among the types."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    @property
    def label(self) -> str:
        """`NetworkPolicy namespace/name`."""
        return f"NetworkPolicy {self.namespace}/{self.name}"


class PolicyFamily(Enum):
    """Who enforces a policy that is not modelled; of `BUILT_IN` are the kinds that Kubernetes defines."""

    BUILT_IN = ""
    CALICO = "Calico"
    CILIUM = "Cilium"
    ANTREA = "Antrea"
    OVN = "OVN-Kubernetes"
    MESH = "a service mesh"
    CLOUD = "a cloud's network plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """An object that policies of unknown effect of a family (`BUILT_IN`: of any) may read: a NetworkSet, a Tier, settings.

    `text` is what of it they may read, equal for equal objects.
    """

    kind: str
    namespace: str = ""
    name: str
    family: PolicyFamily = PolicyFamily.BUILT_IN
    text: str = field(repr=False)
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`Kind namespace/name`, or `Kind name`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


UNREADABLE = "unreadable: "
"""What the text of a policy begins with that could not be parsed: what it reads is not told by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaquePolicy:
    """A policy whose effect is not known: it was refused by validation, or its kind is not modelled.

    It may concern the pods of `namespace` (None: of any namespace whose labels `namespace_selector` matches; None: any)
    that `subject` matches (None: any pod), in `directions`. `additive` is true iff it can only isolate and allow, as a NetworkPolicy can (NP-5); else it may
    also deny what others allow. `text` is what is written, equal for equal policies; empty: not known, so that two such
    policies are never the same.
    """

    kind: str
    namespace: str | None
    name: str
    directions: tuple[Direction, ...]
    subject: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    additive: bool = False
    rule: str = "NET-18"
    message: str = ""
    family: PolicyFamily = PolicyFamily.BUILT_IN
    text: str = field(default="", repr=False)
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`Kind namespace/name`, or `Kind name` for a cluster-scoped kind."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace is not None else f"{self.kind} {self.name}"
