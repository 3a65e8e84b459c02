"""One object as the API server takes it: its identity, whether it is refused, and the problems found.

Only here is it decided which validation a kind gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netcheck.errors import Place, Problem
from netcheck.load import names
from netcheck.load.check_common import check_metadata, mapping, text
from netcheck.load.documents import RawObject
from netcheck.load.kinds import Kind, NameRule, Treatment, current_version, find, misspelt, split_version
from netcheck.load.names import Faults
from netcheck.load.report import Report
from netcheck.load.schemas import METADATA, schemas
from netcheck.load.shapes import ShapeCheck

Identity = tuple[str, str, str, str]
"""API group, kind, namespace (empty for cluster-scoped kinds), name."""


@dataclass(slots=True, kw_only=True)
class Admitted:
    """An object after validation. `value` is None once nothing of it is needed any more."""

    row: Kind | None
    group: str
    kind: str
    api_version: str
    namespace: str
    name: str
    value: dict[str, Any]
    report: Report
    template: tuple[str, ...] = ()
    generated: bool = False

    @property
    def identity(self) -> Identity:
        """What tells the object apart from others."""
        return (self.group, self.kind, self.namespace, self.name)

    @property
    def refused(self) -> bool:
        """Whether the API server would refuse the object."""
        return self.report.refused

    @property
    def place(self) -> Place:
        """Where the object begins."""
        return self.report.place()

    @property
    def label(self) -> str:
        """`Kind namespace/name`, or `Kind name`."""
        return self.report.name

    @property
    def problems(self) -> list[Problem]:
        """What was found."""
        return self.report.problems()


_NAME_CHECKS: Mapping[NameRule, Callable[[str], Faults]] = {
    NameRule.SUBDOMAIN: names.dns_subdomain,
    NameRule.LABEL: names.dns_label,
    NameRule.SERVICE: names.dns_label,
    NameRule.SEGMENT: names.path_segment,
    NameRule.ANY: names.anything,
}


def admit(
    raw: RawObject, default_namespace: str, templates: Mapping[tuple[str, str], tuple[str, ...]]
) -> Admitted | None:
    """Validate an object; None if its kind is not of a cluster (a kustomization)."""
    value = raw.value
    api_version, kind = text(value.get("apiVersion")), text(value.get("kind"))
    group, version = split_version(api_version)
    row = find(group, kind)
    if row is not None and row.treatment is Treatment.FILE:
        return None
    metadata = mapping(value.get("metadata"))
    namespace = _namespace(row, metadata, default_namespace)
    name, generated = _name(metadata)
    label = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    report = Report(value, raw.file, raw.first_line, label, raw.text)
    out = Admitted(
        row=row, group=row.group if row else group, kind=kind, api_version=api_version, namespace=namespace, name=name,
        value=value, report=report, template=templates.get((group, kind), row.template if row else ()),
        generated=generated,
    )  # fmt: skip
    if not kind or not api_version:
        report.error(("kind",), "`apiVersion` and `kind` must be strings")
        return out
    _check(out, version)
    return out


def _namespace(row: Kind | None, metadata: dict[str, Any], default: str) -> str:
    if row is not None and not row.namespaced:
        return ""
    given = text(metadata.get("namespace"))
    # The scope of an unknown kind is not known (WL-2): it has a namespace if it says so.
    return given or (default if row is not None else "")


def _name(metadata: dict[str, Any]) -> tuple[str, bool]:
    name = text(metadata.get("name"))
    prefix = text(metadata.get("generateName"))
    if not name and prefix:
        return f"{prefix}*", True  # WL-5
    return name, not name


def _check(item: Admitted, version: str) -> None:
    report, value, row = item.report, item.value, item.row
    schema = schemas().get((item.group, item.kind))
    policy = row is not None and row.treatment in (Treatment.POLICY, Treatment.ADMIN, Treatment.OPAQUE)
    shapes = ShapeCheck(report, strict_error=policy)
    if schema is not None:
        shapes.check(value, schema, ())
    elif isinstance(value.get("metadata"), dict):
        ShapeCheck(report, strict_error=False).check(value["metadata"], METADATA, ("metadata",))
    elif value.get("metadata") is not None:
        report.error(("metadata",), "must be a mapping")
    name_check = _NAME_CHECKS[row.name_rule if row else NameRule.ANY]
    check_metadata(report, value.get("metadata"), ("metadata",), name_check)
    if row is not None:
        _check_version(item, version, row)
        _check_older_names(item, row)
    else:
        _check_kind(item)
    if not report.refused or schema is not None:
        _check_spec(item)


def _check_version(item: Admitted, version: str, row: Kind) -> None:
    """Tell versions and groups that no server has; the object is read as if it had the current one."""
    group = item.api_version.rpartition("/")[0]
    if (row.versions and version not in row.versions) or group != row.group:
        message = f"no server from 1.30 on has the kind `{item.kind}` in `{item.api_version}`"
        item.report.blemish(("apiVersion",), message, f"write `apiVersion: {current_version(row)}`", error=True)


def _check_kind(item: Admitted) -> None:
    hint = misspelt(item.group, item.kind)
    if hint is not None:
        item.report.error(("kind",), f"no server has the kind `{item.kind}` in `{item.api_version}`", hint)


def _check_older_names(item: Admitted, row: Kind) -> None:
    """Tell names that only some servers take: a Service's may start with a digit from 1.36 on."""
    name = item.name
    if row.name_rule is NameRule.SERVICE and not names.dns_label(name) and names.dns_1035_label(name):
        item.report.blemish(
            ("metadata", "name"), f"`{name}`: servers before 1.36 refuse a name that starts with a digit"
        )
    elif item.kind == "StatefulSet" and not names.dns_subdomain(name) and names.dns_label(name):
        item.report.blemish(
            ("metadata", "name"), f"`{name}`: its pods could not be created: {names.dns_label(name)[0]}"
        )
    elif item.kind == "Job" and len(name) > _LONGEST_LABEL:
        item.report.error(("metadata", "name"), f"invalid value `{name}`: must be no more than 63 characters")


_LONGEST_LABEL = 63


def _check_spec(item: Admitted) -> None:
    found = _SPEC_CHECKS.get((item.group, item.kind))
    if found is not None:
        module, function = found
        import importlib  # noqa: PLC0415 - only the checks that are needed are loaded

        check = getattr(importlib.import_module(f"netcheck.load.{module}"), function)
        check(item.report, item.value)


_SPEC_CHECKS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("networking.k8s.io", "NetworkPolicy"): ("check_policy", "check_network_policy"),
    ("networking.k8s.io", "Ingress"): ("check_ingress", "check_ingress"),
    ("", "Pod"): ("check_pod", "check_pod"),
    ("", "Service"): ("check_service", "check_service"),
    ("", "Endpoints"): ("check_endpoints", "check_endpoints"),
    ("discovery.k8s.io", "EndpointSlice"): ("check_endpoints", "check_slice"),
    ("apps", "Deployment"): ("check_workload", "check_apps"),
    ("apps", "StatefulSet"): ("check_workload", "check_apps"),
    ("apps", "DaemonSet"): ("check_workload", "check_apps"),
    ("apps", "ReplicaSet"): ("check_workload", "check_apps"),
    ("", "ReplicationController"): ("check_workload", "check_replication_controller"),
    ("batch", "Job"): ("check_workload", "check_job"),
    ("batch", "CronJob"): ("check_workload", "check_cron_job"),
    ("autoscaling", "HorizontalPodAutoscaler"): ("check_workload", "check_autoscaler"),
    ("policy.networking.k8s.io", "AdminNetworkPolicy"): ("check_admin", "check_admin_policy"),
    ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"): ("check_admin", "check_admin_policy"),
    ("policy.networking.k8s.io", "ClusterNetworkPolicy"): ("check_admin", "check_cluster_policy"),
    ("gateway.networking.k8s.io", "GatewayClass"): ("check_gateway", "check_gateway_class"),
    ("gateway.networking.k8s.io", "Gateway"): ("check_gateway", "check_gateway"),
    ("gateway.networking.k8s.io", "ListenerSet"): ("check_gateway", "check_listener_set"),
    ("gateway.networking.x-k8s.io", "XListenerSet"): ("check_gateway", "check_listener_set"),
    ("gateway.networking.k8s.io", "HTTPRoute"): ("check_routes", "check_http_route"),
    ("gateway.networking.k8s.io", "GRPCRoute"): ("check_routes", "check_grpc_route"),
    ("gateway.networking.k8s.io", "TLSRoute"): ("check_routes", "check_tls_route"),
    ("gateway.networking.k8s.io", "TCPRoute"): ("check_routes", "check_plain_route"),
    ("gateway.networking.k8s.io", "UDPRoute"): ("check_routes", "check_plain_route"),
    ("gateway.networking.k8s.io", "ReferenceGrant"): ("check_grants", "check_reference_grant"),
    ("gateway.networking.k8s.io", "BackendTLSPolicy"): ("check_grants", "check_backend_tls"),
}
