# Everything a person does with this checkout. `make` or `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := schemas connectors catalog libraries exchange_api dags hutong benchmarks tests
KEEP ?= 1
SCALE ?= 1.0
ROWS ?= 1000000
ONLY ?=
# while this file refuses, what apt installs is not started: the tests start their own
NO_START := /usr/sbin/policy-rc.d

.PHONY: help install assets browser servers demo run stop reset test check format bench lock

help:  ## List what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed assets  ## Create .venv from requirements.lock and fetch the browser assets

.venv/installed: requirements.lock requirements-bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

assets: .venv/installed  ## Fetch htmx and the other browser assets (npm ci, no scripts)
	@$(BIN)/python -c 'from exchange_api.portal.assets import install; install()'

browser:  ## Install Chromium and a Chinese font for the browser tests, when this user may (root, apt)
	@if test -x /usr/bin/chromium && fc-list 2>/dev/null | grep -qi cjk; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk fontconfig >/dev/null; \
	else echo "Chromium or a Chinese font is missing, browser tests will be skipped: apt-get install chromium fonts-noto-cjk fontconfig"; fi

servers:  ## Install the source systems' servers the tests start (MariaDB, OpenSSH, Redis, PgBouncer, SoftHSM), when this user may (root, apt)
	@if test "$$(PATH="$$PATH:/usr/sbin" command -v mariadbd sshd redis-server pgbouncer softhsm2-util | wc -l)" = 5; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		made=; test -e $(NO_START) || { printf '#!/bin/sh\nexit 101\n' >$(NO_START); chmod 755 $(NO_START); made=yes; }; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server openssh-server redis-server pgbouncer softhsm2 >/dev/null; \
		status=$$?; test -z "$$made" || rm $(NO_START); exit $$status; \
	else echo "MariaDB, OpenSSH, Redis, PgBouncer or SoftHSM is missing, their tests will be skipped: apt-get install mariadb-server openssh-server redis-server pgbouncer softhsm2"; fi

demo: install  ## The whole main job: a city's departments in, a signed answer out (SCALE=1.0 KEEP=0 stops it afterwards)
	$(BIN)/hutong demo --scale $(SCALE) $(if $(filter 0,$(KEEP)),--no-keep,--keep)

run: install  ## Start PostgreSQL, Airflow and the exchange API in the background
	$(BIN)/hutong up

stop: .venv/installed  ## Stop them; data stays
	$(BIN)/hutong down

reset: .venv/installed  ## Stop them and delete all data below var/
	$(BIN)/hutong reset

test: install browser servers  ## Run every test on real PostgreSQL, Airflow, HTTP, Chromium and the source systems' own servers
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 15

check: .venv/installed  ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports

format: .venv/installed  ## Format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install  ## Measure everything beside its peers and write docs/benchmarks.md (ROWS=1000000; ONLY="dags check" for some)
	$(BIN)/python -m benchmarks.report --rows $(ROWS) $(ONLY)

lock: .venv/installed  ## Write requirements.lock and package-lock.json anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --all-extras pyproject.toml -o requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url - -o requirements-bootstrap.lock
	npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund
