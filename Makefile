# One environment for Airflow, dbt, Great Expectations and the loader, made from the lock.
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
VENV_BI := .venv-bi
VENV_BENCH := .venv-bench
BAOTU := $(VENV)/bin/baotu
UV := $(VENV)/bin/uv
UV_VERSION := $(shell sed -n 's/^uv==//p' requirements.lock)
export DO_NOT_TRACK := 1
export SCARF_NO_ANALYTICS := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false

.PHONY: help venv demo up down status test operations faults containers workers storage browser bi bi-down bi-test fuzz bench bench-quick soak lint docs env sbom audit clean lock

help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

# The stamp holds the lock's digest: a changed lock is installed, an unchanged one costs nothing, also offline.
venv: $(VENV)/.locked
$(VENV)/.locked: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Baotu needs Python 3.11; found $$($(PYTHON) --version 2>&1). Try: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "… environment: $(VENV) from requirements.lock"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip sync --quiet requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV_BI)/.locked: requirements-bi.lock | venv
	@echo "… environment: $(VENV_BI) from requirements-bi.lock"
	@test -x $(VENV_BI)/bin/python || $(PYTHON) -m venv $(VENV_BI)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV_BI) $(UV) pip sync --quiet requirements-bi.lock
	@touch $@

demo: venv ## Everything once, with sample deliveries: ingest, validate, build, publish, scorecard
	@$(BAOTU) demo

up: venv ## Start PostgreSQL and Airflow, bring the warehouse up to date
	@$(BAOTU) up

down: venv ## Stop everything; data is kept
	@$(BAOTU) down

status: venv ## What runs, what is published, what waits
	@$(BAOTU) status

bi: venv $(VENV_BI)/.locked ## Superset with the project's dashboards, in an environment of its own; the warehouse must be up
	@$(BAOTU) bi up

bi-down: venv ## Stop Superset
	@$(BAOTU) bi down

# Two processes, each with a PostgreSQL of its own; a file stays in one, for what its tests share.
test: venv ## Unit, DAG, dbt and pipeline tests, the whole way under the scheduler among them
	@$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile -m "not operations" tests/pipeline tests/dbt tests/dags tests/unit

operations: venv ## What is done with a warehouse that runs: deliveries taken back, corrections, approval, backup, retention, readers
	@$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile -m operations tests/pipeline

faults: venv ## Processes killed, loaders at once, held publications, naive errors switched on; all formulas on PostgreSQL 16
	@$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile tests/faults
	@BAOTU_TEST_PG=16 $(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile tests/dbt

containers: venv ## docker-compose.yml and Dockerfile: their services as plain processes, to a judged delivery
	@$(VENV)/bin/python -m pytest tests/containers

workers: venv ## Profiles workers and s3: two Celery workers, one killed in the middle; archive on S3 (Debian: redis-server)
	@$(VENV)/bin/python -m pytest -rP tests/workers

storage: venv ## Landing areas and archives on S3 and SFTP (Debian: openssh-server)
	@PATH="$$PATH:/usr/sbin:/sbin" command -v sshd >/dev/null \
		|| { echo "make storage needs OpenSSH's server, which is not here. Debian: apt-get install openssh-server" >&2; exit 1; }
	@$(VENV)/bin/python -m pytest tests/storage

browser: venv ## The page in Airflow, clicked through in headless Chromium (Debian: chromium chromium-driver fonts-noto-cjk)
	@$(VENV)/bin/python -m pytest -rP tests/browser

bi-test: venv $(VENV_BI)/.locked ## The dashboards in Superset, each chart and its numbers, in headless Chromium
	@$(VENV)/bin/python -m pytest -rP tests/bi

fuzz: venv ## Damaged files against the reader, odd texts against the parsers: SECONDS=1800
	@$(VENV)/bin/python -m tests.fuzz.fuzz --seconds $(or $(SECONDS),60)

# Other tools to compare with, in an environment that is nobody else's; what cannot be had is left out.
$(VENV_BENCH)/.locked: bench/requirements.txt | venv
	@echo "… environment: $(VENV_BENCH) from bench/requirements.txt"
	@test -x $(VENV_BENCH)/bin/python || $(PYTHON) -m venv $(VENV_BENCH)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV_BENCH) $(UV) pip sync --quiet bench/requirements.txt && touch $@ || rm -rf $(VENV_BENCH)

bench: venv $(VENV_BENCH)/.locked ## Every bar of speed beside its baseline, into bench/results (an hour); how well names are linked
	@$(VENV)/bin/python -m bench
	@$(VENV)/bin/python bench/linking.py

bench-quick: venv ## The same with fewer rows, and without other tools, in minutes: into bench/results/quick.*
	@$(VENV)/bin/python -m bench --quick --name quick

soak: venv ## 130 deliveries, each to its own publication: what grows, into bench/results; an hour
	@$(VENV)/bin/python bench/soak.py --rounds 110 --after 20

lint: venv ## ruff, mypy, sqlfluff
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests

docs: venv ## dbt's documentation of the published marts, into .baotu/docs
	@$(BAOTU) docs

# Readable for the image's user in a directory that on this machine is only its owner's. A password that an older .env
# has is taken over; one that exists is left alone.
env: ## .env and secrets/ with fresh passwords for docker compose; what exists is left alone
	@umask 077; test -e .env || cp .env.example .env; mkdir -p secrets; \
	for name in $$(sed -n 's|.*{file: secrets/\([A-Z_]*\)}|\1|p' docker-compose.yml); do \
		test -s secrets/$$name && continue; \
		known=$$(sed -n "s/^$$name=//p" .env | tail -n 1); \
		printf %s "$${known:-$$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')}" > secrets/$$name; chmod 444 secrets/$$name; \
	done

clean: ## Remove caches and the environments; never data
	rm -rf $(VENV) $(VENV_BI) $(VENV_BENCH) .pytest_cache .mypy_cache .ruff_cache .hypothesis dbt_project/target dbt_project/logs
	find . -name __pycache__ -type d -not -path './.baotu/*' -prune -exec rm -rf {} +

sbom: venv ## What is installed, with licences: CycloneDX, .baotu/sbom.json
	@mkdir -p .baotu
	@$(VENV)/bin/cyclonedx-py environment --output-reproducible --of JSON -o .baotu/sbom.json $(VENV)/bin/python
	@echo .baotu/sbom.json

audit: venv ## Known vulnerabilities of what both locks name (needs a network: pip-audit asks an advisory service)
	@for lock in requirements.lock requirements-bi.lock; do \
		$(UV) tool run pip-audit==2.10.1 --requirement $$lock --no-deps --disable-pip || exit 1; done

lock: ## Resolve the locks anew (needs the package index)
	@printf 'dbt-core-experimental-parser\n' > .lock-excludes
	$(UV) pip compile --quiet pyproject.toml --extra dev --python-version 3.11 --excludes .lock-excludes \
		--no-header --no-annotate --no-emit-index-url --upgrade --output-file requirements.lock
	@rm .lock-excludes
	$(UV) pip compile --quiet requirements-bi.in --python-version 3.11 --exclude-newer 2026-05-20 \
		--no-header --no-annotate --no-emit-index-url --upgrade --output-file requirements-bi.lock
