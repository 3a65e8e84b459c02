"""`Cluster`: everything that was loaded, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netcheck.errors import Place, Problem, Severity
from netcheck.model.profile import Addressing, Profile

if TYPE_CHECKING:  # every question needs this module, and few need all of these
    from netcheck.model.admin import AdminPolicy
    from netcheck.model.evidence import Evidence
    from netcheck.model.foreign import (
        AuthorizationPolicy,
        CalicoPolicy,
        CiliumPolicy,
        LinkerdServer,
        LinkerdTarget,
        PeerAuthentication,
        Plugin,
    )
    from netcheck.model.gateway import (
        BackendTLSPolicy,
        Gateway,
        GatewayClass,
        ListenerSet,
        Material,
        ReferenceGrant,
        Route,
    )
    from netcheck.model.ignores import IgnoreNote
    from netcheck.model.intents import IntentDocument
    from netcheck.model.objects import (
        EndpointSlice,
        Monitor,
        Namespace,
        Node,
        Pod,
        Service,
        Webhook,
        Workload,
        WorkloadId,
    )
    from netcheck.model.policy import Companion, NetworkPolicy, OpaquePolicy
    from netcheck.model.routes import Controller, Ingress, IngressClass, OpenShiftRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEndpoint:
    """A pod or workload that was refused: no verdict about it can be given.

    Without a name: all pods of a namespace, which could not be read (LIVE-6).
    """

    namespace: str
    kind: str
    name: str
    place: Place | None = field(default=None, compare=False)

    @property
    def fate(self) -> str:
        """What became of it, as half a sentence."""
        if not self.name:
            return f"the pods of namespace `{self.namespace}` could not be read"
        return f"{self.kind} `{self.namespace}/{self.name}` was refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRoute:
    """An object of the ways in (Gateway, HTTPRoute, Ingress ...) that was refused or not readable: it may serve anything.

    `name` is empty iff it could not be read.
    """

    namespace: str
    kind: str
    name: str
    place: Place | None = field(default=None, compare=False)

    @property
    def fate(self) -> str:
        """What became of it, as half a sentence."""
        if self.name:
            return f"{self.kind} `{self.namespace}/{self.name}` was refused"
        where = f" of namespace `{self.namespace}`" if self.namespace else ""
        return f"objects of kind {self.kind}{where} could not be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfollowed:
    """An object of a service mesh that may send requests elsewhere, or refuse them: nothing follows it.

    `hosts` are the names that it is about, in lower case, as written; None: it is not about names.
    """

    group: str
    kind: str
    namespace: str
    name: str
    hosts: tuple[str, ...] | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`VirtualService namespace/name`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Objects of one kind that a cluster may hold and that were not read (LIVE-6).

    They lie in `namespace`, or, if it is None, anywhere but in the namespaces `besides`, which were read.
    `decides` is true iff answers may be wrong without them, and not only less telling; `denied` iff the user may not
    read them.
    """

    group: str
    kind: str
    plural: str
    namespace: str | None = None
    besides: tuple[str, ...] = ()
    message: str = ""
    decides: bool = True
    denied: bool = False

    def concerns(self, namespace: str) -> bool:
        """Return whether such an object may lie in a namespace."""
        return namespace not in self.besides if self.namespace is None else namespace == self.namespace

    def told(self, namespace: str | None = None) -> str:
        """Return what was not read (of a namespace), and why: `pods of namespace x could not be read: ...`."""
        name = namespace if namespace is not None else self.namespace
        where = f" of namespace `{name}`" if name is not None else ""
        return f"{self.label}{where} could not be read: {self.message}"

    @property
    def label(self) -> str:
        """`pods`, `networkpolicies.networking.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A snapshot: the loaded objects, sorted by identity, and the assumptions under which they are read.

    `namespaces` holds every namespace that an object lies in, defined or inferred. `whole` is true iff the input is
    known to be all there is (a cluster, a snapshot, or `closedWorld: true`).
    """

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    workloads: Mapping[WorkloadId, Workload] = field(default_factory=dict)
    nodes: tuple[Node, ...] = ()
    policies: tuple[NetworkPolicy, ...] = ()
    admin: tuple[AdminPolicy, ...] = ()
    opaque: tuple[OpaquePolicy, ...] = ()
    companions: tuple[Companion, ...] = ()
    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    ingress_classes: tuple[IngressClass, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    openshift_routes: tuple[OpenShiftRoute, ...] = ()
    gateway_classes: tuple[GatewayClass, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    listener_sets: tuple[ListenerSet, ...] = ()
    routes: tuple[Route, ...] = ()
    grants: tuple[ReferenceGrant, ...] = ()
    backend_tls: tuple[BackendTLSPolicy, ...] = ()
    materials: tuple[Material, ...] = ()
    controllers: tuple[Controller, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    unfollowed: tuple[Unfollowed, ...] = ()
    authorization: tuple[AuthorizationPolicy, ...] = ()
    peer_authentication: tuple[PeerAuthentication, ...] = ()
    linkerd_servers: tuple[LinkerdServer, ...] = ()
    linkerd_targets: tuple[LinkerdTarget, ...] = ()
    calico: tuple[CalicoPolicy, ...] = ()
    cilium: tuple[CiliumPolicy, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    lost: tuple[LostEndpoint, ...] = ()
    lost_routes: tuple[LostRoute, ...] = ()
    unread: tuple[Unread, ...] = ()
    profile: Profile = Profile()
    addressing: Addressing = Addressing()
    cluster_domain: str = "cluster.local"
    whole: bool = False

    def knows_pods(self, namespace: str) -> bool:
        """Return whether the pods of a namespace were read, as far as there are any (LIVE-6)."""
        return not any((item.group, item.kind) == ("", "Pod") and item.concerns(namespace) for item in self.unread)

    def knows_namespace(self, name: str) -> bool:
        """Return whether the input tells what the namespace holds, so that what it does not hold is not there.

        True iff the input is whole, defines the namespace, or has a Service in it, and nothing that may lie in it was
        left unread. Routes are judged by it: a backend that such a namespace lacks is absent (GW-24, ING-8), one of
        another namespace is not known.
        """
        if any(item.decides and item.concerns(name) for item in self.unread):
            return False
        defined = self.namespaces.get(name)
        if self.whole or (defined is not None and defined.place is not None):
            return True
        return any(service.namespace == name for service in self.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModelled:
    """A kind that was read and whose effect on verdicts is not modelled."""

    kind: str
    api_version: str
    count: int
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A stated default for a fact that the input lacks, and the option that replaces it."""

    message: str
    option: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What loading gives: the cluster, every problem, what is not modelled, and what was assumed.

    Attributes:
        counts: kind -> number of objects read.
        skipped: documents that are not Kubernetes objects.
        lost_anything: whether part of the input could not be read or was refused.
        ignores: notes that ask for lint findings to be ignored, by place.
        intents: documents with intents that lie beside the manifests, unread.
        evidence: what the configuration of containers names, if that was asked for.
        home: the namespace of the context by which a live cluster was read, or empty.
    """

    cluster: Cluster
    problems: tuple[Problem, ...] = ()
    not_modelled: tuple[NotModelled, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    lost_anything: bool = False
    ignores: tuple[IgnoreNote, ...] = ()
    intents: tuple[IntentDocument, ...] = ()
    evidence: Evidence | None = None
    home: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing was lost in loading and nothing relevant is not modelled."""
        lost = self.lost_anything or any(problem.severity is Severity.ERROR for problem in self.problems)
        return not lost and not self.not_modelled
