"""What `verify` answers, as frozen data for reports and exit codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decider, Reason, Verdict
from netcheck.model.intents import Intent
from netcheck.queries.repair_results import Repairs
from netcheck.queries.results import FlowText
from netcheck.values.connections import ConnectionSet


class Outcome(Enum):
    """Whether an intent holds, in the order in which reports list them."""

    VIOLATED = "violated"
    UNKNOWN = "unknown"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A flow that shows the outcome, its verdict (the oracle's word), and what decided it.

    `world` is the cluster with the pods of the flow that somebody would have to create; None if there are none.
    """

    flow: FlowText
    verdict: Verdict
    decided_by: tuple[Decider, ...] = ()
    reasons: tuple[Reason, ...] = ()
    world: Cluster | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A policy that a proof rests on.

    Attributes:
        essential: without this policy alone, all others in place, the intent does not hold.
        evaded_by: how the creator of a pod escapes it by choosing labels; empty if nobody does.
    """

    policy: str
    essential: bool
    evaded_by: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Why a denial holds: each way is a minimal set of policies that deny it whatever becomes of the others.

    Attributes:
        ways: empty if nothing could pass without any policy either.
        more: whether there may be ways that were not looked for.
        evasions: pods that could be created in the namespaces of either end, and for which it would not hold; of an `only`
            pods anywhere that no selector lists.
        unevadable: whether it is proved that no such pod could be.
        unfinished: the solver gave up before all was told.
    """

    ways: tuple[tuple[Support, ...], ...] = ()
    more: bool = False
    evasions: tuple[Evidence, ...] = ()
    unevadable: bool = False
    unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentResult:
    """The answer about one intent. A vacuous one matches nothing, which is a violation unless it says `allowEmpty`.

    Attributes:
        message: what is wrong or missing, in a sentence; empty if it holds.
        proved_for: over what a proof ranged, where pods that could exist are meant.
        repairs: of one that is violated, if they were asked for.
    """

    intent: Intent
    outcome: Outcome
    vacuous: bool = False
    message: str = ""
    evidence: Evidence | None = None
    reasons: tuple[Reason, ...] = ()
    proved_for: str = ""
    basis: Basis | None = None
    repairs: Repairs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """Connections that are allowed and that no intent speaks of: from each of some endpoints (ids) to each of others."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    connections: ConnectionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The answers about all intents, violated ones first, and what no intent speaks of.

    `left_out` intents are of namespaces that are not reported.
    """

    results: tuple[IntentResult, ...]
    uncovered: tuple[Uncovered, ...] = ()
    left_out: int = 0

    def count(self, outcome: Outcome) -> int:
        """Return how many intents have the outcome."""
        return sum(item.outcome is outcome for item in self.results)
