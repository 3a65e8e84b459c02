"""Validation of the kinds that create pods, after pkg/apis/apps/validation and pkg/apis/batch/validation."""

from __future__ import annotations

from typing import Any

from netcheck.load.check_common import check_selector, listing, mapping, one_of, text
from netcheck.load.check_pod import RESTART_POLICIES, check_template
from netcheck.load.report import Report
from netcheck.load.tree import Path

_LONGEST_CRON_JOB_NAME = 52


def check_apps(report: Report, value: dict[str, Any]) -> None:
    """Check a Deployment, ReplicaSet, DaemonSet or StatefulSet (SEMANTICS WL-7)."""
    spec, kind = mapping(value.get("spec")), text(value.get("kind"))
    _not_negative(report, spec, ("spec",), ("replicas", "minReadySeconds", "revisionHistoryLimit"))
    template = mapping(spec.get("template"))
    check_template(report, template, ("spec", "template"), spec=kind != "StatefulSet")
    _check_apps_selector(report, spec, template)
    _check_restart(report, template, ("spec", "template"), ("Always",))


def _check_apps_selector(report: Report, spec: dict[str, Any], template: dict[str, Any]) -> None:
    selector = spec.get("selector")
    path: Path = ("spec", "selector")
    if selector is None:
        report.error(path, "required value", "write `matchLabels` with the labels of the template")
        return
    if not isinstance(selector, dict):
        return
    before = report.refused
    check_selector(report, selector, path)
    labels = mapping(mapping(template.get("metadata")).get("labels"))
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        report.error(path, "invalid value: empty selector is invalid")
    elif (before or not report.refused) and not selects(selector, labels):
        message = "invalid value: `selector` does not match template `labels`"
        report.error(("spec", "template", "metadata", "labels"), message)


def selects(selector: dict[str, Any], labels: dict[str, Any]) -> bool:
    """Return whether a raw selector matches raw labels."""
    wanted = mapping(selector.get("matchLabels"))
    if any(key not in labels or (labels[key] or "") != (value or "") for key, value in wanted.items()):
        return False
    return all(_requirement(mapping(item), labels) for item in listing(selector.get("matchExpressions")))


def _requirement(item: dict[str, Any], labels: dict[str, Any]) -> bool:
    key, values = item.get("key"), listing(item.get("values"))
    present = key in labels
    if item.get("operator") == "In":
        return present and labels[str(key)] in values
    if item.get("operator") == "NotIn":
        return not present or labels[str(key)] not in values
    return present == (item.get("operator") == "Exists")


def check_replication_controller(report: Report, value: dict[str, Any]) -> None:
    """Check a ReplicationController."""
    spec = mapping(value.get("spec"))
    _not_negative(report, spec, ("spec",), ("replicas", "minReadySeconds"))
    template = spec.get("template")
    if template is None:
        report.error(("spec", "template"), "required value")
        return
    labels = mapping(mapping(mapping(template).get("metadata")).get("labels"))
    selector = mapping(spec.get("selector")) or labels
    if not selector:
        report.error(("spec", "selector"), "required value")
    elif not selects({"matchLabels": selector}, labels):
        path: Path = ("spec", "template", "metadata", "labels")
        report.error(path, "invalid value: `selector` does not match template `labels`")
    check_template(report, template, ("spec", "template"))
    _check_restart(report, mapping(template), ("spec", "template"), ("Always",))


def check_job(report: Report, value: dict[str, Any]) -> None:
    """Check a Job."""
    spec = mapping(value.get("spec"))
    _check_job_spec(report, spec, ("spec",))
    if spec.get("selector") is not None and not spec.get("manualSelector") and not _made_by_server(value):
        message = "invalid value: `selector` not auto-generated"
        report.error(("spec", "selector"), message, "leave `selector` out: the server sets it")


def _made_by_server(value: dict[str, Any]) -> bool:
    return bool(mapping(value.get("metadata")).get("uid"))


def check_cron_job(report: Report, value: dict[str, Any]) -> None:
    """Check a CronJob."""
    spec = mapping(value.get("spec"))
    name = text(mapping(value.get("metadata")).get("name"))
    if len(name) > _LONGEST_CRON_JOB_NAME:
        message = f"invalid value `{name}`: must be no more than {_LONGEST_CRON_JOB_NAME} characters"
        report.error(("metadata", "name"), message)
    if not spec.get("schedule"):
        report.error(("spec", "schedule"), "required value")
    policies = ("Allow", "Forbid", "Replace")
    one_of(report, ("spec", "concurrencyPolicy"), spec.get("concurrencyPolicy") or None, policies, "Allow")
    counts = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    _not_negative(report, spec, ("spec",), counts)
    _check_job_spec(report, mapping(mapping(spec.get("jobTemplate")).get("spec")), ("spec", "jobTemplate", "spec"))


def _check_job_spec(report: Report, spec: dict[str, Any], path: Path) -> None:
    counts = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    _not_negative(report, spec, path, counts)
    if spec.get("completionMode"):
        one_of(report, (*path, "completionMode"), spec["completionMode"], ("NonIndexed", "Indexed"))
    template = mapping(spec.get("template"))
    check_template(report, template, (*path, "template"))
    policy = mapping(template.get("spec")).get("restartPolicy") or "Always"
    if policy == "Always":
        at = (*path, "template", "spec", "restartPolicy")
        report.error(at, "required value: valid values: `OnFailure`, `Never`", "write `restartPolicy: Never`")


def _check_restart(report: Report, template: dict[str, Any], path: Path, allowed: tuple[str, ...]) -> None:
    policy = mapping(template.get("spec")).get("restartPolicy") or None
    if policy in RESTART_POLICIES:
        one_of(report, (*path, "spec", "restartPolicy"), policy, allowed)


def _not_negative(report: Report, spec: dict[str, Any], path: Path, keys: tuple[str, ...]) -> None:
    for key in keys:
        number = spec.get(key)
        if isinstance(number, int) and number < 0:
            report.error((*path, key), f"invalid value `{number}`: must be greater than or equal to 0")


def check_autoscaler(report: Report, value: dict[str, Any]) -> None:
    """Check the parts of a HorizontalPodAutoscaler that are read."""
    spec = mapping(value.get("spec"))
    target = mapping(spec.get("scaleTargetRef"))
    for key in ("kind", "name"):
        if not target.get(key):
            report.error(("spec", "scaleTargetRef", key), "required value")
    most, least = spec.get("maxReplicas"), spec.get("minReplicas")
    if not isinstance(most, int) or most < 1:
        report.error(("spec", "maxReplicas"), "invalid value: must be greater than 0")
    elif isinstance(least, int) and most < least:
        report.error(("spec", "maxReplicas"), f"invalid value `{most}`: must be greater than or equal to `minReplicas`")
