"""Small results to render."""

from __future__ import annotations

from netcheck.errors import Place, Problem, Severity
from netcheck.model.cluster import Assumption, Cluster, Loaded, NotModelled
from netcheck.model.flow import Reason
from netcheck.queries.results import ConnectionList, Endpoint, EndpointType, Row, RowGroup
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet

ALL = ConnectionSet.all()


def tcp(*ports):
    return ConnectionSet(tcp=PortSet.of(*((port, port) for port in ports)))


def workload(name, namespace="a", *, several=False, kind="Deployment"):
    return Endpoint(
        id=f"{namespace}/{name}[{kind}]",
        type=EndpointType.WORKLOAD,
        namespace=namespace,
        name=name,
        kind=kind,
        pods=2 if several else 1,
        several=several,
    )


def addresses(*cidrs):
    return Endpoint(id=f"ip:{cidrs[0]}", type=EndpointType.IP, addresses=IPSet.of_cidrs(*cidrs))


EVERYWHERE = Endpoint(id="ip:rest", type=EndpointType.IP, addresses=IPSet.all())
OWN_NODE = Endpoint(id="own-node", type=EndpointType.OWN_NODE)


def listing(endpoints, groups, unknown=(), depends=None):
    """Return a list whose rows are those of `groups`: (sources, destinations, connections)."""
    made = tuple(RowGroup(sources=s, destinations=d, connections=c) for s, d, c in groups)
    table = {}
    for group in made:
        for source in group.sources:
            for destination in group.destinations:
                if source != destination or endpoints[source].several:
                    pair = (source, destination)
                    table[pair] = table.get(pair, ConnectionSet.none()) | group.connections
    rows = [
        Row(source=s, destination=d, connections=c, depends_on=(depends or {}).get((s, d), ()))
        for (s, d), c in sorted(table.items())
    ]
    return ConnectionList(endpoints=tuple(endpoints), groups=made, unknown=tuple(unknown), row_source=rows)


def unknown_row(source, destination, connections=ALL, rule="NP-20"):
    reasons = (Reason(rule=rule, message="the pod's address is not known", place=Place("p.yaml", 3, 5)),)
    return Row(source=source, destination=destination, connections=connections, reasons=reasons)


LOADED = Loaded(cluster=Cluster())
MESSY = Loaded(
    cluster=Cluster(),
    problems=(
        Problem(severity=Severity.WARNING, message="odd", place=Place("b.yaml", 2, 1), object="Pod a/p"),
        Problem(severity=Severity.ERROR, message="refused", hint="write it well", place=Place("a.yaml")),
    ),
    not_modelled=(NotModelled(kind="K", api_version="g/v1", count=2, effect="may deny"),),
    assumptions=(
        Assumption(message="pods lie somewhere", option="--pod-cidr", rule="NP-20"),
        Assumption(message="ready"),
    ),
    lost_anything=True,
)
