# One verb, one command. Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers

.DEFAULT_GOAL := help
.PHONY: help demo test chromium screenshots check openapi fuzz audit-deps up down bench quality chaos clean

help: ## Say what there is.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

demo: $(READY) ## Start a cluster, run a real search over HTTP, download and check its best checkpoint, stop everything.
	$(BIN)/python -P examples/demo.py

test: $(READY) chromium ## Run all tests.
	$(BIN)/python -m pytest

chromium: # Debian's, for the tests of the page; where it is missing and cannot be installed, this fails.
	@command -v chromium > /dev/null || (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium > /dev/null)

screenshots: $(READY) chromium ## Take pictures of every view of the page, from a real search, into docs/screenshots.
	$(BIN)/python -m examples.screenshots docs/screenshots

check: $(READY) ## Format, lint, types, import contracts.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r service trainables search_spaces

openapi: $(READY) ## Write docs/openapi.json anew, after a change of the HTTP API.
	$(BIN)/python -m tests.security.snapshot

fuzz: $(READY) ## Send 20,000 made-up requests to the service in this process; any 5xx or undocumented answer fails.
	$(BIN)/python -m tests.security.fuzz --cases 20000

audit-deps: $(READY) ## Look up known weaknesses of every installed package. Needs the network.
	$(BIN)/pip-audit -l --skip-editable

up: $(READY) ## Start Rung on this machine.
	$(BIN)/rung up

down: $(READY) ## Stop it. Searches in flight go on at the next `make up`.
	$(BIN)/rung down

bench: $(READY) ## Print the figures that the docs quote.
	$(BIN)/python -m benchmarks.warm_gangs

quality: $(PEERS) ## Compare our algorithms with other libraries' on known curves. Hours; interrupted, it goes on.
	$(BIN)/python -m benchmarks.quality run
	$(BIN)/python -m benchmarks.quality report

chaos: $(READY) ## Strike at real services until 300 faults have struck, then print the tables. Hours; interrupted, it goes on.
	$(BIN)/python -m tests.chaos schedules --minutes 10
	$(BIN)/python -m tests.chaos until 300
	$(BIN)/python -m tests.chaos report

clean: ## Remove the virtual environment and what the demo left.
	rm -rf $(VENV) .demo build *.egg-info

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,postgresql]'
	@touch $@

$(PEERS): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[quality]'
	@touch $@
