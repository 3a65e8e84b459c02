"""Fixes: what each rule writes, in block and flow style; what is proved of it; and what is refused."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.errors import Place, Severity
from netcheck.lint.catalogue import RULES
from netcheck.lint.finding import LintSettings
from netcheck.lint.fix import stated
from netcheck.lint.fixing import Files, fixed, with_edits
from netcheck.lint.run import lint
from netcheck.load.loader import LoadOptions, load_text
from netcheck.load.rewrite import changed_objects
from netcheck.model.edits import Field, InsertItem
from netcheck.model.policy import Direction, PolicyPort

CASES = sorted((Path(__file__).resolve().parents[2] / "testdata" / "lint").rglob("*.yaml"))
FIXED_RULES = ("NC103", "NC104", "NC105", "NC108", "NC109", "NC110", "NC115", "NC117", "NC902", "NC903")


class Case:
    """One text that is linted and fixed, all in memory."""

    def __init__(self, text, *, whole=False, name="a.yaml"):
        self.text = text
        self.options = LoadOptions(whole=whole)
        self.name = name
        self.loaded = self.load({})
        self.settings = LintSettings()
        self.result = lint(self.loaded, self.settings)

    def load(self, texts):
        return load_text(texts[self.name].decode() if self.name in texts else self.text, self.name, self.options)

    def of(self, code):
        return [finding for finding in self.result.findings if finding.rule == code]

    def fixed(self, *codes, unsafe=False, result=None):
        files = Files(read=lambda _: self.text.encode(), hindrance=lambda _: "", load=self.load)
        result = result or self.result
        wanted = [finding for finding in result.findings if not codes or finding.rule in codes]
        return fixed(self.loaded, result, wanted, files, self.settings, unsafe=unsafe)

    def after(self, *codes, unsafe=False):
        outcome = self.fixed(*codes, unsafe=unsafe)
        assert [item.why for item in outcome.refused] == []
        return outcome.texts[self.name].decode()


POD = """\
---
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s, labels: {app: %s}}
spec: {containers: [{name: c, image: i, ports: [%s]}]}
"""
APP_PROM = "podSelector: {matchLabels: {app: prom}}"
DENY = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: %s}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
HEAD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web   # the shop's front
  namespace: shop
"""
DNS = (
    HEAD
    + """\
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
    # names
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
      ports:
        - protocol: UDP  # short answers
          port: 53
"""
)
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 80, targetPort: 8080}]}
"""
BEHIND = (
    HEAD
    + """\
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
    - to: [{podSelector: {matchLabels: {app: db}}}]
      ports: [{"port": 80}]   # the Service's
"""
    + SERVICE
    + POD % ("db", "shop", "db", "{containerPort: 8080}")
    + POD % ("web", "shop", "web", "")
)
INGRESS = (
    HEAD
    + """\
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
    - from:
        # those who look
        - %s
      ports:
        - port: %s
"""
)


def dns(name):
    """Return a policy like `DNS` for other pods."""
    return DNS.replace("name: web", f"name: {name}").replace("app: web", f"app: {name}")


@pytest.mark.parametrize(
    ("code", "text", "old", "new", "unsafe"),
    [
        (
            "NC103",
            DNS,
            "        - protocol: UDP  #",
            "        - protocol: TCP\n          port: 53\n        - protocol: UDP  #",
            False,
        ),
        (
            "NC103",
            DNS.replace("\n        - protocol: UDP  # short answers\n          port: 53", " [{port: 53}]"),
            "[{port: 53}]",
            "[{port: 53, protocol: UDP}, {port: 53}]",
            False,
        ),
        (
            "NC104",
            HEAD + "spec:\n  podSelector: {}\n  policyTypes:\n  - Ingress  # in\n  egress:\n"
            "  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]\n",
            "  - Ingress  # in\n",
            "  - Ingress  # in\n  - Egress\n",
            True,
        ),
        (
            "NC105",
            HEAD + "spec:\n  podSelector: {}\n  # out\n  egress: [{}]  # all\n",
            "  # out\n",
            "  policyTypes: [Egress]\n  # out\n",
            True,
        ),
        (
            "NC105",
            HEAD + "spec: {podSelector: {}, egress: [{}]}  # all\n",
            "egress:",
            "policyTypes: [Egress], egress:",
            True,
        ),
        (
            "NC108",
            INGRESS % ("namespaceSelector:\n            matchLabels:\n              name: watch # them", 9090)
            + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: watch}}\n",
            " name: watch #",
            " kubernetes.io/metadata.name: watch #",
            False,
        ),
        ("NC109", BEHIND, '[{"port": 80}]   #', '[{"port": 8080}]   #', False),
        (
            "NC110",
            INGRESS % ("podSelector: {}", "metricss  # prometheus")
            + POD % ("web", "shop", "web", "{containerPort: 9090, name: metrics}"),
            "metricss  #",
            "metrics  #",
            True,
        ),
        (
            "NC115",
            INGRESS % (f"{APP_PROM}  # it", 9090)
            + POD % ("web", "shop", "web", "{containerPort: 9090}")
            + POD % ("prom", "watch", "prom", ""),
            f"- {APP_PROM}",
            "- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: watch}}\n" + " " * 10 + APP_PROM,
            True,
        ),
        (
            "NC117",
            INGRESS % ("podSelector: {}", "514  # syslog")
            + POD % ("web", "shop", "web", "{containerPort: 514, protocol: UDP}"),
            "- port: 514",
            "- protocol: UDP\n          port: 514",
            False,
        ),
        (
            "NC903",
            INGRESS % ("podSelector: {}", "80  # netcheck: ignore[NC104] because of nothing"),
            "  # netcheck: ignore[NC104] because of nothing",
            "",
            False,
        ),
        (
            "NC902",
            (INGRESS % ("podSelector: {}", "80")).replace(
                "spec:\n", "# netcheck: ignore[NC104] because of May until 2020-05-31\nspec:\n"
            ),
            "# netcheck: ignore[NC104] because of May until 2020-05-31\n",
            "",
            False,
        ),
    ],
)
def test_a_fix_writes_what_is_missing_and_nothing_else(code, text, old, new, unsafe):
    case = Case(text)
    case.settings = replace(case.settings, today=dt.date(2026, 6, 1))
    case.result = lint(case.loaded, case.settings)
    assert len(case.of(code)) == 1
    assert text.count(old) == 1
    if unsafe:
        outcome = case.fixed(code)
        assert outcome.texts == {}
        assert [item.why for item in outcome.refused] == ["it is not safe: --unsafe-fixes applies it"]
    assert case.after(code, unsafe=unsafe) == text.replace(old, new)


def test_every_rule_with_a_fix_has_it_on_its_page_and_no_other():
    assert tuple(rule.code for rule in RULES if "\nFix: " in rule.page) == FIXED_RULES


def test_the_fix_of_nc115_is_safe_if_the_input_is_whole():
    text = (
        INGRESS % ("podSelector: {matchLabels: {app: prom}}", 9090)
        + POD % ("web", "shop", "web", "{containerPort: 9090}")
        + POD % ("prom", "watch", "prom", "")
        + DENY % "watch"
        + DENY % "shop"
    )
    (finding,) = Case(text).of("NC115")
    assert not finding.fixes[0].is_safe
    (finding,) = Case(text, whole=True).of("NC115")
    assert finding.fixes[0].is_safe
    two = text + POD % ("prom", "other", "prom", "")
    (finding,) = Case(two).of("NC115")
    assert finding.fixes == ()


def test_a_port_that_services_translate_differently_is_left_to_the_author():
    other = SERVICE.replace("name: db", "name: also").replace("8080", "9090")
    (finding,) = Case(BEHIND + other).of("NC109")
    assert finding.fixes == ()


def test_json_is_edited_as_json():
    text = (
        '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "w", "namespace": "s"},\n'
        ' "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 53}]}]}}\n'
    )
    assert Case(text).after("NC103") == text.replace('{"port": 53}', '{"port": 53, "protocol": "UDP"}, {"port": 53}')


def test_fixes_are_told_with_the_flows_that_they_change():
    (finding,) = Case(BEHIND).of("NC109")
    assert finding.fix == (
        "write port: 8080 (opens egress of pods `app=web` of shop to pods `app=db` on TCP 8080; "
        "closes egress of pods `app=web` of shop to pods `app=db` on TCP 80)"
    )


# ---- what is refused -------------------------------------------------------------------------------------------------


def planted(case, code, **changes):
    """Return the result with the fix of a rule's finding changed."""
    findings = [
        replace(item, fixes=tuple(replace(fix, **changes) for fix in item.fixes)) if item.rule == code else item
        for item in case.result.findings
    ]
    return replace(case.result, findings=tuple(findings))


def refusals(case, code, **changes):
    outcome = case.fixed(code, unsafe=True, result=planted(case, code, **changes))
    assert outcome.texts == {}
    assert outcome.applied == ()
    return [item.why for item in outcome.refused]


def test_a_fix_that_opens_more_than_it_states_is_refused():
    case = Case(DNS)
    (fix,) = case.of("NC103")[0].fixes
    at = fix.operations[0].at
    every = (InsertItem(at=at, item=(Field("protocol", "TCP"),)),)
    (why,) = refusals(case, "NC103", operations=every)
    assert why.startswith("it is not proved: it decides otherwise than it says on some pod of namespace shop -> ")
    both = (InsertItem(at=at, item=(Field("port", 53), Field("endPort", 54), Field("protocol", "TCP"))),)
    assert "it is not proved" in refusals(case, "NC103", operations=both)[0]


def test_a_fix_that_states_too_little_or_too_much_is_refused():
    case = Case(DNS)
    (fix,) = case.of("NC103")[0].fixes
    assert "it is not proved" in refusals(case, "NC103", added=())[0]
    policy = case.loaded.cluster.policies[0]
    anybody = stated(policy, Direction.EGRESS, (), (PolicyPort(protocol="TCP", port=53),))
    assert "it is not proved" in refusals(case, "NC103", added=(anybody,))[0]
    vacuous = (*fix.added, stated(policy, Direction.EGRESS, policy.egress[0].peers, policy.egress[0].ports))
    assert refusals(case, "NC103", added=vacuous) == ["what it says would change no flow"]


def test_a_fix_that_changes_another_policy_is_refused():
    text = DNS + "---\n" + dns("other")
    case = Case(text)
    one, other = case.of("NC103")
    swapped = replace(other.fixes[0], operations=one.fixes[0].operations)
    result = replace(case.result, findings=(replace(other, fixes=(swapped,)),))
    outcome = case.fixed("NC103", result=result)
    assert outcome.texts == {}
    assert [item.why for item in outcome.refused] == ["NetworkPolicy shop/web would change too"]


SHARED = """\
apiVersion: v1
kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: one, namespace: shop}
  spec: {podSelector: {matchLabels: {app: one}}, policyTypes: [Egress], egress: [{ports: &dns [{port: 53}]}]}
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: two, namespace: shop}
  spec: {podSelector: {matchLabels: {app: two}}, policyTypes: [Egress], egress: [{ports: *dns}]}
"""


def test_an_anchor_that_two_policies_share_is_not_edited():
    case = Case(SHARED)
    assert len(case.of("NC103")) == 2
    outcome = case.fixed("NC103")
    assert outcome.texts == {}
    assert len(outcome.refused) == 2


def test_a_fix_that_leaves_the_finding_is_refused():
    case = Case(DNS)
    at = case.of("NC103")[0].fixes[0].operations[0].at
    policy = case.loaded.cluster.policies[0]
    other = (InsertItem(at=at, item=(Field("port", 54), Field("protocol", "TCP"))),)
    opened = stated(policy, Direction.EGRESS, policy.egress[0].peers, (PolicyPort(protocol="TCP", port=54),))
    assert refusals(case, "NC103", operations=other, added=(opened,)) == ["the finding would stay"]


def test_a_fix_that_brings_another_finding_is_refused():
    rules = "spec:\n  podSelector: {matchLabels: {app: web}}\n  policyTypes: [Ingress]\n  egress: [{ports: [{port: 443}]}]\n"
    text = HEAD + rules + POD % ("web", "shop", "web", "") + POD % ("db", "shop", "db", "")
    outcome = Case(text).fixed("NC104", unsafe=True)
    assert outcome.texts == {}
    (refused,) = outcome.refused
    assert " would be found: " in refused.why


def test_a_fix_that_breaks_the_object_is_refused():
    case = Case(DNS)
    at = case.of("NC103")[0].fixes[0].operations[0].at
    bad = (InsertItem(at=at, item=(Field("port", 70000),)),)
    assert refusals(case, "NC103", operations=bad)[0].startswith("the edited object would be refused: ")


def test_a_file_that_may_not_be_edited_is_left_alone():
    case = Case(DNS)
    files = Files(read=lambda _: case.text.encode(), hindrance=lambda _: "it is not ours", load=case.load)
    outcome = fixed(case.loaded, case.result, case.result.findings, files, case.settings)
    assert outcome.texts == {}
    assert {item.why for item in outcome.refused} == {"it is not ours"}


def test_one_fix_that_does_not_stand_keeps_no_other_from_standing():
    text = "".join(f"{dns(f'web{number}')}---\n" for number in range(5))
    case = Case(text)
    findings = list(case.result.findings)
    index = next(i for i, item in enumerate(findings) if (item.rule, item.object[-4:]) == ("NC103", "web2"))
    findings[index] = replace(findings[index], fixes=(replace(findings[index].fixes[0], added=()),))
    outcome = case.fixed("NC103", result=replace(case.result, findings=tuple(findings)))
    assert [item.finding.object for item in outcome.refused] == ["NetworkPolicy shop/web2"]
    assert len(outcome.applied) == 4
    assert outcome.texts["a.yaml"].count(b"protocol: TCP") == 4


def test_only_wanted_findings_are_fixed():
    text = DNS + "---\n" + dns("other")
    case = Case(text)
    files = Files(read=lambda _: case.text.encode(), hindrance=lambda _: "", load=case.load)
    outcome = fixed(case.loaded, case.result, case.of("NC103")[:1], files, case.settings)
    assert len(outcome.applied) == 1
    assert [item.rule for item in outcome.result.findings if item.rule == "NC103"] == ["NC103"]


# ---- edits for outputs -----------------------------------------------------------------------------------------------


def test_edits_are_given_where_the_text_can_be_read():
    case = Case(DNS)
    (finding,) = [item for item in with_edits(case.result, lambda _: DNS.encode()).findings if item.fixes]
    (edit,) = finding.fixes[0].edits
    assert (edit.line, edit.column, edit.text) == (13, 11, "protocol: TCP\n          port: 53\n        - ")

    def gone(file):
        raise FileNotFoundError(file)

    for read in (gone, lambda _: b"\xff"):
        assert [item.fixes for item in with_edits(case.result, read).findings if item.rule == "NC103"] == [()]
    moved = replace(finding.fixes[0].operations[0], at=Place("a.yaml", 1, 1))
    result = planted(case, "NC103", operations=(moved,))
    assert [item.fixes for item in with_edits(result, lambda _: DNS.encode()).findings if item.rule == "NC103"] == [()]


# ---- any manifest ----------------------------------------------------------------------------------------------------


def mixed(seed):
    """Return documents of the examples, some with comments, other line ends or indentation."""
    rng = random.Random(seed)
    texts = [text.strip("\n") for rule in RULES for text in rule.bad] + [
        path.read_text(encoding="utf-8").strip("\n") for path in CASES
    ]
    found = []
    for text in rng.sample(texts, 6):
        lines = text.splitlines()
        if rng.random() < 0.5:
            lines = [
                line
                for one in lines
                for line in ([one, "# said twice"] if rng.random() < 0.2 and not one.startswith("---") else [one])
            ]
        found.append("\n".join(lines))
    return "\n---\n".join(found) + "\n"


@pytest.mark.parametrize("seed", range(25))
def test_fixing_anything_keeps_it_readable_and_leaves_other_objects_alone(seed):
    text = mixed(seed)
    case = Case(text)
    outcome = case.fixed(unsafe=True)
    if not outcome.texts:
        return
    data = outcome.texts["a.yaml"]
    before, after = case.loaded, case.load(outcome.texts)
    errors = [[p.message for p in loaded.problems if p.severity is Severity.ERROR] for loaded in (before, after)]
    assert errors[0] == errors[1]
    assert before.counts == after.counts
    about = {item.fix.about for item in outcome.applied}
    changed = changed_objects(text.encode(), data)
    assert changed is not None
    assert {f"{kind} {namespace or 'default'}/{name}" for kind, namespace, name in changed} <= about
    gone = sum(not item.fix.about for item in outcome.applied)
    assert text.count("#") - data.count(b"#") <= gone
    again = Case(data.decode()).fixed(unsafe=True)
    assert again.texts == {}
