"""Admitted objects to `Loaded`: the cluster, what was lost or is not modelled, and what was assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from netcheck.errors import Problem, Severity
from netcheck.load import build_admin, build_policy, build_service, gaps
from netcheck.load.admit import Admitted
from netcheck.load.assumptions import assumptions, pod_keys
from netcheck.load.build_pod import pod_facts
from netcheck.load.check_common import mapping
from netcheck.load.doorways import TREATMENTS as DOORWAYS
from netcheck.load.doorways import Doorways
from netcheck.load.fast_json import FastPod
from netcheck.load.kinds import Treatment, find
from netcheck.load.lost import Sketch
from netcheck.load.opaque import opaque_policies
from netcheck.load.readable import is_readable
from netcheck.load.route_assumptions import material_of_clusters
from netcheck.load.workloads import Pods, group, label_gaps
from netcheck.model.admin import AdminPolicy
from netcheck.model.cluster import Cluster, Loaded, LostEndpoint, NotModelled
from netcheck.model.objects import NAMESPACE_NAME_LABEL, EndpointSlice, Namespace, Node, Service
from netcheck.model.policy import UNREADABLE, NetworkPolicy, OpaquePolicy, PolicyFamily
from netcheck.model.profile import Addressing, Profile
from netcheck.model.routes import Controller

if TYPE_CHECKING:
    from netcheck.load.build_foreign import Foreign
    from netcheck.load.capture import Capture
    from netcheck.model.policy import Companion


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What reading gives."""

    items: list[Admitted | FastPod]
    problems: list[Problem]
    lost: list[tuple[Sketch, Problem]]
    skipped: int
    anything_lost: bool
    namespace_labels: Mapping[str, Mapping[str, str]]
    profile: Profile
    addressing: Addressing
    controllers: tuple[Controller, ...]
    cluster_domain: str
    whole: bool
    gaps: tuple[gaps.Gap, ...] = ()
    isolating: str = ""
    live: bool = False
    captures: tuple[Capture, ...] = ()


@dataclass(slots=True)
class _Sorted:
    """The objects by what they become."""

    problems: list[Problem] = field(default_factory=list)
    policies: list[NetworkPolicy] = field(default_factory=list)
    admin: list[AdminPolicy] = field(default_factory=list)
    opaque: list[OpaquePolicy] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    slices: list[EndpointSlice] = field(default_factory=list)
    legacy: list[EndpointSlice] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    lost: list[LostEndpoint] = field(default_factory=list)
    pods: Pods = field(default_factory=Pods)
    not_modelled: dict[tuple[str, str], int] = field(default_factory=dict)
    effects: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    doorways: Doorways = field(default_factory=Doorways)
    foreign: Foreign | None = None
    inhabited: set[str] = field(default_factory=set)
    service_cidrs: list[str] = field(default_factory=list)
    anything_lost: bool = False

    def take(self, item: Admitted | FastPod) -> None:
        """Put an object where it belongs."""
        self.counts[item.kind] = self.counts.get(item.kind, 0) + 1
        if item.namespace:
            self.inhabited.add(item.namespace)
        if isinstance(item, FastPod):
            self.pods.pods.append(item.facts)
            return
        self.problems.extend(item.problems)
        self.anything_lost |= item.refused
        if item.refused and not is_readable(item):
            self._refused(item)
        else:
            self._accepted(item)

    def _accepted(self, item: Admitted) -> None:
        treatment = item.row.treatment if item.row is not None else Treatment.HARMLESS
        if item.template:
            self.pods.controllers.append(item)
            if item.kind == "DaemonSet":
                self._foreign().plugin(item)
        elif treatment is Treatment.POLICY:
            self.policies.append(build_policy.network_policy(item))
        elif treatment is Treatment.ADMIN:
            self._admin(item)
        elif treatment is Treatment.POD:
            self.pods.pods.append(pod_facts(item))
        elif treatment is Treatment.OBJECT:
            self._object(item)
        elif treatment is Treatment.OPAQUE:
            self._opaque(item)
        elif treatment in DOORWAYS:
            self.doorways.take(item)
        elif item.row is None:
            self._unknown_kind(item)

    def _object(self, item: Admitted) -> None:
        if item.kind == "Namespace":
            self.namespaces[item.name] = build_service.namespace(item)
        elif item.kind == "Node":
            self.nodes.append(build_service.node(item))
        elif item.kind == "Service":
            self.services.append(build_service.service(item))
        elif item.kind == "EndpointSlice":
            self.slices.append(build_service.endpoint_slice(item))
        elif item.kind == "Endpoints":
            self.legacy.extend(build_service.legacy_endpoints(item))
        elif item.kind == "HorizontalPodAutoscaler":
            self.pods.autoscalers.append(item)
        elif item.kind == "ServiceCIDR":
            self.service_cidrs += build_service.service_cidrs(item)

    def _admin(self, item: Admitted) -> None:
        if build_admin.is_older_form(item):
            self._not_modelled(item, build_admin.older_policy(item), build_admin.OLDER_FORM)
        else:
            self.admin.append(build_admin.admin_policy(item))

    def _foreign(self) -> Foreign:
        if self.foreign is None:
            from netcheck.load.build_foreign import Foreign  # noqa: PLC0415 - most inputs have nothing of it

            self.foreign = Foreign()
        return self.foreign

    def _opaque(self, item: Admitted) -> None:
        if item.row is not None:
            self._not_modelled(item, opaque_policies(item), item.row.effect)
            self._foreign().take(item)

    def _not_modelled(self, item: Admitted, found: list[OpaquePolicy], effect: str) -> None:
        if found:
            key = (item.kind, item.api_version)
            self.opaque.extend(found)
            self.not_modelled[key] = self.not_modelled.get(key, 0) + 1
            self.effects[key] = effect

    def _unknown_kind(self, item: Admitted) -> None:
        template = mapping(mapping(item.value.get("spec")).get("template"))
        if mapping(template.get("spec")).get("containers"):
            message = f"the kind `{item.kind}` holds a pod template that is not analysed"
            hint = "name the kind and its template path under `workloadKinds` in the configuration"
            item.report.blemish((), message, hint)
            self.problems.append(item.problems[-1])

    def _refused(self, item: Admitted) -> None:
        treatment = item.row.treatment if item.row is not None else Treatment.HARMLESS
        if treatment is Treatment.POLICY:
            self.opaque.append(build_policy.refused_policy(item))
        elif treatment is Treatment.ADMIN:
            self.opaque.extend(build_admin.refused_policy(item))
        elif treatment is Treatment.OPAQUE:
            self._opaque(item)
        elif item.template or treatment is Treatment.POD:
            self.lost.append(LostEndpoint(namespace=item.namespace, kind=item.kind, name=item.name, place=item.place))
        elif item.kind == "Namespace":
            self.inhabited.add(item.name)
        elif treatment is Treatment.ROUTE:
            self.doorways.lose(item.kind, item.namespace, item.name, item.place)

    def sketched(self, found: Sketch, problem: Problem) -> None:
        """Take note of a document that could not be parsed."""
        row = find(found.group, found.kind)
        if row is None or found.namespace is None:
            return
        if row.treatment is Treatment.POLICY:
            self.opaque.append(
                OpaquePolicy(
                    kind=found.kind, namespace=found.namespace, name=found.name, directions=build_policy.BOTH,
                    additive=True, rule="NP-37", message=f"it could not be read: {problem.message}", text=f"{UNREADABLE}{found.text}" if found.text else "",
                    place=problem.place,
                )
            )  # fmt: skip
        elif row.treatment in {Treatment.POD, Treatment.WORKLOAD}:
            self.lost.append(
                LostEndpoint(namespace=found.namespace, kind=found.kind, name=found.name, place=problem.place)
            )
        elif row.treatment is Treatment.ROUTE:
            self.doorways.lose(found.kind, found.namespace, found.name, problem.place)
        else:
            return
        self.inhabited.add(found.namespace)

    def all_namespaces(self, parts: Parts) -> dict[str, Namespace]:
        """Return the namespaces that are defined, and those that an object lies in (SEMANTICS WL-3)."""
        out = dict(self.namespaces)
        for name in self.inhabited - set(out):
            given = parts.namespace_labels.get(name)
            labels = {**(given or {}), NAMESPACE_NAME_LABEL: name}
            out[name] = Namespace(name=name, labels=labels, labels_known=parts.whole or given is not None)
        return dict(sorted(out.items()))


def assemble(parts: Parts) -> Loaded:
    """Return what was loaded, everything in it sorted."""
    found = _Sorted()
    for item in parts.items:
        found.take(item)
    for drawn, problem in parts.lost:
        found.sketched(drawn, problem)
    _leave_open(found, parts.gaps)
    if parts.isolating:
        found.opaque.append(build_policy.isolating_every_pod(parts.isolating))
    found.pods.nodes = {node.name: node for node in found.nodes}
    grouped = group(found.pods)
    cluster = Cluster(
        namespaces=MappingProxyType(found.all_namespaces(parts)),
        pods=grouped.pods,
        workloads=MappingProxyType(grouped.workloads),
        nodes=_by_name(found.nodes),
        policies=_by_name(found.policies),
        admin=tuple(sorted(found.admin, key=lambda policy: (policy.kind, policy.name))),
        opaque=_by_name(found.opaque),
        companions=_companions(found, parts),
        services=_by_name(found.services),
        endpoint_slices=_by_name([*found.slices, *_without_slices(found)]),
        **found.doorways.fields(),
        **(found.foreign.fields() if found.foreign is not None else {}),
        controllers=parts.controllers,
        lost=_by_name(found.lost),
        profile=parts.profile,
        addressing=_with_service_cidrs(parts.addressing, found.service_cidrs),
        cluster_domain=parts.cluster_domain,
        unread=tuple(gap.unread for gap in parts.gaps),
        whole=parts.whole,
    )
    assumed = assumptions(cluster)
    if parts.live:
        cluster = replace(cluster, materials=material_of_clusters(cluster))
    problems = [*parts.problems, *found.problems, *label_gaps(cluster.pods, pod_keys(cluster))]
    problems += build_admin.mixed_versions(cluster.admin)
    return Loaded(
        cluster=cluster,
        problems=tuple(sorted(dict.fromkeys(problems), key=_problem_order)),
        not_modelled=tuple(
            NotModelled(kind=kind, api_version=version, count=count, effect=found.effects[kind, version])
            for (kind, version), count in sorted(found.not_modelled.items())
        ),
        assumptions=assumed,
        counts=MappingProxyType(dict(sorted(found.counts.items()))),
        skipped=parts.skipped,
        lost_anything=parts.anything_lost or found.anything_lost,
    )


def _companions(found: _Sorted, parts: Parts) -> tuple[Companion, ...]:
    if all(policy.family is PolicyFamily.BUILT_IN for policy in found.opaque):
        return ()
    from netcheck.load.companions import companions  # noqa: PLC0415 - most inputs have nothing of it

    return companions(parts.items, found.opaque, parts.captures)


def _with_service_cidrs(given: Addressing, found: list[str]) -> Addressing:
    """Return where cluster IPs lie: as the user says, else as the cluster's ServiceCIDRs do (SVC-28)."""
    return replace(given, service_cidrs=tuple(sorted(set(found)))) if found and not given.service_cidrs else given


def _leave_open(found: _Sorted, given: tuple[gaps.Gap, ...]) -> None:
    """Take note of what could not be read of a cluster."""
    found.problems.extend(gaps.problems(given))
    found.opaque.extend(gaps.policies(given))
    found.lost.extend(gaps.endpoints(given, sorted({*found.namespaces, *found.inhabited})))
    found.doorways.lost_routes.extend(gaps.routes(given))
    found.doorways.unfollowed.extend(gaps.unfollowed(given))


def _problem_order(problem: Problem) -> tuple[Any, ...]:
    return (*problem.sort_key, problem.severity is Severity.WARNING)


def _without_slices(found: _Sorted) -> list[EndpointSlice]:
    """Return the legacy endpoints of services that no slice belongs to (SEMANTICS SVC-15)."""
    covered = {(piece.namespace, piece.service) for piece in found.slices}
    return [piece for piece in found.legacy if (piece.namespace, piece.service) not in covered]


def _by_name(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(
        sorted(items, key=lambda item: (getattr(item, "namespace", "") or "", item.name, getattr(item, "kind", "")))
    )
