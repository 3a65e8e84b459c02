"""How findings name things: lists, workloads, selectors, ports, and the closest known word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from netcheck.model.objects import Pod
from netcheck.model.policy import PolicyPort
from netcheck.values.labels import LabelSelector, Operator

MOST_NAMED = 3


def listed(items: Iterable[str], most: int = MOST_NAMED) -> str:
    """Return items in backticks as a phrase, the first few by name and the others as a number."""
    quoted = [f"`{item}`" for item in dict.fromkeys(items)]
    if len(quoted) > most + 1:
        return f"{', '.join(quoted[:most])} and {len(quoted) - most} more"
    return " and ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 pod`, `2 pods`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def owner(pod: Pod) -> str:
    """Return the workload of a pod as `Kind namespace/name`."""
    return f"{pod.workload.kind} {pod.workload.namespace}/{pod.workload.name}"


def owners(pods: Iterable[Pod], most: int = MOST_NAMED) -> str:
    """Return the workloads of pods as a phrase."""
    return listed((owner(pod) for pod in pods), most)


def port(item: PolicyPort) -> str:
    """Return a port item as `TCP 80`, `UDP 8000-8100`, `TCP http`."""
    if item.port is None:
        return f"every {item.protocol} port"
    end = f"-{item.end_port}" if item.end_port is not None else ""
    return f"{item.protocol} {item.port}{end}"


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that `word` was probably meant to be, or nothing."""
    found = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.7)
    return found[0] if found else ""


def wanted_values(selector: LabelSelector) -> list[tuple[str, str]]:
    """Return the (key, value) pairs that a selector asks for with one value only."""
    return [
        (item.key, item.values[0])
        for item in selector.requirements
        if item.operator is Operator.IN and len(item.values) == 1
    ]
