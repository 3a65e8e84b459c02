"""What `diff` answers, as frozen data for reports and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.flow import Reason, Verdict
from netcheck.queries.results import Endpoint
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import Protocol


class ChangeType(Enum):
    """What became of the connections of a pair."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cause:
    """An object that differs and makes a pair differ.

    Attributes:
        object: `Kind namespace/name`.
        change: `added`, `removed` or `changed`, from BASE to HEAD.
        detail: what about it, in words: the rule that decides, the labels that differ.
        rule: the rule of a policy that lets the connection pass on one side, or empty.
        place: in HEAD where it is there, else in BASE.
    """

    object: str
    change: str
    detail: str = ""
    rule: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A flow that the oracle was asked about on both sides; a side without one of the ends lets nothing pass.

    Attributes:
        seen_as: of a way in: whom the pod sees, a proxy's pod or a node, if that is not the source.
        no_way: `before` or `after` iff policies would let it pass there, and nothing leads to the port.
    """

    protocol: Protocol
    port: int
    before: Verdict
    after: Verdict
    source_address: str = ""
    destination_address: str = ""
    seen_as: str = ""
    no_way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Through which of the proxy's pods or of the nodes only a way in leads, before and after; empty: through all.

    `widened` iff it now leads through some that it did not lead through.
    """

    before: str = ""
    after: str = ""
    widened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What explains the changes of one pair, or of pairs that nothing tells apart."""

    causes: tuple[Cause, ...] = ()
    probe: Probe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRow:
    """What became of the connections from one endpoint to another (positions in `ConnectionDiff.endpoints`).

    Attributes:
        workload: `added` or `removed` iff an end is there on one side only.
        via: the object through which the way leads; empty for a direct connection.
        limits: of a way in that does not lead through all of a proxy's pods, or of the nodes.
    """

    source: int
    destination: int
    before: ConnectionSet
    after: ConnectionSet
    workload: str = ""
    via: str = ""
    limits: Limits = Limits()
    why: Why = Why()

    @property
    def type(self) -> ChangeType:
        """Whether all of it is new, all of it is gone, or neither."""
        if not self.before:
            return ChangeType.ADDED
        return ChangeType.CHANGED if self.after else ChangeType.REMOVED

    @property
    def opens(self) -> bool:
        """Whether something passes in HEAD that did not in BASE."""
        return self.limits.widened or bool(self.after - self.before)

    @property
    def way(self) -> str:
        """The object through which it leads, and how that is limited."""
        return way_text(self.via, self.before, self.after, self.limits)


def way_text(via: str, before: ConnectionSet, after: ConnectionSet, limits: Limits) -> str:
    """Return the object through which a way leads, and through which pods or nodes only it did and does."""
    if limits.before == limits.after or not (before and after):
        said = [limits.after if after else limits.before]
    else:
        words = ((limits.before, "before"), (limits.after, "now"))
        said = [f"{word} {text or 'through all'}" for text, word in words]
    return ", ".join([via, *filter(None, said)])


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffGroup:
    """The same change between each of `sources` and each of `destinations` (positions, ascending).

    A pair of an endpoint with itself counts only where it can have several pods. `size` is how many pairs there are, and
    `example` one of them.
    """

    sources: tuple[int, ...]
    destinations: tuple[int, ...]
    before: ConnectionSet
    after: ConnectionSet
    workload: str = ""
    via: str = ""
    limits: Limits = Limits()
    causes: tuple[Cause, ...] = ()
    size: int = 1
    example: DiffRow | None = None

    @property
    def type(self) -> ChangeType:
        """As of each of its rows."""
        return DiffRow(source=0, destination=0, before=self.before, after=self.after).type

    @property
    def opens(self) -> bool:
        """Whether something passes in HEAD that did not in BASE."""
        return self.limits.widened or bool(self.after - self.before)

    @property
    def way(self) -> str:
        """As of each of its rows."""
        return way_text(self.via, self.before, self.after, self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRow:
    """Connections of which it is not known whether the two sides treat them alike.

    `may_open` iff some of them may pass in HEAD without having passed in BASE.
    """

    source: int
    destination: int
    connections: ConnectionSet
    reasons: tuple[Reason, ...] = ()
    via: str = ""
    may_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDiff:
    """How the connections of HEAD differ from those of BASE.

    `groups` hold what `rows()` yields one by one, sorted by source, destination and way.
    `counts` says how many rows of each type there are, `opened` how many let more pass than before, and `shared` how many
    have the causes of another row of their group, and no witness of their own.
    """

    endpoints: tuple[Endpoint, ...]
    groups: tuple[DiffGroup, ...]
    unknown: tuple[UnknownRow, ...]
    row_source: Callable[[], Iterator[DiffRow]]
    counts: Mapping[ChangeType, int]
    opened: int = 0
    shared: int = 0
    only_base: frozenset[int] = frozenset()
    only_head: frozenset[int] = frozenset()

    def rows(self) -> Iterator[DiffRow]:
        """Yield every change."""
        return self.row_source()

    @property
    def differs(self) -> bool:
        """Whether anything is known to differ."""
        return bool(self.groups)
