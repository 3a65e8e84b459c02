"""A diff as SARIF 2.1.0: a result at each object of HEAD that opens or closes connections.

Source: OASIS Static Analysis Results Interchange Format (SARIF) 2.1.0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from netcheck import __version__
from netcheck.model.cluster import Loaded
from netcheck.queries.diff_results import Cause, ChangeType, ConnectionDiff
from netcheck.report.diff_text import Block, blocks, cause_text, example_text
from netcheck.report.layout import count, ports_text
from netcheck.report.located import Relative
from netcheck.report.naming import Names
from netcheck.report.sarif import SCHEMA, Item, location

_RULES = {
    ChangeType.ADDED: ("connection-added", "A connection passes that did not pass before.", "warning"),
    ChangeType.CHANGED: ("connection-changed", "A connection passes on other ports than before.", "warning"),
    ChangeType.REMOVED: ("connection-removed", "A connection that passed before no longer does.", "note"),
}
_MOST_LINES = 5


def diff_sarif(loaded: Loaded, found: ConnectionDiff, relative: Relative) -> Iterator[str]:
    """Yield the SARIF log."""
    names = Names(found.endpoints)
    results = [
        _result(block, cause, found, names, relative)
        for block in blocks(found)
        for cause in block.causes
        if cause.place is not None
    ]
    driver = {
        "name": "netcheck",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [
            {"id": code, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
            for code, text, level in _RULES.values()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the root of the repository"}}},
        "invocations": [{"executionSuccessful": not loaded.lost_anything}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
    yield "\n"


def _result(block: Block, cause: Cause, found: ConnectionDiff, names: Names, relative: Relative) -> Item:
    assert cause.place is not None
    code, _, level = _RULES[block.type]
    path = relative(cause.place.file)
    key = "\0".join((code, path, cause.object, *(other.object for other in block.causes)))
    return {
        "ruleId": code,
        "ruleIndex": list(_RULES).index(block.type),
        "level": level,
        "message": {"text": _message(block, cause, found, names)},
        "locations": [location(cause.place, relative, cause.object)],
        "partialFingerprints": {"netcheck/v1": hashlib.sha256(key.encode()).hexdigest()[:32]},
    }


def _message(block: Block, cause: Cause, found: ConnectionDiff, names: Names) -> str:
    lines = [f"{cause_text(cause)}; {count(block.size, 'connection')} {block.type.value}:"]
    for line in block.lines[:_MOST_LINES]:
        sources, ends = (", ".join(names.together(mask)) for mask in (line.sources, line.destinations))
        ports = ports_text(line.after or line.before)
        if line.before and line.after:
            ports = f"{ports_text(line.before)} became {ports_text(line.after)}"
        lines.append(f"{ports} from {sources} to {ends}" + (f" through {line.via}" if line.via else ""))
    if len(block.lines) > _MOST_LINES:
        lines.append(f"and {len(block.lines) - _MOST_LINES} more")
    witness = example_text(block.example, found)
    return "\n".join([*lines, *([f"witness: {witness}"] if witness else [])])
