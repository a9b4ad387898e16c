# make pack   set up .venv and build a first sample pack
# make test   set up .venv and run tests, lint and types
# Nothing but Python (>= 3.11) and make is needed beforehand.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PACK   ?= packs/first

# make test-peers   play with real JACK, Ardour, Hydrogen and Link programs, all of it; `make test` does one of each
# make plugin       build the DAW plugin for this machine (needs g++ and the headers of dpf-source and lv2-dev)
# make plugin-all   build it for Linux, Windows and macOS
# make test-kill    kill every stage of training ten times, at random moments
.PHONY: help setup setup-dev pack test test-peers test-kill lint types bench clean plugin plugin-all

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.runtime: pyproject.toml constraints.txt
	@echo "==> setting up $(VENV) (the first time downloads PyTorch and a few small packages)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "==> adding the training and test tools"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[train,dev,jack,link,audio,cluster,gui]"
	@touch $@

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

pack: setup
	@echo "==> building a pack of techno loops and piano takes in $(PACK)"
	$(BIN)/musika-pack build --bpm 120-160 --out $(PACK) --resume

lint: setup-dev
	@echo "==> lint"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev
	@echo "==> types"
	$(BIN)/mypy

test: setup-dev lint types
	@echo "==> the programs that tests talk to"
	scripts/install-test-peers
	@echo "==> tests"
	$(BIN)/python -m pytest --cov --cov-report=term --ignore=tests/peers
	@echo "==> the live host against one real program of each kind"
	$(BIN)/python -m pytest --no-cov -m quick tests/peers

# all that is done with JACK, Ardour, Hydrogen and Link takes a quarter of an hour
test-peers: setup-dev
	scripts/install-test-peers
	$(BIN)/python -m pytest --no-cov tests/peers

test-kill: setup-dev
	$(BIN)/python -m benchmarks.train_kill

plugin:
	$(MAKE) -C bridge/plugin

plugin-all: setup-dev
	$(MAKE) -C bridge/plugin PYTHON=$(abspath $(BIN)/python) all

bench: setup-dev
	$(BIN)/python -m benchmarks.generate

clean:
	rm -rf $(VENV) build *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache
