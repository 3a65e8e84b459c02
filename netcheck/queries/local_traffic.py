"""`internalTrafficPolicy: Local`: a Service's traffic stays on the client's node, or is dropped (SVC-21)."""

from __future__ import annotations

from netcheck.model.flow import NodeEnd, PodEnd, Reason, Verdict
from netcheck.queries.known import Known
from netcheck.queries.results import PairResult
from netcheck.values.connections import ConnectionSet


def _stays_local(destination: Known) -> bool:
    return destination.virtual is not None and destination.virtual.internal_traffic_policy == "Local"


def _nodes(source: Known, destination: Known) -> tuple[str, str]:
    """Return the names of the nodes that two ends live on, empty where that is not known."""
    names = []
    for item in (source, destination):
        match item.end:
            case PodEnd(pod):
                names.append("" if pod.template else pod.node)
            case NodeEnd(node):
                names.append(node.name)
            case _:
                names.append("")
    return names[0], names[1]


def is_elsewhere(source: Known, destination: Known) -> bool:
    """SVC-21: whether the backend is known to be on another node than a client whose traffic stays on its own."""
    one, other = _nodes(source, destination)
    return _stays_local(destination) and one != "" and other not in ("", one)


def may_be_elsewhere(source: Known, destination: Known) -> Reason | None:
    """Return why it is not known whether a client and a backend share the node that its traffic stays on."""
    if not _stays_local(destination) or all(_nodes(source, destination)):
        return None
    message = "internalTrafficPolicy is Local, and whether client and backend are on one node is not in the input"
    place = destination.virtual.place if destination.virtual is not None else None
    return Reason(rule="SVC-21", message=message, place=place)


def none_on_its_node(source: Known, destination: Known, asked: ConnectionSet) -> PairResult:
    """SVC-21: the node drops what has no backend there."""
    service = destination.virtual
    assert service is not None
    message = f"internalTrafficPolicy is Local, and node {_nodes(source, destination)[0]} has no ready backend"
    return PairResult(
        source=source.text,
        destination=f"Service {service.namespace}/{service.name}",
        verdict=Verdict.DENIED,
        allowed=ConnectionSet.none(),
        unknown=ConnectionSet.none(),
        asked=asked,
        reasons=(Reason(rule="SVC-21", message=message, place=service.place),),
        service=destination.service,
    )
