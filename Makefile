# `make run` and `make test` need bash, python3 (3.10 to 3.13, with venv) and access to PyPI; the rest they
# bring themselves: uv into .build/, everything else, locked and hashed, into .venv/.

SHELL := /bin/bash
PYTHON ?= python3
# 1.16 or 1.21, the release of TFX; left out, the newest that this platform runs.
STACK ?=
UV := .build/uv/bin/uv
VENV := .venv
BIN := $(VENV)/bin
# An environment that is there keeps its stack until another one is asked for.
CHOOSER := $(if $(STACK),$(PYTHON),$(firstword $(wildcard $(BIN)/python) $(PYTHON)))
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
# The library is in this repository, so no lock names it.
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-package fer-tfx
OLDER := $(COMPILE) --python-version 3.10
CURRENT := $(COMPILE) --project requirements/1.21 --python-version 3.12

export PYTHONWARNINGS := ignore
export TF_CPP_MIN_LOG_LEVEL := 3

.DEFAULT_GOAL := help
.PHONY: help setup run test test-current slow soak lint format lock audit bench docs dist clean

help:  ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(UV):
	@$(PYTHON) .ci/stack.py $(STACK) > /dev/null
	@echo "Setting up uv in .build/"
	@$(PYTHON) -m venv .build/uv
	@.build/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/setup.lock

# Byte-compiled at install: without it every import of TFX costs 15 s more. The stamp comes last, so that an
# interrupted set-up is taken up again. The other stack has another Python, so it gets the environment anew.
$(VENV)/.ready: $(wildcard requirements/*/*.lock) setup.py fer_tfx/setup.py fer_tfx/pyproject.toml $(if $(STACK),FORCE) | $(UV)
	@set -e; stack=$$($(CHOOSER) .ci/stack.py $(STACK)); locks=requirements/$$stack; \
	echo "Installing TFX $$stack and what it needs, locked, in $(VENV)/ (about 3 GB, once)"; \
	test "$$($(BIN)/python .ci/stack.py $(STACK) 2>&1)" = $$stack || \
	  $(UV) venv --quiet --clear --python $(PYTHON) $(VENV); \
	$(INSTALL) --require-hashes --no-deps --compile-bytecode -r $$locks/pipeline.lock -r $$locks/dev.lock; \
	command -v npm > /dev/null || $(INSTALL) --require-hashes -r requirements/npm.lock; \
	$(INSTALL) --no-deps --no-build-isolation --editable ./fer_tfx --editable .; \
	touch $@
FORCE:

setup: $(VENV)/.ready  ## Install everything into .venv/

# Options of the command itself go into ARGS: make run ARGS="--set trainer.epochs=3"
run: $(VENV)/.ready  ## Take DATA=file.csv (default: drawn faces) to a pushed model
	@$(BIN)/fer-tfx run $(if $(DATA),--data "$(DATA)") $(ARGS)

test: lint  ## Run the linters and every test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --quiet $(ARGS)

test-current:  ## Run the same on TFX 1.21 in Debian 13, set up in .build/ (as root; 20 minutes and more)
	@.ci/test-current $(ARGS)

slow: $(VENV)/.ready  ## Replay compiled pipelines, run on other engines, install the image, execute the documents (40 minutes and more)
	@$(BIN)/python -m pytest tests/slow --quiet $(ARGS)

soak: $(VENV)/.ready  ## Kill runs at every point and bring every fault on them (an hour or more)
	@$(BIN)/python -m pytest tests/soak -s $(ARGS)

lint: $(VENV)/.ready  ## Check format, style and types
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy

format: $(VENV)/.ready  ## Format the sources and sort imports
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: | $(UV)  ## Resolve the requirements of both distributions anew into the locks of each stack
	@$(OLDER) setup.py requirements/library.in --extra tfx -o requirements/1.16/pipeline.lock
	@$(OLDER) setup.py requirements/library.in --extra dev -c requirements/1.16/pipeline.lock -o requirements/1.16/dev.lock
	@$(CURRENT) setup.py requirements/library.in --extra tfx -o requirements/1.21/pipeline.lock
	@$(CURRENT) setup.py requirements/library.in --extra dev -c requirements/1.21/pipeline.lock -o requirements/1.21/dev.lock
	@$(CURRENT) setup.py requirements/library.in --extra cuda -c requirements/1.21/pipeline.lock -o requirements/1.21/cuda.lock
	@for each in setup docs kfp gcs npm clusters rclone; do $(OLDER) --no-config requirements/$$each.in -o requirements/$$each.lock; done
	@$(OLDER) --no-config --no-deps requirements/triton.in -o requirements/triton.lock

audit: $(VENV)/.ready  ## Ask what is known against the locked packages (docs/audit.md)
	@$(BIN)/python .ci/audit.py

docs: | $(UV)  ## Build the documents as a site, in .build/docs/site/
	@$(UV) venv --quiet --clear --python $(PYTHON) .build/docs/venv
	@$(UV) pip install --quiet --python .build/docs/venv/bin/python --require-hashes -r requirements/docs.lock
	@NO_MKDOCS_2_WARNING=1 .build/docs/venv/bin/mkdocs build --quiet
	@echo "Open .build/docs/site/index.html"

dist: $(VENV)/.ready  ## Build wheels and source distributions of both packages into dist/, and check them
	@rm -rf dist
	@for each in fer_tfx .; do $(UV) build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist $$each; done
	@$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz

bench: $(VENV)/.ready  ## Measure data preparation against the stock way (ARGS="--data fer2013.csv")
	@$(BIN)/python -m benchmarks.data_preparation $(ARGS)

clean:  ## Remove the environment and everything that runs have written
	@rm -rf .build .venv runs *.egg-info fer_tfx/*.egg-info fer_tfx/build
