"""Flows, verdicts, and the decision about one flow with its reasons.

A flow is a new connection (SEMANTICS NET-13): source, destination, protocol and destination port, in one IP family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.objects import Node, Pod
from netcheck.model.policy import Direction
from netcheck.values.ports import Protocol


@dataclass(frozen=True, slots=True)
class PodEnd:
    """A pod as an end. Two flows of one pod template to itself run between two of its pods."""

    pod: Pod


@dataclass(frozen=True, slots=True)
class NodeEnd:
    """A node as an end: a process on the node, or anything behind the node's address."""

    node: Node


@dataclass(frozen=True, slots=True)
class OwnNodeEnd:
    """The node on which the pod at the other end runs (SEMANTICS NET-4, NET-5)."""


@dataclass(frozen=True, slots=True)
class AddressEnd:
    """An address, as text, that is no known pod and no known node."""

    address: str


End = PodEnd | NodeEnd | OwnNodeEnd | AddressEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A new connection. `version` is 4 or 6, or None: in whichever family the two ends share."""

    source: End
    destination: End
    protocol: Protocol
    port: int
    version: int | None = None


class Verdict(Enum):
    """The answer about a flow."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a verdict is unknown: the SEMANTICS rule and the fact that is missing."""

    rule: str
    message: str
    place: Place | None = field(default=None, compare=False)


class Tier(Enum):
    """Where in the order of evaluation something was decided (SEMANTICS ADM-3)."""

    ADMIN = "Admin"
    NETWORK_POLICY = "NetworkPolicy"
    BASELINE = "Baseline"
    DEFAULT = "Default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """What decided one direction of a flow.

    Attributes:
        action: `allow`, `deny` (also: isolates without allowing), `pass`, or `exempt` (NET-4 to NET-6).
        policy: label of the policy (`NetworkPolicy shop/db`), or empty when none selects the pod.
        rule: `ingress[0]` or the like, or empty when the policy as a whole decides by isolating.
        cites: SEMANTICS rule id.
    """

    direction: Direction
    tier: Tier
    action: str
    policy: str = ""
    rule: str = ""
    cites: str = ""
    note: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The oracle's answer: the verdict, what decided it, and for `unknown` the missing facts."""

    verdict: Verdict
    deciders: tuple[Decider, ...] = ()
    reasons: tuple[Reason, ...] = ()
