# Everything an operator or a contributor does starts here. Needs Python 3.11 or newer, make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: up test test-slow setup setup-dev check bench lock corpus docs format

up: setup
	$(BIN)/priyom up --demo

setup: $(VENV)/.runtime

setup-dev: $(VENV)/.dev

$(VENV)/.runtime: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Priyom needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Priyom needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@ $(VENV)/.runtime

# Debian packages that tests talk to: PostgreSQL, Chromium, swaks, openssl, fonts.
packages:
	sh tests/packages.sh

test: setup-dev packages
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadgroup $(ARGS)

test-slow: setup-dev packages
	$(BIN)/python -m pytest -m slow $(ARGS)

check: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.house.migrations
	$(BIN)/python -m tests.house.translations
	$(BIN)/python -m tests.house.schemas

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-dev
	$(BIN)/python -m tests.house.schemas --write

corpus: setup-dev
	$(BIN)/python -m tests.corpus.fetch
	$(BIN)/python -m tests.corpus.run

bench: setup-dev
	$(BIN)/python -m bench.intake --write
	$(BIN)/python -m bench.router --write
	$(BIN)/python -m bench.timers --write

# Locks carry hashes and name no host. uv resolves; it is installed beside, never into, the environment.
lock:
	$(PYTHON) -m venv .lock-venv
	.lock-venv/bin/pip install --quiet uv
	.lock-venv/bin/uv lock --quiet --upgrade
	.lock-venv/bin/uv export --quiet --frozen --no-header --no-emit-project --no-dev -o requirements.lock
	.lock-venv/bin/uv export --quiet --frozen --no-header --no-emit-project --all-groups -o requirements-dev.lock
	rm -rf .lock-venv uv.lock
