"""Intents: what a team wants to hold of the connections in its cluster, as frozen data with places."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from netcheck.errors import Place
from netcheck.values.labels import LabelSelector

API_VERSION = "netcheck/v1"
DOCUMENT_KINDS = ("Intents", "Intent")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentDocument:
    """A document with intents as it was read; `first_line` is the 0-based line at which its text starts in `file`."""

    value: Any
    file: str
    first_line: int = 0


class Demand(Enum):
    """What an intent demands: that connections can be opened, that none can, or that nobody else's can."""

    ALLOW = "allow"
    DENY = "deny"
    ONLY = "only"


class IntentScope(Enum):
    """Over which pods selectors range: those that exist, or all that could be created."""

    EXISTING = "existing"
    ANY_POD = "any-pod"


class Closes(Enum):
    """Which end of an `only` is closed to what is not listed at the other."""

    TO = "to"
    FROM = "from"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEnd:
    """An end expression, as `query --from` takes it; `namespace` is the one of names without any."""

    text: str
    namespace: str = "default"
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPods:
    """Pods by labels: in `namespaces` (None: in any) whose labels match `namespace_labels`, with labels as in `pods`."""

    namespaces: frozenset[str] | None = None
    namespace_labels: LabelSelector = LabelSelector()
    pods: LabelSelector = LabelSelector()
    place: Place | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """The selector as a label expression; `all-pods` if it restricts nothing."""
        parts = []
        if self.namespaces is not None:
            names = sorted(self.namespaces)
            parts.append(f"ns={names[0]}" if len(names) == 1 else f"ns in ({','.join(names)})")
        parts += [_prefixed(str(item)) for item in self.namespace_labels.requirements]
        parts += [str(item) for item in self.pods.requirements]
        return ",".join(parts) or "all-pods"


IntentEnd = NamedEnd | SelectedPods


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPort:
    """One entry of `ports`: a number or range as text, or a port's name; None: every port of `protocol`."""

    port: str | None
    protocol: str
    place: Place | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """`TCP/443`, `UDP`."""
        return f"{self.protocol}/{self.port}" if self.port is not None else self.protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Assuming:
    """What nobody can create, in scope `any-pod`.

    Attributes:
        no_new_namespaces: namespaces with such labels; None: any may be created. The empty selector: none may.
        no_new_pods: pods like these.
    """

    no_new_namespaces: LabelSelector | None = None
    no_new_pods: tuple[SelectedPods, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One intent. `ports` is None where the document names none: any port, or for `only` with `closes: from` all."""

    name: str
    demand: Demand
    sources: tuple[IntentEnd, ...]
    destinations: tuple[IntentEnd, ...]
    ports: tuple[IntentPort, ...] | None = None
    closes: Closes = Closes.TO
    scope: IntentScope = IntentScope.EXISTING
    assuming: Assuming = Assuming()
    allow_empty: bool = False
    description: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """The intent in one line."""
        ends = f"{_listed(self.sources)} -> {_listed(self.destinations)}"
        if self.demand is Demand.ONLY:
            ends = (
                f"{_listed(self.sources) or 'nobody'} -> {_listed(self.destinations)}"
                if self.closes is Closes.TO
                else f"{_listed(self.sources)} -> {_listed(self.destinations) or 'nothing'}"
            )
        ports = f" on {', '.join(item.text for item in self.ports)}" if self.ports is not None else ""
        return f"{self.demand.value} {ends}{ports}"


def _listed(ends: tuple[IntentEnd, ...]) -> str:
    return ", ".join(item.text for item in ends)


def _prefixed(requirement: str) -> str:
    return f"!ns:{requirement[1:]}" if requirement.startswith("!") else f"ns:{requirement}"
