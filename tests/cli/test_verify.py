"""`netcheck verify` and `netcheck init-intents` as users run them: exit codes, formats, files."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from tests.cli.running import QUICKSTART, ROOT
from tests.report.test_json_v1 import checked

INTENTS = str(ROOT / "testdata" / "intents" / "shop.yaml")
HEAD = "apiVersion: netcheck/v1\nkind: Intents\nintents:\n"
HOLDS = f"{HEAD}  - {{name: closed, deny: {{from: internet, to: data/db}}}}\n"
STRAY = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec: {containers: [{name: c, image: i}]}\n"
BROKEN_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: broken, namespace: data}
spec: {podSelector: 7}
---
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="intents.yaml"):
        (tmp_path / name).write_text(text)
        return name

    return write


class TestExitCodes:
    def test_all_hold(self, netcheck, file):
        done = netcheck("verify", QUICKSTART, "--intents", file(HOLDS))
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("holds     closed\n")

    def test_one_is_violated(self, netcheck):
        done = netcheck("verify", QUICKSTART, "--intents", INTENTS)
        assert done.code == 1
        assert done.out.startswith("violated  only-the-shop-is-on-the-internet\n")

    def test_one_is_unknown(self, netcheck, file):
        body = "deny: {from: 'ns:team=x', to: shop/worker}"
        text = f"{HEAD}  - name: maybe\n    {body}\n    allowEmpty: true\n"
        file(STRAY, "cluster.yaml")
        done = netcheck("verify", QUICKSTART, "cluster.yaml", "--intents", file(text))
        assert done.code == 4
        assert "WL-3" in done.out
        allowed = netcheck("verify", QUICKSTART, "cluster.yaml", "--intents", file(text), "--allow-incomplete")
        assert allowed.code == 0

    def test_a_lost_policy_is_incomplete(self, netcheck, file):
        file(BROKEN_POLICY, "policy.yaml")
        assert netcheck("verify", QUICKSTART, "policy.yaml", "--intents", file(HOLDS)).code == 4

    def test_no_intents(self, netcheck):
        done = netcheck("verify", QUICKSTART)
        assert done.code == 2
        assert "there are no intents\n  hint: name a file with --intents" in done.err

    def test_a_file_that_is_not_there(self, netcheck):
        done = netcheck("verify", QUICKSTART, "--intents", "nothing.yaml")
        assert (done.code, done.err) == (
            2,
            "netcheck: error: --intents: `nothing.yaml` cannot be read: no such file or directory\n",
        )

    def test_every_fault_is_told(self, netcheck, file):
        text = f"{HEAD}  - {{name: a, denny: {{}}}}\n  - {{name: b, deny: {{from: 10.0.0.0/8, to: a/b, port: 1}}}}\n"
        done = netcheck("verify", QUICKSTART, "--intents", file(text))
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines() == [
            "netcheck: error: the intents cannot be used: 3 faults",
            "intents.yaml:4:5: an intent is one of `allow`, `deny`, `only`; `intents[0]` names none of them",
            "intents.yaml:4:15: unknown key `denny` in `intents[0]`",
            "  hint: did you mean `deny`?",
            "intents.yaml:5:49: unknown key `port` in `intents[1].deny`",
            "  hint: did you mean `ports`?",
        ]

    def test_ends_that_cannot_be_read_are_told_too(self, netcheck, file):
        text = f"{HEAD}  - name: a\n    deny: {{from: 10.0.0.0/99, to: a/b/c/d}}\n"
        done = netcheck("verify", QUICKSTART, "--intents", file(text))
        assert done.code == 2
        assert "intents.yaml:5:18: `10.0.0.0/99` is not a CIDR" in done.err
        assert "intents.yaml:5:35: `a/b/c/d` is no end" in done.err

    @pytest.mark.parametrize(
        "text",
        [
            "\0",
            "{}",
            "[]",
            "a: *b",
            "- - -",
            HEAD,
            f"{HEAD}  - 7\n",
            f"{HEAD}  - name: [x]\n",
            f"{HEAD}  - {{name: x, only: {{from: [[a]], to: {{podSelector: 1}}}}}}\n",
            "!!python/object:os.system x",
        ],
    )
    def test_hostile_files(self, netcheck, file, text):
        done = netcheck("verify", QUICKSTART, "--intents", file(text))
        assert (done.code, done.out) == (2, "")
        assert "intents.yaml" in done.err


class TestSources:
    def test_intents_beside_the_manifests(self, netcheck, file):
        text = "apiVersion: netcheck/v1\nkind: Intent\nmetadata: {name: closed}\nspec: {deny: {from: internet, to: data/db}}\n"
        file(text)
        assert netcheck("verify", QUICKSTART, "intents.yaml").code == 0
        listed = netcheck("list", QUICKSTART, "intents.yaml", "-o", "json")
        assert (listed.code, listed.json["problems"]) == (0, [])

    def test_a_file_that_is_also_a_source_counts_once(self, netcheck, file):
        done = netcheck("verify", QUICKSTART, file(HOLDS), "--intents", "intents.yaml", "-o", "json")
        assert [item["name"] for item in done.json["intents"]] == ["closed"]

    def test_several_files(self, netcheck, file):
        file(HOLDS.replace("closed", "other"), "other.yaml")
        done = netcheck("verify", QUICKSTART, "--intents", file(HOLDS), "--intents", "other.yaml", "-o", "json")
        assert [item["name"] for item in done.json["intents"]] == ["closed", "other"]


class TestFormats:
    def test_json(self, netcheck):
        done = netcheck("verify", QUICKSTART, "--intents", INTENTS, "--why", "-o", "json")
        document = checked([done.out])
        assert document["summary"] == {"violated": 1, "unknown": 0, "holds": 3, "uncovered": len(document["uncovered"])}
        first = document["intents"][0]
        assert (first["outcome"], first["line"], first["witness"]["destination"]) == (
            "violated", 28, "monitoring/node-exporter[DaemonSet]",
        )  # fmt: skip
        assert [item["basis"]["complete"] for item in document["intents"] if "basis" in item] == [True, True]

    def test_junit(self, netcheck):
        done = netcheck("verify", QUICKSTART, "--intents", INTENTS, "-o", "junit")
        suite = ET.fromstring(done.out)
        assert suite.attrib == {"name": "netcheck", "tests": "4", "failures": "1", "errors": "0"}
        (failed,) = [case for case in suite.iter("testcase") if case.find("failure") is not None]
        assert failed.attrib["name"] == "only-the-shop-is-on-the-internet"

    def test_sarif(self, netcheck):
        done = netcheck("verify", QUICKSTART, "--intents", INTENTS, "-o", "sarif")
        schema = json.loads((ROOT / "testdata" / "schemas" / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
        jsonschema.validate(json.loads(done.out), schema)
        (result,) = json.loads(done.out)["runs"][0]["results"]
        assert result["ruleId"] == "intent-violated"
        assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 28, "startColumn": 11}

    def test_sarif_is_related_to_the_policies(self, netcheck, file):
        text = f"{HEAD}  - {{name: open, allow: {{from: shop/web, to: data/db}}}}\n"
        done = netcheck("verify", QUICKSTART, "--intents", file(text), "-o", "sarif")
        (result,) = json.loads(done.out)["runs"][0]["results"]
        assert any("NetworkPolicy" in item["message"]["text"] for item in result["relatedLocations"])


class TestInit:
    def test_the_draft_holds(self, netcheck, file):
        drafted = netcheck("init-intents", QUICKSTART)
        assert drafted.code == 0
        done = netcheck("verify", QUICKSTART, "--intents", file(drafted.out), "-o", "json")
        assert (done.code, done.json["uncovered"]) == (0, [])


class TestNamespaces:
    """`--only-namespace` and `--exclude-namespace` say which intents are reported and count for the exit code."""

    TEXT = (
        f"{HEAD}"
        "  - {name: shop-to-data, deny: {from: shop/api, to: data/db}}\n"
        "  - {name: closed, deny: {from: internet, to: data/db}}\n"
        "  - {name: guarded, only: {from: [shop/api, shop/worker, data/db], to: data/db}}\n"
        "  - {name: watched, deny: {from: monitoring/prometheus, to: internet}}\n"
        "  - {name: nobody, deny: {from: {namespace: elsewhere}, to: internet}, allowEmpty: true}\n"
        "  - {name: any, deny: {from: {podSelector: {matchLabels: {tier: test}}}, to: shop/web}, scope: any-pod}\n"
    )

    def names(self, netcheck, file, *options):
        done = netcheck("verify", QUICKSTART, "--intents", file(self.TEXT), "-o", "json", *options)
        checked([done.out])
        return done, {item["name"] for item in done.json["intents"]}

    @pytest.mark.parametrize(
        ("options", "names"),
        [
            ((), {"shop-to-data", "closed", "guarded", "watched", "nobody", "any"}),
            (("--only-namespace", "data"), {"shop-to-data", "closed", "guarded", "any"}),
            (("--only-namespace", "monitoring"), {"watched", "any"}),
            (("--only-namespace", "shop,monitoring"), {"shop-to-data", "guarded", "watched", "any"}),
            (("--exclude-namespace", "data"), {"watched", "nobody", "any"}),
            (("--exclude-namespace", "shop"), {"closed", "guarded", "watched", "nobody"}),
            (("--exclude-namespace", "elsewhere"), {"shop-to-data", "closed", "guarded", "watched", "any"}),
            (("--only-namespace", "shop", "--exclude-namespace", "data"), {"any"}),
        ],
    )
    def test_which_intents_are_reported(self, netcheck, file, options, names):
        done, found = self.names(netcheck, file, *options)
        assert found == names
        assert done.json["summary"].get("leftOut", 0) == 6 - len(names)

    def test_intents_that_are_left_out_do_not_count(self, netcheck, file):
        violated, _ = self.names(netcheck, file)
        assert violated.code == 1
        assert self.names(netcheck, file, "--exclude-namespace", "data,shop,monitoring")[0].code == 0

    def test_the_table_says_what_is_left_out(self, netcheck, file):
        done = netcheck("verify", QUICKSTART, "--intents", file(self.TEXT), "--only-namespace", "monitoring")
        assert "4 intents of other namespaces left out" in done.out

    def test_what_no_intent_speaks_of_is_cut_too(self, netcheck, file):
        done, _ = self.names(netcheck, file, "--only-namespace", "monitoring")
        groups = done.json["uncovered"]
        assert groups
        for group in groups:
            ends = (group["sources"], group["destinations"])
            assert any(all(name.startswith("monitoring/") for name in names) for names in ends)

    def test_a_namespace_that_nothing_lies_in_is_a_mistake(self, netcheck, file):
        done = netcheck("verify", QUICKSTART, "--intents", file(self.TEXT), "--only-namespace", "nowhere")
        assert done.code == 2


class TestRepair:
    POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: b}
spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}
---
"""
    DENY = f"{HEAD}  - {{name: closed, deny: {{from: all-pods, to: b/a}}, allowEmpty: true}}\n"
    OTHER = (
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: c, namespace: d}\nspec: {containers: [{name: c, image: i}]}\n"
    )

    def test_the_table_lists_repairs_with_places_and_what_else_changes(self, netcheck, file):
        sources = file(self.POLICY + STRAY + self.OTHER, "all.yaml")
        done = netcheck("verify", sources, "--intents", file(self.DENY), "--repair")
        assert done.code == 1
        assert "  repair 1 of " in done.out
        assert (
            "(1 edit; changes nothing else)\n    remove `ingress[0]` of NetworkPolicy b/open\n      all.yaml:5:"
            in done.out
        )

    def test_a_new_policy_is_written_as_yaml(self, netcheck, file):
        sources = file(STRAY + self.OTHER, "all.yaml")
        done = netcheck("verify", sources, "--intents", file(self.DENY), "--repair")
        assert (
            "      kind: NetworkPolicy\n      metadata:\n        name: closed-ingress\n        namespace: b\n"
            in done.out
        )

    def test_json_has_the_policies_as_they_are_afterwards(self, netcheck, file):
        sources = file(self.POLICY + STRAY + self.OTHER, "all.yaml")
        done = netcheck("verify", sources, "--intents", file(self.DENY), "--repair", "-o", "json")
        (intent,) = checked(done.out)["intents"]
        best = intent["repairs"][0]
        assert (best["edits"][0]["action"], best["edits"][0]["line"]) == ("remove-rule", 5)
        assert (best["opens"], best["closes"], best["policies"][0]["new"]) == (0, 0, False)
        assert "ingress:" not in best["policies"][0]["manifest"]

    def test_reports_for_machines_tell_the_first(self, netcheck, file):
        sources = file(self.POLICY + STRAY + self.OTHER, "all.yaml")
        done = netcheck("verify", sources, "--intents", file(self.DENY), "--repair", "-o", "sarif")
        (result,) = json.loads(done.out)["runs"][0]["results"]
        assert result["message"]["text"].endswith("\nrepair: remove `ingress[0]` of NetworkPolicy b/open")

    def test_why_there_is_none_is_said(self, netcheck, file):
        done = netcheck(
            "verify",
            file(STRAY, "all.yaml"),
            "--intents",
            file(self.DENY.replace(", allowEmpty: true", "")),
            "--repair",
        )
        assert "  no repair: it matches nothing, which no policy changes\n" in done.out

    def test_without_the_option_there_are_none(self, netcheck, file):
        sources = file(self.POLICY + STRAY + self.OTHER, "all.yaml")
        done = netcheck("verify", sources, "--intents", file(self.DENY), "-o", "json")
        assert "repairs" not in checked(done.out)["intents"][0]
