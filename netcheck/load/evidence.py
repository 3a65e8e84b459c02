"""The configuration of containers read for names of hosts: environment, arguments, ConfigMaps that they use.

Only hosts and ports leave this module: values may hold passwords. Nothing here says what a name stands for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from netcheck.errors import Place
from netcheck.load.admit import Admitted
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.fast_json import FastPod, decoded
from netcheck.load.tree import Path
from netcheck.model.evidence import ApiClient, Evidence, Mention
from netcheck.model.objects import WorkloadId

_BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
_PIECES = re.compile(r"""[\s,;'"|<>(){}=]+""")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^\s/]*@)?(?P<rest>[^/?#]*)", re.IGNORECASE)
_HOST_PORT = re.compile(
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?)\.?(?::(?P<port>\d{1,5}))?\Z", re.IGNORECASE
)
_QUERY = re.compile(r"(://[^\s?]*)\?\S*")
_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_CALLED_HOST = re.compile(
    r"(?:^|[_.-])(?:host|hostname|addr|address|url|uri|endpoint|endpoints|server|servers|service|svc|broker|brokers|"
    r"upstream|backend|target|peer|peers|master|primary|replica|database|db|dsn|redis|proxy|bootstrap)s?(?:$|[_.-])",
    re.IGNORECASE,
)
_HOST_WORD = re.compile(r"(?:host(?:name)?|addr(?:ess)?|service|svc|server|url)\Z", re.IGNORECASE)
_SHOWN_FLAG = re.compile(r"-[a-z]\Z|--[a-z]", re.IGNORECASE)
"""Flags that are sure to hold nothing but a name: `-phunter2` holds a password."""
_CALLED_SECRET = re.compile(r"passw|secret|token|credential|(?:api|access|private|auth)[_.-]?key", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?\Z")
_HIGHEST = 65535
_LARGEST_FILE = 100_000


@dataclass(frozen=True, slots=True)
class _Source:
    """A text of a container's configuration: what holds it, and the name under which it does."""

    name: str
    value: str
    where: str
    path: Path
    in_file: bool = False


def evidence(items: Iterable[Any]) -> Evidence:
    """Return what the objects that were read tell."""
    given = list(items)
    admitted = [item for item in given if isinstance(item, Admitted)]
    configs = {
        (item.namespace, item.name): _data(item) for item in admitted if item.kind == "ConfigMap" and not item.group
    }
    mentions = [found for item in _holders(given) for found in _of(item, configs)]
    clients = [found for item in admitted if item.kind in _BINDINGS for found in _clients(item)]
    return Evidence(
        mentions=tuple(sorted(dict.fromkeys(mentions), key=_order)),
        api_clients=tuple(sorted(clients, key=lambda one: (one.namespace, one.service_account, one.binding))),
    )


@dataclass(frozen=True, slots=True)
class _Holder:
    """An object that makes pods: its fields, and where these stand."""

    owner: WorkloadId
    value: Mapping[str, Any]
    template: tuple[str, ...]
    place: Callable[[Path], Place]


def _holders(items: Iterable[Any]) -> Iterator[_Holder]:
    for item in items:
        if isinstance(item, Admitted):
            is_pod = item.kind == "Pod" and not item.group
            if is_pod or item.template:
                owner = WorkloadId(item.namespace, item.kind, item.name)
                yield _Holder(owner, item.value, () if is_pod else item.template, item.report.place)
        elif isinstance(item, FastPod) and item.raw is not None:
            yield _fast(item)


def _fast(item: FastPod) -> _Holder:
    """Return a pod of a large file, or of a cluster: its fields have no places of their own."""
    place = item.place
    return _Holder(WorkloadId(item.namespace, "Pod", item.facts.name), mapping(decoded(item.raw)), (), lambda _: place)


def _order(item: Mention) -> tuple[WorkloadId, str, int, str, str, bool, bool]:
    return (item.owner, item.host, item.port or 0, item.scheme, item.where, item.bare, item.in_file)


def _data(item: Admitted) -> dict[str, str]:
    return {key: value for key, value in mapping(item.value.get("data")).items() if isinstance(value, str)}


Configs = Mapping[tuple[str, str], Mapping[str, str]]


def _of(item: _Holder, configs: Configs) -> Iterator[Mention]:
    holder = item.value
    for key in item.template:
        holder = mapping(holder.get(key))
    spec, namespace = mapping(holder.get("spec")), item.owner.namespace
    base: Path = (*item.template, "spec")
    for field in ("containers", "initContainers"):
        for index, entry in enumerate(listing(spec.get(field))):
            for source in _texts(mapping(entry), (*base, field, index), namespace, configs):
                yield from _mentions(source, item)
    for source in _files(spec, base, namespace, configs):
        yield from _mentions(source, item)


# ---- what is read ----------------------------------------------------------------------------------------------------


def _texts(container: dict[str, Any], path: Path, namespace: str, configs: Configs) -> Iterator[_Source]:
    """Yield the environment of a container, references resolved as the kubelet does, then its command line."""
    known: dict[str, str] = {}
    sources: dict[str, _Source] = {}
    for index, entry in enumerate(listing(container.get("envFrom"))):
        config = text(mapping(mapping(entry).get("configMapRef")).get("name"))
        prefix = text(mapping(entry).get("prefix"))
        for key, held in configs.get((namespace, config), {}).items():
            where = f"key {key} of ConfigMap {namespace}/{config}"
            sources[prefix + key] = _Source(
                prefix + key, held, where, (*path, "envFrom", index), in_file=_is_prose(held)
            )
            known[prefix + key] = held
    for index, entry in enumerate(listing(container.get("env"))):
        variable = mapping(entry)
        name = text(variable.get("name"))
        value: Any = variable.get("value")
        where = f"env {name}"
        if not isinstance(value, str):
            ref = mapping(mapping(variable.get("valueFrom")).get("configMapKeyRef"))
            value = configs.get((namespace, text(ref.get("name"))), {}).get(text(ref.get("key")), "")
            where += f" (ConfigMap {namespace}/{text(ref.get('name'))})" if value else ""
        known[name] = _expanded(value, known)
        sources[name] = _Source(name, known[name], where, (*path, "env", index), in_file=_is_prose(known[name]))
    for source in sources.values():
        yield _with_port(source, known)
    yield from _arguments(container, path, known)


def _is_prose(value: str) -> bool:
    """Return whether a value is a text of several words, which may name hosts that nobody connects to."""
    return len(value.split()) > 1


def _expanded(value: str, known: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: known.get(match[1], match[0]), value)


def _with_port(source: _Source, known: Mapping[str, str]) -> _Source:
    """Return a variable such as DB_HOST together with the port that DB_PORT holds."""
    stem = _HOST_WORD.sub("", source.name)
    if stem == source.name and "PORT" not in source.name.upper():
        return source
    for name in (f"{stem}PORT", f"{stem}port", f"{source.name}_PORT"):
        port = known.get(name, "").strip()
        host = source.value.strip()
        if port.isdigit() and _HOST_PORT.match(host) and ":" not in host and not _NUMBER.match(host):
            return replace(source, value=f"{host}:{port}")
    return source


def _arguments(container: dict[str, Any], path: Path, known: Mapping[str, str]) -> Iterator[_Source]:
    for field in ("command", "args"):
        before = ""
        for index, word in enumerate(listing(container.get(field))):
            if not isinstance(word, str):
                continue
            value = _expanded(word, known)
            name, equals, rest = value.partition("=")
            if equals and name.startswith("-"):
                yield _Source(name.lstrip("-"), rest, f"{field} {name}", (*path, field, index))
            else:
                flag = before if before.startswith("-") else ""
                where = f"{field} {flag}" if _SHOWN_FLAG.match(flag) else field
                yield _Source(flag.lstrip("-"), value, where, (*path, field, index))
            before = value if not equals else ""


def _files(spec: dict[str, Any], base: Path, namespace: str, configs: Configs) -> Iterator[_Source]:
    for index, entry in enumerate(listing(spec.get("volumes"))):
        volume = mapping(entry)
        projected = [
            mapping(mapping(one).get("configMap")) for one in listing(mapping(volume.get("projected")).get("sources"))
        ]
        for config in (mapping(volume.get("configMap")), *projected):
            name = text(config.get("name"))
            for key, value in configs.get((namespace, name), {}).items():
                if len(value) <= _LARGEST_FILE:
                    where = f"key {key} of ConfigMap {namespace}/{name}"
                    yield _Source("", value, where, (*base, "volumes", index), in_file=True)


# ---- hosts in a text -------------------------------------------------------------------------------------------------


def _mentions(source: _Source, item: _Holder) -> Iterator[Mention]:
    place: Place | None = None
    for host, port, scheme in _hosts(source):
        bare = not scheme and port is None and "." not in host and ":" not in host
        if bare and (source.in_file or not _CALLED_HOST.search(source.name)):
            continue
        place = place or item.place(source.path)
        yield Mention(
            owner=item.owner,
            host=host,
            port=port,
            scheme=scheme,
            where=source.where,
            bare=bare,
            in_file=source.in_file,
            place=place,
        )


def _hosts(source: _Source) -> Iterator[tuple[str, int | None, str]]:
    secret = _last(_CALLED_SECRET, source.name) > _last(_CALLED_HOST, source.name)
    for piece in _PIECES.split(_QUERY.sub(r"\1", source.value)):
        url = _URL.search(piece)
        if secret and not url:
            continue
        rest = url["rest"] if url else piece.partition("/")[0].rpartition("@")[2]
        for part in rest.split(","):
            match = _HOST_PORT.match(part)
            if match is None or (not url and _NUMBER.match(match["host"])):
                continue
            port = int(match["port"]) if match["port"] else None
            if port is None or 1 <= port <= _HIGHEST:
                yield match["host"].strip("[]").lower(), port, url["scheme"].lower() if url else ""


def _last(pattern: re.Pattern[str], name: str) -> int:
    """Return where the last match begins, or -1: what a variable is called last is what it holds."""
    return max((match.start() for match in pattern.finditer(name)), default=-1)


# ---- rights ----------------------------------------------------------------------------------------------------------


def _clients(item: Admitted) -> Iterator[ApiClient]:
    for entry in listing(item.value.get("subjects")):
        subject = mapping(entry)
        name = text(subject.get("name"))
        namespace = text(subject.get("namespace")) or item.namespace
        if subject.get("kind") == "ServiceAccount" and name and namespace:
            yield ApiClient(namespace=namespace, service_account=name, binding=item.label, place=item.place)
