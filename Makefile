# One word for each thing one does here. CI calls the same words.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO := LISTENWELL_DATABASE_URL=sqlite:///demo.db

.PHONY: help demo serve test check format audit smoke bench install clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: $(VENV)/.serving  ## back-fill the example comments, print the touchpoints, serve on 127.0.0.1:3000
	$(DEMO) $(BIN)/listenwell backfill examples/feedback.csv
	$(DEMO) $(BIN)/listenwell serve

serve: $(VENV)/.serving  ## serve API and page (settings: LISTENWELL_…, see README)
	$(BIN)/listenwell serve

test: $(VENV)/.testing  ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: $(VENV)/.development  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.development  ## put the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: $(VENV)/.development  ## licences of what we depend on, and known vulnerabilities where osv.dev answers
	$(BIN)/python -m tests.audit

smoke: $(VENV)/.testing  ## train a worthless model in under a minute: the whole workshop at work
	rm -rf build/smoke
	$(BIN)/listenwell train --data training/corpus --config training/runs/smoke.toml --output build/smoke

bench: $(VENV)/.testing  ## measure how fast it is beside rivals, about 15 minutes: build/bench/table.txt and picture.svg
	$(BIN)/python -m tests.bench --rivals all

install: $(VENV)/.development  ## everything for development into .venv, with the listenwell command

clean:  ## remove what was built and the demo's database; .venv stays
	rm -rf build demo.db demo.db-shm demo.db-wal demo.db-files

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Listenwell needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

# torch comes first and pinned, so that no other package can bring another build of it.
$(VENV)/.testing: pyproject.toml | $(VENV)/bin/python
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.serving

$(VENV)/.development: pyproject.toml | $(VENV)/bin/python
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.serving $(VENV)/.testing
