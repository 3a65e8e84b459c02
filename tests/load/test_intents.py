"""Documents with intents: what they mean, every fault with its place, and the schema that says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

import netcheck
from netcheck.load.intents import ASSUMING_KEYS, INTENT_KEYS, SELECTOR_KEYS, intent_documents, read_intents
from netcheck.load.loader import load_text
from netcheck.model.intents import Closes, Demand, IntentScope, NamedEnd

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((Path(netcheck.__file__).parent / "report" / "schemas" / "Intents.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
HEAD = "apiVersion: netcheck/v1\nkind: Intents\nintents:\n"


def read(text):
    """Return the intents of a text, and its problems as `line:column: message`."""
    found, problems = intent_documents(text.encode(), "i.yaml")
    intents, more = read_intents(found)
    return intents, [f"{item.place.line}:{item.place.column}: {item.message}" for item in (*problems, *more)]


def one(body):
    intents, problems = read(f"{HEAD}  - name: x\n    {body}\n")
    assert not problems
    return intents[0]


class TestMeaning:
    def test_an_intent_with_everything(self):
        found = one(
            "only: {from: [shop/web, {namespace: [a, b], podSelector: {matchLabels: {app: web}}}], to: svc:shop/db, "
            "ports: [5432, UDP/53, 8000-8100, http, SCTP, {port: 1, endPort: 9, protocol: UDP}], closes: from}\n"
            "    scope: any-pod\n    assuming: {noNewNamespaces: true, noNewPods: {namespace: kube-system}}\n"
            "    allowEmpty: true\n    description: why"
        )
        assert (found.demand, found.closes, found.scope) == (Demand.ONLY, Closes.FROM, IntentScope.ANY_POD)
        assert [end.text for end in found.sources] == ["shop/web", "ns in (a,b),app=web"]
        assert [port.text for port in found.ports] == [
            "TCP/5432", "UDP/53", "TCP/8000-8100", "TCP/http", "SCTP", "UDP/1-9",
        ]  # fmt: skip
        assert found.assuming.no_new_namespaces is not None
        assert [pods.text for pods in found.assuming.no_new_pods] == ["ns=kube-system"]
        assert found.allow_empty
        assert (found.place.line, found.place.column) == (4, 11)

    def test_all_ports_are_three_protocols(self):
        assert [port.text for port in one("allow: {from: a/b, to: c/d, ports: all}").ports] == ["TCP", "UDP", "SCTP"]

    def test_nobody_is_a_source_of_only(self):
        found = one("only: {from: [], to: shop/db}")
        assert found.sources == ()
        assert found.text == "only nobody -> shop/db"

    def test_an_object_beside_the_manifests(self):
        text = (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: netcheck/v1\nkind: Intent\n"
            "metadata: {name: closed, namespace: shop}\nspec: {deny: {from: web, to: db}}\n"
        )
        loaded = load_text(text)
        assert not loaded.problems
        assert loaded.complete
        assert loaded.skipped == 0
        intents, problems = read_intents(loaded.intents)
        assert not problems
        assert intents[0].sources == (NamedEnd(text="web", namespace="shop"),)
        assert intents[0].place.line == 8


FAULTS = [
    ("deny: {from: a/b}", "5:11: `intents[0].deny` has no `to`"),
    ("deny: {from: [], to: a/b}", "5:18: `intents[0].deny.from` names no end"),
    ("deny: {from: 7, to: a/b}", "5:18: `intents[0].deny.from` is no end"),
    ("deny: {from: any-pod, to: a/b}", "5:18: `any-pod` is not an end of an intent"),
    ("deny: {form: a, to: b}", "5:12: unknown key `form` in `intents[0].deny`"),
    ("deny: a", "5:11: `intents[0].deny` must be a mapping with `from` and `to`"),
    ("dny: {}", "4:5: an intent is one of `allow`, `deny`, `only`; `intents[0]` names none of them"),
    ("deny: {from: a, to: b, closes: to}", "5:28: unknown key `closes` in `intents[0].deny`"),
    ("deny: {from: a, to: b, ports: []}", "5:35: `intents[0].deny.ports` is empty"),
    ("deny: {from: a, to: b, ports: [0]}", "5:36: `0` is no port"),
    ("deny: {from: a, to: b, ports: [70000]}", "5:36: `70000` is no port"),
    ("deny: {from: a, to: b, ports: [9-1]}", "5:36: `9-1` is no port"),
    ("deny: {from: a, to: b, ports: [ICMP/8]}", "5:36: `ICMP/8` is no port"),
    ("deny: {from: a, to: b, ports: [true]}", "5:36: `intents[0].deny.ports[0]` is no port"),
    ("deny: {from: {}, to: b}", ("5:18: `intents[0].deny.from` selects by none of `namespace`, `namespaceSelector`, "
                                "`podSelector`")),
    ("deny: {from: {podSelector: {app: a}}, to: b}", "5:33: unknown key `app` in `intents[0].deny.from.podSelector`"),
    ("deny: {from: {namespace: A_b}, to: b}", ("5:30: `intents[0].deny.from.namespace` must be the name of a namespace, "
                                              "or a list of names")),
    ("deny: {from: {podSelector: {matchLabels: {a: 1}}}, to: b}", ("5:50: `1` is no label value: it is not a string; "
                                                                  "quote it")),
    ("scope: all", "5:12: `scope` cannot be `all`"),
    ("allowEmpty: 'yes'", "5:17: `allowEmpty` must be true or false"),
    ("allow: {from: a, to: b}\n    scope: any-pod", "5:12: an `allow` of `scope: any-pod` needs `ports`"),
    ("deny: {from: a, to: b}\n    assuming: {noNewNamespaces: true}", ("6:15: `assuming` says what cannot be created, "
                                                                      "and counts with `scope: any-pod` only")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), FAULTS, ids=[body for body, _ in FAULTS])
def test_a_fault_is_told_with_its_place(body, message):
    intents, problems = read(f"{HEAD}  - name: x\n    {body}\n")
    assert not intents
    assert message in problems


WHOLE = [
    ("", "the file holds no document"),
    ("- a", "1:1: a document with intents is a mapping"),
    ("kind: Intents\nintents: []", "`apiVersion` must be `netcheck/v1`, and is missing"),
    (
        "apiVersion: netcheck/v2\nkind: Intents\nintents: [{name: a, deny: {from: b, to: c}}]",
        "1:13: `apiVersion` must be",
    ),
    ("apiVersion: netcheck/v1\nkind: Intent\nspec: {}", "`metadata.name` must name the intent"),
    ("apiVersion: netcheck/v1\nkind: Intends", "2:7: `kind` must be `Intents` or `Intent`"),
    ("apiVersion: netcheck/v1\nkind: Intents\nintents: {}", "`intents` must be a list with at least one intent"),
    ("a: [", "cannot be read as YAML"),
    ("a: 1\na: 2", "2:1: key `a` is written twice"),
    ("a: &a [*a]", "anchor `a` contains itself"),
    ("[" * 400, "nested deeper"),
]


@pytest.mark.parametrize(("text", "message"), WHOLE)
def test_a_document_that_is_none(text, message):
    _, problems = read(text)
    assert any(message in problem for problem in problems), problems


def test_every_fault_is_told_and_what_is_right_is_kept():
    intents, problems = read(
        f"{HEAD}  - {{name: a, deny: {{from: x}}}}\n  - {{name: b, deny: {{from: x, to: z}}}}\n  - {{allow: 1}}\n"
        "  - {name: b, deny: {from: x, to: z}}\n"
    )
    assert [item.name for item in intents] == ["b", "b"]
    assert len(problems) == 4
    assert "7:12: two intents are called `b`; the other is at i.yaml:5:12" in problems


def test_bytes_that_are_no_text():
    _, problems = intent_documents(b"\xff\xfe\x00", "i.yaml")
    assert problems


class TestSchema:
    def test_has_the_keys_of_the_reader(self):
        definitions = SCHEMA["$defs"]
        assert set(definitions["intent"]["properties"]) == set(INTENT_KEYS)
        assert set(definitions["spec"]["properties"]) == set(INTENT_KEYS) - {"name"}
        assert set(definitions["selectedPods"]["properties"]) == set(SELECTOR_KEYS)
        assert set(definitions["assuming"]["properties"]) == set(ASSUMING_KEYS)

    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    @pytest.mark.parametrize(
        "body",
        [
            body
            for body, _ in FAULTS
            if "scope" not in body.split("\n")[-1] and "ports: [" not in body and "assuming" not in body
        ],
    )
    def test_refuses_what_the_reader_refuses(self, body):
        assert list(VALIDATOR.iter_errors(yaml.safe_load(f"{HEAD}  - name: x\n    {body}\n")))

    @pytest.mark.parametrize("file", ["testdata/intents/shop.yaml", "docs/intents.md"])
    def test_takes_the_documented_examples(self, file):
        text = (ROOT / file).read_text("utf-8")
        for example in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if file.endswith(".md") else [text]:
            VALIDATOR.validate(yaml.safe_load(example))
            intents, problems = read(example)
            assert intents
            assert not problems
