"""Recorded connections as CSV: who connected to whom, on which protocol and port."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from netcheck.errors import Place, Problem, Severity
from netcheck.values.ports import MAX_PORT, MIN_PORT, Protocol

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "source": ("source", "src", "from"),
    "destination": ("destination", "dst", "dest", "to"),
    "port": ("port", "dst_port", "destination_port", "dport"),
    "protocol": ("protocol", "proto"),
}
_HINT = "the first line names the columns: source,destination,protocol,port"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFlow:
    """One connection: its ends as written, and the port on which it was opened (of a Service: the Service's)."""

    source: str
    destination: str
    protocol: Protocol
    port: int
    place: Place | None = field(default=None, compare=False)


def recorded_flows(text: str, file: str) -> tuple[tuple[RecordedFlow, ...], tuple[Problem, ...]]:
    """Return the connections of a CSV text, each once, in the order of the file, and what cannot be used of it."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    found: dict[RecordedFlow, None] = {}
    problems: list[Problem] = []
    columns: dict[str, int] | None = None
    try:
        for row in rows:
            place = Place(file, rows.line_num, 1)
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                continue
            if columns is None:
                columns = _columns(row, place, problems)
                if not columns:
                    break
                continue
            flow = _flow(row, columns, place, problems)
            if flow is not None:
                found.setdefault(flow)
    except csv.Error as error:
        problems.append(_problem(f"this is no CSV: {error}", "", Place(file, rows.line_num, 1)))
    if columns is None and not problems:
        problems.append(_problem("there is no line in it", _HINT, Place(file)))
    return tuple(found), tuple(problems)


def _columns(row: list[str], place: Place, problems: list[Problem]) -> dict[str, int]:
    names = [cell.strip().lower().replace(" ", "_") for cell in row]
    found = {
        column: next((names.index(word) for word in words if word in names), -1) for column, words in _COLUMNS.items()
    }
    missing = [column for column in ("source", "destination", "port") if found[column] < 0]
    if missing:
        listed = " and ".join(f"`{name}`" for name in missing)
        problems.append(_problem(f"there is no column {listed}", _HINT, place))
        return {}
    return found


def _flow(row: list[str], columns: Mapping[str, int], place: Place, problems: list[Problem]) -> RecordedFlow | None:
    cells = {name: row[at].strip() if 0 <= at < len(row) else "" for name, at in columns.items()}
    protocol_text, _, number = cells["port"].rpartition("/")
    protocol_text = (cells["protocol"] or protocol_text or "TCP").upper()
    try:
        protocol = Protocol(protocol_text)
    except ValueError:
        problems.append(_problem(f"unknown protocol `{protocol_text}`", "use TCP, UDP or SCTP", place))
        return None
    if not number.isdecimal() or not MIN_PORT <= int(number) <= MAX_PORT:
        problems.append(_problem(f"`{cells['port']}` is no port", "a number from 1 to 65535", place))
        return None
    if not cells["source"] or not cells["destination"]:
        problems.append(_problem("an end is missing", _HINT, place))
        return None
    return RecordedFlow(
        source=cells["source"], destination=cells["destination"], protocol=protocol, port=int(number), place=place
    )


def _problem(message: str, hint: str, place: Place) -> Problem:
    return Problem(severity=Severity.ERROR, message=message, hint=hint, place=place)
