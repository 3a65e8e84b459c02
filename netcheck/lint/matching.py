"""What a selector that matches nothing was probably meant to say."""

from __future__ import annotations

from netcheck.lint.snapshot import Snapshot
from netcheck.lint.wording import closest, wanted_values
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.values.labels import LabelSelector, Operator


def meant_labels(snapshot: Snapshot, namespace: str | None, selector: LabelSelector) -> str:
    """Return the labels of loaded pods that are closest to what the selector asks for, or nothing."""
    for key, value in wanted_values(selector):
        known = snapshot.index.values(namespace, key)
        if value in known:
            continue
        close = closest(value, known)
        if close:
            return f"`{key}: {close}`"
    return ""


def named_namespaces(selector: LabelSelector) -> list[str]:
    """Return the namespaces that a selector asks for by name; none if it asks for other labels only."""
    return [
        name
        for item in selector.requirements
        if item.key == NAMESPACE_NAME_LABEL and item.operator is Operator.IN
        for name in item.values
    ]
