"""`lint --fix` and `--diff`: what is written, what is printed, what is told, and what is never touched."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest

SCHEMAS = Path(__file__).parents[2]
POLICY = """\
# %s
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: shop}
spec:
  podSelector: {matchLabels: {app: %s}}
  policyTypes: [Egress]
  egress:
    - ports:
        - port: 53   # names
"""
FIXED = POLICY.replace("        - port: 53", "        - port: 53\n          protocol: UDP\n        - port: 53")
INERT = (POLICY % ("inert", "inert", "inert")).replace("[Egress]", "[Ingress]")
DNS = ("--select", "NC103")


@pytest.fixture
def repository(tmp_path, netcheck):
    """A repository with a file with two findings in two documents, one with line ends of Windows, and a clean one."""
    git("init", "-q", "-b", "main")
    (tmp_path / "deploy" / "my app").mkdir(parents=True)
    (tmp_path / "deploy" / "a.yaml").write_text(f"{POLICY % ('a', 'a', 'a')}---\n{POLICY % ('b', 'b', 'b')}")
    (tmp_path / "deploy" / "my app" / "c.yaml").write_bytes(windows(POLICY % ("c", "c", "c")))
    (tmp_path / "deploy" / "inert.yaml").write_text(INERT)
    git("add", "-A")
    git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "one")
    return tmp_path


def git(*arguments, stdin=None):
    subprocess.run(["git", *arguments], check=True, capture_output=True, input=stdin)


def windows(text):
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").rstrip().encode()


def texts(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.yaml"))}


WANTED = {
    "deploy/a.yaml": f"{FIXED % ('a', 'a', 'a')}---\n{FIXED % ('b', 'b', 'b')}".encode(),
    "deploy/inert.yaml": INERT.encode(),
    "deploy/my app/c.yaml": windows(FIXED % ("c", "c", "c")),
}


def test_fix_writes_the_files_and_reports_what_remains(repository, netcheck):
    (repository / "deploy" / "a.yaml").chmod(0o640)
    done = netcheck("lint", "deploy", "--select", "NC103", "--select", "NC104", "--fix", "-o", "json")
    assert texts(repository) == WANTED
    assert (repository / "deploy" / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert [item["rule"] for item in done.json["findings"]] == ["NC104"]
    assert done.code == 1
    assert "fixed 3 findings in 2 files" in done.err
    assert (
        "NC103 NetworkPolicy shop/a: allow UDP 53 too (opens egress of pods `app=a` of shop to anybody on UDP 53)"
        in done.err
    )
    assert "not fixed: NC104 NetworkPolicy shop/inert: add Egress to policyTypes: it is not safe" in done.err
    assert sorted(path.name for path in (repository / "deploy").iterdir()) == ["a.yaml", "inert.yaml", "my app"]


def test_fix_exits_0_if_nothing_remains_and_changes_nothing_the_second_time(repository, netcheck):
    assert netcheck("lint", "deploy", *DNS, "--fix").code == 0
    before = texts(repository)
    done = netcheck("lint", "deploy", *DNS, "--fix")
    assert (done.code, texts(repository)) == (0, before)
    assert "fixed 0 findings in 0 files" in done.err
    assert netcheck("lint", "deploy", *DNS, "--fix", "-q").err == ""


def test_the_patch_applied_by_git_gives_what_fix_writes(repository, netcheck):
    done = netcheck("lint", "deploy", *DNS, "--diff")
    assert done.code == 1
    assert "would fix 3 findings in 2 files" in done.err
    assert texts(repository)["deploy/inert.yaml"] == INERT.encode()
    assert b"protocol: UDP" not in b"".join(texts(repository).values())
    git("apply", "--check", stdin=done.out.encode())
    git("apply", stdin=done.out.encode())
    assert texts(repository) == WANTED


def test_the_patch_has_paths_from_the_repositorys_root(repository, netcheck, monkeypatch):
    monkeypatch.chdir(repository / "deploy")
    done = netcheck("lint", ".", *DNS, "--diff", "-q")
    assert "--- a/deploy/a.yaml\n+++ b/deploy/a.yaml\n" in done.out
    assert done.err == ""
    monkeypatch.chdir(repository)
    git("apply", stdin=done.out.encode())
    assert texts(repository) == WANTED


@pytest.mark.parametrize("name", ["größe.yaml", 'a "b" c.yaml', "back\\slash.yaml"])
def test_the_patch_names_files_as_git_does(repository, netcheck, name):
    (repository / name).write_text(POLICY % ("d", "d", "d"))
    git("apply", stdin=netcheck("lint", name, *DNS, "--diff").out.encode())
    assert (repository / name).read_text() == FIXED % ("d", "d", "d")


def test_other_outputs_of_diff_go_to_files_and_say_what_there_is(repository, netcheck):
    done = netcheck("lint", "deploy", *DNS, "--diff", "-o", "json=findings.json")
    assert done.out.startswith("diff --git a/deploy/a.yaml b/deploy/a.yaml\n")
    assert len(json.loads((repository / "findings.json").read_text())["findings"]) == 3


def test_unsafe_fixes_are_applied_only_if_asked_for(repository, netcheck):
    select = ("--select", "NC104")
    assert netcheck("lint", "deploy", *select, "--fix").code == 1
    assert texts(repository)["deploy/inert.yaml"] == INERT.encode()
    assert netcheck("lint", "deploy", *select, "--fix", "--unsafe-fixes").code == 0
    assert texts(repository)["deploy/inert.yaml"] == INERT.replace("[Ingress]", "[Ingress, Egress]").encode()


def test_only_what_is_reported_is_fixed(repository, netcheck):
    netcheck("lint", "deploy", *DNS, "--write-baseline", "known.json")
    netcheck("lint", "deploy", *DNS, "--baseline", "known.json", "--fix")
    netcheck("lint", "deploy", *DNS, "--changed-since", "HEAD", "--fix")
    assert texts(repository)["deploy/a.yaml"] != WANTED["deploy/a.yaml"]
    (repository / "deploy" / "d.yaml").write_text(POLICY % ("d", "d", "d"))
    done = netcheck("lint", "deploy", *DNS, "--changed-since", "HEAD", "--fix")
    assert done.code == 0
    assert (repository / "deploy" / "d.yaml").read_text() == FIXED % ("d", "d", "d")
    assert texts(repository)["deploy/a.yaml"] != WANTED["deploy/a.yaml"]


def test_a_note_that_ignores_a_finding_keeps_it_from_being_fixed(repository, netcheck):
    noted = (POLICY % ("a", "a", "a")).replace("# names", "# netcheck: ignore[NC103] because of TCP")
    (repository / "deploy" / "a.yaml").write_text(noted)
    netcheck("lint", "deploy", *DNS, "--fix")
    assert (repository / "deploy" / "a.yaml").read_text() == noted


def test_files_outside_the_repository_are_left_alone(repository, netcheck, monkeypatch):
    inner = repository / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    git("init", "-q")
    done = netcheck("lint", "../deploy", *DNS, "--fix")
    assert "the file lies outside the repository" in done.err
    assert texts(repository) != WANTED
    link = inner / "link.yaml"
    link.symlink_to(repository / "deploy" / "a.yaml")
    assert "the file lies outside the repository" in netcheck("lint", "link.yaml", *DNS, "--fix").err


def test_a_link_inside_the_repository_is_followed_and_stays_one(repository, netcheck):
    link = repository / "link.yaml"
    link.symlink_to("deploy/a.yaml")
    netcheck("lint", "link.yaml", *DNS, "--fix")
    assert link.is_symlink()
    assert (repository / "deploy" / "a.yaml").read_bytes() == WANTED["deploy/a.yaml"]


def test_what_a_revision_holds_is_never_edited(repository, netcheck):
    done = netcheck("lint", "git:HEAD:deploy", *DNS, "--fix")
    assert "it was not read from a file that can be written" in done.err
    assert texts(repository) != WANTED


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fix", "--diff"], "give one of them"),
        (["--unsafe-fixes"], "goes with --fix or --diff"),
        (["--fix", "--write-baseline", "b.json"], "do not go together"),
        (["--fix", "--kustomize"], "rendered"),
        (["--diff", "-o", "json"], "-o FORMAT=FILE"),
        (["--fix", "-"], "`-` is none"),
        (["--diff", "cluster:prod"], "`cluster:prod` is none"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(repository, netcheck, arguments, says):
    done = netcheck("lint", "deploy", *arguments)
    assert done.code == 2
    assert says in done.err


def test_json_and_sarif_hold_the_edits(repository, netcheck):
    document = netcheck("lint", "deploy", "--select", "NC103", "--select", "NC104", "-o", "json").json
    jsonschema.Draft202012Validator(netcheck("schema", "Findings").json).validate(document)
    fixes = {item["object"]: item["fixes"] for item in document["findings"]}
    assert [fix["safe"] for found in fixes.values() for fix in found] == [True, True, False, True]
    (fix,) = fixes["NetworkPolicy shop/a"]
    assert fix["title"] == "allow UDP 53 too"
    assert fix["edits"] == [
        {
            "line": 10,
            "column": 11,
            "endLine": 10,
            "endColumn": 11,
            "text": "port: 53\n          protocol: UDP\n        - ",
        }
    ]
    log = netcheck("lint", "deploy", "--select", "NC103", "--select", "NC104", "-o", "sarif").json
    schema = json.loads((SCHEMAS / "testdata" / "schemas" / "sarif-2.1.0-rtm.5.json").read_text())
    jsonschema.Draft4Validator(schema).validate(log)
    results = log["runs"][0]["results"]
    assert [item["ruleId"] for item in results if "fixes" in item] == ["NC103"] * 3
    (change,) = results[0]["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "deploy/a.yaml"
    (replacement,) = change["replacements"]
    assert replacement["deletedRegion"] == {"startLine": 10, "startColumn": 11, "endLine": 10, "endColumn": 11}
