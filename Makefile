# Callahead. `make help` lists the commands; PYTHON=python3.12 chooses the Python for .venv.
.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
PYTHONS := python3.11 python3.12

.PHONY: help run test quick check coverage docs bench lock lock-check format clean run-environment dev-environment

help:  ## this list
	@echo "make COMMAND, where COMMAND is one of:"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

run: run-environment  ## start the demo: the gateway beside a small world of patients' phones
	@$(BIN)/callahead demo

test: dev-environment  ## everything: format, lint, types, import contracts, all tests, rules without a test
	@scripts/system_packages.sh
	@$(MAKE) check
	@echo "test: all tests (unit first, then those with a Redis server, then end to end)"
	@scripts/tests.sh

quick: dev-environment  ## the part of `make test` that needs no server and no browser
	@$(MAKE) check
	@echo "quick: unit tests"
	@$(PYTEST) -m "not redis and not e2e and not slow"

check: dev-environment  ## format, lint, types and import contracts only
	@echo "check: format"
	@$(BIN)/ruff format --check --quiet . || { echo "check: run 'make format'" >&2; exit 1; }
	@echo "check: lint"
	@$(BIN)/ruff check --quiet .
	@echo "check: types"
	@$(BIN)/mypy
	@echo "check: import contracts"
	@$(BIN)/lint-imports --no-cache --no-logo

format: dev-environment  ## write the code in the project's format
	@$(BIN)/ruff check --quiet --select I --fix . && $(BIN)/ruff format .

coverage: dev-environment  ## the unit tests with a report of what they do not reach
	@mkdir -p build/coverage
	@$(BIN)/coverage erase && $(BIN)/coverage run -m pytest -m "not redis and not e2e"
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

docs: dev-environment  ## write the generated parts of docs/ anew
	@$(BIN)/python scripts/docs.py

bench: dev-environment  ## run every benchmark in bench/; each prints ratios
	@for file in bench/bench_*.py; do echo "bench: $$file"; $(BIN)/python "$$file"; done

lock: run-environment  ## pin the dependencies anew (OPTIONS=--upgrade takes the newest)
	@scripts/lock.sh $(BIN)/python $(OPTIONS)
	@$(MAKE) lock-check

lock-check:  ## install the locks in fresh environments of every supported Python on this machine
	@scripts/lock_check.sh $(PYTHONS)

clean:  ## remove .venv and everything that was generated; your data folder stays
	@rm -rf .venv build dist callahead.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find gateway adapters tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

run-environment:
	@scripts/environment.sh run

dev-environment:
	@scripts/environment.sh dev
