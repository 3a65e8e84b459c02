"""Checks shared by all kinds: metadata, labels, selectors, ports and addresses.

After k8s.io/apimachinery/pkg/api/validation and pkg/apis/core/validation. Documents have passed the check of their
shape before, so a value that has the wrong type is passed over here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from netcheck.load import names
from netcheck.load.cidrs import Address, Cidr, parse_address, parse_cidr, special
from netcheck.load.names import Faults
from netcheck.load.report import Report
from netcheck.load.tree import Path

PROTOCOLS = ("TCP", "UDP", "SCTP")
_MOST_ANNOTATION_BYTES = 256 * 1024
CIDR_MESSAGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
IP_MESSAGE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return `value` if it is a string, else the empty string."""
    return value if isinstance(value, str) else ""


def faults(report: Report, path: Path, value: str, found: Faults, hint: str = "") -> bool:
    """Record each fault of a value; return whether there is none."""
    for fault in found:
        report.error(path, f"invalid value `{value[:80]}`: {fault}", hint)
    return not found


def unsupported(report: Report, path: Path, value: Any, supported: Iterable[str]) -> None:
    """Record a value that is not among those supported."""
    options = list(supported)
    hint = next(
        (f"write `{option}`: case counts" for option in options if option.lower() == text(value).strip().lower()), ""
    )
    listed = ", ".join(f"`{option}`" for option in options)
    report.error(path, f"unsupported value `{text(value)[:80]}`: supported values: {listed}", hint)


def one_of(report: Report, path: Path, value: Any, supported: Iterable[str], default: str | None = None) -> None:
    """Check a value of a closed set; an absent one passes iff it has a default, `""` too for a plain string."""
    if value is None and default is not None:
        return
    if isinstance(value, str) and value not in supported:
        unsupported(report, path, value, supported)
    elif value is None:
        report.error(path, "required value")


def check_metadata(
    report: Report, metadata: Any, path: Path, name_check: Callable[[str], Faults], *, named: bool = True
) -> None:
    """Check an ObjectMeta (ValidateObjectMeta); `named` is false for pod templates."""
    fields = mapping(metadata)
    name, prefix = text(fields.get("name")), text(fields.get("generateName"))
    if named:
        if prefix:
            masked = prefix[:-1] + "a" if prefix.endswith("-") else prefix
            faults(report, (*path, "generateName"), prefix, name_check(masked))
        if name:
            faults(report, (*path, "name"), name, name_check(name), _lower_hint(name, name_check))
        elif not prefix:
            report.error((*path, "name"), "required value: name or generateName is required")
        namespace = text(fields.get("namespace"))
        if namespace:
            faults(report, (*path, "namespace"), namespace, names.dns_label(namespace))
    check_labels(report, fields.get("labels"), (*path, "labels"))
    check_annotations(report, fields.get("annotations"), (*path, "annotations"))
    for index, item in enumerate(listing(fields.get("finalizers"))):
        faults(report, (*path, "finalizers", index), text(item), names.qualified_name(text(item)))
    _check_owners(report, fields.get("ownerReferences"), (*path, "ownerReferences"))


def _lower_hint(name: str, check: Callable[[str], Faults]) -> str:
    tidy = name.lower().replace("_", "-").replace(" ", "-")
    return f"`{tidy}` would be valid" if tidy != name and not check(tidy) else ""


def check_labels(report: Report, labels: Any, path: Path) -> None:
    """Check a map of labels (ValidateLabels)."""
    for key, value in mapping(labels).items():
        if names.qualified_name(key):
            faults(report, (*path, key), key, names.qualified_name(key))
        if isinstance(value, str) and names.label_value(value):
            faults(report, (*path, key), value, names.label_value(value))


def check_annotations(report: Report, annotations: Any, path: Path) -> None:
    """Check a map of annotations (ValidateAnnotations)."""
    size = 0
    for key, value in mapping(annotations).items():
        size += len(key) + len(text(value))
        if names.qualified_name(key.lower()):
            faults(report, (*path, key), key, names.qualified_name(key.lower()))
    if size > _MOST_ANNOTATION_BYTES:
        report.error(path, "too long: may not be more than 262144 bytes")


def _check_owners(report: Report, owners: Any, path: Path) -> None:
    # Refused by the API server, yet exports with incomplete references are common and do no harm here (WL-8).
    for index, owner in enumerate(listing(owners)):
        missing = [key for key in ("apiVersion", "kind", "name", "uid") if not mapping(owner).get(key)]
        if missing:
            report.blemish((*path, index), f"an owner reference needs {', '.join(f'`{key}`' for key in missing)}")


def check_selector(report: Report, selector: Any, path: Path) -> None:
    """Check a LabelSelector (ValidateLabelSelector, SEMANTICS NP-13)."""
    if not isinstance(selector, dict):
        return
    check_labels(report, selector.get("matchLabels"), (*path, "matchLabels"))
    for index, item in enumerate(listing(selector.get("matchExpressions"))):
        _check_requirement(report, mapping(item), (*path, "matchExpressions", index))


def _check_requirement(report: Report, item: dict[str, Any], path: Path) -> None:
    operator, values = text(item.get("operator")), listing(item.get("values"))
    if operator in ("In", "NotIn"):
        if not values:
            report.error((*path, "values"), "required value: must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            message = "forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            report.error((*path, "values"), message)
    else:
        hint = "write `In`, `NotIn`, `Exists` or `DoesNotExist`"
        report.error((*path, "operator"), f"invalid value `{operator[:80]}`: not a valid selector operator", hint)
    key = text(item.get("key"))
    faults(report, (*path, "key"), key, names.qualified_name(key))
    for index, value in enumerate(values):
        if isinstance(value, str):
            faults(report, (*path, "values", index), value, names.label_value(value))


def check_port(report: Report, path: Path, value: Any) -> None:
    """Check an int-or-string port (IsValidPortNum, IsValidPortName, SEMANTICS NP-29)."""
    if isinstance(value, int) and not isinstance(value, bool):
        faults(report, path, str(value), names.port_number(value))
    elif isinstance(value, str):
        hint = f"write it without quotes: `{value}`" if value.isdecimal() else ""
        faults(report, path, value, names.port_name(value), hint)


def check_cidr(report: Report, path: Path, value: str) -> Cidr | None:
    """Check a CIDR as servers until 1.35 do; what 1.36 refuses is a warning (SEMANTICS NP-19)."""
    cidr = parse_cidr(value)
    if cidr is None:
        hint = f"write `{value}/{128 if ':' in value else 32}`" if parse_address(value) else ""
        report.error(path, f"invalid value `{value[:80]}`: {CIDR_MESSAGE}", hint)
    elif cidr.legacy:
        report.blemish(path, f"`{value}`: {cidr.legacy}; servers from 1.36 refuse it", f"write `{cidr.text}`")
    elif cidr.text != value:
        report.blemish(path, f"`{value}` should be in canonical form", f"write `{cidr.text}`")
    return cidr


def check_address(report: Report, path: Path, value: str, *, endpoint: bool = False) -> Address | None:
    """Check an IP address, and that it is not special if it is to be an endpoint."""
    address = parse_address(value)
    if address is None:
        report.error(path, f"invalid value `{value[:80]}`: {IP_MESSAGE}")
        return None
    if endpoint and special(address):
        report.error(path, f"invalid value `{value}`: {special(address)}")
    elif address.legacy:
        report.blemish(path, f"`{value}`: {address.legacy}; servers from 1.36 refuse it", f"write `{address.text}`")
    return address
