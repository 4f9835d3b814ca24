# Commands for developers and operators. `make` alone prints a list.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 4
SEED ?= 1
# Levels of requirements/*.lock; each needs the ones before it.
SERVICE := service $(WITH)
DEV := service postgres redis aws apprise dev
BENCH := $(DEV) bench
# Tests of the service and of each extra that run without the packages of `dev`.
FLOORS := tests/journeys/test_run.py tests/cli/test_doctor.py tests/guard/clients/test_contract.py \
	tests/guard/stores/test_contract.py tests/meter/frameworks/test_flask.py
INSTALL := @PYTHON='$(PYTHON)' requirements/install.sh $(VENV)

# Tests start hundreds of processes: modules are compiled once, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check format lint types imports cov soak floors compat bench docs prices lock migrate clean

help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Create .venv with the locked packages of the service; WITH="postgres redis aws apprise" adds packages
	$(INSTALL) $(SERVICE)

.PHONY: setup-dev setup-bench
setup-dev: # adds the packages of tests and checks
	$(INSTALL) $(DEV)

setup-bench: # adds the packages of benchmarks
	$(INSTALL) $(BENCH)

demo: setup ## Run against simulated vendors; then open http://127.0.0.1:8090
	@exec $(BIN)/python -m costmon run --demo

run: setup ## Run against your account; needs DO_API_TOKEN in .env or the environment
	@exec $(BIN)/python -m costmon run

test: setup-dev ## Run the tests in four processes (JOBS=0: in one; SEED=N: in another order)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --randomly-seed=$(SEED)

check: setup-dev lint types imports ## Check style, types and import rules

format: setup-dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup-dev ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev ## Check types
	$(BIN)/mypy

imports: setup-dev ## Check that packages import only what is below them
	$(BIN)/lint-imports

cov: setup-dev ## Run the tests and report lines that are not covered
	$(BIN)/python -m pytest --cov --cov-report=term --cov-report=html

soak: setup-dev ## Run the long tests: of the guard, all vendors, the meter and faults around the service
	@if command -v pg_virtualenv >/dev/null; then set -- pg_virtualenv -t -o fsync=off; else set --; fi; \
		HYPOTHESIS_PROFILE=explore "$$@" $(BIN)/python -m pytest --numprocesses $(JOBS) -m hypothesis \
		&& $(BIN)/python -m tests.guard.torture --operations 1000000 memory \
		&& "$$@" $(BIN)/python -m tests.guard.torture --operations 200000 sqlite postgresql redis \
		&& TEST_TIMES=20 "$$@" $(BIN)/python -m pytest --numprocesses $(JOBS) --dist load \
			tests/guard/stores/test_figures.py \
		&& "$$@" $(BIN)/python -m tests.store.charge_crash \
		&& "$$@" $(BIN)/python -m tests.roles.alert_crash \
		&& "$$@" $(BIN)/python -c 'from tests.roles.finding_crash import main; raise SystemExit(main())' \
		&& $(BIN)/python -m tests.providers.campaign.run
	$(BIN)/python -m tests.meter.soak
	$(BIN)/python -m tests.journeys.campaign --minutes 10

floors: ## Test service, guard and meter with the lowest versions that pyproject.toml allows
	@PYTHON='$(PYTHON)' requirements/install.sh .venv-lowest lowest
	.venv-lowest/bin/python -m pytest --override-ini filterwarnings=default $(FLOORS)

compat: ## Run the meter with old and new frameworks and Pythons, and the guard with SDKs
	$(PYTHON) -m tests.meter.compat $(COMPAT)

bench: setup-bench ## Run the benchmarks and print a table of ratios
	$(BIN)/python -m benchmarks

.PHONY: bench-detect
bench-detect: setup-dev # measures detection on simulated spend; NAB=path of the benchmark's folder, SEEDS=12
	$(BIN)/python -m benchmarks.detection $(if $(NAB),--nab $(NAB)) $(if $(SEEDS),--seeds $(SEEDS))

docs: setup-dev ## Generate .env.example and the tables in docs/ from the code
	$(BIN)/python docs/generate.py

prices: setup-dev ## Print where the price list of language models differs from genai-prices
	$(BIN)/python docs/llm_prices.py

lock: ## Lock the newest allowed versions of all packages, with hashes (needs uv)
	requirements/lock.sh --upgrade
	$(PYTHON) -m tests.meter.compat --lock

migrate: setup ## Upgrade the database to this version's schema
	$(BIN)/python -m costmon db upgrade

clean: ## Remove everything that was built, including .venv; data is kept
	rm -rf $(VENV) .venv-lowest dist build htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
