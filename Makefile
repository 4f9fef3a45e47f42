# Set-up is a chain of files: .venv from requirements/dev.lock, node_modules from package-lock.json, build/contracts
# from the Solidity sources. Every target asks for what it needs; nothing is installed outside this folder.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
ROOT := $(CURDIR)
VENV := $(ROOT)/.venv
export PATH := $(VENV)/bin:$(ROOT)/node_modules/.bin:$(PATH)
export SOLCX_BINARY_PATH := $(ROOT)/build/solc
export PYTHONDONTWRITEBYTECODE := 1

SOLC_VERSION := $(shell sed -n 's/^ *version: *//p' brownie-config.yaml)
SOLC := build/solc/solc-v$(SOLC_VERSION)
SOURCES := $(shell find contracts interfaces -name '*.sol' 2>/dev/null)
QUOTES ?= ../shared/data/quotes
STATES ?= ../shared/data/pool-states

.PHONY: help setup contracts demo test explore check format parity bench artifacts lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready node_modules/.ready ## Install the locked Python and Node dependencies

contracts: build/contracts/.ready ## Compile the contracts with Brownie

demo: setup contracts ## Run the main job on a local chain: drift, plan, simulate, send, verify
	rebalance demo --report build/demo/report.json

test: setup contracts build/olps/.ready ## Run every test, on all cores
	pytest -q -n auto --dist loadfile
	brownie test tests/brownie -p no:cacheprovider

explore: setup ## Run the property tests on examples never tried before
	pytest -q --hypothesis-profile=explore tests/unit tests/parity

check: setup contracts ## Formatters, linters, types, floors, artifacts
	ruff check . && ruff format --check .
	mypy
	lint-imports
	prettier --check 'contracts/**/*.sol' 'interfaces/**/*.sol'
	solhint --max-warnings 0 'contracts/**/*.sol' 'interfaces/**/*.sol'
	git ls-files '*.sh' .ci/run | xargs -r shellcheck
	python scripts/artifacts.py --check

format: setup ## Rewrite sources in the house format
	ruff check --fix . ; ruff format .
	prettier --write 'contracts/**/*.sol' 'interfaces/**/*.sol'

parity: setup ## Replay recorded on-chain quotes: make parity QUOTES=folder STATES=folder
	python scripts/parity.py --quotes $(QUOTES) --states $(STATES)

bench: setup contracts build/peers/vectorbt/.ready ## Measure speed and memory against named peers
	python -m scripts.bench

artifacts: contracts ## Copy the executor's ABI and bytecode into the package
	python scripts/artifacts.py

PIP_COMPILE := pip-compile -q --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links \
  --no-emit-trusted-host --strip-extras --no-header

lock: .venv/.ready ## Rewrite the lock files of requirements/
	$(PIP_COMPILE) --extra dev --extra strategy -o requirements/dev.lock pyproject.toml
	$(PIP_COMPILE) -o requirements/vectorbt.lock requirements/vectorbt.in

clean: ## Remove everything that can be made again, dependencies included
	rm -rf build dist .venv node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/.ready: requirements/dev.lock pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Recorded price relatives for tests. Only the package's data is used; its requirements clash with ours.
build/olps/.ready: requirements/olps.lock | .venv/.ready
	rm -rf build/olps
	.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --target build/olps \
	  -r requirements/olps.lock
	touch $@

# A peer for the bench alone: its requirements clash with ours.
build/peers/vectorbt/.ready: requirements/vectorbt.lock
	rm -rf build/peers/vectorbt
	$(PYTHON) -m venv build/peers/vectorbt
	build/peers/vectorbt/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
	  -r requirements/vectorbt.lock
	touch $@

node_modules/.ready: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# A native solc that py-solc-x has already installed is used; otherwise the WebAssembly build from npm.
$(SOLC): scripts/toolchain/solc.mjs
	mkdir -p build/solc
	if [ -x "$(HOME)/.solcx/solc-v$(SOLC_VERSION)" ]; then ln -sf "$(HOME)/.solcx/solc-v$(SOLC_VERSION)" $@; \
	else ln -sf ../../scripts/toolchain/solc.mjs $@; fi

build/contracts/.ready: .venv/.ready node_modules/.ready $(SOLC) brownie-config.yaml $(SOURCES)
	brownie compile
	mkdir -p build/contracts && touch $@
