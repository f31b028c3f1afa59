# Every command of the project; continuous integration calls nothing else.
PORT ?= 8080
STATE ?= .segops
KAFKA ?=
ARGS ?=
PY := .venv/bin/python
LOCK := .venv/bin/uv pip compile -q --system-certs --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --universal --no-annotate

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run demo test check bench openapi reset lock

help: ## show this list
	@echo "SegOps: make TARGET [PORT=8080] [STATE=.segops] [KAFKA=1] [ARGS=...]"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' Makefile

setup: ## install everything for development into .venv
	@sh deploy/local/setup.sh dev

run: ## start the whole product on http://127.0.0.1:PORT until Ctrl-C; data in STATE
	@sh deploy/local/setup.sh run
	@exec $(PY) -m segops_local run --port "$(PORT)" --state "$(STATE)" $(if $(filter 1 yes true,$(KAFKA)),--kafka)

demo: ## fill a tenant of the running stack with a generated history and five segments
	@sh deploy/local/setup.sh run
	@exec $(PY) -m segops_local demo --port "$(PORT)"

test: ## run all tests on real engines; ARGS= goes to pytest
	@sh deploy/local/setup.sh dev
	@exec $(PY) -m pytest $(ARGS)

check: ## run linters, types and the rules of the house
	@sh deploy/local/setup.sh dev
	@exec $(PY) scripts/check.py $(ARGS)

bench: ## measure against the budgets
	@sh deploy/local/setup.sh dev
	@exec $(PY) -m bench $(ARGS)

openapi: ## write docs/openapi from the services
	@sh deploy/local/setup.sh dev
	@exec $(PY) scripts/openapi.py $(ARGS)

reset: ## delete the folder STATE with all its data
	@sh deploy/local/setup.sh run
	@exec $(PY) -m segops_local reset --state "$(STATE)"

lock: ## resolve requirements/*.in anew
	@sh deploy/local/setup.sh dev
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.lock
	$(LOCK) requirements/dev.in -o requirements/dev.lock
	$(LOCK) -c requirements/dev.lock requirements/run.in -o requirements/run.lock
