"""The `Exposure` document of the JSON contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netcheck.model.cluster import Loaded
from netcheck.queries.exposure_results import Clients, Exposed, Exposure, Opening, Path
from netcheck.queries.hypothetical_pods import Needs
from netcheck.report.json_v1 import (
    cidrs_of,
    decider_item,
    document,
    dump,
    endpoint_item,
    head,
    place_fields,
    ports_items,
    reason_item,
    with_set,
)
from netcheck.values.addresses import IPSet


def exposure_document(loaded: Loaded, found: Exposure) -> Iterator[str]:
    """Yield the document: every workload, the most exposed first, each with all its doors."""
    yield from document(
        head(loaded, "Exposure"), {"workloads": (dump(workload_item(item)) for item in found.workloads)}
    )


def workload_item(item: Exposed) -> Mapping[str, Any]:
    """Return a workload and its doors."""
    endpoint = endpoint_item(item.endpoint)
    kept = {key: value for key, value in endpoint.items() if key not in {"id", "type"}}
    return {"endpoint": item.endpoint.id, **kept, "doors": [opening_item(one) for one in item.openings]}


def opening_item(item: Opening) -> Mapping[str, Any]:
    """Return a door."""
    found: dict[str, Any] = {"door": item.door, "level": item.level.value}
    with_set(found, via=item.via)
    found["verdict"] = item.verdict.value
    found["ports"] = ports_items(item.connections)
    with_set(
        found,
        at=list(item.at),
        addresses=list(item.addresses),
        sources=sources_item(item.clients),
        reaches=list(item.clients.reaches),
        paths=[path_item(path) for path in item.paths],
        note=item.note,
    )
    found["reasons"] = [reason_item(reason) for reason in item.reasons]
    found["decidedBy"] = [decider_item(decider) for decider in item.decided_by]
    return {**found, **place_fields(item.place)}


def sources_item(clients: Clients) -> Mapping[str, Any]:
    """Return who comes through a door."""
    found: dict[str, Any] = {}
    if clients.addresses == IPSet.all():
        found["any"] = True
    elif clients.addresses is not None:
        found["cidrs"] = list(cidrs_of(clients.addresses))
    with_set(found, seenAs=clients.seen, namespaces=list(clients.namespaces), everyNamespace=clients.every_namespace)
    with_set(found, nodes=list(clients.nodes), everyNode=clients.every_node)
    if clients.needs is not None:
        found["pod"] = needs_item(clients.needs)
    return found


def needs_item(needs: Needs) -> Mapping[str, Any]:
    """Return what a pod that does not exist yet must have."""
    return with_set(
        {},
        namespace=needs.namespace,
        labels=dict(sorted(needs.labels.items())),
        namespaceLabels=dict(sorted(needs.namespace_labels.items())),
        addressIn=needs.within,
    )


def path_item(path: Path) -> Mapping[str, Any]:
    """Return requests that a proxy sends to a workload."""
    return with_set({}, host=path.host, path=path.path, type=path.type, more=path.more)
