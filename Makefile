# make pack   set up .venv and build a first sample pack
# make quick  the tests that take a minute on two cores, and lint
# make test   set up .venv and run tests, lint and types
# Nothing but Python (>= 3.11) and make is needed beforehand.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PACK   ?= packs/first
# files side by side, in the order of tests/conftest.py
BESIDE := --dist loadgroup --no-loadscope-reorder
QUICK_TRAINING := tests/training/corpus/test_store.py tests/training/autoencoder/test_losses.py

# make test-peers   play with real JACK, Ardour, Hydrogen and Link programs, all of it; `make test` does one of each
# make soak         play for eight hours in a JACK server while all that moves is moved at random; MINUTES=10 for less
# make plugin       build the DAW plugin for this machine (needs g++ and the headers of dpf-source and lv2-dev)
# make plugin-all   build it for Linux, Windows and macOS
# make test-kill    kill every stage of training ten times, at random moments
# make test-pythons try the wheel on every Python from 3.11 on that is found here
# make wheel        one wheel that has all: weights, panel, the plugin for Linux, Windows and macOS
# make release      sdist and wheel in dist/, tried in a fresh environment, with checksums
# address of an index that holds the CPU build of PyTorch, where another has the CUDA build only: docs/install.md
TORCH_INDEX ?=
export TORCH_INDEX
PIP := $(BIN)/python -m pip install --quiet -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: help setup setup-dev pack test quick test-peers soak test-kill test-pythons lint types bench clean plugin plugin-all
.PHONY: wheel release

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.runtime: pyproject.toml constraints.txt
	@echo "==> setting up $(VENV) (the first time downloads PyTorch and a few small packages)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "==> adding the training and test tools"
	$(PIP) -e ".[train,dev,jack,link,audio,cluster,gui]"
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

# what needs neither networks nor other programs: a minute on two cores
quick: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --no-cov -n auto -m "not slow and not peer" tests/test_layout.py tests/bridge tests/musika_daw tests/pack_builder $(QUICK_TRAINING)

test: setup-dev lint types
	@echo "==> the programs that tests talk to"
	scripts/install-test-peers
	@echo "==> tests that compute, a file on each core"
	$(BIN)/python -m pytest --cov --cov-report= --cov-fail-under=0 -n auto $(BESIDE) -m "not live" --ignore=tests/peers
	@echo "==> tests that listen to clocks, sockets and processes, one of them timed"
	$(BIN)/python -m pytest --cov --cov-append --cov-report=term -n 2 $(BESIDE) -m live --ignore=tests/peers
	@echo "==> the live host against one real program of each kind"
	$(BIN)/python -m pytest --no-cov -m quick tests/peers

# all that is done with JACK, Ardour, Hydrogen and Link takes a quarter of an hour
test-peers: setup-dev
	scripts/install-test-peers
	$(BIN)/python -m pytest --no-cov tests/peers

MINUTES ?= 480
soak: setup-dev
	scripts/install-test-peers
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

test-kill: setup-dev
	$(BIN)/python -m benchmarks.train_kill

plugin:
	$(MAKE) -C bridge/plugin

plugin-all: setup-dev
	$(MAKE) -C bridge/plugin PYTHON=$(abspath $(BIN)/python) all

test-pythons: setup-dev
	$(BIN)/python scripts/test_pythons.py

# build/lib is what setuptools packed last time, and would be packed again
wheel: plugin-all
	rm -rf build/lib
	$(BIN)/python -m build --wheel --outdir dist

release: plugin-all
	$(BIN)/python scripts/release.py

bench: setup-dev
	$(BIN)/python -m benchmarks.generate

clean:
	rm -rf $(VENV) build *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache
