# make book | test | bench | clean | distclean | help

PROFILE ?= demo
SEED ?= 0
RUNS ?= runs
# settings to override, e.g. SET="supernet.batch_size=64 data.path=/images/tiny-imagenet-200.zip"
SET ?=
# cores of one notebook; notebooks run one after another
CORES ?= all
PYTHON ?= $(shell command -v python3.11 || command -v python3)

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -qq -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help book test browser bench clean distclean

help:
	@echo "make book   train, search, evaluate, and build the book into _build/html  (PROFILE=$(PROFILE) SEED=$(SEED) RUNS=$(RUNS) SET=\"$(SET)\")"
	@echo "make test   the test suite"
	@echo "make bench  speed against once-for-all's own code"
	@echo "make clean  remove the built book and executed notebooks; make distclean also runs/ and .venv/"

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

# --nolock: a lock left by a killed run would stop the next one; outputs appear by an atomic rename anyway
book: .venv/book.stamp
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakemake --cores $(CORES) --quiet all --keep-going --rerun-incomplete --nolock --scheduler greedy \
		--config profile="$(PROFILE)" seed="$(SEED)" runs="$(RUNS)" set="$(SET)"
	@echo "the book is built: _build/html/index.html"

test: .venv/test.stamp browser
	@$(BIN)/python -m pytest

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; }; } || \
	echo "no Chromium found (Debian: apt-get install chromium): the browser tests skip"

bench: .venv/bench.stamp
	@$(BIN)/python -m benchmarks

clean:
	rm -rf _build book/executed .snakemake

distclean: clean
	rm -rf runs .venv *.egg-info
