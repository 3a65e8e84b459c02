"""The `ConnectionDiff` document of the JSON contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from netcheck.model.cluster import Loaded
from netcheck.queries.diff_results import Cause, ChangeType, ConnectionDiff, DiffRow, Limits, Probe, UnknownRow
from netcheck.queries.results import Endpoint
from netcheck.report.json_v1 import Item, document, dump, endpoint_item, head, place_fields, ports_items, with_set
from netcheck.values.connections import ConnectionSet


def joined_input(base: Loaded, changed: Loaded) -> Loaded:
    """Return what loading both sides lost and assumed, as one: the cluster is that of HEAD."""
    return replace(
        changed,
        problems=tuple(dict.fromkeys((*base.problems, *changed.problems))),
        not_modelled=tuple(dict.fromkeys((*base.not_modelled, *changed.not_modelled))),
        assumptions=tuple(dict.fromkeys((*base.assumptions, *changed.assumptions))),
        lost_anything=base.lost_anything or changed.lost_anything,
    )


def connection_diff(loaded: Loaded, found: ConnectionDiff) -> Iterator[str]:
    """Yield the document; `loaded` speaks of both sides."""
    rows = _Rows(found.endpoints)
    yield from document(
        head(loaded, "ConnectionDiff"),
        {
            "endpoints": (dump(_endpoint(item, n, found)) for n, item in enumerate(found.endpoints)),
            "changes": map(rows.text, found.rows()),
            "unknown": (dump(_unknown_item(row, found.endpoints)) for row in found.unknown),
        },
        {"summary": _summary(found)},
    )


def _summary(found: ConnectionDiff) -> Item:
    counts: dict[str, Any] = {kind.value: found.counts.get(kind, 0) for kind in ChangeType}
    return with_set({**counts, "opened": found.opened}, withoutWitness=found.shared)


def _endpoint(endpoint: Endpoint, position: int, found: ConnectionDiff) -> Item:
    only = "base" if position in found.only_base else "head" if position in found.only_head else ""
    return with_set(dict(endpoint_item(endpoint)), onlyIn=only)


class _Rows:
    """Writes changes as JSON; the ends, ports and causes that many rows share are written once."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self._quoted = [dump(item.id) for item in endpoints]
        self._causes: dict[int, tuple[object, str]] = {}

    def text(self, row: DiffRow) -> str:
        """Return one change."""
        text = (
            f'{{"type": "{row.type.value}", "source": {self._quoted[row.source]}, "destination": '
            f'{self._quoted[row.destination]}, "before": {_ports(row.before)}, "after": {_ports(row.after)}'
        )
        if row.workload:
            text += f', "workload": {dump(row.workload)}'
        if row.via:
            text += f', "via": {dump(row.via)}'
        if row.limits != Limits():
            text += f', "limits": {dump({"before": row.limits.before, "after": row.limits.after})}'
        text += f', "causes": {self._of(row)}'
        if row.why.probe is not None:
            ends = (self._endpoints[row.source].id, self._endpoints[row.destination].id)
            text += f', "witness": {dump(_witness(row.why.probe, *ends))}'
        return text + "}"

    def _of(self, row: DiffRow) -> str:
        causes = row.why.causes
        found = self._causes.get(id(causes))
        if found is None:
            text = dump([cause_item(cause) for cause in causes])
            found = self._causes[id(causes)] = (causes, text)  # the tuple is kept, so that its id stays its own
        return found[1]


@cache
def _ports(connections: ConnectionSet) -> str:
    return dump(ports_items(connections))


def cause_item(cause: Cause) -> Item:
    """Return an object that makes a difference."""
    item = with_set({"object": cause.object, "change": cause.change}, detail=cause.detail, rule=cause.rule)
    return {**item, **place_fields(cause.place)}


def _witness(probe: Probe, source: str, destination: str) -> Item:
    item = with_set(
        {"source": source, "destination": destination, "protocol": probe.protocol.value, "port": probe.port},
        sourceAddress=probe.source_address,
        destinationAddress=probe.destination_address,
        seenAs=probe.seen_as,
        noWay=probe.no_way,
    )
    return {**item, "before": probe.before.value, "after": probe.after.value}


def _unknown_item(row: UnknownRow, endpoints: Sequence[Endpoint]) -> Item:
    item: dict[str, Any] = {"source": endpoints[row.source].id, "destination": endpoints[row.destination].id}
    item["ports"] = ports_items(row.connections)
    with_set(item, via=row.via)
    item["mayOpen"] = row.may_open
    reasons = [{"rule": one.rule, "message": one.message, **place_fields(one.place)} for one in row.reasons]
    return {**item, "reasons": reasons}
