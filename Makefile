# Each target does all the set-up that it needs, and only when something has changed.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# one after the other, whatever -j says: pip must not run twice in one environment
.NOTPARALLEL:

# PYTHON=... chooses the interpreter of a new environment
PYTHON ?=
# arguments for `make run` and `make test`, such as ARGS="--port 8000" or ARGS=tests/unit
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --disable-pip-version-check --quiet
# what a person who runs the product needs, and what one who works on it needs
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

# many tests wait for processes: one more than there are cores keeps the cores busy
CORES = $$($(RUN) -c "import os; print(min((os.cpu_count() or 1) + 1, 6))")
PYTEST = $(RUN) -m pytest -n $(CORES) --dist loadfile

.PHONY: help run install test test-slow check format bench bench-comfy bench-compress bench-idle

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(INSTALLED) ## start the page and its workers; Ctrl-C stops everything
	@exec $(RUN) app.py $(ARGS)

install: $(INSTALLED) ## make .venv with what the product needs, without starting it

test: $(INSTALLED_DEV) ## install what the tests need, Debian packages too, and run all but the slow ones
	@scripts/install-test-packages
	$(PYTEST) -m "not slow" $(ARGS)

test-slow: $(INSTALLED_DEV) ## run the tests that take minutes: servers that crash, hang and are watched
	@scripts/install-test-packages
	$(PYTEST) -m slow $(ARGS)

check: $(INSTALLED_DEV) ## lint, format, types and the directions of imports
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy --strict komadori app.py huey_worker.py
	$(RUN) -m mypy --strict benchmarks
	$(VENV)/bin/lint-imports --no-logo
	@# a folder of ours called queue would break half of what we import
	$(RUN) -c "import queue; assert hasattr(queue, 'Queue')"

format: $(INSTALLED_DEV) ## let ruff put the code in order
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: $(INSTALLED_DEV) ## measure the ledger against bare Huey and Celery (needs redis-server)
	$(RUN) benchmarks/ledger.py $(ARGS)

bench-comfy: $(INSTALLED_DEV) ## measure the ComfyUI client, watch and pool at fake servers
	$(RUN) benchmarks/comfy.py $(ARGS)

bench-compress: $(INSTALLED_DEV) ## measure how reference pictures are made small
	$(RUN) benchmarks/compress.py $(ARGS)

bench-idle: $(INSTALLED_DEV) ## measure start-up, memory and load of the idle product
	$(RUN) benchmarks/idle.py $(ARGS)

$(RUN):
	scripts/make-venv $(VENV) $(PYTHON)

$(INSTALLED): requirements.txt requirements-core.txt | $(RUN)
	@echo "installing the packages of requirements.txt (some minutes the first time)"
	$(PIP) -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED) | $(RUN)
	$(PIP) -r requirements-dev.txt
	@touch $@
