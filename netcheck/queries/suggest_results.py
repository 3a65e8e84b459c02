"""What `suggest` answers, as frozen data: what is needed, which policies that takes, and what is proved of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.flow import Reason
from netcheck.model.intents import SelectedPods
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet


class NeedKind(Enum):
    """What tells that a connection is needed; the values are those of `--need`."""

    INTENTS = "intents"
    FLOWS = "flows"
    POLICIES = "policies"
    ROUTES = "routes"
    DOORS = "doors"
    NAMES = "names"
    WEBHOOKS = "webhooks"
    MONITORS = "monitors"
    SERVICES = "services"
    DNS = "dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedEnd:
    """One end of a needed connection.

    Attributes:
        text: as users read it.
        pods: positions of loaded pods.
        selector: it is meant by labels, so that pods that do not exist yet belong to it too; else the pods are meant.
        addresses: addresses outside.
        anybody: everything, in and out of the cluster.
    """

    text: str
    pods: frozenset[int] = frozenset()
    selector: SelectedPods | None = None
    addresses: IPSet = field(default_factory=IPSet.none)
    anybody: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it stands for nothing."""
        return not (self.pods or self.selector or self.addresses or self.anybody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Connections that are needed: from every source to every destination.

    Attributes:
        why: what tells so, in words.
        opens: whether it is to be let through even if it is denied today.
        denied: if it opens, the directions in which NetworkPolicies deny some of it today.
    """

    kind: NeedKind
    source: NeedEnd
    destination: NeedEnd
    connections: ConnectionSet
    why: str
    opens: bool = False
    denied: frozenset[Direction] = frozenset()
    place: Place | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """The need in one line."""
        return f"{self.source.text} -> {self.destination.text} on {self.connections}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Workloads (ids) of a namespace that no policy isolates in a direction, and the policy that closes the gap.

    `reasons`: why it is not known whether they are.
    """

    namespace: str
    direction: Direction
    workloads: tuple[str, ...]
    closed_by: str = ""
    reasons: tuple[Reason, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A policy to add, and the needs (positions in `Suggestions.needs`) that it serves; `denies`: what it closes."""

    policy: NetworkPolicy
    serves: tuple[int, ...] = ()
    denies: tuple[Direction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A need, or what might be one, that no policy serves, and why."""

    text: str
    reason: str
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked of the cluster with the suggested policies.

    Attributes:
        holds: None: it is not known.
        by: what decided it.
        witness: a flow that shows that it does not hold.
        binding: whether the suggestion would be wrong if it does not hold; else it is good to know.
        otherwise: what it means if it does not hold.
    """

    claim: str
    holds: bool | None
    by: str
    witness: FlowText | None = None
    reasons: tuple[Reason, ...] = ()
    binding: bool = True
    otherwise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """Everything that `suggest` found out.

    Attributes:
        unknown: what is open unless a policy of unknown effect isolates it; nothing is suggested for it.
        smallest: whether no fewer policies of the kinds considered would do.
        enforced: whether anything enforces policies; else nothing is suggested.
    """

    gaps: tuple[Gap, ...] = ()
    unknown: tuple[Gap, ...] = ()
    needs: tuple[Need, ...] = ()
    policies: tuple[Suggestion, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    smallest: bool = True
    enforced: bool = True

    @property
    def proved(self) -> bool:
        """Whether everything holds on which the suggestion rests."""
        return all(item.holds for item in self.checks if item.binding)
