"""Documents with intents to `Intent`s: every fault of every document is told, with its place and a hint.

Two forms: a list (`kind: Intents`, `intents: [...]`), and one intent as an object of its own beside the manifests
(`kind: Intent`, `metadata.name`, `spec`). `docs/intents.md` is the reference, `netcheck schema Intents` the schema.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from netcheck.errors import Place, Problem, Severity
from netcheck.load import names
from netcheck.load.documents import decode
from netcheck.load.tree import Path, place_of, shown
from netcheck.load.yaml_events import DocumentError, documents
from netcheck.model.intents import (
    API_VERSION,
    DOCUMENT_KINDS,
    Assuming,
    Closes,
    Demand,
    Intent,
    IntentDocument,
    IntentEnd,
    IntentPort,
    IntentScope,
    NamedEnd,
    SelectedPods,
)
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import PROTOCOLS

LIST_KEYS = ("apiVersion", "kind", "metadata", "intents")
OBJECT_KEYS = ("apiVersion", "kind", "metadata", "spec")
INTENT_KEYS = ("name", "description", "allow", "deny", "only", "scope", "assuming", "allowEmpty")
DEMAND_KEYS = ("from", "to", "ports")
SELECTOR_KEYS = ("namespace", "namespaceSelector", "podSelector")
PORT_KEYS = ("protocol", "port", "endPort")
ASSUMING_KEYS = ("noNewNamespaces", "noNewPods")
ALL_PORTS = tuple(IntentPort(port=None, protocol=protocol.value) for protocol in PROTOCOLS)
_PROTOCOLS = tuple(protocol.value for protocol in PROTOCOLS)
_PORT = re.compile(r"(?:(?P<protocol>[A-Za-z]+)/)?(?P<port>[^/]+)")
_END_HINT = (
    "write an end such as `shop/web`, `svc:shop/web`, `internet`, `ns=shop,app=web`, or a mapping with `podSelector`"
)
_MOST_PORT = 65_535


def intent_documents(data: bytes, file: str) -> tuple[list[IntentDocument], list[Problem]]:
    """Return the documents of one file that is meant to hold intents, and what cannot be read of it."""
    found: list[IntentDocument] = []
    problems: list[Problem] = []
    try:
        for item in documents(decode(data)):
            problems += [
                _problem(Place(file, mark.line + 1, mark.column + 1), f"key `{key}` is written twice")
                for key, mark in item.repeated
            ]
            if item.value is not None:
                found.append(IntentDocument(value=item.value, file=file))
    except DocumentError as error:
        problems.append(_problem(Place(file, error.line + 1, error.column + 1), str(error), error.hint))
    except ValueError:
        problems.append(_problem(Place(file), "the file is not text"))
    if not found and not problems:
        problems.append(_problem(Place(file), "the file holds no document", _FORM))
    return found, problems


_FORM = f"begin it with `apiVersion: {API_VERSION}` and `kind: Intents`, then `intents:` with a list"


def read_intents(
    given: Iterable[IntentDocument], default_namespace: str = "default"
) -> tuple[tuple[Intent, ...], tuple[Problem, ...]]:
    """Return the intents of the documents in their order, and every problem, by place; names are unique."""
    problems: list[Problem] = []
    found = [item for document in given for item in _Reader(document, default_namespace, problems).intents()]
    first: dict[str, Intent] = {}
    for item in found:
        before = first.setdefault(item.name, item)
        if before is not item:
            problems.append(
                _problem(
                    item.place, f"two intents are called `{item.name}`; the other is at {before.place}", "rename one"
                )
            )
    return tuple(found), tuple(sorted(problems, key=lambda item: item.sort_key))


def _problem(place: Place | None, message: str, hint: str = "") -> Problem:
    return Problem(severity=Severity.ERROR, message=message, hint=hint, place=place)


def _near(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(f'`{item}`' for item in known)}"


class _Reader:
    """Reads one document; what cannot be used is recorded and left out."""

    def __init__(self, document: IntentDocument, namespace: str, problems: list[Problem]) -> None:
        self._document = document
        self._root = document.value
        self._namespace = namespace
        self._problems = problems

    # ---- documents ---------------------------------------------------------------------------------------------

    def intents(self) -> list[Intent]:
        """Return the intents that can be used."""
        root = self._root
        if not isinstance(root, dict):
            self._fault((), "a document with intents is a mapping", _FORM)
            return []
        if root.get("apiVersion") != API_VERSION:
            message = f"`apiVersion` must be `{API_VERSION}`" + ("" if "apiVersion" in root else ", and is missing")
            self._fault(("apiVersion",) if "apiVersion" in root else (), message, _FORM)
        kind = root.get("kind")
        if kind not in DOCUMENT_KINDS:
            message = f"`kind` must be `Intents` or `Intent`{'' if 'kind' in root else ', and is missing'}"
            self._fault(("kind",) if "kind" in root else (), message, _FORM)
            return []
        return self._list() if kind == "Intents" else self._object()

    def _list(self) -> list[Intent]:
        self._known(self._root, (), LIST_KEYS)
        value = self._root.get("intents")
        if not isinstance(value, list) or not value:
            self._fault(
                ("intents",), "`intents` must be a list with at least one intent", "`netcheck init-intents` drafts one"
            )
            return []
        found = (self._intent(item, ("intents", index), None) for index, item in enumerate(value))
        return [item for item in found if item is not None]

    def _object(self) -> list[Intent]:
        self._known(self._root, (), OBJECT_KEYS)
        metadata = self._root.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(name, str) or not name:
            self._fault(("metadata",), "`metadata.name` must name the intent")
            return []
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
        if isinstance(namespace, str) and namespace:
            self._namespace = namespace
        found = self._intent(self._root.get("spec"), ("spec",), name)
        return [found] if found is not None else []

    # ---- one intent --------------------------------------------------------------------------------------------

    def _intent(self, value: Any, path: Path, name: str | None) -> Intent | None:
        before = len(self._problems)
        if not isinstance(value, dict):
            self._fault(path, f"`{shown(path)}` must be a mapping with `name` and one of `allow`, `deny`, `only`")
            return None
        self._known(value, path, INTENT_KEYS if name is None else INTENT_KEYS[1:])
        name = self._name(value, path) if name is None else name
        demand = self._demand(value, path)
        scope = self._choice(value, "scope", path, [item.value for item in IntentScope]) or "existing"
        parts = self._ends_and_ports(value[demand.value], (*path, demand.value), demand) if demand else None
        out = Intent(
            name=name,
            description=self._text(value, "description", path),
            demand=demand or Demand.DENY,
            sources=parts[0] if parts else (),
            destinations=parts[1] if parts else (),
            ports=parts[2] if parts else None,
            closes=parts[3] if parts else Closes.TO,
            scope=IntentScope(scope),
            assuming=self._assuming(value, path, scope),
            allow_empty=self._boolean(value, "allowEmpty", path),
            place=self._place(path if name is None else (*path, "name") if "name" in value else path),
        )
        if demand is Demand.ALLOW and out.scope is IntentScope.ANY_POD and out.ports is None and parts:
            self._fault((*path, "allow"), "an `allow` of `scope: any-pod` needs `ports`", "write them, or `ports: all`")
        return out if len(self._problems) == before else None

    def _name(self, value: dict[str, Any], path: Path) -> str:
        name = value.get("name")
        if isinstance(name, str) and name.strip():
            return name
        self._fault((*path, "name"), f"`{shown(path)}.name` must be a string that is not empty")
        return ""

    def _demand(self, value: dict[str, Any], path: Path) -> Demand | None:
        given = [item for item in Demand if item.value in value]
        if len(given) == 1:
            return given[0]
        what = "names none of them" if not given else f"has {' and '.join(f'`{item.value}`' for item in given)}"
        where = (*path, given[1].value) if given else path
        self._fault(where, f"an intent is one of `allow`, `deny`, `only`; `{shown(path)}` {what}")
        return None

    def _ends_and_ports(
        self, value: Any, path: Path, demand: Demand
    ) -> tuple[tuple[IntentEnd, ...], tuple[IntentEnd, ...], tuple[IntentPort, ...] | None, Closes] | None:
        if not isinstance(value, dict):
            self._fault(path, f"`{shown(path)}` must be a mapping with `from` and `to`")
            return None
        only = demand is Demand.ONLY
        self._known(value, path, (*DEMAND_KEYS, "closes") if only else DEMAND_KEYS)
        closes = self._choice(value, "closes", path, [item.value for item in Closes]) if only else ""
        closed = Closes(closes or "to")
        empty = {"from": only and closed is Closes.TO, "to": only and closed is Closes.FROM}
        sources, destinations = (self._ends(value, key, path, may_be_empty=empty[key]) for key in ("from", "to"))
        return sources, destinations, self._ports(value, path), closed

    # ---- ends --------------------------------------------------------------------------------------------------

    def _ends(self, value: dict[str, Any], key: str, path: Path, *, may_be_empty: bool) -> tuple[IntentEnd, ...]:
        where = (*path, key)
        if key not in value:
            self._fault(path, f"`{shown(path)}` has no `{key}`", _END_HINT)
            return ()
        given = value[key]
        items = given if isinstance(given, list) else [given]
        if not items and not may_be_empty:
            self._fault(where, f"`{shown(where)}` names no end", _END_HINT)
        each = [
            self._end(item, (*where, index) if isinstance(given, list) else where) for index, item in enumerate(items)
        ]
        return tuple(item for item in each if item is not None)

    def _end(self, value: Any, path: Path) -> IntentEnd | None:
        if isinstance(value, str) and value.strip():
            if value.strip() == "any-pod" or value.strip().startswith("any-pod:"):
                hint = "name the pods by labels and write `scope: any-pod` beside `name`"
                self._fault(path, f"`{value.strip()}` is not an end of an intent", hint)
                return None
            return NamedEnd(text=value.strip(), namespace=self._namespace, place=self._place(path))
        if isinstance(value, dict):
            return self._selected(value, path)
        self._fault(path, f"`{shown(path)}` is no end", _END_HINT)
        return None

    def _selected(self, value: dict[str, Any], path: Path) -> SelectedPods | None:
        self._known(value, path, SELECTOR_KEYS)
        if not any(key in value for key in SELECTOR_KEYS):
            hint = "for all pods write `all-pods`" if not value else _END_HINT
            self._fault(path, f"`{shown(path)}` selects by none of {', '.join(f'`{k}`' for k in SELECTOR_KEYS)}", hint)
            return None
        return SelectedPods(
            namespaces=self._namespaces(value, path),
            namespace_labels=self._selector(value.get("namespaceSelector"), (*path, "namespaceSelector")),
            pods=self._selector(value.get("podSelector"), (*path, "podSelector")),
            place=self._place(path),
        )

    def _namespaces(self, value: dict[str, Any], path: Path) -> frozenset[str] | None:
        if "namespace" not in value:
            return None
        where = (*path, "namespace")
        given = value["namespace"]
        items = given if isinstance(given, list) else [given]
        for item in items or [None]:
            if not isinstance(item, str) or names.dns_label(item):
                self._fault(where, f"`{shown(where)}` must be the name of a namespace, or a list of names")
        return frozenset(item for item in items if isinstance(item, str))

    def _selector(self, value: Any, path: Path) -> LabelSelector:
        """Return a LabelSelector as the Kubernetes API writes it; absent or empty it matches everything."""
        if value is None:
            return LabelSelector()
        if not isinstance(value, dict):
            self._fault(path, f"`{shown(path)}` must be a label selector: `matchLabels` and `matchExpressions`")
            return LabelSelector()
        self._known(value, path, ("matchLabels", "matchExpressions"), f"write `matchLabels: {{{_first(value)}}}`")
        labels = value.get("matchLabels") or {}
        found: list[Requirement] = []
        if not isinstance(labels, dict):
            self._fault((*path, "matchLabels"), "`matchLabels` must be a mapping of strings")
            labels = {}
        for key, text in labels.items():
            where = (*path, "matchLabels", key)
            if self._is_key(key, where) and self._is_value(text, where):
                found.append(Requirement(key, Operator.IN, (text,)))
        expressions = value.get("matchExpressions") or []
        if not isinstance(expressions, list):
            self._fault((*path, "matchExpressions"), "`matchExpressions` must be a list")
            expressions = []
        for index, item in enumerate(expressions):
            requirement = self._requirement(item, (*path, "matchExpressions", index))
            found += [requirement] if requirement else []
        return LabelSelector.of(expressions=found)

    def _requirement(self, value: Any, path: Path) -> Requirement | None:
        if not isinstance(value, dict):
            self._fault(path, f"`{shown(path)}` must be a mapping with `key` and `operator`")
            return None
        before = len(self._problems)
        self._known(value, path, ("key", "operator", "values"))
        operator = self._choice(value, "operator", path, [item.value for item in Operator])
        if not operator and "operator" not in value:
            self._fault(path, f"`{shown(path)}` has no `operator`", "it is In, NotIn, Exists or DoesNotExist")
        key, values = value.get("key"), value.get("values") or []
        self._is_key(key, (*path, "key"))
        if not isinstance(values, list) or not all(self._is_value(item, (*path, "values")) for item in values):
            self._fault((*path, "values"), f"`{shown(path)}.values` must be a list of strings")
            return None
        takes = operator in ("In", "NotIn")
        if operator and bool(values) != takes:
            need = "needs at least one of" if takes else "takes no"
            self._fault((*path, "values") if values else path, f"the operator `{operator}` {need} `values`")
        if len(self._problems) > before or not isinstance(key, str):
            return None
        return Requirement(key, Operator(operator), tuple(sorted(set(values))))

    def _is_key(self, value: Any, path: Path) -> bool:
        wrong = names.qualified_name(value) if isinstance(value, str) else ["it is not a string"]
        for fault in list(wrong)[:1]:
            self._fault(path, f"`{str(value)[:80]}` is no label key: {fault}")
        return not wrong

    def _is_value(self, value: Any, path: Path) -> bool:
        wrong = names.label_value(value) if isinstance(value, str) else ["it is not a string; quote it"]
        for fault in list(wrong)[:1]:
            self._fault(path, f"`{str(value)[:80]}` is no label value: {fault}")
        return not wrong

    # ---- ports -------------------------------------------------------------------------------------------------

    def _ports(self, value: dict[str, Any], path: Path) -> tuple[IntentPort, ...] | None:
        if "ports" not in value:
            return None
        where = (*path, "ports")
        given = value["ports"]
        if given == "all":
            return ALL_PORTS
        items = given if isinstance(given, list) else [given]
        if not items:
            self._fault(where, f"`{shown(where)}` is empty", "leave it out for any port, or write `ports: all`")
        each = [
            self._port(item, (*where, index) if isinstance(given, list) else where) for index, item in enumerate(items)
        ]
        return tuple(item for item in each if item is not None)

    def _port(self, value: Any, path: Path) -> IntentPort | None:
        if isinstance(value, dict):
            return self._port_of_mapping(value, path)
        if isinstance(value, bool) or not isinstance(value, int | str):
            self._fault(path, f"`{shown(path)}` is no port", _PORT_HINT)
            return None
        text = str(value).strip()
        if text.upper() in _PROTOCOLS:
            return IntentPort(port=None, protocol=text.upper(), place=self._place(path))
        match = _PORT.fullmatch(text)
        protocol = (match["protocol"] or "TCP").upper() if match else ""
        if match is None or protocol not in _PROTOCOLS:
            self._fault(path, f"`{text[:80]}` is no port", _PORT_HINT)
            return None
        return self._checked_port(match["port"], protocol, path)

    def _port_of_mapping(self, value: dict[str, Any], path: Path) -> IntentPort | None:
        before = len(self._problems)
        self._known(value, path, PORT_KEYS)
        protocol = self._choice(value, "protocol", path, _PROTOCOLS) or "TCP"
        port, last = value.get("port"), value.get("endPort")
        if last is not None and not (isinstance(port, int) and isinstance(last, int)):
            self._fault((*path, "endPort"), "`endPort` and the `port` before it must be numbers")
        if len(self._problems) > before:
            return None
        if port is None:
            return IntentPort(port=None, protocol=protocol, place=self._place(path))
        if isinstance(port, bool) or not isinstance(port, int | str):
            self._fault((*path, "port"), f"`{shown(path)}.port` must be a number or a name", _PORT_HINT)
            return None
        return self._checked_port(f"{port}-{last}" if last is not None else str(port), protocol, path)

    def _checked_port(self, text: str, protocol: str, path: Path) -> IntentPort | None:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
        if match:
            low, high = int(match[1]), int(match[2] or match[1])
            wrong = not 1 <= low <= high <= _MOST_PORT
        else:
            wrong = bool(re.search(r"[^-a-z0-9]", text)) or not re.search("[a-z]", text) or len(text) > 63
        if wrong:
            self._fault(path, f"`{text[:80]}` is no port", _PORT_HINT)
            return None
        return IntentPort(port=text, protocol=protocol, place=self._place(path))

    # ---- assumptions -------------------------------------------------------------------------------------------

    def _assuming(self, value: dict[str, Any], path: Path, scope: str) -> Assuming:
        if "assuming" not in value:
            return Assuming()
        where = (*path, "assuming")
        given = value["assuming"]
        if not isinstance(given, dict):
            self._fault(where, f"`{shown(where)}` must be a mapping: {' or '.join(f'`{k}`' for k in ASSUMING_KEYS)}")
            return Assuming()
        if scope != IntentScope.ANY_POD.value:
            self._fault(where, "`assuming` says what cannot be created, and counts with `scope: any-pod` only")
        self._known(given, where, ASSUMING_KEYS)
        spaces = given.get("noNewNamespaces")
        if spaces is None or isinstance(spaces, bool):
            selector = LabelSelector() if spaces else None
        else:
            selector = self._selector(spaces, (*where, "noNewNamespaces"))
        listed = given.get("noNewPods", [])
        items = listed if isinstance(listed, list) else [listed]
        pods = [
            self._no_new_pods(item, (*where, "noNewPods", index) if isinstance(listed, list) else (*where, "noNewPods"))
            for index, item in enumerate(items)
        ]
        return Assuming(no_new_namespaces=selector, no_new_pods=tuple(item for item in pods if item is not None))

    def _no_new_pods(self, value: Any, path: Path) -> SelectedPods | None:
        if isinstance(value, dict):
            return self._selected(value, path)
        self._fault(path, f"`{shown(path)}` must be a mapping with `namespace`, `namespaceSelector` or `podSelector`")
        return None

    # ---- values ------------------------------------------------------------------------------------------------

    def _place(self, path: Path, *, of_key: bool = False) -> Place:
        return place_of(self._root, path, self._document.file, self._document.first_line, of_key=of_key)

    def _fault(self, path: Path, message: str, hint: str = "") -> None:
        self._problems.append(_problem(self._place(path), message, hint))

    def _known(self, value: dict[str, Any], path: Path, keys: Sequence[str], hint: str = "") -> None:
        for key in value:
            if key not in keys:
                where = f" in `{shown(path)}`" if path else ""
                place = self._place((*path, key), of_key=True)
                self._problems.append(_problem(place, f"unknown key `{key}`{where}", hint or _near(str(key), keys)))

    def _choice(self, value: dict[str, Any], key: str, path: Path, known: Sequence[str]) -> str:
        if key not in value:
            return ""
        given = value[key]
        if given in known and isinstance(given, str):
            return given
        self._fault((*path, key), f"`{key}` cannot be `{str(given)[:80]}`", _near(str(given), known))
        return ""

    def _text(self, value: dict[str, Any], key: str, path: Path) -> str:
        return self._of_type(value, key, path, str, "a string") or ""

    def _boolean(self, value: dict[str, Any], key: str, path: Path) -> bool:
        return bool(self._of_type(value, key, path, bool, "true or false"))

    def _of_type(self, value: dict[str, Any], key: str, path: Path, wanted: type, words: str) -> Any:
        given = value.get(key)
        if given is None or isinstance(given, wanted):
            return given
        self._fault((*path, key), f"`{key}` must be {words}")
        return None


_PORT_HINT = "write a number, a range such as `8000-8100`, a name, `UDP/53`, or a protocol for all of its ports"


def _first(value: dict[str, Any]) -> str:
    key = next(iter(value), "app")
    return f"{key}: {value.get(key)}" if isinstance(value.get(key), str) else f"{key}: VALUE"
