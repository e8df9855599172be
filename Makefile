# Two commands do everything, set-up included: `make report` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.mamex-bench-ready
PYTEST_ARGS ?= -n auto --benchmark-disable

.PHONY: help setup report test bench lock gallery paper clean

help:  ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

setup: $(READY)  ## create .venv with the locked versions (the other targets do this by themselves)

$(READY): requirements.lock pyproject.toml .ci/setup
	@bash .ci/setup "$(VENV)"
	@touch "$@"

report: $(READY)  ## run the smoke suite afresh and write its report, HTML and PDF, into results/
	@rm -f results/smoke.sqlite
	@$(BIN)/mamex-bench run smoke --output results/smoke.sqlite || test $$? -eq 1
	@$(BIN)/mamex-bench report results/smoke.sqlite --output results/smoke

paper: $(READY)  ## the same for the paper suite, about 20 minutes; interrupted, it resumes
	@$(BIN)/mamex-bench run paper --output results/paper.sqlite || test $$? -eq 1
	@$(BIN)/mamex-bench report results/paper.sqlite --output results/paper

test: $(READY)  ## lint, format, types, floors, tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/mamex-bench doctor
	@OPENBLAS_NUM_THREADS=1 $(BIN)/pytest $(PYTEST_ARGS)  # the workers use the cores already

bench: $(READY)  ## time the kernels (pytest-benchmark) and track speed, memory and quality (asv)
	@$(BIN)/pytest -n 0 --benchmark-only
	@$(BIN)/asv machine --machine bench --yes
	@$(BIN)/asv run --quick --show-stderr --machine bench --python=same \
	  --set-commit-hash "$$(git rev-parse HEAD)"

lock:  ## resolve the dependencies again into requirements.lock (needs uv)
	@uv pip compile --universal --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --generate-hashes \
	  --extra report --extra dev --extra openspiel --extra pettingzoo pyproject.toml \
	  --output-file requirements.lock --quiet

gallery: report  ## refresh the committed reference report and the picture of the README
	@$(BIN)/python .ci/gallery.py results/smoke.sqlite results/smoke reports/gallery

clean:  ## remove caches and results (.venv stays)
	@rm -rf results build dist .asv .benchmarks .pytest_cache .hypothesis .mypy_cache .ruff_cache \
	  .import_linter_cache
	@find mamex_bench tests suites -name __pycache__ -type d -prune -exec rm -rf {} +
