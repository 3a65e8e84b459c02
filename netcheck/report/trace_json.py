"""The `Traces` document (docs/cli.md): one trace for each request, in the order of the requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netcheck.model.cluster import Loaded
from netcheck.model.request import Chosen, RedirectTo
from netcheck.queries.trace_results import BackendShare, Hop, Trace
from netcheck.report.json_v1 import Item, document, dump, head, place_fields, reason_item, with_set


def traces(loaded: Loaded, found: Sequence[Trace]) -> Iterator[str]:
    """Yield the `Traces` document."""
    yield from document(head(loaded, "Traces"), {"traces": (dump(trace_item(item)) for item in found)})


def trace_item(item: Trace) -> Item:
    """Return one trace. `blockedBy` is the position of the hop that decides, where one does."""
    found: dict[str, Any] = {
        "from": item.request.source,
        "to": _destination(item),
        "delivered": item.delivered.value,
        "status": item.status,
        "route": _route(item.route),
        "backends": [_backend(share) for share in item.backends],
        "redirect": _redirect(item.redirect),
        "mirrors": [_backend(share) for share in item.mirrors],
        "hops": [_hop(hop) for hop in item.hops],
        "reasons": [reason_item(reason) for reason in item.reasons],
    }
    if item.deciding is not None:
        found["decidedBy"] = item.hops.index(item.deciding)
    return found


def _destination(item: Trace) -> str:
    asked = item.request
    if asked.gateway is not None:
        return f"gateway:{'/'.join(asked.gateway)}"
    return asked.to or asked.host


def _route(chosen: Chosen | None) -> Item | None:
    if chosen is None:
        return None
    found: dict[str, Any] = {
        "kind": chosen.kind,
        "namespace": chosen.namespace,
        "name": chosen.name,
        "rule": chosen.rule,
        "match": chosen.match if chosen.match >= 0 else None,
    }
    return {**with_set(found, ruleName=chosen.rule_name), **place_fields(chosen.place)}


def _backend(share: BackendShare) -> Item:
    found: dict[str, Any] = {
        "namespace": share.namespace,
        "name": share.name,
        "port": share.port,
        "weight": share.weight,
        "reached": share.reached.value,
    }
    return with_set(
        found, kind=share.kind if share.kind != "Service" else "", targets=share.targets, problem=share.problem
    )


def _redirect(redirect: RedirectTo | None) -> Item | None:
    if redirect is None:
        return None
    return {
        "scheme": redirect.scheme,
        "host": redirect.host,
        "port": redirect.port,
        "path": redirect.path,
        "status": redirect.status,
    }


def _hop(hop: Hop) -> Item:
    found: dict[str, Any] = {"what": hop.what, "verdict": hop.verdict.value, "reason": hop.reason}
    with_set(found, rule=hop.rule, translation=hop.translation)
    if hop.place is not None:
        found["place"] = place_fields(hop.place)
    return found
