"""How a repository with old problems takes lint up: notes, baselines, revisions, settings by path, formats."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]%s
"""
SELECT = ("--select", "NC104", "--select", "NC901", "--select", "NC902", "--select", "NC903")


@pytest.fixture
def repository(tmp_path: Path, netcheck) -> Path:
    git("init", "-q", "-b", "main")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "web.yaml").write_text(POLICY % ("web", ""))
    git("add", "-A")
    git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "one")
    return tmp_path


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture
def lint(netcheck):
    return lambda *arguments: netcheck("lint", "deploy", *SELECT, *arguments)


@pytest.fixture
def found(lint):
    return lambda *arguments: [
        (item["rule"], item["object"]) for item in lint(*arguments, "-o", "json").json["findings"]
    ]


def test_a_comment_with_a_reason_ignores_its_finding_and_the_summary_says_so(repository, lint):
    assert lint().code == 1
    (repository / "deploy" / "web.yaml").write_text(
        POLICY % ("web", "  # netcheck: ignore[NC104] because it comes later")
    )
    done = lint()
    assert done.code == 0
    assert "1 finding ignored by notes" in done.out
    document = lint("-o", "json").json
    assert document["ignored"][0]["note"]["reason"] == "it comes later"
    log = lint("-o", "sarif").json
    assert log["runs"][0]["results"][0]["suppressions"][0]["justification"] == "it comes later"


def test_an_annotation_ignores_what_is_found_about_its_object(repository, found):
    text = POLICY % ("web", "")
    noted = text.replace("namespace: shop}", "namespace: shop, annotations: {netcheck/ignore: NC104 because I say so}}")
    (repository / "deploy" / "web.yaml").write_text(noted)
    assert found() == []


def test_notes_that_do_not_count_are_findings(repository, found):
    (repository / "deploy" / "a.yaml").write_text(POLICY % ("a", "  # netcheck: ignore[NC104]"))
    (repository / "deploy" / "b.yaml").write_text(
        POLICY % ("b", "  # netcheck: ignore[NC104] because x until 2020-01-31")
    )
    (repository / "deploy" / "web.yaml").write_text(
        (POLICY % ("web", "")).replace("[Ingress]", "[Egress]  # netcheck: ignore[NC104] because it was wrong")
    )
    rules = [rule for rule, _ in found()]
    assert sorted(rules) == ["NC104", "NC104", "NC901", "NC902", "NC903"]


def test_a_baseline_hides_what_it_knows_also_when_lines_move(repository, lint, found):
    done = lint("--write-baseline", "known.json")
    assert done.code == 0
    assert json.loads((repository / "known.json").read_text())["findings"] == [
        {"rule": "NC104", "object": "NetworkPolicy shop/web", "path": "deploy/web.yaml", "count": 1}
    ]
    (repository / "deploy" / "web.yaml").write_text("# moved\n\n" + POLICY % ("web", ""))
    done = lint("--baseline", "known.json")
    assert (done.code, done.err) == (0, "")
    assert "1 finding known to the baseline" in done.out
    (repository / "deploy" / "new.yaml").write_text(POLICY % ("new", ""))
    assert found("--baseline", "known.json") == [("NC104", "NetworkPolicy shop/new")]
    assert lint("--baseline", "known.json").code == 1


def test_a_baseline_that_knows_too_much_is_told_on_stderr(repository, lint):
    lint("--write-baseline", "known.json")
    (repository / "deploy" / "web.yaml").write_text((POLICY % ("web", "")).replace("[Ingress]", "[Egress]"))
    done = lint("--baseline", "known.json")
    assert done.code == 0
    assert "known.json knows findings that are gone: NC104 of NetworkPolicy shop/web" in done.err


def test_a_baseline_that_cannot_be_read_is_a_usage_error(repository, lint):
    assert lint("--baseline", "none.json").code == 2
    (repository / "bad.json").write_text("{}")
    done = lint("--baseline", "bad.json")
    assert done.code == 2
    assert "--write-baseline" in done.err


def test_only_what_a_change_introduces_is_reported(repository, lint, found):
    assert found("--changed-since", "HEAD") == []
    (repository / "deploy" / "moved.yaml").write_text((repository / "deploy" / "web.yaml").read_text())
    (repository / "deploy" / "web.yaml").unlink()
    assert found("--changed-since", "HEAD") == []
    (repository / "deploy" / "new.yaml").write_text(POLICY % ("new", ""))
    assert found("--changed-since", "HEAD") == [("NC104", "NetworkPolicy shop/new")]
    assert lint("--changed-since", "HEAD").code == 1


def test_a_change_elsewhere_introduces_findings_in_files_that_did_not_change(repository, netcheck):
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: a, image: a}]}\n"
    (repository / "deploy" / "service.yaml").write_text(text)
    (repository / "deploy" / "pod.yaml").write_text(pod)
    git("add", "-A")
    git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "two")
    (repository / "deploy" / "pod.yaml").unlink()
    done = netcheck("lint", "deploy", "--select", "NC201", "--changed-since", "HEAD", "-o", "json")
    assert [(item["rule"], item["file"]) for item in done.json["findings"]] == [("NC201", "deploy/service.yaml")]


def test_an_unknown_revision_is_refused(repository, lint):
    done = lint("--changed-since", "nothing")
    assert done.code == 3
    assert "git knows no revision `nothing`" in done.err


def test_the_configuration_weighs_findings_by_path(repository, lint):
    (repository / "deploy" / "legacy").mkdir()
    (repository / "deploy" / "legacy" / "old.yaml").write_text(POLICY % ("old", ""))
    (repository / "netcheck.yaml").write_text(
        'lint:\n  paths:\n    "deploy/legacy/*": {ignore: [NC104]}\n    "deploy/w*": {severity: {inert-rules: info}}\n'
    )
    done = lint("-o", "json")
    assert [(item["object"], item["severity"]) for item in done.json["findings"]] == [
        ("NetworkPolicy shop/web", "info")
    ]
    assert done.code == 0
    (repository / "netcheck.yaml").write_text("lint: {paths: {'*': {ignored: [NC104]}}}\n")
    done = lint()
    assert done.code == 2
    assert "did you mean `ignore`" in done.err


@pytest.mark.parametrize("form", ["table", "json", "sarif", "junit", "github", "gitlab"])
def test_every_format_has_the_same_exit_code_and_paths_of_the_repository(repository, netcheck, monkeypatch, form):
    monkeypatch.chdir(repository / "deploy")
    done = netcheck("lint", ".", *SELECT, "-o", form)
    assert done.code == 1
    if form in ("sarif", "junit", "github", "gitlab"):
        assert "deploy/web.yaml" in done.out
    (repository / "deploy" / "web.yaml").write_text((POLICY % ("web", "")).replace("[Ingress]", "[Egress]"))
    assert netcheck("lint", ".", *SELECT, "-o", form).code == 0


@pytest.mark.parametrize(("option", "file"), [("--helm", "Chart.yaml"), ("--kustomize", "kustomization.yaml")])
def test_what_cannot_be_rendered_is_no_usable_input(repository, netcheck, monkeypatch, option, file):
    (repository / "deploy" / file).write_text("name: shop\n")
    monkeypatch.setenv("PATH", "")
    done = netcheck("lint", "deploy", option)
    assert (done.code, done.out) == (3, "")
    assert "was not found" in done.err or "were found" in done.err or "nor `kubectl` was found" in done.err
    assert "hint: install" in done.err


def test_several_overlays_are_linted_each_as_a_cluster_of_its_own(repository, netcheck, monkeypatch):
    folder = repository / "bin"
    folder.mkdir()
    program = folder / "kustomize"
    program.write_text(f"#!/bin/sh\n/bin/cat {repository}/$2.out\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    for name in ("dev", "prod"):
        (repository / name).mkdir()
        (repository / name / "kustomization.yaml").write_text("resources: []\n")
        (repository / f"{name}.out").write_text(POLICY % ("web", ""))
    (repository / "prod.out").write_text((POLICY % ("web", "")).replace("[Ingress]", "[Egress]"))
    done = netcheck("lint", "--kustomize", "dev", "prod", *SELECT, "-o", "json")
    assert [(item["rule"], item["file"]) for item in done.json["findings"]] == [
        ("NC104", "dev/kustomization.yaml [rendered]")
    ]
