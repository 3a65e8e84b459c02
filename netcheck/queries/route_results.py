"""What `netcheck routes` answers: Gateways, routes, Ingresses, and what of their status is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.engines.requests import Way
from netcheck.errors import Place
from netcheck.logic.attachment import Binding, MeshBinding, ParentStatus
from netcheck.logic.policy_conditions import PolicyStatus
from netcheck.model.flow import Reason
from netcheck.model.gateway import Gateway, Listener, ListenerSet, Redirect, Route, RouteKind, RouteRule
from netcheck.model.request import Condition, Share
from netcheck.model.routes import Ingress, OpenShiftRoute
from netcheck.queries.route_reach import MatchReach


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendLine:
    """A backend of a rule. `message` says what `share.problem` is about; `reasons`: what is not known of it."""

    share: Share
    message: str = ""
    reasons: tuple[Reason, ...] = ()
    mirror: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule of a Gateway API route and what becomes of its requests.

    `matches`: each as text, empty for routes without matches. `failure`: what is answered where nothing else is.
    `reach`: of each match, or of the rule if it has none; None: it has no door, or that was not asked.
    """

    position: int
    rule: RouteRule
    matches: tuple[str, ...]
    backends: tuple[BackendLine, ...]
    redirect: Redirect | None = None
    failure: str = ""
    reach: tuple[MatchReach | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentLine:
    """A route at one parent: its status there, the listeners that take it, or the Service ports in a mesh."""

    status: ParentStatus
    bindings: tuple[Binding, ...] = ()
    mesh: tuple[MeshBinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLine:
    """A route."""

    route: Route
    parents: tuple[ParentLine, ...]
    rules: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLine:
    """A listener, its status, and the routes that it serves."""

    listener: Listener
    kinds: tuple[RouteKind, ...]
    conditions: tuple[Condition, ...]
    attached: int = 0
    accepted: bool = False
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLine:
    """A ListenerSet. `gateway` is None iff its parent is not loaded."""

    listener_set: ListenerSet
    gateway: Gateway | None
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLine:
    """A Gateway with its own listeners. `attached_sets`: how many ListenerSets it has accepted."""

    gateway: Gateway
    controller: str
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerLine, ...]
    attached_sets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLine:
    """A path of an Ingress: `type` is empty for a default backend; `rule` and `position` say where it is written."""

    rule: int = -1
    position: int = -1

    host: str
    type: str
    path: str
    backend: BackendLine
    reach: MatchReach | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressLine:
    """An Ingress. `class_name` is the effective one, or empty: then who serves it is not known (ING-3)."""

    ingress: Ingress
    class_name: str
    controller: str
    paths: tuple[PathLine, ...]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenShiftLine:
    """An OpenShift Route."""

    route: OpenShiftRoute
    backends: tuple[BackendLine, ...]
    reach: MatchReach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is not as it should be, or not known (`unknown`), and what to do about it.

    `object` is whose status it is, `at` where: a listener, a parent, a rule; `what`: condition and reason.
    """

    object: str
    at: str
    what: str
    message: str
    hint: str = ""
    unknown: bool = False
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Everything that `netcheck routes` shows. Lists are in the order of the cluster: sorted by identity.

    Attributes:
        target: the Service that was asked for, `namespace/name`, or empty; `ways`: the requests that come to it.
        not_asked: how many matches there are if nobody asked whether each is ever reached, else 0.
    """

    gateways: tuple[GatewayLine, ...] = ()
    sets: tuple[SetLine, ...] = ()
    routes: tuple[RouteLine, ...] = ()
    policies: tuple[PolicyStatus, ...] = ()
    ingresses: tuple[IngressLine, ...] = ()
    openshift: tuple[OpenShiftLine, ...] = ()
    faults: tuple[Fault, ...] = ()
    target: str = ""
    ways: tuple[Way, ...] = ()
    not_asked: int = 0

    @property
    def unknown(self) -> bool:
        """Whether something asked is not known."""
        return any(item.unknown for item in self.faults) or not all(item.certain for item in self.ways)
