"""The configuration file: found upwards, read with places, checked key by key.

`netcheck.yaml`, `.netcheck.yaml`, or `[tool.netcheck]` in `pyproject.toml`; the nearest one counts, alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netcheck.cli.nearest import did_you_mean
from netcheck.cli.proxies import checked, cluster_domain
from netcheck.errors import Place, UsageError
from netcheck.lint.path_settings import PathSettings
from netcheck.load.loader import WorkloadKind
from netcheck.load.tree import place_of
from netcheck.load.yaml_events import DocumentError, documents
from netcheck.model.routes import Controller

NAMES = ("netcheck.yaml", ".netcheck.yaml")
KEYS = (
    "cni", "assume", "podCidr", "serviceCidr", "nodeCidr", "ingressControllers", "clusterDomain", "namespaces",
    "closedWorld", "workloads", "lint",
)  # fmt: skip
LINT_KEYS = ("select", "ignore", "severity", "failOn", "baseline", "paths")
PATH_KEYS = ("ignore", "severity")
SEVERITIES = ("error", "warning", "info")
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintConfig:
    """The `lint` part."""

    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, str] = field(default_factory=dict)
    fail_on: str = ""
    baseline: str = ""
    paths: tuple[PathSettings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the configuration says; the defaults where it says nothing."""

    file: str = ""
    cni: str = ""
    assume: Mapping[str, str] = field(default_factory=dict)
    pod_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    node_cidrs: tuple[str, ...] = ()
    controllers: tuple[Controller, ...] = ()
    cluster_domain: str = ""
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    whole: bool = False
    workload_kinds: tuple[WorkloadKind, ...] = ()
    lint: LintConfig = LintConfig()


def read_config(file: str | None, start: Path) -> Config:
    """Return the configuration of `file`, or of the nearest one at or above `start`, or the defaults.

    Raises:
        UsageError: the file cannot be read, or says what cannot be used.
    """
    if file is not None:
        path = Path(file)
        if path.name == "pyproject.toml" and _table(path) is None:
            raise UsageError(f"`{file}` has no [tool.netcheck]")
        return _read(path)
    found = _find(start)
    return _read(found) if found is not None else Config()


def _find(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        for name in NAMES:
            if (folder / name).is_file():
                return folder / name
        project = folder / "pyproject.toml"
        if project.is_file() and _table(project) is not None:
            return project
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {(error.strerror or 'unknown reason').lower()}") from None
    except ValueError:
        raise UsageError(f"`{path}` is not valid UTF-8 text") from None


def _table(path: Path) -> Any:
    """Return [tool.netcheck] of a TOML file, or None."""
    text = _text(path)
    if "netcheck" not in text:
        return None
    try:
        return tomllib.loads(text).get("tool", {}).get("netcheck")
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {str(error)[:1].lower()}{str(error)[1:]}") from None


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _read(path: Path) -> Config:
    name = _shown(path)
    if path.suffix == ".toml":
        text = _text(path)
        return _Reader(_table(path), name, lambda where: Place(name, _toml_line(text, where))).config()
    try:
        found = [item.value for item in documents(_text(path)) if item.value is not None]
    except DocumentError as error:
        raise UsageError(f"{Place(name, error.line + 1, error.column + 1)}: {error}") from None
    if len(found) > 1:
        raise UsageError(f"{name}: a configuration is one YAML document; this file has {len(found)}")
    root = found[0] if found else {}
    return _Reader(root, name, lambda where: place_of(root, where, name, of_key=True)).config()


def _toml_line(text: str, path: KeyPath) -> int:
    """Return the line on which the last key of `path` seems to be written; TOML readers do not tell places."""
    key = re.escape(str(path[-1])) if path else "netcheck"
    written = re.compile(
        rf"""^\s*(?:\[[^\]]*["'.]?{key}["']?\s*\]|["']?{key}["']?\s*[=.])|[{{,]\s*["']?{key}["']?\s*="""
    )
    return next((number for number, line in enumerate(text.splitlines(), 1) if written.search(line)), 0)


class _Reader:
    """Checks one configuration; every refusal names the place."""

    def __init__(self, root: Any, file: str, place: Callable[[KeyPath], Place]) -> None:
        self._root = root
        self._file = file
        self._place = place

    def config(self) -> Config:
        """Return the checked configuration."""
        root = self._mapping(self._root, ())
        self._known(root, (), KEYS)
        return Config(
            file=self._file,
            cni=self._string(root.get("cni", ""), ("cni",)),
            assume=self._assume(root.get("assume")),
            pod_cidrs=self._strings(root.get("podCidr"), ("podCidr",)),
            service_cidrs=self._strings(root.get("serviceCidr"), ("serviceCidr",)),
            node_cidrs=self._strings(root.get("nodeCidr"), ("nodeCidr",)),
            controllers=self._controllers(root.get("ingressControllers")),
            cluster_domain=self._domain(root.get("clusterDomain")),
            namespace_labels=self._namespaces(root.get("namespaces")),
            whole=self._boolean(root.get("closedWorld", False), ("closedWorld",)),
            workload_kinds=self._workloads(root.get("workloads")),
            lint=self._lint(root.get("lint")),
        )

    def _fail(self, path: KeyPath, message: str) -> UsageError:
        return UsageError(f"{self._place(path)}: {message}")

    def _known(self, value: Mapping[str, Any], path: KeyPath, keys: Sequence[str]) -> None:
        for key in value:
            if key not in keys:
                where = f" in `{'.'.join(map(str, path))}`" if path else ""
                raise self._fail((*path, key), f"unknown key `{key}`{where}{did_you_mean(str(key), keys)}")

    def _mapping(self, value: Any, path: KeyPath) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._fail(path, f"{self._name(path)} must be a mapping")
        return value

    def _name(self, path: KeyPath) -> str:
        return f"`{'.'.join(map(str, path))}`" if path else "a configuration"

    def _string(self, value: Any, path: KeyPath) -> str:
        if not isinstance(value, str):
            raise self._fail(path, f"{self._name(path)} must be a string")
        return value

    def _strings(self, value: Any, path: KeyPath) -> tuple[str, ...]:
        """Return a string, or a list of strings, as a tuple; commas separate."""
        listed = [] if value is None else value if isinstance(value, list) else [value]
        texts = [self._string(item, (*path, index)) for index, item in enumerate(listed)]
        return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())

    def _boolean(self, value: Any, path: KeyPath) -> bool:
        if not isinstance(value, bool):
            raise self._fail(path, f"{self._name(path)} must be true or false")
        return value

    def _assume(self, value: Any) -> Mapping[str, str]:
        """Return switch -> value; YAML reads `yes` and `no` as Booleans."""
        found = {}
        for key, item in self._mapping(value, ("assume",)).items():
            text = ("yes" if item else "no") if isinstance(item, bool) else item
            found[key] = self._string(text, ("assume", key))
        return found

    def _namespaces(self, value: Any) -> Mapping[str, Mapping[str, str]]:
        found = {}
        for name, item in self._mapping(value, ("namespaces",)).items():
            path = ("namespaces", name)
            self._known(self._mapping(item, path), path, ("labels",))
            labels = self._mapping(self._mapping(item, path).get("labels"), (*path, "labels"))
            found[name] = {key: self._string(text, (*path, "labels", key)) for key, text in labels.items()}
        return found

    def _controllers(self, value: Any) -> tuple[Controller, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._fail(
                ("ingressControllers",), "`ingressControllers` must be a list of {namespace, labels, class}"
            )
        return tuple(self._controller(item, ("ingressControllers", index)) for index, item in enumerate(value))

    def _controller(self, value: Any, path: KeyPath) -> Controller:
        item = self._mapping(value, path)
        self._known(item, path, ("namespace", "labels", "class"))
        labels = self._mapping(item.get("labels"), (*path, "labels"))
        found = Controller(
            namespace=self._string(item.get("namespace", ""), (*path, "namespace")),
            labels={key: self._string(text, (*path, "labels", key)) for key, text in labels.items()},
            serves=self._string(item.get("class", ""), (*path, "class")),
        )
        try:
            return checked(found)
        except ValueError as error:
            raise self._fail(path, f"{self._name(path)}: {error}") from None

    def _domain(self, value: Any) -> str:
        text = self._string("" if value is None else value, ("clusterDomain",))
        return cluster_domain(text, f"{self._place(('clusterDomain',))}: `clusterDomain`") if text else ""

    def _workloads(self, value: Any) -> tuple[WorkloadKind, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._fail(("workloads",), "`workloads` must be a list of {group, kind, template}")
        return tuple(self._workload(item, ("workloads", index)) for index, item in enumerate(value))

    def _workload(self, value: Any, path: KeyPath) -> WorkloadKind:
        item = self._mapping(value, path)
        self._known(item, path, ("group", "kind", "template"))
        for key in ("group", "kind"):
            if key not in item:
                raise self._fail(path, f"`{key}` is missing: an entry of `workloads` is {{group, kind, template}}")
        template = self._string(item.get("template", "spec.template"), (*path, "template"))
        return WorkloadKind(
            api_group=self._string(item["group"], (*path, "group")),
            kind=self._string(item["kind"], (*path, "kind")),
            template_path=tuple(part for part in template.split(".") if part),
        )

    def _lint(self, value: Any) -> LintConfig:
        lint = self._mapping(value, ("lint",))
        self._known(lint, ("lint",), LINT_KEYS)
        return LintConfig(
            select=frozenset(self._strings(lint.get("select"), ("lint", "select"))),
            ignore=frozenset(self._strings(lint.get("ignore"), ("lint", "ignore"))),
            severity=self._severities(lint.get("severity"), ("lint", "severity")),
            fail_on=self._severity(lint["failOn"], ("lint", "failOn")) if "failOn" in lint else "",
            baseline=self._string(lint.get("baseline", ""), ("lint", "baseline")),
            paths=tuple(
                self._path_settings(pattern, item)
                for pattern, item in self._mapping(lint.get("paths"), ("lint", "paths")).items()
            ),
        )

    def _path_settings(self, pattern: str, value: Any) -> PathSettings:
        path = ("lint", "paths", pattern)
        item = self._mapping(value, path)
        self._known(item, path, PATH_KEYS)
        return PathSettings(
            pattern=pattern,
            ignore=frozenset(self._strings(item.get("ignore"), (*path, "ignore"))),
            severity=self._severities(item.get("severity"), (*path, "severity")),
        )

    def _severities(self, value: Any, path: KeyPath) -> Mapping[str, str]:
        return {key: self._severity(item, (*path, key)) for key, item in self._mapping(value, path).items()}

    def _severity(self, value: Any, path: KeyPath) -> str:
        text = self._string(value, path)
        if text not in SEVERITIES:
            raise self._fail(path, f"`{text}` is not a severity{did_you_mean(text, SEVERITIES)}")
        return text
