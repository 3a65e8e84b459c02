"""A draft of intents as the YAML that `verify` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from netcheck.model.intents import API_VERSION
from netcheck.queries.draft_intents import Draft, DraftEnd, NamespacePods
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

HEAD = f"""# A draft of `netcheck init-intents`: what is allowed today, destination by destination.
# Read it as a question: should it be? Tighten, merge and rename; `netcheck verify --intents FILE` holds it.
apiVersion: {API_VERSION}
kind: Intents
intents:
"""


def intents_yaml(drafts: Iterable[Draft]) -> Iterator[str]:
    """Yield the document."""
    yield HEAD
    for item in drafts:
        yield from _intent(item)


def _intent(item: Draft) -> Iterator[str]:
    yield f"  - name: {_text(item.name)}\n"
    yield f"    {'allow' if item.open else 'only'}:\n"
    yield f"      from: {_ends(('anybody',) if item.open else item.sources)}\n"
    yield f"      to: {_ends(item.destinations)}\n"
    if item.connections == ConnectionSet.all():
        if item.open:
            yield "      ports: all\n"
    else:
        yield f"      ports: [{', '.join(_ports(item.connections))}]\n"


def _ends(ends: Sequence[DraftEnd]) -> str:
    if len(ends) == 1:
        return _end(ends[0])
    inline = f"[{', '.join(map(_end, ends))}]"
    if len(inline) <= 100:
        return inline
    return "".join(f"\n        - {_end(item)}" for item in ends)


def _end(end: DraftEnd) -> str:
    return f"{{namespace: {_text(end.namespace)}}}" if isinstance(end, NamespacePods) else _text(end)


def _text(text: str) -> str:
    """Return a YAML scalar: plain where that cannot be read as anything else."""
    plain = text and text[0].isalpha() and all(char.isalnum() or char in "-./[]" for char in text) and "[" not in text
    words = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
    return text if plain and text.lower() not in words else json.dumps(text)


def _ports(connections: ConnectionSet) -> Iterator[str]:
    for protocol, ports in connections.items():
        if ports == PortSet.all():
            yield protocol.value
            continue
        for low, high in ports.ranges:
            text = f"{low}-{high}" if high != low else str(low)
            yield text if protocol is Protocol.TCP and low == high else f"{protocol.value}/{text}"
