"""The rights that reading a cluster takes: the smallest ClusterRole, and which of its rules a user lacks (LIVE-2)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from netcheck.errors import InputError
from netcheck.load.cluster_api import Answer, Connection, Unreachable
from netcheck.load.live_fetch import Limits, workers
from netcheck.load.live_kinds import RESOURCES, SETTINGS, ConfigMapKeys, Resource

ROLE = "netcheck-reader"
_CREATED = (200, 201)
_BUSY = 429


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the ClusterRole: resources of one API group, to be listed, or only objects of these `names` to be got."""

    group: str
    resources: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """What a user may do or not: list a resource in the whole cluster, or get one ConfigMap."""

    label: str
    attributes: tuple[tuple[str, str], ...]


def rules(resources: Iterable[Resource] = RESOURCES, settings: Iterable[ConfigMapKeys] = SETTINGS) -> tuple[Rule, ...]:
    """Return the rules that reading these takes, one for each group, in the order of the groups' names."""
    groups: dict[str, set[str]] = {}
    for item in resources:
        groups.setdefault(item.group, set()).add(item.plural)
    found = [Rule(group, tuple(sorted(names))) for group, names in groups.items()]
    named = tuple(sorted(item.name for item in settings))
    if named:
        found.append(Rule("", ("configmaps",), named))
    return tuple(sorted(found, key=lambda rule: (rule.group, bool(rule.names))))


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
        if rule.names:
            lines.append(f"  resourceNames: [{', '.join(rule.names)}]")
        lines.append(f"  verbs: [{'get' if rule.names else 'list'}]")
    return "\n".join(lines) + "\n"


def rights(resources: Iterable[Resource], settings: Iterable[ConfigMapKeys]) -> tuple[Right, ...]:
    """Return the rights that reading these takes, in the order of their groups and names."""
    listed = sorted(resources, key=lambda item: (item.group, item.plural))
    named = sorted(settings, key=lambda item: item.name)
    return (
        *(Right(item.label, (("verb", "list"), ("group", item.group), ("resource", item.plural))) for item in listed),
        *(Right(f"configmap {item.namespace}/{item.name} (get)", _of_config_map(item)) for item in named),
    )


def _of_config_map(item: ConfigMapKeys) -> tuple[tuple[str, str], ...]:
    where = (("namespace", item.namespace), ("name", item.name))
    return (("verb", "get"), ("group", ""), ("resource", "configmaps"), *where)


def lacking(connection: Connection, wanted: Sequence[Right], limits: Limits) -> tuple[Right, ...]:
    """Return those rights that the user does not have.

    Raises:
        InputError: the server does not say.
    """
    with workers(limits) as pool:
        allowed = list(pool.map(lambda item: _has(connection, item, limits), wanted))
    return tuple(item for item, yes in zip(wanted, allowed, strict=True) if not yes)


def _has(connection: Connection, right: Right, limits: Limits) -> bool:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": dict(right.attributes)},
    }
    answer = _asked(connection, msgspec.json.encode(body), limits)
    if answer.status not in _CREATED:
        raise InputError(
            f"the API server `{connection.host}` does not answer which rights the user has: it says {answer.status}"
        )
    try:
        found = msgspec.json.decode(answer.body)["status"]["allowed"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise InputError(f"the API server `{connection.host}` does not answer which rights the user has") from None
    return found is True


def _asked(connection: Connection, body: bytes, limits: Limits) -> Answer:
    """Return the answer to a review. It writes nothing, so that it may be sent again."""
    why = "no answer"
    for left in range(limits.tries - 1, -1, -1):
        try:
            answer = connection.review(body, limits.request)
        except Unreachable as error:
            why = str(error)
        else:
            if not left or (answer.status < 500 and answer.status != _BUSY):
                return answer
        time.sleep(limits.pause if left else 0)
    raise InputError(f"the API server `{connection.host}` cannot be asked for rights: {why}")
