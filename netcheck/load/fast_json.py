"""Large JSON (lists of a live cluster): clean pods are decoded straight into typed structs, all else as small JSON is.

A pod is clean if the checks of the slow path could find nothing in the fields that are read; any doubt sends it there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from netcheck.errors import Place, Problem, Severity
from netcheck.load.build_pod import PodFacts
from netcheck.load.documents import Note, Outcome, RawObject, Skipped, is_object, with_kind
from netcheck.load.scalars import as_json_number

LARGE = 1_000_000


@dataclass(frozen=True, slots=True)
class FastPod:
    """A valid Pod whose facts were taken without building its document; `value` tells copies from rivals.

    `raw` is its JSON text, where it is kept.
    """

    facts: PodFacts
    raw: Any = field(default=None, compare=False, repr=False)

    kind = "Pod"

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return self.facts.namespace

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What tells the pod apart from other objects."""
        return ("", "Pod", self.facts.namespace, self.facts.name)

    @property
    def label(self) -> str:
        """`Pod namespace/name`."""
        return f"Pod {self.facts.namespace}/{self.facts.name}"

    @property
    def value(self) -> Any:
        """What two definitions of one pod are compared by."""
        return self.facts

    @property
    def place(self) -> Place:
        """The file."""
        return self.facts.place or Place("")


def is_large_json(data: bytes) -> bool:
    """Return whether a file is JSON and too large for the path that keeps places."""
    return len(data) >= LARGE and data[:64].lstrip()[:1] in {b"{", b"["}


def read_large_json(data: bytes, file: str, namespace: str, *, keep: bool = False) -> Iterator[Outcome | FastPod]:
    """Yield what a large JSON file holds; `keep`: pods with their text."""
    import msgspec  # noqa: PLC0415 - costs 50 ms at start-up

    from netcheck.load import fast_pods  # noqa: PLC0415
    from netcheck.load.documents import read  # noqa: PLC0415

    try:
        head = fast_pods.head(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        yield from read(data, file)
        return
    if head is None:
        yield from _whole(_decoder()(data), file)
        return
    api_version, kind, items = head
    yield from read_items(items, (api_version, kind), file, namespace, keep=keep)


def read_items(
    items: Iterable[Any], list_type: tuple[str, str], file: str, namespace: str, *, keep: bool = False
) -> Iterator[Outcome | FastPod]:
    """Yield the items of a list of this apiVersion and kind; each item is JSON text. `keep`: pods with their text."""
    from netcheck.load import fast_pods  # noqa: PLC0415 - costs 50 ms at start-up

    decode = _decoder()
    api_version, kind = list_type
    take = fast_pods.Taker(file, namespace)
    for item in items:
        facts = take.pod(item, kind)
        if facts is not None:
            yield FastPod(facts, item if keep else None)
        else:
            try:
                value = decode(item)
            except (ValueError, RecursionError):  # bytes that are no UTF-8, or numbers that no server has
                yield Note(_odd(file))
                value = _leniently(item)
            if isinstance(value, dict):
                yield from _whole(with_kind(value, api_version, kind), file)
            else:
                yield Skipped()


def _odd(file: str) -> Problem:
    message = "an object holds text that is not UTF-8, or a number out of range: it is read as well as can be"
    return Problem(severity=Severity.ERROR, message=message, place=Place(file))


def decoded(item: Any) -> Any:
    """Return the value of one JSON text, read as well as can be."""
    import msgspec  # noqa: PLC0415

    try:
        return msgspec.json.decode(item)
    except (ValueError, RecursionError):
        return _leniently(item)


def _leniently(item: Any) -> Any:
    """Return the value of JSON text, whatever stands in its strings and numbers; None if it has none."""
    try:
        return json.loads(bytes(item).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _decoder() -> Callable[[Any], Any]:
    import msgspec  # noqa: PLC0415

    return msgspec.json.Decoder(float_hook=lambda text: as_json_number(float(text))).decode


def _whole(value: Any, file: str) -> Iterator[Outcome]:
    if not is_object(value):
        yield Skipped()
        return
    kind = value["kind"]
    if isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list):
        for item in value["items"]:
            if isinstance(item, dict):
                yield from _whole(with_kind(item, value["apiVersion"], kind), file)
            else:
                yield Skipped()
        return
    yield RawObject(value, file, 0, "")
