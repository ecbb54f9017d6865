# make book | claims | site | test | coverage | lint | bench | clean | distclean | help

PROFILE ?= demo
SEED ?= 0
# seeds of the baselines, ablations and claims, e.g. SEEDS=0,1,2; the other pages show SEED
SEEDS ?= $(SEED)
RUNS ?= runs
# empty: everything from nothing; else a release, e.g. FROM=demo: the book of its records and weights, without training
FROM ?=
# settings to override, e.g. SET="supernet.batch_size=64 data.path=/images/tiny-imagenet-200.zip"
SET ?=
# cores in all, and of one job: jobs run side by side
CORES ?= all
THREADS ?= 1
# empty: one training at a time where PyTorch sees a GPU; 0: trainings share the GPU, as many at once as there are cores
GPU ?=
PYTHON ?= $(shell command -v python3.11 || command -v python3)

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -qq -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help book claims site test coverage lint browser bench clean distclean

help:
	@echo "make book       train, search, evaluate, and build the book into _build/html  (PROFILE=$(PROFILE) SEED=$(SEED) SEEDS=$(SEEDS) RUNS=$(RUNS) SET=\"$(SET)\")"
	@echo "                FROM=NAME: from a release (a folder of releases/ or a path) that has its own profile and seeds, without training"
	@echo "make claims     the same jobs for several seeds, and the page of claims only  (SEEDS=0,1,2)"
	@echo "make site       the book, its explorer and downloads in _build/site, for any static host  (REPOSITORY=owner/name: buttons for Binder and Colab)"
	@echo "make test       the test suite"
	@echo "make coverage   the test suite, and the branches of the library that no test takes"
	@echo "make lint       ruff: rules and format; mypy: types; import-linter: no import runs from a room to one above it; proselint and a word list: prose"
	@echo "make bench      speed against once-for-all's own code"
	@echo "make clean      remove the built book and executed notebooks"
	@echo "make distclean  the same, and runs/ and .venv/"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=...")'
	$(PYTHON) -m venv .venv

.venv/book.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv: torch and the book's tools (a few minutes, several GB)"
	@$(INSTALL) -e ".[book]"
	@touch $@

.venv/test.stamp: .venv/book.stamp
	@$(INSTALL) -e ".[book,test]"
	@touch $@

.venv/bench.stamp: .venv/book.stamp
	@$(INSTALL) -e ".[book,bench]"
	@touch $@

# by the environment: Snakemake would read a --config set=... with a colon and a blank in it as a table
export SET

# --nolock: a lock left by a killed run would stop the next one; outputs appear by an atomic rename anyway
SNAKEMAKE = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakemake --cores $(CORES) --keep-going \
	--rerun-incomplete --nolock --scheduler greedy --config $(WHICH) runs="$(RUNS)" threads=$(THREADS) gpu=$(GPU)
# what the book is of; a release and a profile or seeds of one's own do not go together
OWN = $(foreach name,PROFILE SEED SEEDS,$(if $(filter command environment,$(origin $(name))),$(name)))
WHICH = $(if $(FROM),$(if $(strip $(OWN)),$(error FROM=$(FROM): a release has its own profile and seeds; leave out $(strip $(OWN))),from="$(FROM)"),profile="$(PROFILE)" seed="$(SEED)" seeds="$(SEEDS)")

book: .venv/book.stamp
	@$(SNAKEMAKE) --quiet all -- book
	@echo "the book is built: _build/html/index.html"

claims: .venv/book.stamp
	@$(SNAKEMAKE) --quiet all -- claims
	@echo "the page of claims: book/executed/12_claims.ipynb"

# of a public repository, owner/name: pages get buttons that start their notebooks, which install the wheel of this version
REPOSITORY ?=

site: book
	@rm -rf _build/dist && $(BIN)/python -m pip wheel --disable-pip-version-check -qq --no-deps --wheel-dir _build/dist .
	@$(BIN)/python -m book.site _build/html _build/site --dist _build/dist $(if $(REPOSITORY),--repository $(REPOSITORY))
	@$(if $(REPOSITORY),$(BIN)/python -m book.launch _build/launch --repository $(REPOSITORY))

# tests of a file stay together, and so do those that need the run of minutes, which come first (tests/conftest.py); the suite
# takes at least as long as these, so many workers would only take memory
WORKERS = -n $(if $(filter all,$(CORES)),logical,$(CORES)) --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

test: .venv/test.stamp browser
	@$(BIN)/python -m pytest $(WORKERS)

lint: .venv/test.stamp
	@$(BIN)/ruff check --no-cache . && $(BIN)/ruff format --no-cache --check . && $(BIN)/lint-imports --no-cache --no-logo && $(BIN)/mypy && \
	$(BIN)/python -m book.prose

coverage: .venv/test.stamp browser
	@rm -rf .coverage
	@$(BIN)/python -m coverage run -m pytest $(WORKERS); status=$$?; $(BIN)/python -m coverage combine --quiet && \
	$(BIN)/python tests/branches.py; exit $$status

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; }; } || \
	echo "no Chromium found (Debian: apt-get install chromium): the browser tests skip"

bench: .venv/bench.stamp
	@$(BIN)/python -m benchmarks

clean:
	rm -rf _build book/executed book/index.ipynb book/unfinished .snakemake .coverage

distclean: clean
	rm -rf runs .venv *.egg-info
