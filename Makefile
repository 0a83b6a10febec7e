# Only python3 and make are needed. Everything is installed into .venv; nothing is downloaded when the
# program runs. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo install dev test check format build constraints clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | column -t -s:

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

test: $(DEV_STAMP) ## run the tests
	$(BIN)/python -m pytest

check: $(DEV_STAMP) ## types, lint, formatting, generated files
	$(BIN)/mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tools/build_samples.py --check
	$(BIN)/python tools/schema_docs.py --check

format: $(DEV_STAMP) ## rewrite formatting and generated files
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/python tools/build_samples.py
	$(BIN)/python tools/schema_docs.py

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

clean: ## remove everything that the targets made
	rm -rf $(VENV) build dist demo .mypy_cache .pytest_cache .ruff_cache src/coverage/*.egg-info
