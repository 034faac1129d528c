# `make run` and `make test` need bash, python3 (3.10 or 3.11, with venv) and access to PyPI; the rest they
# bring themselves: uv into .build/, everything else, locked and hashed, into .venv/.

SHELL := /bin/bash
PYTHON ?= python3
UV := .build/uv/bin/uv
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header

export PYTHONWARNINGS := ignore
export TF_CPP_MIN_LOG_LEVEL := 3

.DEFAULT_GOAL := help
.PHONY: help setup run test slow soak lint format lock audit bench clean

help:  ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v < (3, 12) else "make: $(PYTHON) is Python %d.%d, TFX 1.16 needs 3.10 or 3.11: make PYTHON=python3.11" % v)'
	@echo "Setting up uv in .build/"
	@$(PYTHON) -m venv .build/uv
	@.build/uv/bin/pip install --quiet --disable-pip-version-check uv

# Byte-compiled at install: without it every import of TFX costs 15 s more. The stamp comes last, so that an
# interrupted set-up is taken up again.
$(VENV)/.ready: requirements.lock requirements-dev.lock setup.py | $(UV)
	@echo "Installing the locked packages in .venv/ (about 3 GB, once)"
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(INSTALL) --require-hashes --no-deps --compile-bytecode -r requirements.lock -r requirements-dev.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.ready  ## Install everything into .venv/

# Options of the command itself go into ARGS: make run ARGS="--set trainer.epochs=3"
run: $(VENV)/.ready  ## Take DATA=file.csv (default: drawn faces) to a pushed model
	@$(BIN)/fer-tfx run $(if $(DATA),--data "$(DATA)") $(ARGS)

test: lint  ## Run the linters and every test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --quiet $(ARGS)

slow: $(VENV)/.ready  ## Replay compiled pipelines, run on other engines, install the image (20 minutes)
	@$(BIN)/python -m pytest tests/slow --quiet $(ARGS)

soak: $(VENV)/.ready  ## Kill runs at every point and bring every fault on them (an hour or more)
	@$(BIN)/python -m pytest tests/soak -s $(ARGS)

lint: $(VENV)/.ready  ## Check format, style and types
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy

format: $(VENV)/.ready  ## Format the sources and sort imports
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: | $(UV)  ## Resolve setup.py anew into the three lock files
	@$(COMPILE) setup.py --extra pipeline -o requirements.lock
	@$(COMPILE) setup.py --extra cuda -c requirements.lock -o requirements-cuda.lock
	@$(COMPILE) setup.py --extra dev -c requirements.lock -o requirements-dev.lock

audit: $(VENV)/.ready  ## Ask what is known against the locked packages (docs/audit.md)
	@$(BIN)/python .ci/audit.py

bench: $(VENV)/.ready  ## Measure data preparation against the stock way (ARGS="--data fer2013.csv")
	@$(BIN)/python -m benchmarks.data_preparation $(ARGS)

clean:  ## Remove the environment and everything that runs have written
	@rm -rf .build .venv runs fer_tfx.egg-info
