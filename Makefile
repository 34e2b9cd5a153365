# Needs Python 3.11 to 3.15 and make, nothing else. Every target sets up what it needs.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench soak vacuity record lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup: $(STAMP) ## make .venv with the locked versions and this project in it

# Two steps, because a lock with hashes can't hold the project itself; the second builds with what the first installed.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 to 3.15, or say which one: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 16) else "syncengine needs Python 3.11 to 3.15; $(PYTHON) is %d.%d. Say which one: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## see it work, with made-up data and local servers; ends by itself
	@$(BIN)/syncengine demo $(ARGS)

test: $(STAMP) ## run the tests, except those that take minutes; ARGS="tests/test_logs.py -k secret" for some
	$(BIN)/python -m pytest -n auto -m "not slow" $(ARGS)

check: $(STAMP) ## lint, formatting, types, layers, documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@if [ -f docs/in_step.py ]; then $(BIN)/python docs/in_step.py --check; fi

format: $(STAMP) ## put the code in its usual form
	$(BIN)/ruff check --fix --quiet --exit-zero .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure a large sync beside a hand-written script
	$(BIN)/python -m bench $(ARGS)

soak: $(STAMP) ## run the tests that take minutes; SYNCENGINE_SOAK_SECONDS=7200 kills a daemon for so long
	$(BIN)/python -m pytest -n auto -m slow $(ARGS)

vacuity: $(STAMP) ## break the engine in many ways, and require the tests to notice; writes docs/vacuity.md
	$(BIN)/python -m tests.promises.vacuity $(ARGS)

record: $(STAMP) ## record the cassettes again: from the sandboxes, or from real accounts whose credentials are set
	$(BIN)/python -m pytest -m cassette --record-mode=all $(ARGS)

# For all supported Pythons and systems at once. Versions that stand in the lock stay: ARGS=--upgrade takes newer ones.
lock: ## resolve the dependencies of pyproject.toml into requirements.lock
	@place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && \
	$(PYTHON) -m venv "$$place" && "$$place/bin/python" -m pip install --quiet --disable-pip-version-check uv && \
	"$$place/bin/uv" --no-config pip compile pyproject.toml --group dev --extra postgresql --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet \
	  $(ARGS) --output-file requirements.lock

clean: ## remove what setup and the checks made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
