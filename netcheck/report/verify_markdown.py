"""What became of intents as Markdown for a comment on a pull request: what fails first, the rest folded away."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Decider
from netcheck.queries.verify_results import IntentResult, Outcome, Verification
from netcheck.report.layout import Style, count, footer
from netcheck.report.query_text import decider_text, flow_text

_TITLES = {Outcome.VIOLATED: "violated", Outcome.UNKNOWN: "unknown"}


def verify_markdown(loaded: Loaded, found: Verification) -> Iterator[str]:
    """Yield Markdown: a line that sums up, a table of what does not surely hold, the names of what does."""
    numbers = ", ".join(f"{found.count(item):,} {item.value}" for item in Outcome if found.count(item))
    left_out = f"; {count(found.left_out, 'intent')} of other namespaces left out" if found.left_out else ""
    yield f"**netcheck:** {count(len(found.results), 'intent')}{': ' if numbers else ''}{numbers}{left_out}\n"
    for outcome, title in _TITLES.items():
        chosen = [item for item in found.results if item.outcome is outcome]
        if chosen:
            yield f"\n### {count(len(chosen), 'intent')} {title}\n\n| intent | what | witness | because |\n|---|---|---|---|\n"
            yield from (_row(item) for item in chosen)
    held = [item for item in found.results if item.outcome is Outcome.HOLDS]
    if held:
        listed = "".join(f"- {_plain(item.intent.name)}: `{_plain(item.intent.text)}`\n" for item in held)
        yield _folded(f"{count(len(held), 'intent')} {'holds' if len(held) == 1 else 'hold'}", listed)
    notes = footer(loaded, Style(width=10_000))
    if notes:
        yield _folded("what this rests on", "".join(f"- {line}\n" for line in notes))


def _folded(title: str, text: str) -> str:
    return f"\n<details><summary>{title}</summary>\n\n{text}\n</details>\n"


def _row(item: IntentResult) -> str:
    place = f" ({item.intent.place})" if item.intent.place is not None else ""
    evidence = item.evidence
    because = [_of(decider) for decider in evidence.decided_by] if evidence is not None else []
    because += [f"{reason.rule}: {reason.message}" for reason in item.reasons]
    cells = (
        f"{item.intent.name}{place}",
        "<br>".join(filter(None, (item.intent.text, item.message))),
        flow_text(evidence.flow) if evidence is not None else "",
        "<br>".join(because),
    )
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |\n"


def _of(decider: Decider) -> str:
    place = f" ({decider.place})" if decider.place is not None else ""
    return " ".join(decider_text(decider).split()) + place


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
