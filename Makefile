# Every command of the project; continuous integration calls nothing else.
PORT ?= 8080
STATE ?= .segops
KAFKA ?=
BUILD ?= 1
EXAMPLES ?= 20000
ARGS ?=
FOLDER ?= deploy/compose/secrets
BUCKET ?=
PY := .venv/bin/python
SETUP := sh deploy/local/setup.sh
LOCK := .venv/bin/uv pip compile -q --system-certs --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --universal --no-annotate --excludes requirements/excluded.txt

IMAGE := -c requirements/dev.lock --no-emit-package segops-common --no-emit-package segops-language

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run demo test-fast test test-sdk test-console test-long test-cluster test-ops coverage check fmt bench bench-sdk openapi manifests secrets reset lock

help: ## show this list
	@echo "SegOps: make TARGET [PORT=8080] [STATE=.segops] [KAFKA=1] [BUILD=0] [FOLDER=deploy/compose/secrets] [ARGS=...]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile

setup: ## install everything for development into .venv
	@$(SETUP) dev

run: ## start the whole product on http://127.0.0.1:PORT until Ctrl-C; data in STATE
	@$(SETUP) run
	@exec $(PY) -m segops_local run --port "$(PORT)" --state "$(STATE)" $(if $(filter 1 yes true,$(KAFKA)),--kafka) $(if $(filter 0 no false,$(BUILD)),--no-build)

demo: ## fill a tenant of the running stack with a generated history and five segments
	@$(SETUP) run
	@exec $(PY) -m segops_local demo --port "$(PORT)"

test-fast: ## run the tests that start no engine; under 30 seconds
	@$(SETUP) dev
	@exec $(PY) -m pytest -m "fast and not long" tests/unit tests/contract/problems tests/contract/topics $(ARGS)

test: ## run all tests of the product on real engines; ARGS= goes to pytest
	@$(SETUP) dev
	@exec $(PY) -m pytest --ignore=tests/console --ignore=tests/ops $(ARGS)

test-sdk: ## run the SDKs on Bun, Deno, workerd, Node 22, Chromium and Python 3.9; the first time fetches 600 MB
	@$(SETUP) dev
	@exec $(PY) -m pytest -m sdk $(ARGS)

test-console: ## drive the console in Chromium on a running stack; ARGS=--screens=FOLDER writes pictures of all screens
	@$(SETUP) dev
	@exec $(PY) -m pytest -n 1 -m "console and not long" $(ARGS)

test-long: ## compare SQL with plain Python on EXAMPLES=20000 generated definitions; many minutes
	@$(SETUP) dev
	@EXAMPLES="$(EXAMPLES)" exec $(PY) -m pytest -n 0 -m long $(ARGS)

test-ops: ## run what operators use: images, a Kubernetes control plane, backups; needs root on Debian 12; many minutes
	@$(SETUP) dev
	@exec $(PY) -m pytest -n 0 --timeout=7200 -m ops $(ARGS)

test-cluster: ## run the tests of the warehouse and of the whole product on two shards of ClickHouse; many minutes
	@$(SETUP) dev
	@exec $(PY) -m pytest --cluster tests/contract/membership tests/integration/membership tests/e2e $(ARGS)

coverage: ## run all tests with coverage of product lines; fails under 95 %; ARGS= goes to pytest
	@$(SETUP) dev
	@exec $(PY) -m pytest --cov --cov-report=term $(ARGS)

check: ## run linters, types and the project's own rules; under 45 seconds
	@$(SETUP) dev
	@exec $(PY) scripts/check.py $(ARGS)

fmt: ## format all Python code, and fix what the linter can
	@$(SETUP) dev
	@$(PY) -m ruff check --fix --quiet . || true
	@exec $(PY) -m ruff format .

bench: ## measure against the budgets
	@$(SETUP) dev
	@exec $(PY) -m bench $(ARGS)

bench-sdk: ## hold our SDK and four others to the fault suite; writes the tables of docs/sdk.md
	@$(SETUP) dev
	@exec $(PY) -m bench.sdk

openapi: ## write docs/openapi from the services, and the page of all routes
	@$(SETUP) dev
	@exec $(PY) scripts/openapi.py $(ARGS)

manifests: ## write the generated files below deploy/ and the table of docs/deploy.md
	@$(SETUP) dev
	@exec $(PY) -m scripts.manifests $(ARGS)

secrets: ## generate the secrets of an installation into the new folder FOLDER; BUCKET= is the address of a bucket for exports
	@$(SETUP) run
	@exec $(PY) -m scripts.manifests.secrets "$(FOLDER)" --bucket "$(BUCKET)"

reset: ## delete the folder STATE with all its data
	@$(SETUP) run
	@exec $(PY) -m segops_local reset --state "$(STATE)"

lock: ## resolve requirements/*.in anew
	@$(SETUP) dev
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.lock
	$(LOCK) requirements/dev.in -o requirements/dev.lock
	$(subst 3.11,3.9,$(LOCK)) requirements/python39.in -o requirements/python39.lock
	$(LOCK) -c requirements/dev.lock requirements/run.in -o requirements/run.lock
	$(LOCK) -c requirements/dev.lock requirements/node.in -o requirements/node.lock
	$(LOCK) -c requirements/dev.lock requirements/site.in -o requirements/site.lock
	$(foreach service,auth ingest segments membership,$(LOCK) $(IMAGE) libs/segops_language/pyproject.toml libs/segops_common/pyproject.toml services/$(service)/pyproject.toml -o requirements/images/$(service).lock &&) true
	$(foreach image,console gateway tools traces,$(LOCK) -c requirements/dev.lock requirements/images/$(image).in -o requirements/images/$(image).lock &&) true
