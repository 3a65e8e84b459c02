"""Whether each match of a route is ever the one that takes a request, and which requests come to a Service.

Every witness is put to the oracle by `netcheck.queries.requests`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netcheck.engines.requests import Ever, Reached, RequestEngine
from netcheck.errors import SolverLimit
from netcheck.logic.requests import FrontendId
from netcheck.model.request import Chosen, Request
from netcheck.queries.requests import reached

MOST_MATCHES = 200
"""With more matches at doors than this nobody asks for each of them unless told to: it would take seconds, as each witness is put to the oracle."""

MatchKey = tuple[str, str, str, int, int]
"""Kind, namespace and name of the object, position of the rule, of the match or -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchReach:
    """Whether a match ever takes a request, at whichever door.

    `witness` is one that it takes at `door`, iff `YES`. `shadowed_by`: iff `NO`, the matches that take all of them.
    """

    verdict: Ever
    witness: Request | None = None
    door: str = ""
    shadowed_by: tuple[Chosen, ...] = ()


def count_matches(engine: RequestEngine) -> int:
    """Return how many matches there are, those of several doors counted at each."""
    return sum(len(engine.matches(frontend)) for frontend in engine.frontends())


def reach_of_matches(engine: RequestEngine) -> Mapping[MatchKey, MatchReach]:
    """Return for every match that has a door whether it ever takes a request."""
    found: dict[MatchKey, list[tuple[FrontendId, Reached]]] = {}
    for frontend in engine.frontends():
        for chosen in engine.matches(frontend):
            found.setdefault(key_of(chosen), []).append((frontend, _asked(engine, frontend, chosen)))
    return {key: _merged(answers) for key, answers in found.items()}


def key_of(chosen: Chosen) -> MatchKey:
    """Return the identity of a match."""
    return (chosen.kind, chosen.namespace, chosen.name, chosen.rule, chosen.match)


def _asked(engine: RequestEngine, frontend: FrontendId, chosen: Chosen) -> Reached:
    try:
        return reached(engine, frontend, chosen)
    except SolverLimit:
        return Reached(verdict=Ever.UNKNOWN)


def _merged(answers: Iterable[tuple[FrontendId, Reached]]) -> MatchReach:
    """Return the answer of all doors: yes if one says so, no if all do."""
    listed = list(answers)
    for frontend, answer in listed:
        if answer.verdict is Ever.YES:
            return MatchReach(verdict=Ever.YES, witness=answer.witness, door=frontend.label)
    if any(answer.verdict is Ever.UNKNOWN for _, answer in listed):
        return MatchReach(verdict=Ever.UNKNOWN)
    shadows = dict.fromkeys(chosen for _, answer in listed for chosen in answer.shadowed_by)
    return MatchReach(verdict=Ever.NO, shadowed_by=tuple(shadows))
