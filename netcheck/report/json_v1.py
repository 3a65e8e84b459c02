"""The JSON contract `netcheck/v1` (docs/cli.md): the same result gives the same bytes; changes are additive only.

Order of keys: `apiVersion, kind, complete, problems, notModelled, assumptions`, then those of the kind as written
here; inside an item as written here. Lists are sorted. Each item of a top-level list has a line of its own, so that
outputs can be compared by line. Documents are yielded in pieces: a list of millions of rows is never one string.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from netcheck.errors import Place, Problem
from netcheck.model.cluster import Assumption, Loaded, NotModelled
from netcheck.model.flow import Decider, Reason
from netcheck.queries.results import (
    Change,
    ConnectionList,
    Endpoint,
    EndpointType,
    FlowText,
    PairResult,
    ProfileVerdict,
    QueryResult,
    Row,
)
from netcheck.semantics.walk import Step
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet

API_VERSION = "netcheck/v1"
Item = Mapping[str, Any]
_PIECE = 1000
"""How many lines go into one piece of a document."""


# ---- documents -----------------------------------------------------------------------------------------------------


def connection_list(loaded: Loaded, found: ConnectionList) -> Iterator[str]:
    """Yield the `ConnectionList` document."""
    quoted = [json.dumps(endpoint.id) for endpoint in found.endpoints]
    yield from document(
        head(loaded, "ConnectionList"),
        {
            "endpoints": map(dump, map(endpoint_item, found.endpoints)),
            "connections": (_row_text(row, quoted) for row in found.rows()),
            "unknown": (_row_text(row, quoted) for row in found.unknown),
        },
    )


def query_result(loaded: Loaded, result: QueryResult) -> Iterator[str]:
    """Yield the `QueryResult` document. `witness` and `decidedBy` are those of the pair that decides the verdict."""
    deciding = next((pair for pair in result.pairs if pair.verdict is result.verdict), None)
    fields: dict[str, Any] = {
        "verdict": result.verdict.value,
        "flow": {"source": result.source, "destination": result.destination, "asked": result.asked},
    }
    if deciding is not None and deciding.witness is not None:
        fields["witness"] = flow_item(deciding.witness)
    reasons = result.reasons or (deciding.reasons if deciding is not None else ())
    lists: dict[str, Iterable[str]] = {
        "decidedBy": map(dump, map(decider_item, deciding.decided_by if deciding is not None else ())),
        "reasons": map(dump, map(reason_item, reasons)),
        "pairs": map(dump, map(pair_item, result.pairs)),
    }
    if result.profiles:
        lists["profiles"] = map(dump, map(profile_item, result.profiles))
    yield from document({**head(loaded, "QueryResult"), **fields}, lists)


def head(loaded: Loaded, kind: str) -> dict[str, Any]:
    """Return the fields that every document begins with."""
    problems = sorted(loaded.problems, key=lambda item: item.sort_key)
    not_modelled = sorted(loaded.not_modelled, key=lambda item: (item.kind, item.api_version))
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "complete": loaded.complete,
        "problems": [problem_item(item) for item in problems],
        "notModelled": [not_modelled_item(item) for item in not_modelled],
        "assumptions": [assumption_item(item) for item in loaded.assumptions],
    }


def document(
    head: Mapping[str, Any], lists: Mapping[str, Iterable[str]], tail: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Yield a document: the fields of `head`, then lists of items that are JSON already, then the fields of `tail`."""
    start = "{\n"
    for key, value in head.items():
        if isinstance(value, list):
            yield start
            yield from _list(key, map(dump, value))
        else:
            yield f'{start}  "{key}": {dump(value)}'
        start = ",\n"
    for key, items in lists.items():
        yield start
        yield from _list(key, items)
    for key, value in (tail or {}).items():
        yield f'{start}  "{key}": {dump(value)}'
    yield "\n}\n"


def _list(key: str, items: Iterable[str]) -> Iterator[str]:
    piece = [f'  "{key}": [']
    comma = "\n    "
    for item in items:
        piece.append(comma)
        piece.append(item)
        comma = ",\n    "
        if len(piece) > _PIECE:
            yield "".join(piece)
            piece.clear()
    piece.append("]" if comma == "\n    " else "\n  ]")
    yield "".join(piece)


def dump(value: Any) -> str:
    """Return a value as JSON in one line."""
    return json.dumps(value)


# ---- items ---------------------------------------------------------------------------------------------------------


def with_set(item: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return `item` with those of `optional` that say something."""
    item.update((key, value) for key, value in optional.items() if value)
    return item


def place_fields(place: Place | None) -> dict[str, Any]:
    """Return `file`, `line` and `column`, as far as they are known."""
    if place is None:
        return {}
    return with_set({}, file=place.file, line=place.line, column=place.column)


def problem_item(problem: Problem) -> Item:
    """Return a problem."""
    item = with_set({"severity": problem.severity.value, "message": problem.message}, hint=problem.hint)
    return with_set({**item, **place_fields(problem.place)}, object=problem.object)


def not_modelled_item(item: NotModelled) -> Item:
    """Return a kind that is not modelled."""
    return {"kind": item.kind, "apiVersion": item.api_version, "count": item.count, "effect": item.effect}


def assumption_item(item: Assumption) -> Item:
    """Return an assumption and the option that replaces it."""
    return with_set({"message": item.message}, option=item.option, rule=item.rule)


def endpoint_item(endpoint: Endpoint) -> Item:
    """Return an endpoint."""
    item: dict[str, Any] = {"id": endpoint.id, "type": endpoint.type.value}
    if endpoint.type is EndpointType.IP:
        assert endpoint.addresses is not None
        return {**item, "cidrs": list(cidrs_of(endpoint.addresses))}
    with_set(item, namespace=endpoint.namespace, name=endpoint.name, kind=endpoint.kind)
    if endpoint.type is EndpointType.WORKLOAD:
        item["pods"] = endpoint.pods
        with_set(item, hostNetwork=endpoint.host_network)
    return item


def cidrs_of(addresses: IPSet) -> Iterator[str]:
    """Yield the CIDRs of a set, IPv6 ones cut at ::/96.

    Many programs hold addresses as bare numbers and tell the families apart by size (Python's `ip_address(0)` is
    0.0.0.0): cut there, no IPv6 block that such a reader takes for IPv4 reaches beyond it.
    """
    yield from addresses.cidrs_of_family(4)
    low = IPSet.of_cidrs("::/96")
    yield from (addresses & low).cidrs_of_family(6)
    yield from (addresses - low).cidrs_of_family(6)


def ports_items(connections: ConnectionSet) -> list[Item]:
    """Return port entries: by protocol, then ascending; one without `port` is all ports of its protocol."""
    found: list[Item] = []
    for protocol, ports in connections.items():
        if ports == PortSet.all():
            found.append({"protocol": protocol.value})
            continue
        for low, high in ports.ranges:
            item: dict[str, Any] = {"protocol": protocol.value, "port": low}
            found.append(item if low == high else {**item, "endPort": high})
    return found


@cache
def _ports_text(connections: ConnectionSet) -> str:
    return dump(ports_items(connections))


def _row_text(row: Row, quoted: Sequence[str]) -> str:
    """Return a row as JSON; its ends and ports are written once for all rows that have them."""
    text = f'{{"source": {quoted[row.source]}, "destination": {quoted[row.destination]}, "ports": {_ports_text(row.connections)}'
    if row.via:
        text += f', "via": {dump(row.via)}'
    if row.depends_on:
        text += f', "dependsOn": {dump(list(row.depends_on))}'
    if row.reasons:
        text += f', "reasons": {dump([reason_item(reason) for reason in row.reasons])}'
    if row.decided_by:
        text += f', "decidedBy": {dump([decider_item(decider) for decider in row.decided_by])}'
    return text + "}"


def reason_item(reason: Reason) -> Item:
    """Return why something is unknown."""
    return {"rule": reason.rule, "message": reason.message, **place_fields(reason.place)}


def decider_item(decider: Decider) -> Item:
    """Return what decided one direction."""
    item = {
        "direction": decider.direction.value,
        "tier": decider.tier.value,
        "policy": decider.policy,
        "rule": decider.rule,
        "action": decider.action,
    }
    return with_set({**item, **place_fields(decider.place)}, cites=decider.cites, note=decider.note)


def flow_item(flow: FlowText) -> Item:
    """Return a concrete flow."""
    return with_set(
        {"source": flow.source, "destination": flow.destination},
        protocol=flow.protocol.value if flow.protocol is not None else "",
        port=flow.port,
        sourceLabels=flow.source_labels,
        destinationLabels=flow.destination_labels,
        sourceAddress=flow.source_address,
        destinationAddress=flow.destination_address,
        note=flow.note,
    )


def pair_item(pair: PairResult) -> Item:
    """Return the answer about one source and one destination."""
    item: dict[str, Any] = {
        "source": pair.source,
        "destination": pair.destination,
        "verdict": pair.verdict.value,
        "asked": ports_items(pair.asked),
        "allowed": ports_items(pair.allowed),
        "unknown": ports_items(pair.unknown),
    }
    if pair.witness is not None:
        item["witness"] = flow_item(pair.witness)
    item["decidedBy"] = [decider_item(decider) for decider in pair.decided_by]
    item["reasons"] = [reason_item(reason) for reason in pair.reasons]
    with_set(item, dependsOn=list(pair.depends_on), service=pair.service, provedFor=pair.proved_for)
    return with_set(
        item,
        walkthrough=[step_item(step) for step in pair.walkthrough],
        blockedBy=[decider_item(decider) for decider in pair.blocked_by],
        smallestChange=change_item(pair.change) if pair.change is not None else {},
        outcomes=[{"verdict": outcome.verdict.value, "if": outcome.condition} for outcome in pair.outcomes],
    )


def step_item(step: Step) -> Item:
    """Return a step of a walkthrough: outcomes of a direction have no tier, that of the flow has no direction either."""
    direction, tier = (part.value if part is not None else "" for part in (step.direction, step.tier))
    item = with_set({}, direction=direction, tier=tier, policy=step.policy, rule=step.rule)
    item["outcome"] = step.outcome
    with_set(item, note=step.note)
    return {**item, **place_fields(step.place)}


def change_item(change: Change) -> Item:
    """Return a change, which the oracle has confirmed: nothing else is ever shown."""
    edits = [
        {**with_set({"text": edit.text, "policy": edit.policy}, rule=edit.rule), **place_fields(edit.place)}
        for edit in change.edits
    ]
    return {"text": "; ".join(edit.text for edit in change.edits), "verified": True, "edits": edits}


def profile_item(item: ProfileVerdict) -> Item:
    """Return the answer under one profile."""
    return {
        "profile": item.profile,
        "verdict": item.verdict.value,
        "differs": list(item.differs),
        "decidedBy": [decider_item(decider) for decider in item.decided_by],
        "reasons": [reason_item(reason) for reason in item.reasons],
    }
