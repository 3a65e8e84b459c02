"""The `Suggestions` document: gaps, needs, policies as manifests, what is not kept, and what is proved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcheck.model.cluster import Loaded
from netcheck.queries.manifests import network_policy
from netcheck.queries.suggest_results import Check, Dropped, Gap, Need, Suggestion, Suggestions
from netcheck.report.json_v1 import (
    Item,
    document,
    dump,
    flow_item,
    head,
    place_fields,
    ports_items,
    reason_item,
    with_set,
)


def suggestions_json(loaded: Loaded, found: Suggestions) -> Iterator[str]:
    """Yield the `Suggestions` document."""
    yield from document(
        head(loaded, "Suggestions"),
        {
            "gaps": map(dump, map(_gap_item, found.gaps)),
            "unknown": map(dump, map(_gap_item, found.unknown)),
            "needs": map(dump, map(_need_item, found.needs)),
            "policies": map(dump, map(_policy_item, found.policies)),
            "dropped": map(dump, map(_dropped_item, found.dropped)),
            "checks": map(dump, map(_check_item, found.checks)),
        },
        {"notes": list(found.notes), "proved": found.proved, "smallest": found.smallest, "enforced": found.enforced},
    )


def _gap_item(gap: Gap) -> Item:
    item: dict[str, Any] = {
        "namespace": gap.namespace,
        "direction": gap.direction.value,
        "workloads": list(gap.workloads),
    }
    with_set(item, closedBy=gap.closed_by)
    if gap.reasons:
        item["reasons"] = [reason_item(reason) for reason in gap.reasons]
    return {**item, **place_fields(gap.place)}


def _need_item(need: Need) -> Item:
    return {
        "kind": need.kind.value,
        "source": need.source.text,
        "destination": need.destination.text,
        "ports": ports_items(need.connections),
        "why": need.why,
        **place_fields(need.place),
    }


def _policy_item(item: Suggestion) -> Item:
    return {
        "namespace": item.policy.namespace,
        "name": item.policy.name,
        "denies": [direction.value for direction in item.denies],
        "serves": list(item.serves),
        "manifest": network_policy(item.policy),
    }


def _dropped_item(item: Dropped) -> Item:
    return {"need": item.text, "reason": item.reason, **place_fields(item.place)}


def _check_item(check: Check) -> Item:
    verdict = {True: "proved", False: "refuted", None: "unknown"}[check.holds]
    item: dict[str, Any] = {"claim": check.claim, "verdict": verdict, "by": check.by, "binding": check.binding}
    with_set(item, otherwise=check.otherwise)
    if check.witness is not None:
        item["witness"] = flow_item(check.witness)
    item["reasons"] = [reason_item(reason) for reason in check.reasons]
    return item
