"""The `Verification` document: every intent with its outcome and evidence, what none speaks of, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from netcheck.model.cluster import Loaded
from netcheck.queries.verify_results import Basis, Evidence, IntentResult, Outcome, Support, Uncovered, Verification
from netcheck.report.json_v1 import (
    Item,
    decider_item,
    document,
    dump,
    flow_item,
    head,
    place_fields,
    ports_items,
    reason_item,
    with_set,
)
from netcheck.report.repair_json import repair_item

MOST_UNCOVERED = 1000
"""So many groups of connections that no intent speaks of are listed; the summary counts all."""


def verification(loaded: Loaded, found: Verification) -> Iterator[str]:
    """Yield the `Verification` document."""
    lists = {
        "intents": (dump(intent_item(item)) for item in found.results),
        "uncovered": (dump(uncovered_item(item)) for item in islice(found.uncovered, MOST_UNCOVERED)),
    }
    counts: dict[str, Any] = {outcome.value: found.count(outcome) for outcome in Outcome}
    summary = with_set({**counts, "uncovered": len(found.uncovered)}, leftOut=found.left_out)
    yield from document(head(loaded, "Verification"), lists, {"summary": summary})


def intent_item(result: IntentResult) -> Item:
    """Return the answer about one intent."""
    intent = result.intent
    item: dict[str, Any] = {
        "name": intent.name,
        "demand": intent.demand.value,
        "scope": intent.scope.value,
        "intent": intent.text,
        "outcome": result.outcome.value,
    }
    with_set(item, vacuous=result.vacuous, message=result.message, description=intent.description)
    item.update(place_fields(intent.place))
    evidence = result.evidence
    if evidence is not None:
        item["witness"] = flow_item(evidence.flow)
    item["decidedBy"] = [decider_item(decider) for decider in evidence.decided_by] if evidence is not None else []
    item["reasons"] = [reason_item(reason) for reason in result.reasons]
    with_set(item, provedFor=result.proved_for)
    if result.basis is not None:
        item["basis"] = _basis(result.basis)
    if result.repairs is not None:
        item["repairs"] = [repair_item(repair) for repair in result.repairs.repairs]
        with_set(item, repairMessage=result.repairs.message)
    return item


def _basis(basis: Basis) -> Item:
    return {
        "ways": [[_support(support) for support in way] for way in basis.ways],
        "complete": not (basis.more or basis.unfinished),
        "evasions": [_evasion(evidence) for evidence in basis.evasions],
        "unevadable": basis.unevadable,
    }


def _support(support: Support) -> Item:
    item = with_set({"policy": support.policy, "essential": support.essential}, evadedBy=support.evaded_by)
    return {**item, **place_fields(support.place)}


def _evasion(evidence: Evidence) -> Item:
    return {
        "witness": flow_item(evidence.flow),
        "decidedBy": [decider_item(decider) for decider in evidence.decided_by],
    }


def uncovered_item(item: Uncovered) -> Item:
    """Return a group of connections that no intent speaks of."""
    return {
        "sources": list(item.sources),
        "destinations": list(item.destinations),
        "ports": ports_items(item.connections),
    }
