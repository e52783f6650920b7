# make run: everything on config/config.yaml. make test: the test suite. Both set up a fresh machine first.

SHELL := /bin/bash
export PATH := /usr/local/bin:$(HOME)/.local/bin:$(PATH)
UV := uv run --frozen

.PHONY: help setup run test lint format schema bench clean

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## install uv, the locked environment and Icarus Verilog
	@envs/setup.sh iverilog

run: setup  ## run the main job: config/config.yaml, real model, real benchmarks, 2 cores
	$(UV) ibft resume --cores all

test: setup  ## set up and run the whole test suite
	@envs/setup.sh iverilog chromium
	$(UV) pytest

lint: setup  ## what CI checks besides the tests
	$(UV) ruff check .
	$(UV) ruff format --check .
	$(UV) mypy
	$(UV) snakefmt --check Snakefile rules
	$(UV) snakemake --lint
	$(UV) snakemake --dry-run --nolock --quiet --configfile config/paper.yaml
	$(UV) snakemake --dry-run --nolock --quiet

format:  ## format Python and Snakemake files
	$(UV) ruff check --fix .
	$(UV) ruff format .
	$(UV) snakefmt Snakefile rules

schema:  ## write the JSON schema of the configuration
	$(UV) python -m ibft.config > workflow/schemas/config.schema.json

bench: setup  ## measure speed and memory against named alternatives (minutes)
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(UV) python $$script; done

clean:  ## delete results/
	rm -rf results
