# The commands of the project.  Each makes the virtual environment first where it must.
#
#   make train      train a network on real images; leaves result/
#   make test       the tests
#   make fuzz       every function against NumPy on many drawn arguments
#   make lint       style, types and layering
#   make bench      the benchmark suite
#   make cache-faults  the kernel cache under races, kills, full disks and damage, 200 times
#   make gpu-check  tests and benchmarks on a real GPU; writes benchmarks/results/
#
# `make TARGET PYTHON=python3` uses that interpreter as it stands and installs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

SOURCES := packages/ndgpu/src:packages/nnrun/src
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
# With a GPU in the machine the vendor's libraries are wanted too; without one NVRTC is enough.
CUDA ?= 12
EXTRA ?= $(if $(shell nvidia-smi -L 2>/dev/null),cuda,nvrtc)$(CUDA)
TRAIN_ARGS ?=
BENCH_ARGS ?=
TEST_ARGS ?=
FUZZ_ARGS ?=

ifdef PYTHON
  RUN := PYTHONPATH=$(SOURCES)$(if $(PYTHONPATH),:$(PYTHONPATH)) $(PYTHON)
  READY :=
else
  RUN := .venv/bin/python
  READY := .venv/.ready-$(EXTRA)
endif
SYSTEM_PYTHON ?= python3
MANIFESTS := packages/ndgpu/pyproject.toml packages/nnrun/pyproject.toml requirements-dev.txt \
	constraints/common.txt constraints/cuda12.txt constraints/cuda13.txt

.PHONY: help setup train test test-nightly fuzz lint format bench bench-compare cache-faults gpu-check check-sources check-cuda13 check-peers check-vendor clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

# $(1): folder, $(2): extra of ndgpu, $(3): CUDA's major version
define make_venv
$(SYSTEM_PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or later is needed; {sys.executable} is {v.major}.{v.minor} (set SYSTEM_PYTHON=)")'
test -x $(1)/bin/python || $(SYSTEM_PYTHON) -m venv $(1)
$(1)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints/cuda$(3).txt \
	-r requirements-dev.txt -e 'packages/ndgpu[$(2)]' -e 'packages/nnrun[plot]'
endef

.venv/.ready-$(EXTRA): $(MANIFESTS)
	@echo "setting up .venv ($(EXTRA))"
	@$(call make_venv,.venv,$(EXTRA),$(patsubst cuda%,%,$(patsubst nvrtc%,%,$(EXTRA))))
	@touch $@

# A second environment, to test against the other supported CUDA.
.venv-cuda13/.ready: $(MANIFESTS)
	@echo "setting up .venv-cuda13"
	@$(call make_venv,.venv-cuda13,nvrtc13,13)
	@touch $@

# A third environment, with the libraries that device arrays are tried with.
PEERS := tests/ndgpu/interop/peers
.venv-peers/.ready: $(MANIFESTS) $(PEERS)/requirements.txt
	@echo "setting up .venv-peers"
	@$(call make_venv,.venv-peers,nvrtc13,13)
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r $(PEERS)/requirements.txt
	@touch $@

# A fourth one, with the vendor's libraries (one gigabyte and a half).
.venv-vendor/.ready: $(MANIFESTS)
	@echo "setting up .venv-vendor"
	@$(call make_venv,.venv-vendor,cuda12,12)
	@touch $@

train: $(READY)
	$(RUN) -m nnrun train $(TRAIN_ARGS)

# One BLAS thread a process: the tests are parallel already, and threads that wait for each other
# on busy cores are many times slower than one.
test: export OPENBLAS_NUM_THREADS := 1
test: export OMP_NUM_THREADS := 1
test: $(READY)
	$(RUN) -m pytest -n $(WORKERS) --dist worksteal -m "not nightly" $(TEST_ARGS)

# What takes too long for every change: more of the same, with other seeds and larger sizes.
test-nightly: export OPENBLAS_NUM_THREADS := 1
test-nightly: $(READY)
	$(RUN) -m pytest -n $(WORKERS) --dist worksteal -m nightly $(TEST_ARGS)

# FUZZ_ARGS: names of functions, `--examples` of each, `--seed`, `--seconds` at most for each.
fuzz: export OPENBLAS_NUM_THREADS := 1
fuzz: $(READY)
	$(RUN) -m tests.ndgpu.differential $(FUZZ_ARGS)

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy packages/ndgpu/src/ndgpu packages/nnrun/src/nnrun
	$(if $(READY),.venv/bin/)lint-imports

format: $(READY)
	$(RUN) -m ruff check --fix-only .
	$(RUN) -m ruff format .

bench: $(READY)
	$(RUN) -m benchmarks $(BENCH_ARGS)

# make bench-compare OLD=benchmarks/results/a.json NEW=benchmarks/results/b.json
bench-compare: $(READY)
	$(RUN) -m benchmarks.compare $(OLD) $(NEW)

ROUNDS ?= 200
cache-faults: $(READY)
	$(RUN) -m tests.ndgpu.compile.cache_faults --rounds $(ROUNDS)

gpu-check: $(READY)
	$(RUN) -m benchmarks.gpu_check

# Compile every source that the tests gave to NVRTC for other architectures, with both CUDAs
# (with CUDA 13 the oldest and the newest).
check-sources: $(READY) .venv-cuda13/.ready
	$(RUN) -m tests.contract.compile_recorded .recorded-sources
	.venv-cuda13/bin/python -m tests.contract.compile_recorded .recorded-sources --targets sm_75,sm_100

# The driver, the compiler and the kernels on CUDA 13's bindings and NVRTC.
check-cuda13: export OPENBLAS_NUM_THREADS := 1
check-cuda13: .venv-cuda13/.ready
	.venv-cuda13/bin/python -m pytest -n $(WORKERS) tests/ndgpu/driver tests/ndgpu/compile \
		tests/ndgpu/kernels tests/ndgpu/runtime

# SciPy, scikit-learn, Dask, PyTorch and array-api-compat on device arrays.
check-peers: export OPENBLAS_NUM_THREADS := 1
check-peers: .venv-peers/.ready
	.venv-peers/bin/python -m pytest $(PEERS)

# The bindings of cuBLAS, cuSOLVER, cuFFT and cuDNN beside their headers and the libraries themselves,
# which describe tensors and work out shapes without a GPU.
check-vendor: .venv-vendor/.ready
	.venv-vendor/bin/python -m pytest tests/ndgpu/vendor

clean:
	rm -rf .venv .venv-cuda13 .venv-peers .venv-vendor .recorded-sources result .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache packages/*/src/*.egg-info
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
