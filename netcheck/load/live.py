"""A live cluster to a `Capture`: discovery, every list in parallel, and a record of what could not be read.

Nothing is written to a cluster: `cluster_api` sends GET only. What a server does not have is no error (LIVE-7); what it
has and does not give (403, time limits, broken answers) is recorded, by kind and namespace (LIVE-6).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from netcheck.errors import InputError
from netcheck.load.capture import Capture, Listing
from netcheck.load.cluster_api import Access, Connection, connect
from netcheck.load.live_fetch import Fetched, Fetcher, Limits, Unreadable, limits_of, workers
from netcheck.load.live_kinds import (
    COPIES,
    NAMESPACES,
    RESOURCES,
    SAME_AS,
    ConfigMapKeys,
    Resource,
    settings_of,
)
from netcheck.model.cluster import Unread

PROBES = ("pods", "networkpolicies.networking.k8s.io", "services")
"""What a namespace is asked for first: whoever may list none of them is likely to have no rights in it."""
_FEW_REQUESTS, _MANY_GAPS = 2_000, 100
_ABSENT = 404
_FORBIDDEN = 403
_UNAUTHENTICATED = 401
Progress = Callable[[str], None]
__all__ = ["Reading", "capture", "limits_of", "read_cluster", "served_resources"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a cluster is read: the namespaces to fall back to, the limits, and who is told of what is read."""

    access: Access = Access()
    limits: Limits = Limits()
    namespaces: tuple[str, ...] = ()
    progress: Progress | None = None
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class _Served:
    """A resource and the versions in which it may be read, best first: one, if it is certain that the server has it."""

    resource: Resource
    versions: tuple[str, ...]
    certain: bool

    def paths(self, namespace: str = "") -> list[str]:
        """Return where its list may be."""
        inside = f"namespaces/{namespace}/" if namespace else ""
        return [f"{_root(self.resource.group, name)}/{inside}{self.resource.plural}" for name in self.versions]


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of one resource."""

    items: tuple[Any, ...] = ()
    unread: tuple[Unread, ...] = ()
    api_version: str = ""
    kind: str = ""


def read_cluster(source: str, reading: Reading) -> Capture:
    """Return what the cluster of a source `cluster:[CONTEXT]` holds.

    Raises:
        UsageError: the kubeconfig cannot be used.
        InputError: the server cannot be reached, or does not know the user.
    """
    connection = connect(reading.access, source.removeprefix("cluster:"))
    return capture(f"cluster:{connection.context}", connection, reading)


def capture(origin: str, connection: Connection, reading: Reading) -> Capture:
    """Return what can be read through a connection. The result does not depend on the order of answers.

    Raises:
        InputError: the server cannot be reached, or does not know the user.
    """
    fetcher = Fetcher(connection, reading.limits, reading.sleep)
    version = _version(fetcher, connection.host)
    with workers(reading.limits, fetcher) as pool:
        return _Run(origin, fetcher, pool, reading, connection.namespace).capture(version)


def served_resources(connection: Connection, limits: Limits) -> tuple[tuple[Resource, ...], tuple[ConfigMapKeys, ...]]:
    """Return the resources of a cluster that are listed, and the ConfigMaps that are read by name.

    Raises:
        InputError: the server cannot be reached, or does not know the user.
    """
    fetcher = Fetcher(connection, limits)
    _version(fetcher, connection.host)
    with workers(limits, fetcher) as pool:
        run = _Run("cluster", fetcher, pool, Reading(limits=limits), connection.namespace)
        groups = run.groups()
        return tuple(item.resource for item in run.served(groups)), settings_of(groups)


def _version(fetcher: Fetcher, host: str) -> str:
    """Return the server's version; where it does not tell, nothing. This is how a dead server is noticed."""
    try:
        found = fetcher.json("/version", tries=2)
    except Unreadable as error:
        if error.status == _UNAUTHENTICATED:
            raise InputError(
                f"the API server `{host}` does not know the user: {error.why.lower()}\n"
                "  hint: sign in again, and see whether `kubectl get namespaces` works"
            ) from None
        if not error.status or error.status >= 500:
            raise InputError(f"the API server `{host}` cannot be read: {error.why}") from None
        if error.status == _FORBIDDEN and "impersonate" in error.why:
            raise InputError(f"the API server `{host}` does not let the user act as another: {error.why}") from None
        return ""
    return str(found.get("gitVersion") or "") if isinstance(found, dict) else ""


class _Run:
    """One reading of one cluster."""

    def __init__(self, origin: str, fetcher: Fetcher, pool: ThreadPoolExecutor, reading: Reading, home: str) -> None:
        self._origin = origin
        self._fetcher = fetcher
        self._pool = pool
        self._progress = reading.progress
        self._home = home
        self._fallback = reading.namespaces or (home,)
        self._lists_namespaces = False
        self._namespaces: tuple[str, ...] = self._fallback

    def capture(self, version: str) -> Capture:
        """Return everything that can be read."""
        groups = self.groups()
        served = self.served(groups)
        found = [self._or_stored(item, result, groups) for item, result in zip(served, self._read(served), strict=True)]
        listings = [
            Listing(
                api_version=result.api_version,
                kind=result.kind,
                plural=item.resource.plural,
                items=result.items,
            )
            for item, result in zip(served, found, strict=True)
            if result.items
        ]
        return Capture(
            origin=self._origin,
            version=version,
            groups=tuple(sorted(groups)),
            listings=(*listings, *self._settings(groups)),
            unread=tuple(gap for result in found for gap in result.unread),
            home=self._home,
        )

    def _or_stored(self, item: _Served, found: _Found, groups: Mapping[str, Sequence[str]]) -> _Found:
        """Return what was read, or, where an API that shows other objects fails, these others (CAL-1)."""
        stored = next((group for group, shown in SAME_AS.items() if shown == item.resource.group), "")
        if not found.unread or not stored or stored not in groups:
            return found
        resource = next(one for one in RESOURCES if (one.group, one.kind) == (stored, item.resource.kind))
        instead = self._whole(_Served(resource, tuple(groups[stored]), certain=False))
        return found if instead.unread else instead

    def _settings(self, groups: Iterable[str]) -> list[Listing]:
        """Return the ConfigMaps of network plugins that may be read, each asked for by its name (LIVE-3)."""
        items = tuple(item for one in settings_of(groups) for item in self._config_map(one))
        return [Listing(api_version="v1", kind="ConfigMap", plural="configmaps", items=items)] if items else []

    def _config_map(self, wanted: ConfigMapKeys) -> list[bytes]:
        """Return a ConfigMap with the keys that are read of it; that it is not there, or may not be read, is no error."""
        try:
            found = self._fetcher.json(wanted.path, tries=2)
        except Unreadable:
            return []
        data = found.get("data") if isinstance(found, dict) else None
        kept = (
            {key: data[key] for key in wanted.keys if isinstance(data.get(key), str)} if isinstance(data, dict) else {}
        )
        return [msgspec.json.encode({"metadata": {"name": wanted.name, "namespace": wanted.namespace}, "data": kept})]

    # ---- discovery ------------------------------------------------------------------------------------------------

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the versions of each API group that is served, preferred ones first.

        Where discovery is not allowed, every group is taken to be there: a 404 tells later that it is not.
        """
        try:
            listed = self._fetcher.json("/apis")
            core = self._fetcher.json("/api")
        except Unreadable as error:
            if error.status != _FORBIDDEN:
                raise InputError(f"the API groups of `{self._origin}` cannot be read: {error.why}") from None
            return _all_groups()
        found = {"": _texts(core, "versions") or ("v1",)}
        for group in _listed(listed, "groups"):
            versions = [str(item.get("version")) for item in _listed(group, "versions")]
            first = group.get("preferredVersion")
            preferred = first.get("version") if isinstance(first, dict) else None
            found[str(group.get("name"))] = tuple(sorted(versions, key=lambda name: name != preferred))
        return found

    def served(self, groups: Mapping[str, Sequence[str]]) -> list[_Served]:
        """Return what is read: each resource in the best of the versions that the server has it in."""
        wanted = [item for item in RESOURCES if item.group in groups and SAME_AS.get(item.group) not in groups]
        places = sorted({(item.group, version) for item in wanted for version in groups[item.group]})
        futures = {place: self._pool.submit(self._resources, *place) for place in places}
        known = {place: future.result() for place, future in futures.items()}
        out = []
        for item in wanted:
            order = sorted(groups[item.group], key=lambda name, item=item: _rank(item, name))  # type: ignore[misc]
            versions = [name for name in order if _has(known[item.group, name], item)]
            certain = [name for name in versions if known[item.group, name] is not None]
            if versions:
                out.append(_Served(item, tuple(certain[:1] or versions), bool(certain)))
        return out

    def _resources(self, group: str, version: str) -> frozenset[str] | None:
        """Return the resources of a group and version that can be listed; None: the server does not tell."""
        try:
            found = self._fetcher.json(_root(group, version), tries=3)
        except Unreadable:
            return None
        return frozenset(
            str(item.get("name")) for item in _listed(found, "resources") if "list" in _texts(item, "verbs")
        )

    # ---- lists ----------------------------------------------------------------------------------------------------

    def _read(self, served: Sequence[_Served]) -> list[_Found]:
        """Return what became of each resource, namespaces first: where a list is forbidden they are gone through."""
        namespaces = next((item for item in served if item.resource is NAMESPACES), None)
        first = self._whole(namespaces) if namespaces is not None else _Found()
        if namespaces is not None and not first.unread:
            self._lists_namespaces = True
            self._namespaces = tuple(sorted(_names(first.items)))
        futures: list[Future[_Found]] = [
            self._pool.submit(self._whole, item) for item in served if item is not namespaces
        ]
        results = iter([future.result() for future in futures])
        whole = [first if item is namespaces else next(results) for item in served]
        denied = [item for item, found in zip(served, whole, strict=True) if _is_denied(item, found)]
        instead = dict(zip([id(item) for item in denied], self._in_namespaces(denied), strict=True))
        return [
            self._joined(instead[id(item)], found) if id(item) in instead else found
            for item, found in zip(served, whole, strict=True)
        ]

    def _whole(self, item: _Served) -> _Found:
        """Read a resource in the whole cluster."""
        if self._progress is not None:
            self._progress(f"{self._origin} {item.resource.label}")
        for path in item.paths():
            try:
                return _found(item, self._fetcher.all(path, item.resource.page))
            except Unreadable as error:
                if item.certain or error.status != _ABSENT:
                    return _Found(unread=(_gap(item, error),))
        return _Found()

    def _in_namespaces(self, items: Sequence[_Served]) -> list[list[_Found]]:
        """Read resources namespace by namespace, as their lists for the whole cluster are denied (LIVE-6).

        Where that would take too many requests, a namespace that denies the first few is not asked for the others.
        """
        if len(items) * len(self._namespaces) <= _FEW_REQUESTS:
            futures = [[self._pool.submit(self._one, item, name) for name in self._namespaces] for item in items]
            return [[future.result() for future in row] for row in futures]
        order = sorted(items, key=lambda item: item.resource.label not in PROBES)
        columns = list(self._pool.map(lambda name: self._until_denied(order, name), self._namespaces))
        rows = {id(item): [column[place] for column in columns] for place, item in enumerate(order)}
        return [rows[id(item)] for item in items]

    def _until_denied(self, items: Sequence[_Served], name: str) -> list[_Found]:
        """Read the resources of one namespace, unless it denies the first few of them."""
        probes, others = items[: len(PROBES)], items[len(PROBES) :]
        first = [self._one(item, name) for item in probes]
        if not all(any(gap.denied for gap in found.unread) for found in first):
            return [*first, *(self._one(item, name) for item in others)]
        why = f"not asked for, as the user may not list {', '.join(item.resource.label for item in probes)} there (403)"
        return [*first, *(_Found(unread=(replace(_denied(item, name), message=why),)) for item in others)]

    def _joined(self, found: Sequence[_Found], denied: _Found) -> _Found:
        """Return what was read of a resource in all namespaces, and what is missing."""
        read = [name for name, result in zip(self._namespaces, found, strict=True) if not result.unread]
        gaps = tuple(gap for result in found for gap in result.unread)
        many = len(gaps) > _MANY_GAPS and all(gap.denied for gap in gaps)
        if many or not (self._lists_namespaces and read):
            gaps = (replace(denied.unread[0], besides=tuple(read)),)
        some = next((result for result in found if result.api_version), denied)
        items = tuple(item for result in found for item in result.items)
        return replace(some, items=items, unread=gaps)

    def _one(self, item: _Served, namespace: str) -> _Found:
        if self._progress is not None:
            self._progress(f"{self._origin} {item.resource.label} of {namespace}")
        for path in item.paths(namespace):
            try:
                return _found(item, self._fetcher.all(path, item.resource.page))
            except Unreadable as error:
                if item.certain or error.status != _ABSENT:
                    return _Found(unread=(_gap(item, error, namespace),))
        return _Found()


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _is_denied(item: _Served, found: _Found) -> bool:
    return item.resource.namespaced and any(gap.denied for gap in found.unread)


def _found(item: _Served, fetched: Fetched) -> _Found:
    items = fetched.items
    if item.resource.group == "projectcalico.org":
        items = tuple(one for one, name in zip(items, _names(items), strict=True) if not name.startswith(COPIES))
    return _Found(items, api_version=fetched.api_version, kind=fetched.kind)


def _denied(item: _Served, namespace: str) -> Unread:
    return _gap(item, Unreadable(_FORBIDDEN, ""), namespace)


def _gap(item: _Served, error: Unreadable, namespace: str | None = None) -> Unread:
    resource = item.resource
    return Unread(
        group=resource.group,
        kind=resource.kind,
        plural=resource.plural,
        namespace=namespace,
        message="the user may not list them (403)" if error.status == _FORBIDDEN else error.why,
        decides=resource.decides,
        denied=error.status == _FORBIDDEN,
    )


class _Named(msgspec.Struct):
    name: str = ""


class _Object(msgspec.Struct):
    metadata: _Named = msgspec.field(default_factory=_Named)


def _names(items: Iterable[Any]) -> list[str]:
    return [_name(item) for item in items]


def _name(item: Any) -> str:
    try:
        return msgspec.json.decode(item, type=_Object).metadata.name
    except msgspec.MsgspecError:
        return ""


def _all_groups() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for item in RESOURCES:
        found[item.group] = tuple(dict.fromkeys((*found.get(item.group, ()), *item.versions)))
    return found


def _rank(item: Resource, version: str) -> int:
    """Return how late a version is to be taken: those that are understood come first."""
    return item.versions.index(version) if version in item.versions else len(item.versions)


def _has(known: frozenset[str] | None, item: Resource) -> bool:
    return known is None or item.plural in known


def _texts(value: Any, key: str) -> tuple[str, ...]:
    found = value.get(key) if isinstance(value, dict) else None
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def _listed(value: Any, key: str) -> list[Any]:
    """Return the mappings of a list."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
