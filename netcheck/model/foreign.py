"""What lint reads of policies whose effect on verdicts is not modelled: Istio's, Linkerd's, Calico's and Cilium's, and of network plugins.

Verdicts treat the same objects as opaque (`OpaquePolicy`); nothing here changes that. Only what some rule asks about is kept,
as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netcheck.errors import Place
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.values.labels import LabelSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSource:
    """One `source` of a rule: the identities that it asks for (IST-6), in the fields' own syntax."""

    principals: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshRule:
    """One rule. `http` names the attributes that only a proxy which reads HTTP knows; none of its fields set: it matches all."""

    sources: tuple[MeshSource, ...] = ()
    http: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationPolicy:
    """An AuthorizationPolicy of Istio (IST-1 to IST-4).

    Attributes:
        selector: `spec.selector.matchLabels`; None: every workload in its scope.
        attached: whether it has `targetRefs`: then it is for proxies that are named there only.
        dry_run: whether it enforces nothing (IST-15).
    """

    namespace: str
    name: str
    action: str = "ALLOW"
    selector: LabelSelector | None = None
    attached: bool = False
    rules: tuple[MeshRule, ...] = ()
    dry_run: bool = False
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`AuthorizationPolicy namespace/name`."""
        return f"AuthorizationPolicy {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAuthentication:
    """A PeerAuthentication of Istio (IST-16). `mode` is empty where it is unset; `ports` are those with a mode of their own."""

    namespace: str
    name: str
    selector: LabelSelector | None = None
    mode: str = ""
    ports: Mapping[int, str] = field(default_factory=dict)
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`PeerAuthentication namespace/name`."""
        return f"PeerAuthentication {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkerdServer:
    """A Server of Linkerd (LKD-4). `access` is empty where it is not given; `subject` None: it cannot be read for certain."""

    namespace: str
    name: str
    subject: LabelSelector | None = None
    access: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkerdTarget:
    """What an AuthorizationPolicy or ServerAuthorization of Linkerd is for (LKD-5); `kind` empty: Servers by labels."""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoPolicy:
    """A Calico NetworkPolicy or GlobalNetworkPolicy.

    Attributes:
        order: None: last (CAL-2).
        subject: None: every pod in its scope; meaningless unless `readable`.
        readable: whether its selectors are of the simple kind that labels alone decide.
        opens: the directions in which some rule allows everybody.
    """

    kind: str
    namespace: str
    name: str
    tier: str = "default"
    order: float | None = None
    subject: LabelSelector | None = None
    readable: bool = True
    opens: tuple[Direction, ...] = ()
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`GlobalNetworkPolicy name`, or `NetworkPolicy namespace/name`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumPeer:
    """A selector of endpoints in a rule. `namespace`: the one that it names, or the policy's own; None: others, by labels."""

    labels: LabelSelector
    namespace: str | None
    names_cluster: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumBlock:
    """A CIDR in a rule."""

    cidr: str
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumPolicy:
    """One `spec` of a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy (namespace empty).

    Attributes:
        allows, denies: the directions that have rules, and deny rules.
        isolates: the directions in which default deny is switched on (CIL-3).
        empty: the empty rules (`- {}`), by direction (CIL-6).
    """

    kind: str
    namespace: str
    name: str
    allows: tuple[Direction, ...] = ()
    denies: tuple[Direction, ...] = ()
    isolates: tuple[Direction, ...] = ()
    empty: tuple[tuple[Direction, Place | None], ...] = ()
    peers: tuple[CiliumPeer, ...] = ()
    blocks: tuple[CiliumBlock, ...] = ()
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`CiliumNetworkPolicy namespace/name`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A network plugin whose manifest says whether it enforces NetworkPolicies (CNI-1)."""

    namespace: str
    name: str
    enforces: Switch
    place: Place | None = field(default=None, compare=False)
