# Replik. `make help` lists what there is.

.DEFAULT_GOAL := help
.PHONY: help run test lint format lock audit bench eval chaos loadtest clean bootstrap bootstrap-dev

# The first Python that is new enough; the bootstrap says so in a sentence if none is.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PYTHON := $(or $(PYTHON),python3)
BIN := .venv/bin

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

run: ## build what is missing and start Replik
	@$(PYTHON) foundation/bootstrap.py --web
	@exec $(BIN)/replik run

test: bootstrap-dev ## all checks and tests
	@$(BIN)/python tests/run.py

lint: bootstrap-dev ## the checks alone
	@$(BIN)/python tests/run.py --lint

format: ## put the code and the generated files in order
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .
	@$(BIN)/python -m foundation.settings > configs/env.example
	@$(BIN)/python -m serve.cli graph schema -o configs/graphs/schema.json

audit: bootstrap-dev ## known vulnerabilities of the locked packages; asks the OSV database
	@$(BIN)/python -m tests.audit $(if $(SERVICE),--service $(SERVICE))

bench: bootstrap-dev ## a measurement: make bench NAME=x
	@DATA="$(DATA)" $(BIN)/python -m tests.bench $(NAME)

eval: bootstrap ## answer quality: make eval NAME=x DATA=folder
	@DATA="$(DATA)" $(BIN)/python -m tests.eval $(NAME)

chaos: bootstrap ## break a loaded Replik N times: make chaos N=1000 SEED=1
	@$(BIN)/python -m tests.chaos --faults $(or $(N),30) $(if $(SEED),--seed $(SEED))

loadtest: bootstrap-dev ## load: make loadtest HOST=http://... KEY=sk_... WIDGET_KEY=pk_..., or beside a demo
	@HOST="$(HOST)" KEY="$(KEY)" WIDGET_KEY="$(WIDGET_KEY)" USERS="$(USERS)" SECONDS="$(SECONDS)" \
		SCENARIO="$(SCENARIO)" REPORT="$(REPORT)" $(BIN)/python -m tests.loadtest

# Every platform and Python from 3.11 up in one file, with hashes and without addresses.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links $(UPGRADE)

lock: ## resolve the dependencies again; UPGRADE=--upgrade takes newer ones
	@echo uv | $(COMPILE) -o requirements-bootstrap.lock -
	@$(COMPILE) --extra build -o requirements.lock pyproject.toml
	@$(COMPILE) --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

clean: ## remove what was built; data in .replik stays
	@rm -rf .venv web/node_modules web/dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

bootstrap:
	@$(PYTHON) foundation/bootstrap.py --web

bootstrap-dev:
	@$(PYTHON) foundation/bootstrap.py --dev --web
