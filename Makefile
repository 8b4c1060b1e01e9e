.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# With it, each command would compile the project again, which takes a third of a second.
unexport PYTHONDONTWRITEBYTECODE

# The same versions as in pyproject.toml. make uses the first that is installed, or
# PYTHON=/path/to/python.
SUPPORTED := 3.12 3.13 3.14
PYTHON ?= $(shell for python in python3 $(patsubst %,python%,$(SUPPORTED)); do \
	version=$$($$python -c '$(print_version)' 2>/dev/null); \
	if echo ' $(SUPPORTED) ' | grep -qF " $$version "; then echo $$python; break; fi; done)
print_version := import sys; sys.implementation.name == "cpython" and print("%d.%d" % sys.version_info[:2])
# The version, such as 3.13; empty if it is not CPython.
version_of = $(shell "$(1)" -c '$(print_version)' 2>/dev/null)

# A named Python is used even if the virtual environment was created with another one.
ifneq ($(filter command environment,$(firstword $(origin PYTHON))),)
NAMED := $(call version_of,$(PYTHON))
ifeq ($(filter $(SUPPORTED),$(NAMED)),)
$(error PYTHON=$(PYTHON) is not CPython $(SUPPORTED)$(if $(NAMED), but $(NAMED)): name one of these)
endif
ifneq ($(NAMED),$(call version_of,.venv/bin/python))
.venv/installed: remove-environment
endif
endif

# Whether a line of Python runs without an error.
python = $(shell "$(PYTHON)" -c '$(1)' 2>/dev/null && echo yes)
comma := ,
MANAGE := .venv/bin/python manage.py

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/installed $(if $(DATABASE_URL),,.env) ## Make the virtual environment and install the locked dependencies

.PHONY: remove-environment
remove-environment:
	@rm -rf .venv

.venv/installed: requirements-dev.lock
	$(if $(PYTHON),,$(error CPython $(SUPPORTED) is missing: install one, or name it with make PYTHON=/path/to/python))
	$(if $(call python,import ensurepip$(comma) venv),,$(error \
		the venv module of $(PYTHON) is missing: install it (Debian: apt install python3-venv)))
	@echo "Installing the locked dependencies into .venv"
	@"$(PYTHON)" -m venv .venv
	@.venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-dev.lock
	@touch $@

# For development on the embedded server. Variables of the environment have priority. If DATABASE_URL is
# set, this file is not written, and DEBUG is on for all targets except `migrate`, which may run in
# production.
.env:
	@install -m 600 .env.example .env

ifneq ($(DATABASE_URL),)
ifneq ($(MAKECMDGOALS),migrate)
export DEBUG ?= 1
endif
endif

.PHONY: migrate
migrate: setup ## Set up, and apply all migrations
	@$(MANAGE) migrate --noinput

# The developer can choose the port. The server belongs to this checkout; DATABASE_URL does not apply.
PORT ?=
DATABASE_SERVER := env -u DATABASE_URL DEBUG=1 $(MANAGE) database_server

.PHONY: database
database: setup ## Start a database with demo data on 127.0.0.1, and leave it running (PORT=5433)
	@$(DATABASE_SERVER) start $(if $(PORT),--port "$(PORT)")

.PHONY: database-stop
database-stop: setup ## Stop that database, and keep its rows
	@$(DATABASE_SERVER) stop

ADDRESS ?= 127.0.0.1:8000

.PHONY: admin
admin: setup ## Serve the support admin with demo data, for development (ADDRESS=host:port)
	@$(MANAGE) migrate --noinput --verbosity 0
	@$(MANAGE) demo_staff
	@echo "Serving http://$(ADDRESS)/admin/ (Ctrl-C ends it)"
	@$(MANAGE) runserver $(ADDRESS)

.PHONY: test
test: setup ## Set up, and run all tests
	@.venv/bin/python -m pytest

VERSIONS := 15 16 17 18

.PHONY: test-matrix
test-matrix: setup ## Run the tests that depend on the server on PostgreSQL 15 to 18 (VERSIONS="16 17")
	@.venv/bin/python -m tests.matrix --versions $(VERSIONS) $(OPTIONS)

# The tests that a change of Python code can break. Left out are tests that start processes, and tests of
# plans and odd requests, which open every page many times.
QUICK := tests/admin tests/audit tests/export tests/models tests/schema tests/site \
	--ignore-glob='tests/admin/test_*plans.py' --ignore=tests/admin/test_infinity.py \
	--ignore=tests/admin/test_requests.py

.PHONY: test-quick
test-quick: setup ## Run the tests that start no process (OPTIONS="-k soft_delete")
	@.venv/bin/python -m pytest -m "not process" $(QUICK) $(OPTIONS)

# With the seed of another run, it repeats that run.
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
TIMES := 20

.PHONY: attack
attack: setup ## Attack the site with random inputs, an hour or more; TIMES=5 for less (SEED=1)
	@echo "make attack SEED=$(SEED) TIMES=$(TIMES)"
	@ATTACK_TIMES=$(TIMES) .venv/bin/python -m pytest --hypothesis-seed=$(SEED) tests/attack tests/admin/test_requests.py $(OPTIONS)

.PHONY: lint
lint: setup ## Check style and types, and that no part of a table is missing
	@# All checks run, so that one run reports all problems.
	@failed=; \
	.venv/bin/ruff check || failed=1; \
	.venv/bin/ruff format --check || failed=1; \
	.venv/bin/codespell --dictionary=- --dictionary=words.txt $$(git ls-files 2>/dev/null || echo .) || failed=1; \
	.venv/bin/mypy || failed=1; \
	$(MANAGE) lint_schema || failed=1; \
	test -z "$$failed"

.PHONY: schema
schema: setup ## Write schema/*.sql and schema/catalog.json from the migrations
	@$(MANAGE) export_schema

.PHONY: format
format: setup ## Fix what ruff can fix
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

.PHONY: rule-pages
rule-pages: setup ## Write docs/rules, a page for each rule of audit_schema
	@$(MANAGE) audit_schema --write-pages docs/rules

.PHONY: bench-audit
bench-audit: setup ## Time the audit of 28, 1,000 and 10,000 tables, compared with schemalint (minutes)
	@.venv/bin/python benchmarks/audit/run.py

.PHONY: lock
lock: ## Upgrade the lock files to the newest versions that pyproject.toml allows (needs uv)
	@command -v uv >/dev/null || { echo "make: uv is missing: pip install uv" >&2; exit 1; }
	@uv pip compile --upgrade --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml -o requirements.lock
	@uv pip compile --upgrade --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml --extra development --group dev -o requirements-dev.lock
	@uv pip compile --upgrade --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml --extra development --group bench -o requirements-bench.lock
	@uv pip compile --upgrade --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url \
		--no-header --group pyproject.toml:sbom -o requirements-sbom.lock

# Two environments: one with the packages of production, and one with the tool that lists them.
.venv/production/installed: requirements.lock
.venv/sbom/installed: requirements-sbom.lock
.venv/production/installed .venv/sbom/installed: .venv/installed
	@rm -rf $(@D)
	@.venv/bin/python -m venv --without-pip $(@D)
	@.venv/bin/python -m pip --disable-pip-version-check --quiet --python $(@D) install --require-hashes -r $(filter %.lock,$^)
	@touch $@

SBOM ?= sbom.cdx.json

.PHONY: sbom
sbom: .venv/production/installed .venv/sbom/installed ## Write the bill of materials of the production packages, as CycloneDX (SBOM=file)
	@.venv/sbom/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
		--output-file $(SBOM) .venv/production

# The steps, in order. Nothing is changed before all checks have passed.
.PHONY: release
release: setup ## Check everything, freeze the migrations, tag, and write dist/ (VERSION=1.1.0)
	@test -n "$(VERSION)" || { echo "make: which release? make release VERSION=1.1.0" >&2; exit 1; }
	@$(MANAGE) make_release "$(VERSION)" --check
	@$(MAKE) lint
	@$(MAKE) test
	@$(MAKE) test-matrix
	@$(MANAGE) make_release "$(VERSION)"
	@$(MAKE) sbom SBOM="dist/veza-$(VERSION).cdx.json"

ERD_OPTIONS := --group-models --no-inheritance --disable-sort-fields --hide-edge-labels --arrow-shape crow \
	--rankdir RL --exclude-models BaseModel,SoftDeleteModel,AbstractBaseUser --exclude-columns created_at,updated_at

.PHONY: erd
erd: setup ## Draw docs/erd.svg from the models (needs graphviz)
	@command -v dot >/dev/null || { echo "make: graphviz is missing: install it (Debian: apt install graphviz)" >&2; exit 1; }
	@$(MANAGE) graph_models $(filter-out veza_site veza_demo,$(wildcard veza_*)) --dot $(ERD_OPTIONS) \
		| sed -e '/^ *\/\/ Created/d' -e 's/Roboto/Helvetica/g' | dot -Tsvg -Granksep=1.5 -o docs/erd.svg

.PHONY: bench-kill
bench-kill: setup ## Kill migrate 200 times, and check that the next run finishes
	@.venv/bin/python -m benchmarks.kill

.PHONY: bench-rehearsal
bench-rehearsal: setup ## Kill migrate of later releases 200 times while services run, and check that the next run finishes
	@.venv/bin/python -m tests.deploy.kills $(OPTIONS)

.PHONY: bench-sign-in
bench-sign-in: setup ## Time every kind of refused sign-in, and compare them
	@.venv/bin/python -m benchmarks.sign_in

.PHONY: bench-admin
bench-admin: setup ## Compare the admin's pages with stock ModelAdmins (OPTIONS="--scale medium")
	@.venv/bin/python -m benchmarks.admin.run $(OPTIONS)

.PHONY: bench-deploy
bench-deploy: setup ## Compare migrate and reset_db with psql, dbmate, node-pg-migrate, stock Django
	@.venv/bin/python -m benchmarks.deploy

.PHONY: bench-search
bench-search: setup ## Compare the admin's search box with a stock ModelAdmin's, on bench-admin's data
	@.venv/bin/python -m benchmarks.admin.search $(OPTIONS)

.PHONY: bench-purge
bench-purge: setup ## Measure the latencies of a load alone, during purge, and during one DELETE
	@.venv/bin/python -m benchmarks.purge

.PHONY: bench-seed
bench-seed: setup ## Compare seed_demo with a plain COPY of the same rows, and measure its memory
	@.venv/bin/python -m benchmarks.seed

# Options of a run: make bench OPTIONS="--users 100000 --seconds 2".
OPTIONS ?=

.PHONY: bench
bench: setup ## Measure the hot queries on V1, on the lab schema and on stock Django's (minutes)
	@.venv/bin/python -m benchmarks.queries.run $(OPTIONS)

.PHONY: bench-sizes
bench-sizes: setup ## Count the buffers that each read touches, at three sizes
	@.venv/bin/python -m benchmarks.queries.sizes $(OPTIONS)

.PHONY: bench-price
bench-price: setup ## Measure what the Standard costs: keys, the trigger, indexes, bytes
	@.venv/bin/python -m benchmarks.queries.price $(OPTIONS)

.PHONY: bench-scale
bench-scale: setup ## Compare partitions and BRIN with V1's track_plays
	@.venv/bin/python -m benchmarks.queries.scale $(OPTIONS)

.venv/bench: requirements-bench.lock .venv/installed
	@.venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-bench.lock
	@touch $@

.PHONY: bench-plots
bench-plots: setup .venv/bench ## Write docs/benchmarks/README.md and *.svg from the results in that directory
	@.venv/bin/python -m benchmarks.queries.tables
	@.venv/bin/python -m benchmarks.queries.plots

.PHONY: screenshots
screenshots: setup ## Take the pictures of docs/support.md, and of every kind of page (needs chromium-headless-shell or chromium)
	@DJANGO_SETTINGS_MODULE=veza_site.settings .venv/bin/python -m tests.browser.screenshots
