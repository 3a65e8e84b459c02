"""Intents about namespaces whose labels are not known, judged under each labelling that anything can tell apart (WL-3).

Whether an end selects a pod and whether policies let it through may hang on one and the same label. Judged apart, both
are unknown; under each labelling both are known, and the intent may come out alike under all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from netcheck.engines.lowering import labellings
from netcheck.model.cluster import Cluster
from netcheck.model.intents import Intent, SelectedPods
from netcheck.queries.ends import pods_meant
from netcheck.queries.verify import Asked, Judge, Question
from netcheck.queries.verify_results import IntentResult, Outcome
from netcheck.values.labels import LabelSelector

MOST_LABELLINGS = 48
"""Under so many labellings an intent is judged before it stays unknown."""


def settled(question: Question, asked: Asked, result: IntentResult) -> IntentResult:
    """Return the outcome that an intent has under every labelling of the namespaces in doubt; else it stays unknown."""
    names = sorted(
        {
            question.cluster.pods[position].namespace
            for item in (*asked.sources.members, *asked.destinations.members)
            for position in item.maybe
        }
    )
    choices = _choices(question, asked.intent, names)
    if not names or choices is None:
        return result
    found: IntentResult | None = None
    for labels in choices:
        one = _judged_with(question.cluster, asked.intent, dict(zip(names, labels, strict=True)))
        if one.outcome is Outcome.UNKNOWN or (found is not None and found.outcome is not one.outcome):
            return result
        found = one
    if found is None or found.outcome is Outcome.HOLDS:
        return found or result
    listed = ", ".join(f"`{name}`" for name in names)
    message = f"it is violated whatever the labels of {listed} are: {found.message}"
    return IntentResult(intent=asked.intent, outcome=Outcome.VIOLATED, message=message)


def _choices(question: Question, intent: Intent, names: list[str]) -> list[tuple[dict[str, str], ...]] | None:
    """Return the labellings of the namespaces, in every combination; None if they are too many."""
    selectors = sorted({*question.engine.universe.mentions.namespace_selectors, *_asked_labels(intent)}, key=str)
    each: list[list[dict[str, str]]] = []
    total = 1
    for name in names:
        found = labellings(selectors, question.cluster.namespaces[name].labels)
        total *= len(found or ())
        if found is None or total > MOST_LABELLINGS:
            return None
        each.append(found)
    return list(product(*each))


def _asked_labels(intent: Intent) -> Iterator[LabelSelector]:
    for end in (*intent.sources, *intent.destinations):
        if isinstance(end, SelectedPods):
            yield end.namespace_labels
        elif (meant := pods_meant(end.text)) is not None:
            yield meant.namespace_labels


def _judged_with(cluster: Cluster, intent: Intent, labels: dict[str, dict[str, str]]) -> IntentResult:
    namespaces = dict(cluster.namespaces)
    for name, given in labels.items():
        namespaces[name] = replace(namespaces[name], labels=given, labels_known=True)
    question = Question(replace(cluster, namespaces=namespaces), (intent,))
    return Judge(question).existing(question.asked[0])
