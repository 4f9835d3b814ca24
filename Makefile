# Everything a developer or operator types. `make` alone prints this list.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.costmon-installed
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check format lint types imports cov soak compat bench docs lock migrate clean

help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything in it, exactly as locked

# Runs anew only when what is to be installed has changed.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "costmon needs Python 3.11 or newer; name one: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Run on a simulated DigitalOcean account; then open http://127.0.0.1:8090
	@exec $(BIN)/python -m costmon run --demo

run: setup ## Run for real; needs DO_API_TOKEN in .env or the environment
	@exec $(BIN)/python -m costmon run

test: setup ## Run the tests, in two processes (JOBS=0: in this one)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

check: setup lint types imports ## Check style, types and the direction of imports

format: setup ## Put the code into the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check types
	$(BIN)/mypy

imports: setup ## Check that rooms import in one direction only
	$(BIN)/lint-imports

cov: setup ## Run the tests and say which lines none of them reached
	$(BIN)/python -m pytest --cov --cov-report=term --cov-report=html

soak: setup ## Torture the guard, a million operations on each store; put ten million requests through the meter
	@if command -v pg_virtualenv >/dev/null; then set -- pg_virtualenv -o fsync=off; else set --; fi; \
		"$$@" $(BIN)/python -m tests.guard.torture $(SOAK)
	$(BIN)/python -m tests.meter.soak

compat: setup ## Run the meter's framework tests on old and new frameworks and Pythons (needs uv)
	$(BIN)/python -m tests.meter.compat $(COMPAT)

bench: setup ## Measure, and print the table of ratios
	$(BIN)/python -m benchmarks

docs: setup ## Write .env.example and the README's tables anew from the code
	$(BIN)/python docs/generate.py

lock: ## Lock the newest allowed versions of everything, with hashes (needs uv)
	uv pip compile --quiet --upgrade --generate-hashes --all-extras --universal \
		--python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		pyproject.toml -o requirements.lock

migrate: setup ## Bring the database to this version's schema
	$(BIN)/python -m costmon db upgrade

clean: ## Remove what was built, .venv too; data stays
	rm -rf $(VENV) dist build htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
