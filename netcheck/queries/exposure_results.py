"""What can reach a workload, as data: through which door, from whom, on which ports, and whether policies let it.

`Level` says from how far away, and `Allowance` what of it somebody means to be there (`--allow`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place, UsageError
from netcheck.model.flow import Decider, Reason, Verdict
from netcheck.queries.doors import DoorKind
from netcheck.queries.hypothetical_pods import Needs
from netcheck.queries.results import Endpoint
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet


class Level(Enum):
    """From how far away a door is reached, nearest first. What is allowed for one level is for those before it."""

    CLUSTER = "cluster"
    NODES = "nodes"
    INTERNET = "internet"


OTHER_NAMESPACES = "other-namespaces"
UNKNOWN_PODS = "unknown-pods"
OWN_NODE = "own-node"
NODES = "nodes"
POD_ADDRESS = "pod-address"
METADATA = "metadata"
INGRESS = "Ingress"
ROUTE = "Route"
GATEWAY = "Gateway"

LEVELS = {
    DoorKind.LOAD_BALANCER.value: Level.INTERNET,
    GATEWAY: Level.INTERNET,
    INGRESS: Level.INTERNET,
    ROUTE: Level.INTERNET,
    DoorKind.EXTERNAL_IP.value: Level.INTERNET,
    DoorKind.NODE_PORT.value: Level.INTERNET,
    DoorKind.HOST_PORT.value: Level.INTERNET,
    DoorKind.HOST_NETWORK.value: Level.INTERNET,
    POD_ADDRESS: Level.NODES,
    METADATA: Level.NODES,
    NODES: Level.NODES,
    UNKNOWN_PODS: Level.CLUSTER,
    OTHER_NAMESPACES: Level.CLUSTER,
    OWN_NODE: Level.CLUSTER,
}
"""Every door by name, the most exposed first, with its level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Who comes through a door, exactly one way of saying it.

    Attributes:
        addresses: clients outside the cluster, whose address the pod sees (`seen` is empty) or not.
        seen: what the pod sees in place of the client, or empty (NP-22).
        namespaces, every_namespace: those whose loaded pods get in.
        nodes, every_node: nodes by name; `every_node` also where the input has none.
        needs: what a pod that does not exist yet must have.
        reaches: of `metadata` the addresses that the workload itself reaches.
    """

    addresses: IPSet | None = None
    seen: str = ""
    namespaces: tuple[str, ...] = ()
    every_namespace: bool = False
    nodes: tuple[str, ...] = ()
    every_node: bool = False
    needs: Needs | None = None
    reaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Path:
    """Requests that a proxy sends here. `host` empty: any; `type` and `path` empty: all paths, or no HTTP.

    `type` is `Exact`, `Prefix`, ..., or `default` for what nothing else takes; `more`: other tests, in words.
    """

    host: str
    path: str = ""
    type: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A door, or a part of it that is the same for all its clients, and whether policies let them in.

    Attributes:
        door: a key of `LEVELS`.
        via: the object that makes the door, or empty.
        at: the ports of the door as text (`TCP/80`); empty: those of the pod.
        connections: the ports of the pod that are reached, or of a closed door those that would be.
        addresses: where clients connect, as far as the input tells.
        paths: of a proxy the requests that it sends here.
        note: a condition that no policy states.
    """

    door: str
    verdict: Verdict
    connections: ConnectionSet
    clients: Clients = field(default_factory=Clients)
    via: str = ""
    at: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    note: str = ""
    reasons: tuple[Reason, ...] = ()
    decided_by: tuple[Decider, ...] = ()
    place: Place | None = field(default=None, compare=False)

    @property
    def level(self) -> Level:
        """From how far away the door is reached."""
        return LEVELS[self.door]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """A workload and its doors, the most exposed first: open ones, then those not known, then closed ones."""

    endpoint: Endpoint
    openings: tuple[Opening, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts the most exposed first: by the farthest door that is open, then by how many such doors there are."""
        order = list(LEVELS)
        opened = [order.index(item.door) for item in self.openings if item.verdict is Verdict.ALLOWED]
        maybe = [order.index(item.door) for item in self.openings if item.verdict is Verdict.UNKNOWN]
        best = min([2 * place for place in opened] + [2 * place + 1 for place in maybe], default=2 * len(order))
        return best, -len(opened)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Every workload with its doors, the most exposed first. `reasons`: what makes the whole not known."""

    workloads: tuple[Exposed, ...]
    reasons: tuple[Reason, ...] = ()


# ---- what is meant to be open ----------------------------------------------------------------------------------------

_NONE = "none"
DEFAULT_LEVEL = Level.NODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What may be reached: everything up to a level (None: nothing), some doors, and some doors of some objects."""

    level: Level | None = DEFAULT_LEVEL
    doors: frozenset[str] = frozenset()
    finer: frozenset[tuple[str, str]] = frozenset()

    def covers(self, exposed: Exposed, item: Opening) -> bool:
        """Return whether the opening is meant to be there: by its level, its door, its object or its workload."""
        levels = list(Level)
        if self.level is not None and levels.index(item.level) <= levels.index(self.level):
            return True
        if item.door in self.doors:
            return True
        endpoint = exposed.endpoint
        names = (item.via.rpartition(" ")[2], f"{endpoint.namespace}/{endpoint.name}", endpoint.id)
        return any((item.door, name) in self.finer for name in names)


def parse_allowance(texts: Iterable[str]) -> Allowance:
    """Return what `--allow` means: a level, a door, or `DOOR:namespace/name`, several separated by commas.

    Raises:
        UsageError: a text is none of these.

    """
    level: Level | None = DEFAULT_LEVEL
    doors: set[str] = set()
    finer: set[tuple[str, str]] = set()
    known = {name.lower(): name for name in LEVELS}
    by_name: dict[str, Level | None] = {_NONE: None, **{item.value: item for item in Level}}
    for text in (part.strip() for item in texts for part in item.split(",") if part.strip()):
        door, colon, name = text.partition(":")
        if text in by_name:  # `nodes` is a level and a door: the level holds the door
            level = by_name[text]
        elif door.lower() not in known or (colon and "/" not in name):
            raise UsageError(_unreadable(text))
        elif colon:
            finer.add((known[door.lower()], name))
        else:
            doors.add(known[door.lower()])
    return Allowance(level=level, doors=frozenset(doors), finer=frozenset(finer))


def _unreadable(text: str) -> str:
    levels = ", ".join([_NONE, *(item.value for item in Level)])
    return (
        f"--allow: `{text}` is neither a level nor a door\n"
        f"  hint: levels are {levels}; doors are {', '.join(LEVELS)}; of one object: `LoadBalancer:shop/web`"
    )


def not_meant(exposed: Iterable[Exposed], allowance: Allowance) -> tuple[bool, bool]:
    """Return whether some open door is not allowed, and whether some that is not known would not be."""
    items = [item.verdict for one in exposed for item in one.openings if not allowance.covers(one, item)]
    return Verdict.ALLOWED in items, Verdict.UNKNOWN in items
