.DEFAULT_GOAL := help
VENV ?= .venv
# An activated virtual environment is used as it is; otherwise that of `make setup`.
BIN := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),$(VENV))/bin
CORPUS ?= ../shared/corpus/dev
REAL ?= ../shared/real
N ?= 20000
SEED ?= 0
TIMES ?= 1

.PHONY: help setup test check format types imports agree fuzz conformance real bench golden docs docs-check clean

help:  ## Show this help.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Create .venv with netcheck and the tools of its development.
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'

check: format types imports docs-check  ## Everything a change must pass: format, lint, types, imports, docs, tests.
	$(BIN)/python -m pytest -n 2 -m 'not slow' -q

test:  ## All tests, slow ones too.
	$(BIN)/python -m pytest -n 2 -q

format:
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

agree:  ## The three engines against each other on generated clusters (TIMES=1: so many times as in CI).
	NETCHECK_AGREE=$(TIMES) $(BIN)/python -m pytest -n 2 -q tests/laws tests/agree

fuzz:  ## Mutated and hostile input: no traceback, no hang, bounded memory (N=20000 SEED=0).
	$(BIN)/python -m tests.hostile.fuzz --count $(N) --seed $(SEED)

conformance:  ## Verdicts of other projects' test suites (CORPUS=../shared/corpus/dev).
	@if [ -x ../shared/tools/conformance ] && [ -d $(CORPUS) ]; then \
	  $(BIN)/python ../shared/tools/conformance --netcheck $(abspath $(BIN))/netcheck --corpus $(CORPUS) \
	    $(if $(wildcard testdata/justified.yaml),--justified testdata/justified.yaml) $(CONFORMANCE_OPTIONS) && \
	  $(BIN)/python -m tests.conformance_status $(CORPUS) --justified testdata/justified.yaml && \
	  $(BIN)/python -m tests.conformance_queries $(CORPUS) --justified testdata/justified.yaml; \
	else echo "no conformance tool or no corpus at $(CORPUS): nothing compared"; fi

real:  ## Traces of real manifests that are not in this repository (REAL=../shared/real).
	NETCHECK_REAL=$(abspath $(REAL)) $(BIN)/python -m pytest -q tests/golden/test_real.py

bench:  ## Time the command line on generated clusters.
	$(BIN)/python -m benchmarks.run

golden:  ## Rewrite the recorded outputs; read the difference before committing it.
	-NETCHECK_GOLDEN=rewrite $(BIN)/python -m pytest -q tests/golden
	git diff --stat -- tests/golden

docs:  ## Write the generated pages: docs/kinds.md and docs/rules/.
	$(BIN)/python -m netcheck.load.kinds > docs/kinds.md
	$(BIN)/python -m netcheck.lint.docs

docs-check:  ## Fail if a generated page of docs/ is out of date.
	@$(BIN)/python -m netcheck.load.kinds | diff - docs/kinds.md > /dev/null \
	  || { echo "docs/kinds.md is out of date: run 'make docs'"; exit 1; }
	@$(BIN)/python -m netcheck.lint.docs --check

clean:  ## Remove caches and the virtual environment.
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
