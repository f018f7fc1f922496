# Every target sets up what it needs first: PostgreSQL with PostGIS and .venv (.ci/prepare; nothing to do the second time).
PYTHON ?= python3
PYTEST_ARGS ?=
WORKERS ?= 2
MINUTES ?= 2
PORT ?= 8000
BIN := .venv/bin

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help prepare demo serve stop unit test check format openapi bench torture clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prepare: ## Install what is missing: PostgreSQL with PostGIS (Debian), .venv from the lock file
	@bash .ci/prepare

demo: prepare ## From nothing to the first true answer (PORT=8001; DEMO_NOW=2026-11-23T04:00:00Z; DEMO_ONCE=1: check, stop, exit)
	@$(BIN)/leasetrace demo --port $(PORT)

serve: prepare ## Run the service against the checkout's own cluster, or DATABASE_URL (PORT=8001)
	@$(BIN)/leasetrace serve --port $(PORT)

stop: ## Stop the service and the checkout's own cluster; the data stay
	@if [ -x $(BIN)/leasetrace ]; then $(BIN)/leasetrace stop; else echo 'nothing is set up here'; fi

unit: ## Run the tests that need no database, in under a minute
	@bash .ci/prepare unit
	@$(BIN)/pytest -n $(WORKERS) tests/unit tests/architecture $(PYTEST_ARGS)

test: ## Run every test, the large proofs whole with CI=true (PYTEST_ARGS="-k border", WORKERS=4)
	@bash .ci/prepare test
	@$(BIN)/pytest -n $(WORKERS) $(PYTEST_ARGS)

check: prepare ## Format, lint, types, order of the rooms, security
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -r app benchmarks -c pyproject.toml

format: prepare ## Put the code into the form that check wants
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: prepare ## Write the OpenAPI document to openapi.json
	@$(BIN)/leasetrace openapi >.local/openapi.json && mv .local/openapi.json openapi.json

bench: prepare ## Measure everything and print JSON
	@$(BIN)/python -m benchmarks all --json

torture: prepare ## Kill, stall and fill what the service stands on, and count lost pings (MINUTES=10)
	@$(BIN)/python -m benchmarks torture --minutes $(MINUTES)

clean: ## Stop everything and delete the cluster with its data, .venv, .local and caches
	@if [ -x $(BIN)/leasetrace ]; then $(BIN)/leasetrace stop || true; fi
	@$(PYTHON) -Bc 'from app.localdb.cluster import LocalCluster; LocalCluster.of_checkout().remove()'
	rm -rf .venv .local build dist leasetrace.egg-info tests/factories/oidc_provider/node_modules
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
