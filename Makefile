# Everything one needs: Python 3.11 or 3.12, and make. Each target sets up what it needs in .venv, once.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(firstword $(foreach python,python3.11 python3.12 python3,$(shell command -v $(python) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
export SELLTHROUGH_HOME ?= $(CURDIR)/data
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export SCARF_ANALYTICS := false
export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED := False

.PHONY: help demo test test-long lint fix contracts docs bench bench-ingest bench-forecasting airflow lock clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.run ## a made network through the whole pipeline; about two minutes after set-up
	@rm -rf $(SELLTHROUGH_HOME)/demo
	@$(BIN)/sellthrough demo --home $(SELLTHROUGH_HOME)/demo

test: $(VENV)/.dev ## all tests but the long ones; under ten minutes
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

test-long: $(VENV)/.dev ## the long ones too: a real scheduler, kill -9 at many moments, fifty swaps, the real lines whole
	@$(BIN)/python -m pytest -q $(ARGS)

lint: $(VENV)/.lint ## ruff, mypy, layers, SQL style, dbt conventions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests
	@$(BIN)/dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project --target-path $(CURDIR)/build/dbt --log-path $(CURDIR)/build/dbt
	@$(BIN)/dbt-bouncer run --config-file dbt-bouncer.yml

fix: $(VENV)/.lint ## let ruff and sqlfluff mend what they can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --processes 2 dbt_project/models dbt_project/tests

contracts: $(VENV)/.run ## lint contracts and profiles; report what has changed against main, and breaking changes
	@$(BIN)/sellthrough contracts $(ARGS)

docs: $(VENV)/.dev ## write the reference of the feeds from contracts and profiles, and that of faults from their fixtures
	@$(BIN)/sellthrough contracts --docs docs/reference/feeds.md
	@$(BIN)/python tests/faults/fault_files.py

bench: $(VENV)/.run ## what the stages cost on the demo's network
	@$(BIN)/python benchmarks/stages.py $(ARGS)

bench-ingest: $(VENV)/.run ## what ingest costs for ten million lines, beside DuckDB alone
	@$(BIN)/python benchmarks/ingest.py $(ARGS)

bench-forecasting: $(VENV)/.run $(PEERS)/.peers ## forecasts beside plain Prophet, AutoETS and LightGBM; calibration; masking; 100,000 series; about half an hour
	@$(BIN)/python benchmarks/forecasting/prophet_loop.py
	@$(BIN)/python benchmarks/forecasting/accuracy.py --peers $(PEERS)/bin/python
	@$(BIN)/python benchmarks/forecasting/calibration.py
	@$(BIN)/python benchmarks/forecasting/masking.py
	@$(BIN)/python benchmarks/forecasting/scale.py

airflow: $(VENV)/.run ## Airflow on this machine, with everything ready; prints URL and login
	@$(BIN)/sellthrough airflow

lock: ## compile requirements/*.txt from pyproject.toml and peers.in anew (needs uv)
	@for set in "run:" "dev:--extra dev" "lint:--extra dev --extra lint"; do \
	  uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    $${set#*:} pyproject.toml -o requirements/$${set%%:*}.txt; done
	@uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  requirements/peers.in -o requirements/peers.txt

clean: ## take away the environment and what was built; data homes stay
	@rm -rf $(VENV) $(PEERS) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache dbt_project/target dbt_project/logs

$(VENV)/.pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "Python 3.11 or 3.12 is needed, $(PYTHON) is another: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=24'
	@touch $@

$(VENV)/.run $(VENV)/.dev $(VENV)/.lint: $(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/.pip
	@$(PIP) install --require-hashes -r requirements/$*.txt
	@$(PIP) install --no-deps --editable .
	@touch $@

$(PEERS)/.peers: requirements/peers.txt | $(VENV)/.pip
	@echo "Setting up $(PEERS) (once)"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r requirements/peers.txt
	@touch $@
