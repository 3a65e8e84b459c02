"""What a door and its clients are called in words, for people."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.model.flow import Verdict
from netcheck.queries.exposure_results import (
    METADATA,
    NODES,
    OTHER_NAMESPACES,
    OWN_NODE,
    POD_ADDRESS,
    UNKNOWN_PODS,
    Clients,
    Opening,
    Path,
)
from netcheck.queries.hypothetical_pods import Needs
from netcheck.report.layout import ports_text
from netcheck.values.addresses import IPSet, describe

MOST_CIDRS = 4
MOST_NAMES = 5
_BY_THE_CLUSTER = "by the cluster"
_FAMILIES = {"0.0.0.0/0": "any IPv4 address", "::/0": "any IPv6 address"}
ROUTED = "where pod addresses are routed"


def ports_of(item: Opening) -> str:
    """Return `TCP/443 -> TCP/8443`, or only the pod's ports where the door has none of its own."""
    ports = ports_text(item.connections) if item.connections else ""
    at = " ".join(item.at).replace(f" {_BY_THE_CLUSTER}", "")
    if not at or at == ports:
        return ports
    return f"{at} -> {ports}" if ports else at


def clients_of(item: Opening) -> str:
    """Return who comes through a door, in a few words."""
    clients = item.clients
    if item.door == METADATA:
        verb = "does not reach" if item.verdict is Verdict.DENIED else "reaches"
        return f"it {verb} {' and '.join(clients.reaches)}"
    if item.door == OWN_NODE:
        return "from the node that it runs on"
    if item.door == NODES:
        return "from every other node" if clients.every_node else f"from {', '.join(clients.nodes)}"
    if item.door == OTHER_NAMESPACES:
        return f"from {_namespaces(clients)}"
    if item.door == UNKNOWN_PODS:
        return "from a new pod" if clients.needs is None else f"from a new pod {'; '.join(kinds_of(clients.needs))}"
    if clients.addresses is None:
        return f"from {clients.seen}" if clients.seen else ""
    more = f", seen as {clients.seen}" if clients.seen else ""
    more += f", {ROUTED}" if item.door == POD_ADDRESS else ""
    return f"from {addresses_text(clients.addresses)}{more}"


def _namespaces(clients: Clients) -> str:
    if clients.every_namespace and len(clients.namespaces) > 1:
        return f"all {len(clients.namespaces)} other namespaces"
    names = clients.namespaces
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES + 1 else ""
    return ", ".join(names[:MOST_NAMES] if more else names) + more


def addresses_text(addresses: IPSet) -> str:
    """Return a set of addresses, cut short if it is ragged."""
    text = describe(addresses)
    if text in _FAMILIES:
        return _FAMILIES[text]
    parts = text.split(", ")
    return text if len(parts) <= MOST_CIDRS else f"{', '.join(parts[:MOST_CIDRS])} and {len(parts) - MOST_CIDRS} more"


def kinds_of(needs: Needs) -> Iterator[str]:
    """Yield in words what a pod must have; one that needs nothing can be made anywhere."""
    where = f"in namespace {needs.namespace}" if needs.namespace else "in any namespace"
    if needs.namespace_labels:
        where += " labelled " if not needs.namespace else ", labelled "
        where += _labels(dict(needs.namespace_labels))
    yield where
    if needs.labels:
        yield f"with labels {_labels(dict(needs.labels))}"
    if needs.within:
        yield f"with an address in {needs.within}"


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def path_text(path: Path) -> str:
    """Return `shop.example/api (Prefix)`, or `everything` of what has no host and no path, such as a TCPRoute."""
    if path == Path(host=""):
        return "everything"
    where = f"{path.host or '*'}{path.path}"
    return f"{where} ({path.type})" if path.type else where
