"""The output of `migrate`: YAML documents to apply, and the `Migration` document of the JSON contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcheck.model.cluster import Loaded
from netcheck.queries.migrate import Left, Migration, Proof, Rewritten, manifest, manifest_text
from netcheck.report.json_v1 import Item, document, dump, flow_item, head, place_fields, with_set


def migration_yaml(result: Migration) -> Iterator[str]:
    """Yield the ClusterNetworkPolicies as YAML, each under a comment that names what it replaces; none unless proved."""
    if not result.proof.holds:
        return
    start = ""
    for rewritten in result.rewritten:
        source = rewritten.source
        where = f" ({source.place})" if source.place is not None else ""
        parts = len(rewritten.policies)
        for number, policy in enumerate(rewritten.policies, start=1):
            part = f", part {number} of {parts}" if parts > 1 else ""
            yield f"{start}# replaces {source.label}{where}{part}\n{manifest_text(policy)}"
            start = "---\n"


def migration_json(loaded: Loaded, result: Migration) -> Iterator[str]:
    """Yield the `Migration` document; it has no objects unless they are proved."""
    proved = result.rewritten if result.proof.holds else ()
    yield from document(
        head(loaded, "Migration"),
        {
            "objects": (dump(item) for rewritten in proved for item in _object_items(rewritten)),
            "left": map(dump, map(_left_item, result.left)),
        },
        {"proof": _proof_item(result.proof)},
    )


def _object_items(rewritten: Rewritten) -> Iterator[Item]:
    source = rewritten.source
    for policy in rewritten.policies:
        yield {"replaces": source.label, **place_fields(source.place), "manifest": manifest(policy)}


def _left_item(left: Left) -> Item:
    return {"object": left.object, "message": left.message, **place_fields(left.place)}


def _proof_item(proof: Proof) -> Item:
    item: dict[str, Any] = {"holds": proof.holds}
    if proof.witness is not None:
        item["witness"] = flow_item(proof.witness)
    return with_set(item, limit=proof.limit)
