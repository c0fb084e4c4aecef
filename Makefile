# The commands of this project. The work is done in scripts/; every environment is made here, from pinned locks.
PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help demo test bench soak lint docs format venv lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show what the clients do, against servers started here (under 30 s)
	@scripts/venv.sh $(PYTHON) .venv runtime
	@.venv/bin/python -m async_keepalive_httpc demo

test: lint ## Check and test everything: the tree with coverage, the built wheel, a second Python
	@scripts/apt.sh nginx=nginx-light haproxy=haproxy microsocks=microsocks squid=squid
	@scripts/npm.sh
	@scripts/test.sh $(PYTHON)

bench: venv ## Measure ours against its peers, wrk and h2load, and the cost curves (BENCH="--help" for options)
	@scripts/apt.sh nginx=nginx-light wrk=wrk h2load=nghttp2-client
	@scripts/venv.sh $(PYTHON) .venv bench
	@scripts/venv.sh $(PYTHON) .venv-peers peers
	@.venv/bin/python -m bench $(or $(BENCH),all)

soak: venv ## What only shows in large numbers: memory, cancellations, fuzz, the chaos race (over an hour; SOAK="--scale 0.1")
	@scripts/venv.sh $(PYTHON) .venv bench
	@scripts/soak.sh $(SOAK)

lint: venv ## Check style, types, imports and docs
	@scripts/lint.sh

docs: venv ## Build the docs into build/docs
	@.venv/bin/mkdocs build --quiet --strict --site-dir build/docs

format: venv ## Rewrite the code in the house style
	@.venv/bin/ruff check --quiet --fix-only
	@.venv/bin/ruff format --quiet

venv: ## Make .venv with the tools and the package itself, editable
	@scripts/venv.sh $(PYTHON) .venv dev

lock: ## Renew the pinned versions in requirements/ (LOCK="bench peers" for some)
	@scripts/lock.sh $(PYTHON) $(LOCK)

clean: ## Remove environments, builds and caches
	@rm -rf .venv .venv-* build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
