# `make demo` and `make test` need Python 3.11 or newer, git and make. They download everything else, without root.

PYTHON ?= python3
UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_FIND_LINKS
unexport PYTHONDONTWRITEBYTECODE  # without compiled files, every process takes half a minute to import torch and transformers

UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin

.PHONY: demo test test-unsloth test-mlx lint docs clean

demo: .venv/ready  ## run every stage on a fictional cast: messages → model → figures
	$(BIN)/vq demo

test: .venv/ready lint  ## check lint, types, import contracts and docs, and run every test with coverage
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -n 2
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered --fail-under=75 | tail -25

# Unsloth pins torch, so it gets an environment of its own (1.3 GB). Its CPU back end needs torchvision to be absent, so it is installed with --no-deps.
test-unsloth: .venv-unsloth/ready  ## test the Unsloth back end and 4-bit weights on a CPU
	UNSLOTH_FORCE_CPU=1 UNSLOTH_DISABLE_STATISTICS=1 HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 \
		.venv-unsloth/bin/python -m pytest -W ignore tests/train/test_unsloth.py tests/train/test_four_bit.py

.venv-unsloth/ready: pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-unsloth
	$(UV) pip install --quiet --python .venv-unsloth/bin/python -e '.[train]' --group dev bitsandbytes
	$(UV) pip install --quiet --python .venv-unsloth/bin/python --no-deps unsloth==2026.10.9 unsloth_zoo==2026.10.9
	touch $@

# mlx-lm wants a newer transformers than the extra `train`, so it gets an environment of its own. On Linux, MLX runs on the CPU.
test-mlx: .venv-mlx/ready  ## test MLX: loading, chat, evaluation and training
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 .venv-mlx/bin/python -m pytest -W ignore $(wildcard tests/*/test_mlx*.py)

.venv-mlx/ready: pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-mlx
	$(UV) pip install --quiet --python .venv-mlx/bin/python -e '.[mlx,serve]' --group dev --group demo
	touch $@

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
	$(UV) pip install --quiet --python $(BIN)/python -e '.[train,serve,backup]' --group dev --group demo
	touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet uv

clean:
	rm -rf .venv .venv-unsloth .venv-mlx .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov
