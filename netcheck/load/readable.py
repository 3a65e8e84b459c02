"""Whether a refused object still says everything that netcheck reads of it.

The error stands and the input counts as incomplete; but a pod without an image, or a policy with a bad name, has a
plain meaning, and the verdicts are more useful with it than without it.
"""

from __future__ import annotations

from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.build_pod import template_of
from netcheck.load.check_common import listing, mapping
from netcheck.load.kinds import Treatment
from netcheck.load.names import port_number
from netcheck.load.tree import Path

_OBJECTS_OF_LABELS = ("Namespace", "Node")
_UNIMPORTANT = frozenset({"weight", "statusCode", "filters", "rules", "hostnames", "parentRefs", "listeners"})
"""Fields of ways in whose errors (too many, not unique, out of range) leave the meaning of the object plain."""


def is_readable(item: Admitted) -> bool:
    """Return whether what is read of a refused object is valid."""
    report = item.report
    treatment = item.row.treatment if item.row is not None else Treatment.HARMLESS
    if any(report.errs_in("metadata", key) for key in ("namespace", "ownerReferences")) or not item.kind:
        return False
    if treatment is Treatment.POLICY:
        return report.errs_only_in("metadata")
    if treatment is Treatment.ADMIN:
        return report.errs_only_in("metadata") and not _is_second_baseline(item)
    if treatment is Treatment.POD:
        return not _misread(item, ("metadata", "labels")) and _pod_readable(item, item.value.get("spec"), ("spec",))
    if item.template:
        template = template_of(item)
        if template is None or _misread(item, (*item.template, "metadata", "labels")):
            return False
        return _pod_readable(item, template.get("spec"), (*item.template, "spec"))
    if item.kind in _OBJECTS_OF_LABELS:
        return not _misread(item, ("metadata", "labels"))
    if treatment is Treatment.MESH:
        return True  # only that it is there counts
    if treatment is Treatment.ROUTE:
        return not report.misread and all(map(_leaves_route_plain, report.error_paths))
    return item.kind == "Service" and _service_readable(item)


def _leaves_route_plain(path: Path) -> bool:
    """Return whether an error at this field leaves plain what a Gateway, route or Ingress would do."""
    names = [part for part in path if isinstance(part, str)]
    return names[:1] == ["metadata"] or names[-1:] == [] or names[-1] in _UNIMPORTANT


def _is_second_baseline(item: Admitted) -> bool:
    """Return whether this is a BaselineAdminNetworkPolicy that is not the one there is (SEMANTICS ADM-23)."""
    return item.kind == "BaselineAdminNetworkPolicy" and item.name != "default"


def _misread(item: Admitted, path: Path) -> bool:
    return any(found[: len(path)] == path[: len(found)] for found in item.report.misread)


def _pod_readable(item: Admitted, spec: Any, path: Path) -> bool:
    if spec is not None and not isinstance(spec, dict):
        return False
    fields = mapping(spec)
    if item.report.errs_in(*path, "hostNetwork"):
        return False
    for field in ("containers", "initContainers"):
        for index, container in enumerate(listing(fields.get(field))):
            if not _ports_readable(item, container, (*path, field, index, "ports")):
                return False
    return not any(len(found) <= len(path) + 2 and found[: len(path)] == path for found in item.report.misread)


def _ports_readable(item: Admitted, container: Any, path: Path) -> bool:
    """Return whether no named port is in doubt: the other ports of a pod say nothing (SEMANTICS NP-26)."""
    written = mapping(container).get("ports")
    if not written:
        return True
    if not isinstance(written, list):
        return False
    return not any(
        not isinstance(port, dict) or (port.get("name") is not None and _misread(item, (*path, index)))
        for index, port in enumerate(written)
    )


def _service_readable(item: Admitted) -> bool:
    spec = mapping(item.value.get("spec"))
    if item.report.misread or item.report.errs_in("spec", "type"):
        return False
    return all(
        isinstance(mapping(port).get("port"), int) and not port_number(port["port"])
        for port in listing(spec.get("ports"))
    )
