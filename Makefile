# `make demo` and `make test` need Python 3.11 or newer, git and make; they fetch everything else. No root.

PYTHON ?= python3
UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_FIND_LINKS
unexport PYTHONDONTWRITEBYTECODE  # compiling torch and transformers anew for every process takes half a minute

UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin

.PHONY: demo test lint docs clean

demo: .venv/ready  ## the whole way on a fictional cast: messages → model → figures
	$(BIN)/vq demo

test: .venv/ready lint  ## lint, types, import contracts, docs, and every test with coverage
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -n 2
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered --fail-under=75 | tail -25

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cog --check -P -I docs docs/*.md

docs: .venv/ready  ## write the --help pages into docs/
	$(BIN)/cog -r -P -I docs docs/*.md

.venv/ready: pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv
	$(UV) pip install --quiet --python $(BIN)/python -e '.[train]' --group dev --group demo
	touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet uv

clean:
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov
