"""What `verify --repair` offers, as frozen data for reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from netcheck.errors import Place
from netcheck.model.policy import NetworkPolicy
from netcheck.queries.repair_edits import Edit
from netcheck.values.connections import ConnectionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairEdit:
    """One edit of a repair.

    Attributes:
        action: `remove-rule`, `narrow-peer`, `add-policy` ...
        policy: the label of the policy that is edited or added.
        rule: `ingress[0]` or the like; empty where no rule that exists is edited.
        edit: what `repair_edits.applied` takes.
    """

    action: str
    text: str
    policy: str
    rule: str = ""
    place: Place | None = field(default=None, compare=False)
    edit: Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Connections that a repair opens or closes beside what the intent demands: from each of some ends (ids) to each of others."""

    opens: bool
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    connections: ConnectionSet

    @property
    def pairs(self) -> int:
        """How many pairs of ends it is about."""
        return len(self.sources) * len(self.destinations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Edits after which the intent holds; without any one of them it does not.

    Attributes:
        policies: those that are edited or added, as they are afterwards.
        added: the labels of those among them that are new.
        effects: what else changes; `opened`, `closed`: of how many pairs of ends.
        breaks: names of intents that hold today and would not.
    """

    edits: tuple[RepairEdit, ...]
    policies: tuple[NetworkPolicy, ...]
    added: frozenset[str] = frozenset()
    effects: tuple[Effect, ...] = ()
    opened: int = 0
    closed: int = 0
    breaks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """The repairs of one intent, the smallest first. `message` says why there are none, or that more was not looked for."""

    repairs: tuple[Repair, ...] = ()
    message: str = ""
