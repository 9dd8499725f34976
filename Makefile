# Two commands rule: `make demo` and `make test`. Each installs what it needs.
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The tests start hundreds of processes, each of which would compile all that it reads where nothing is kept.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench lock clean

help: ## list these commands
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## make .venv from the lock file
	@sh scripts/install.sh

demo: install ## a real Synapse, real encrypted clients, the whole story (ARGS="--once" to end after it)
	@$(BIN)/nightlight demo $(ARGS)

test: install ## the whole test suite in two processes (ARGS="-k name" for a part, ARGS="-n 0" for one process)
	@sh scripts/system-packages.sh
	@$(BIN)/python -m pytest -n 2 $(ARGS)

lint: install ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: install ## every figure, measured beside its peer (ARGS="--json" for machines)
	@$(BIN)/nightlight bench $(ARGS)

lock: ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra demo --extra detect --extra insight --extra cluster --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements.lock

clean: ## remove what the commands above made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
