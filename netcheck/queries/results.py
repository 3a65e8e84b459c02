"""What the questions answer, as frozen data for reports and exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.flow import Decider, Reason, Verdict
from netcheck.semantics.walk import Step
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import Protocol


class EndpointType(Enum):
    """`type` of an endpoint in the JSON contract."""

    WORKLOAD = "workload"
    IP = "ip"
    NODE = "node"
    OWN_NODE = "own-node"
    INGRESS_CONTROLLER = "ingress-controller"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An end of connections as users see it.

    Attributes:
        id: as in the JSON contract, unique in one list.
        pods: how many pods it stands for (workloads only).
        several: whether it can have more than one pod, so that connections to itself exist.
        addresses: what an `ip` endpoint holds.
        host_network: whether its pods use their node's network.
    """

    id: str
    type: EndpointType
    namespace: str = ""
    name: str = ""
    kind: str = ""
    pods: int = 0
    several: bool = False
    addresses: IPSet | None = None
    host_network: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The connections from one endpoint to another: positions in `ConnectionList.endpoints`.

    `reasons` is not empty iff the row is unknown. `depends_on` names switches whose other value, held by another
    profile, would change the row. `via` names the object through which the way leads; empty for a direct connection.
    `decided_by` is what decided a representative flow of the row, where that was asked for.
    """

    source: int
    destination: int
    connections: ConnectionSet
    reasons: tuple[Reason, ...] = ()
    depends_on: tuple[str, ...] = ()
    via: str = ""
    decided_by: tuple[Decider, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """The same connections from each of `sources` to each of `destinations` (positions).

    Itself to itself is left out unless the endpoint has several pods.
    """

    sources: tuple[int, ...]
    destinations: tuple[int, ...]
    connections: ConnectionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionList:
    """All connections. `groups` hold what `rows` list one by one, and stay small where rows are millions.

    `rows()` yields rows sorted by source and destination id; a pair occurs at most once, but for `entries`: the ways in
    through an Ingress or Route, which are not in `groups`. `unknown` likewise.
    `row_source` and `marked_source` can be walked again and again; `marked_source` holds the rows that depend on a switch.
    """

    endpoints: tuple[Endpoint, ...]
    groups: tuple[RowGroup, ...]
    unknown: tuple[Row, ...]
    entries: tuple[Row, ...] = ()
    row_source: Iterable[Row] = ()
    marked_source: Iterable[Row] | None = None

    def rows(self) -> Iterator[Row]:
        """Yield every allowed row: direct ones, then the ways in."""
        yield from self.row_source
        yield from self.entries

    def marked_rows(self) -> Iterator[Row]:
        """Yield the allowed rows that another CNI profile would change."""
        if self.marked_source is not None:
            yield from self.marked_source
        else:
            yield from (row for row in self.rows() if row.depends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowText:
    """A flow as text, for output."""

    source: str
    destination: str
    protocol: Protocol | None = None
    port: int | None = None
    source_labels: str = ""
    destination_labels: str = ""
    source_address: str = ""
    destination_address: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of one rule or policy, in words."""

    text: str
    policy: str
    rule: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Edits that together let a denied flow through: the oracle has said so of the cluster with them applied."""

    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """What an unknown verdict is if `condition` holds."""

    verdict: Verdict
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileVerdict:
    """The answer to a query under another profile; `differs` names the switches that it sets otherwise."""

    profile: str
    verdict: Verdict
    differs: tuple[str, ...] = ()
    decided_by: tuple[Decider, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """The answer for one source and one destination: on which connections flows are allowed or unknown.

    `verdict` is about the connections that were asked; `service` names the Service port that led to the destination.

    Attributes:
        walkthrough: every policy and rule that is consulted about the witness.
        blocked_by: of a denied witness, the denials of a minimal set of policies without which it is let through.
        change: of a denied witness, the smallest change found that lets it through.
        outcomes: of an unknown witness, its verdict for each way to order policies of equal priority.
    """

    source: str
    destination: str
    verdict: Verdict
    allowed: ConnectionSet
    unknown: ConnectionSet
    asked: ConnectionSet
    witness: FlowText | None = None
    decided_by: tuple[Decider, ...] = ()
    reasons: tuple[Reason, ...] = ()
    depends_on: tuple[str, ...] = ()
    service: str = ""
    proved_for: str = ""
    """What a free end ranged over, if one did: the answer is proved for all of it."""
    walkthrough: tuple[Step, ...] = ()
    blocked_by: tuple[Decider, ...] = ()
    change: Change | None = None
    outcomes: tuple[Possible, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """The answer to `query`: allowed iff every pair is, denied iff some pair is, else unknown."""

    verdict: Verdict
    source: str
    destination: str
    asked: str
    pairs: tuple[PairResult, ...]
    reasons: tuple[Reason, ...] = ()
    profiles: tuple[ProfileVerdict, ...] = ()
