# Only python3 and make are needed. Everything is installed into .venv; nothing is downloaded when the
# program runs. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
# torch is large, so training has an environment of its own.
TRAIN_VENV := .venv-train
TRAIN_STAMP := $(TRAIN_VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo dashboard study install dev test test-browser test-train check format build constraints clean fuzz faults peer-suite bench-classifier bench-parser bench-behaviour bench-ingest bench-type-one bench-coverage bench-queries bench-import bench-stories bench-quote bench scale

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | column -t -s:

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "media-coverage needs Python 3.11 or newer; name one with make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# Dependencies come with verified hashes; the package itself is built here and linked, so it has none.
$(RUN_STAMP): $(BIN)/python constraints/run.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): $(BIN)/python constraints/dev.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(RUN_STAMP)

install: $(RUN_STAMP) ## install into .venv
dev: $(DEV_STAMP) ## install with what tests and checks need

demo: $(RUN_STAMP) ## the whole pipeline on bundled sample feeds: trend, database, report
	$(BIN)/media-coverage demo

# Voilà finds its page without addresses of other hosts below notebooks/.
dashboard: $(DEV_STAMP) ## serve notebooks/dashboard.ipynb without its code at http://127.0.0.1:8866 (PORT=8866)
	JUPYTER_PATH=notebooks $(BIN)/voila notebooks/dashboard.ipynb --template=dashboard --strip_sources=True \
		--Voila.ip=127.0.0.1 --port=$(or $(PORT),8866) --no-browser

study: $(RUN_STAMP) ## from a sample to an effect, on an invented press whose truth is known (SEED=5)
	$(BIN)/python tools/study.py --seed $(or $(SEED),5)

test: $(DEV_STAMP) ## run the tests
	$(BIN)/python -m pytest

$(TRAIN_STAMP): $(BIN)/python constraints/train.txt pyproject.toml
	$(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/train.txt
	$(TRAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test-train: $(TRAIN_STAMP) ## run the tests that need torch, in an environment of their own (several GB)
	$(TRAIN_VENV)/bin/python -m pytest tests/train

# A browser is the system's: on Debian as root it is installed where there is none.
test-browser: $(DEV_STAMP) ## run the tests that look at pages in Chromium (MEDIA_COVERAGE_BROWSER=FILE names another)
	@(for name in "$${MEDIA_COVERAGE_BROWSER:-chromium}" chromium-browser google-chrome; do \
		command -v "$$name" > /dev/null && exit 0; done; exit 1) || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq && apt-get install -y -qq chromium; } || \
		{ echo "no Chromium here: install one, or name it with MEDIA_COVERAGE_BROWSER" >&2; exit 3; }
	$(BIN)/python -m pytest tests/browser

check: $(DEV_STAMP) ## types, lint, formatting, generated files
	$(BIN)/mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tools/build_samples.py --check
	$(BIN)/python tools/schema_docs.py --check
	$(BIN)/python tools/command_docs.py --check

format: $(DEV_STAMP) ## rewrite formatting and generated files
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/python tools/build_samples.py
	$(BIN)/python tools/schema_docs.py
	$(BIN)/python tools/command_docs.py

fuzz: $(DEV_STAMP) ## 100,000 documents made to break the parser (INPUTS=1000 SEED=2)
	$(BIN)/python tools/fuzz.py --inputs $(or $(INPUTS),100000) --seed $(or $(SEED),1)

faults: $(DEV_STAMP) ## kill, crowd and starve runs, and compare what is stored (N=200 SEED=1)
	$(BIN)/python tools/faults.py --times $(or $(N),200) --seed $(or $(SEED),1)

# feedparser's tests are in its source distribution only; they stay in build/ and are no part of this project.
PEER := build/peer/feedparser-6.0.14.tar.gz
peer-suite: $(DEV_STAMP) $(PEER) ## feedparser's own test suite through client and parser process
	$(BIN)/python tools/peer_suite.py $(PEER)

$(PEER):
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
		--no-build-isolation --dest $(@D) feedparser==6.0.14

# The peers need other versions than ours, so they get an environment of their own.
BEHAVIOUR_PEERS := build/bench-behaviour
bench-behaviour: $(DEV_STAMP) $(BEHAVIOUR_PEERS)/.installed ## how politely and correctly this and other readers fetch
	$(BIN)/python -m benchmarks.behaviour --peers $(BEHAVIOUR_PEERS)/bin/python --details

$(BEHAVIOUR_PEERS)/.installed:
	$(PYTHON) -m venv $(BEHAVIOUR_PEERS)
	$(BEHAVIOUR_PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		reader==3.26 feed-to-sqlite==0.6.2 time-machine==3.6.0
	@touch $@

bench-classifier: $(TRAIN_STAMP) ## the embedded model against other ways of labelling and the machine's limit (20 min)
	$(TRAIN_VENV)/bin/python -m benchmarks.classifier $(if $(JSON),--json $(JSON)) $(if $(MARKDOWN),--markdown)

bench-parser: $(DEV_STAMP) ## what parsing costs, with and without a child process (FEEDS=FOLDER of recorded feeds)
	$(BIN)/python -m benchmarks.parser $(if $(FEEDS),--feeds $(FEEDS)) $(if $(MARKDOWN),--markdown)

bench-ingest: $(DEV_STAMP) $(BEHAVIOUR_PEERS)/.installed ## a whole pass over 200 feeds beside other readers, and over 2,000 (10 min)
	$(BIN)/python -m benchmarks.ingest --peers $(BEHAVIOUR_PEERS)/bin/python --scale 500 1000 2000 \
		$(if $(JSON),--json $(JSON)) $(if $(MARKDOWN),--markdown)

bench-type-one: $(DEV_STAMP) ## how often tests of an event's effect are wrong, and what they find (SERIES=4000)
	$(BIN)/python -m benchmarks.type_one $(if $(SERIES),--series $(SERIES))

bench-coverage: $(DEV_STAMP) ## how often intervals of shares hold the truth (WORLDS=200; 3 min)
	$(BIN)/python -m benchmarks.coverage $(if $(WORLDS),--simulations $(WORLDS)) $(if $(MARKDOWN),--markdown)

bench-queries: $(DEV_STAMP) ## ready-made queries, views and reports on a million articles (5 min)
	test -f build/million.db || $(BIN)/python -m benchmarks.archive database 1000000 build/million.db
	$(BIN)/python -m benchmarks.queries build/million.db

bench-import: $(DEV_STAMP) ## where the processor time of an import of 100,000 articles goes (FILE=ARCHIVE; 2 min)
	$(BIN)/python -m benchmarks.importing $(if $(FILE),--file $(FILE)) --markdown

bench-stories: $(DEV_STAMP) ## the index of texts against comparing all pairs (NEWS=FILE.jsonl FEEDS=FOLDER; 3 min)
	$(BIN)/python -m benchmarks.stories $(if $(NEWS),--news $(NEWS)) $(if $(FEEDS),--feeds $(FEEDS))

bench-quote: $(DEV_STAMP) ## a CSV of 2 GB with broken quotes, killed and gone on with (MEGABYTES=2000; 4 min)
	$(BIN)/python -m benchmarks.broken_quote $(if $(MEGABYTES),--megabytes $(MEGABYTES))

scale: $(DEV_STAMP) ## from an archive to reports by every road, at growing sizes (SIZES="1000 10000"; the default ends with a million)
	$(BIN)/python -m benchmarks.scale $(if $(SIZES),--sizes $(SIZES)) $(if $(JSON),--json $(JSON))

# Every benchmark, one after another; one table with what they found. A slow machine fails nothing. The environments
# with torch and with other readers are made where a benchmark that needs them is wanted.
WANTED = $(if $(ONLY),$(filter $(1),$(ONLY)),$(1))
bench: $(DEV_STAMP) $(if $(call WANTED,classifier),$(TRAIN_STAMP)) $(if $(call WANTED,ingest behaviour),$(BEHAVIOUR_PEERS)/.installed) ## every benchmark, one table in build/bench.md (1 h; ONLY="parser scale")
	$(BIN)/python -m benchmarks --train $(TRAIN_VENV)/bin/python --peers $(BEHAVIOUR_PEERS)/bin/python $(if $(ONLY),--only $(ONLY))

build: $(DEV_STAMP) ## wheel and source distribution in dist/
	$(BIN)/python -m build --no-isolation

# Resolved for every platform and Python from 3.11 on; no index or host is recorded.
constraints: ## refresh the pinned versions (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command "make constraints" \
		pyproject.toml constraints/build.in -o constraints/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command "make constraints" \
		pyproject.toml constraints/build.in --extra dev -c constraints/run.txt -o constraints/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command "make constraints" \
		pyproject.toml constraints/build.in --extra dev --extra train --extra baselines -c constraints/dev.txt \
		-o constraints/train.txt

clean: ## remove everything that the targets made
	rm -rf $(VENV) $(TRAIN_VENV) build dist demo .mypy_cache .pytest_cache .ruff_cache src/coverage/*.egg-info
