"""Repairs of violated intents as JSON: their edits, the policies as they are afterwards, and what else changes."""

from __future__ import annotations

from itertools import islice
from typing import Any

from netcheck.queries.repair_results import Effect, Repair, RepairEdit
from netcheck.report.json_v1 import Item, place_fields, ports_items, with_set
from netcheck.report.policy_yaml import policy_yaml

MOST_EFFECTS = 100
"""So many groups of connections that change besides are listed; `opens` and `closes` count all."""


def repair_item(repair: Repair) -> Item:
    """Return a repair."""
    item: dict[str, Any] = {
        "edits": [_edit(edit) for edit in repair.edits],
        "opens": repair.opened,
        "closes": repair.closed,
        "effects": [_effect(effect) for effect in islice(repair.effects, MOST_EFFECTS)],
        "policies": [
            {"policy": policy.label, "new": policy.label in repair.added, "manifest": policy_yaml(policy)}
            for policy in repair.policies
        ],
    }
    return with_set(item, breaks=list(repair.breaks))


def _edit(edit: RepairEdit) -> Item:
    item = with_set({"action": edit.action, "text": edit.text, "policy": edit.policy}, rule=edit.rule)
    return {**item, **place_fields(edit.place)}


def _effect(effect: Effect) -> Item:
    return {
        "change": "opens" if effect.opens else "closes",
        "sources": list(effect.sources),
        "destinations": list(effect.destinations),
        "ports": ports_items(effect.connections),
    }
