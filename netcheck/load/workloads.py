"""Pods and the workloads that own them: grouping by outermost owner, templates where no Pod is loaded.

SEMANTICS WL-6 to WL-9, NET-9, NET-10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netcheck.errors import Place, Problem, Severity
from netcheck.load.admit import Admitted
from netcheck.load.build_pod import PodFacts, one_per_family, owner_of, template_facts
from netcheck.load.check_common import mapping, text
from netcheck.model.objects import Node, Pod, Workload, WorkloadId

_OWN_POD = frozenset({"", "Node"})
"""Owners of which a pod is not one of several: static pods are owned by their node."""


@dataclass(slots=True, kw_only=True)
class Pods:
    """Everything that makes or is a pod."""

    pods: list[PodFacts] = field(default_factory=list)
    controllers: list[Admitted] = field(default_factory=list)
    autoscalers: list[Admitted] = field(default_factory=list)
    nodes: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Pods and workloads, each sorted, and the problems of their grouping."""

    pods: tuple[Pod, ...]
    workloads: dict[WorkloadId, Workload]


class _Grouping:
    def __init__(self, given: Pods) -> None:
        self._given = given
        self._by_name = {(item.namespace, item.kind, item.name): item for item in given.controllers}
        self._scaled = {_target(item) for item in given.autoscalers}
        self._ids: dict[tuple[str, str, str], WorkloadId] = {}

    def outermost(self, namespace: str, kind: str, name: str) -> WorkloadId:
        """Return the last owner that a reference names, starting at an owner (SEMANTICS WL-8)."""
        start = (namespace, kind, name)
        known = self._ids.get(start)
        if known is not None:
            return known
        seen = {start}
        at = start
        while (item := self._by_name.get(at)) is not None:
            owner = owner_of(mapping(item.value.get("metadata")).get("ownerReferences"))
            following = (namespace, owner.kind, owner.name) if owner else at
            if following in seen:
                break
            seen.add(following)
            at = following
        self._ids[start] = found = WorkloadId(at[0], at[1], at[2])
        return found

    def workload_of(self, pod: PodFacts) -> WorkloadId:
        owner = pod.owner
        if owner is None or owner.kind in _OWN_POD:
            return WorkloadId(pod.namespace, "Pod", pod.name)
        return self.outermost(pod.namespace, owner.kind, owner.name)

    def run(self) -> Grouped:
        pods: list[Pod] = []
        counts: dict[WorkloadId, int] = {}
        places: dict[WorkloadId, Place | None] = {}
        for facts in self._given.pods:
            found = self.workload_of(facts)
            counts[found] = counts.get(found, 0) + (not facts.finished)
            if not facts.finished:
                pods.append(self._pod(facts, found))
                places.setdefault(found, facts.place)
        replicas = {identity: count for identity, count in counts.items() if count}
        for item in self._given.controllers:
            found = self.outermost(item.namespace, item.kind, item.name)
            template = None if found in counts or self._owner_loaded(item) else template_facts(item)
            if template is not None:
                wanted = _replicas(item)
                pods.append(self._pod(template, found, replicas=wanted))
                replicas[found] = wanted
                places[found] = item.place
        pods.sort(key=lambda pod: (pod.namespace, pod.name, pod.workload.kind, pod.workload.name))
        workloads = {
            found: Workload(
                id=found,
                replicas=count,
                several=count > 1 or self._several(found),
                place=self._place(found) or places[found],
            )
            for found, count in sorted(replicas.items(), key=_by_text)
        }
        return Grouped(pods=tuple(pods), workloads=workloads)

    def _owner_loaded(self, item: Admitted) -> bool:
        owner = owner_of(mapping(item.value.get("metadata")).get("ownerReferences"))
        return owner is not None and (item.namespace, owner.kind, owner.name) in self._by_name

    def _place(self, found: WorkloadId) -> Place | None:
        item = self._by_name.get((found.namespace, found.kind, found.name))
        return item.place if item is not None else None

    def _several(self, found: WorkloadId) -> bool:
        """Return whether a workload can have more than one pod."""
        key = (found.namespace, found.kind, found.name)
        if found.kind == "DaemonSet" or key in self._scaled:
            return True
        item = self._by_name.get(key)
        return item is not None and _can_be_several(item)

    def _pod(self, facts: PodFacts, workload: WorkloadId, replicas: int | None = None) -> Pod:
        node = self._given.nodes.get(facts.node) if facts.node else None
        node_addresses = node.addresses if node else ()
        addresses = facts.addresses
        if facts.host_network and not addresses:
            addresses = facts.host_addresses or one_per_family(list(node_addresses))
        node_address = (
            facts.host_addresses[0] if facts.host_addresses else (node_addresses[0] if node_addresses else "")
        )
        return Pod(
            namespace=facts.namespace,
            name=facts.name,
            workload=workload,
            labels=facts.labels,
            template=replicas is not None,
            host_network=facts.host_network,
            addresses=addresses,
            node=facts.node,
            node_address=node_address,
            ports=facts.ports,
            service_account=facts.service_account,
            replicas=1 if replicas is None else replicas,
            ready=facts.ready,
            terminating=facts.terminating,
            dns=facts.dns,
            scrape=facts.scrape,
            mesh=facts.mesh,
            place=facts.place,
        )


def group(given: Pods) -> Grouped:
    """Return the pods with their workloads."""
    return _Grouping(given).run()


def _by_text(item: tuple[WorkloadId, int]) -> tuple[str, str, str]:
    found = item[0]
    return found.namespace, found.kind, found.name


def _target(item: Admitted) -> tuple[str, str, str]:
    """Return what an autoscaler scales to more than one pod."""
    spec = mapping(item.value.get("spec"))
    reference = mapping(spec.get("scaleTargetRef"))
    most = spec.get("maxReplicas")
    if not isinstance(most, int) or most <= 1:
        return ("", "", "")
    return item.namespace, text(reference.get("kind")), text(reference.get("name"))


def _count(value: Any, default: int = 1) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _replicas(item: Admitted) -> int:
    spec = mapping(item.value.get("spec"))
    if item.kind == "Job":
        return max(1, _count(spec.get("parallelism")))
    return max(1, _count(spec.get("replicas")))


def _can_be_several(item: Admitted) -> bool:
    spec = mapping(item.value.get("spec"))
    if item.kind == "CronJob":
        job = mapping(mapping(spec.get("jobTemplate")).get("spec"))
        return spec.get("concurrencyPolicy") != "Forbid" or _parallel(job)
    return _parallel(spec) if item.kind == "Job" else _count(spec.get("replicas")) > 1


def _parallel(job: dict[str, Any]) -> bool:
    return _count(job.get("parallelism")) > 1 or _count(job.get("completions")) > 1


def label_gaps(pods: Iterable[Pod], keys: frozenset[str]) -> list[Problem]:
    """Return a warning for each owner whose pods differ in a label that a selector reads (SEMANTICS WL-9)."""
    if not keys:
        return []
    first: dict[WorkloadId, Pod] = {}
    differing: dict[WorkloadId, tuple[Pod, set[str]]] = {}
    for pod in pods:
        if pod.template:
            continue
        other = first.setdefault(pod.workload, pod)
        if other.labels != pod.labels:
            found = {key for key in keys if pod.labels.get(key) != other.labels.get(key)}
            if found:
                differing.setdefault(pod.workload, (pod, set()))[1].update(found)
    return [
        Problem(
            severity=Severity.WARNING,
            message=f"pods of one owner differ in labels that policies read: `{'`, `'.join(sorted(found))}`",
            hint="they are analysed apart; give the owner's pods the same labels",
            place=pod.place,
            object=f"{identity.kind} {identity.namespace}/{identity.name}",
        )
        for identity, (pod, found) in sorted(differing.items())
    ]
