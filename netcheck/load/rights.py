"""The rights that reading a cluster takes: the smallest ClusterRole, and which of its rules a user lacks (LIVE-2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from netcheck.errors import InputError
from netcheck.load.cluster_api import Connection, Unreachable
from netcheck.load.live_fetch import Limits
from netcheck.load.live_kinds import RESOURCES, Resource

ROLE = "netcheck-reader"
_CREATED = (200, 201)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the ClusterRole: resources of one API group, to be listed."""

    group: str
    resources: tuple[str, ...]


def rules(resources: Iterable[Resource] = RESOURCES) -> tuple[Rule, ...]:
    """Return the rules that listing these resources takes, one for each group, in the order of the groups' names."""
    groups: dict[str, set[str]] = {}
    for item in resources:
        groups.setdefault(item.group, set()).add(item.plural)
    return tuple(Rule(group, tuple(sorted(names))) for group, names in sorted(groups.items()))


def cluster_role(found: Sequence[Rule]) -> str:
    """Return the ClusterRole with these rules as YAML."""
    lines = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        "kind: ClusterRole",
        "metadata:",
        f"  name: {ROLE}",
        "rules:" if found else "rules: []",
    ]
    for rule in found:
        lines.append(f"- apiGroups: [{rule.group or chr(34) * 2}]")
        lines.append(f"  resources: [{', '.join(rule.resources)}]")
        lines.append("  verbs: [list]")
    return "\n".join(lines) + "\n"


def lacking(connection: Connection, resources: Sequence[Resource], limits: Limits) -> tuple[Resource, ...]:
    """Return those resources that the user may not list in the whole cluster.

    Raises:
        InputError: the server does not say.
    """
    with ThreadPoolExecutor(max_workers=limits.threads) as pool:
        allowed = list(pool.map(lambda item: _may_list(connection, item, limits), resources))
    return tuple(item for item, yes in zip(resources, allowed, strict=True) if not yes)


def _may_list(connection: Connection, item: Resource, limits: Limits) -> bool:
    attributes = {"verb": "list", "group": item.group, "resource": item.plural}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = connection.review(msgspec.json.encode(body), limits.request)
    except Unreachable as error:
        raise InputError(f"the API server `{connection.host}` cannot be asked for rights: {error}") from None
    if answer.status not in _CREATED:
        raise InputError(
            f"the API server `{connection.host}` does not answer which rights the user has: it says {answer.status}"
        )
    try:
        found = msgspec.json.decode(answer.body)["status"]["allowed"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise InputError(f"the API server `{connection.host}` does not answer which rights the user has") from None
    return found is True
