"""Predicates over endpoints, rules, stages and pipelines: one shape for every policy API.

A new policy API is a new translator into these types and nothing else. `subject` is the pod that a policy
selects, `peer` the other end; ports are always the destination's. The types are plain frozen data: two lowerings
(bit sets and Z3 terms) give them meaning, and both must give the meaning written in each docstring.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netcheck.errors import Place
from netcheck.model.flow import Tier
from netcheck.model.policy import Direction
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol


class Kind(Enum):
    """What an endpoint is. `OWN_NODE` is the node on which the pod at the other end runs."""

    POD = "pod"
    HOST_POD = "host-network pod"
    NODE = "node"
    OWN_NODE = "own node"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Everything:
    """True of every endpoint."""


@dataclass(frozen=True, slots=True)
class IsKind:
    """True iff the endpoint's kind is one of `kinds`."""

    kinds: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class InNamespace:
    """True iff the endpoint is a pod (of either kind) in the namespace `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class NamespaceLabels:
    """True iff the endpoint is a pod (of either kind) whose namespace's labels match `selector`."""

    selector: LabelSelector


@dataclass(frozen=True, slots=True)
class PodLabels:
    """True iff the endpoint is a pod (of either kind) whose labels match `selector`."""

    selector: LabelSelector


@dataclass(frozen=True, slots=True)
class InAddresses:
    """True iff the endpoint's address, in the family of the flow, lies in `addresses`."""

    addresses: IPSet


@dataclass(frozen=True, slots=True)
class IsNode:
    """True iff the endpoint is a node whose labels match `selector`, or what is reached through that node's address.

    That is a known node, the own node, or a host-network pod; a node that is not known may have any labels (ADM-16).
    """

    selector: LabelSelector


@dataclass(frozen=True, slots=True)
class ResolvedFrom:
    """True iff the endpoint is an outside address to which one of `names` resolves: a fact that nobody knows (ADM-17)."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """True iff every part is true; `()` is true."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True iff some part is true; `()` is false."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True iff `part` is false."""

    part: Predicate


Predicate = (
    Everything
    | IsKind
    | InNamespace
    | NamespaceLabels
    | PodLabels
    | InAddresses
    | IsNode
    | ResolvedFrom
    | AllOf
    | AnyOf
    | Not
)

NOTHING = AnyOf(())


@dataclass(frozen=True, slots=True)
class NamedPort:
    """A named port; `protocol` None means any protocol (AdminNetworkPolicy `namedPort`, ADM-20)."""

    name: str
    protocol: Protocol | None = Protocol.TCP


@dataclass(frozen=True, slots=True)
class PortPredicate:
    """True of (protocol, port) towards a destination iff it is in `numbers`, or some `named` port of the destination.

    A named port of a destination that is not a pod, or not seen as one, is no port at all (NP-27). `any_port` is the same as all
    `numbers`, and also covers protocols without ports.
    """

    numbers: ConnectionSet = ConnectionSet.none()
    named: tuple[NamedPort, ...] = ()
    any_port: bool = False


ANY_PORT = PortPredicate(ConnectionSet.all(), (), any_port=True)


class Action(Enum):
    """What a matching rule does."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"  # noqa: S105 - the API's word


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a rule or stage comes from: the policy's label, the rule's field path, the place."""

    policy: str
    rule: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: flows whose peer and port match get `action`."""

    action: Action
    peer: Predicate
    ports: PortPredicate
    origin: Origin


@dataclass(frozen=True, slots=True)
class Stage:
    """One policy in one direction: its subjects and its rules in order.

    `priority` orders the stages of a first-match group; where several have the same, any of those that match a flow may
    be the one that is applied to it (ADM-5).

    `namespace` names the only namespace in which subjects lie, if there is one: an index, not a restriction.
    """

    subject: Predicate
    rules: tuple[Rule, ...]
    origin: Origin
    namespace: str | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class OpaqueStage:
    """A policy of unknown effect on its subjects; `additive` iff it can only isolate and allow."""

    subject: Predicate
    additive: bool
    origin: Origin
    cites: str
    message: str


class Mode(Enum):
    """How the stages of a group decide together.

    UNION: a subject of some stage is isolated; a flow is allowed iff some rule of some stage that selects it allows,
    else denied; a pod that no stage selects goes on to the next group.
    FIRST_MATCH: stages by priority, rules in order; the first match decides; PASS and no match go on.
    """

    UNION = "union"
    FIRST_MATCH = "first match"


@dataclass(frozen=True, slots=True)
class Group:
    """The stages of one tier. Flows with a peer in `exempt` are allowed whatever the stages say.

    `maybe_exempt` holds peers that some implementations exempt and others do not (profile switch unknown).
    """

    tier: Tier
    mode: Mode
    stages: tuple[Stage, ...]
    exempt: Predicate = NOTHING
    maybe_exempt: Predicate = NOTHING


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One direction: groups in order; what no group decides is allowed. Opaque stages stand beside all of them."""

    direction: Direction
    groups: tuple[Group, ...]
    opaque: tuple[OpaqueStage, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """All policies of a cluster under one profile. A flow is let through iff both pipelines let it through.

    `named_port_peers` are the kinds whose named ports an egress rule can resolve: what selectors can see (NET-3,
    NP-27). An ingress rule resolves them on its subject.
    """

    ingress: Pipeline
    egress: Pipeline
    named_port_peers: frozenset[Kind]

    def pipeline(self, direction: Direction) -> Pipeline:
        """Return the pipeline of `direction`."""
        return self.ingress if direction is Direction.INGRESS else self.egress
