SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run tools mirror demo demo-sales demo-uploads demo-commentary livekit mic status doctor test test-docker fresh backup restore rehearse rehearsal lint audit bench understood soak smoke locks env clean preview review drift deploy up up-gpu up-dev down logs shell build rebuild coverage secrets watching sbom

# The first Python that is there, starts, and is new enough; setup says so where none is.
PYTHON ?= $(or $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done),python3)
PY := .venv/bin/python
SETUP := $(PYTHON) -m tools.setup
ARGS ?=

# Pulumi runs inside the virtual environment; without a backend of your own the state is kept in state/.
STACK ?= local
SERVICE ?=
export PULUMI_CONFIG_PASSPHRASE ?=
TOOLS := PATH="$(CURDIR)/.venv/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv" $(PYTHON) -m tools.toolchain run
PULUMI := $(TOOLS) pulumi
# A stack on AWS is not made by the way: where its state lies and who can open its secrets is chosen first.
SELECT = $(PULUMI) stack select $(STACK) --non-interactive $(if $(shell grep -s 'voicestack:kind: aws' envs/Pulumi.$(STACK).yaml),|| { \
	echo "make: docs/operations.md (First deployment) says how to make the stack $(STACK)" >&2; exit 1; },--create)
# What containers need: packages, an engine, tools, base images where none can be pulled, and a builder.
CONTAINERS := $(SETUP) --with dev && $(PYTHON) -m tools.engine && $(PYTHON) -m tools.toolchain && $(PYTHON) -m tools.mirror && $(PYTHON) -m tools.buildkit

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## Install what is missing: system packages, .venv, media server, console libraries
	@$(SETUP) $(ARGS)

run: ## Set up, then start everything; Ctrl-C stops it (a part: make run ARGS="--services media")
	@$(SETUP) $(if $(findstring edge,$(ARGS)),--edge)
	@exec $(PY) -m app run --no-setup $(ARGS)

demo: ## Set up, then publish a sample stream and show it being dubbed
	@$(SETUP) --with demo
	@exec $(PY) -m app demo $(ARGS)

mic: ## Write down what the microphone hears, live (objections too: make mic ARGS=--sales)
	@$(SETUP)
	@exec $(PY) -m app mic $(ARGS)

demo-sales: ## Set up, then play a sample sales call and show its objections (without sound: ARGS=--text)
	@$(SETUP)
	@exec $(PY) -m app demo-sales $(ARGS)

demo-uploads: ## Set up, then upload a made-up interview and show it becoming text
	@$(SETUP)
	@exec $(PY) -m app demo-uploads $(ARGS)

demo-commentary: ## Set up, then play a video with known events and show what is said of it (quicker: ARGS=--quick)
	@$(SETUP)
	@exec $(PY) -m app demo-commentary $(ARGS)

livekit: ## Set up, then get what a browser's camera needs (LIVEKIT_ENABLED): server, packages, library
	@$(SETUP)
	@$(PYTHON) -m tools.livekit

status: ## Show which services are up, healthy, and where: processes and containers
	@$(PY) -m app status $(ARGS)

doctor: ## Name everything that is missing on this machine, and how to get it (in an AWS account: STACK=prod)
ifeq ($(STACK),local)
	@$(PY) -m app doctor $(ARGS)
else
	@$(SETUP) --with dev && $(PYTHON) -m tools.toolchain
	@$(TOOLS) $(CURDIR)/$(PY) -m infra.aws.ready --stack $(STACK) $(ARGS)
endif

tools: ## Find or make what containers need: Docker engine, Pulumi, its plugins, buildx, Compose
	@$(PYTHON) -m tools.engine
	@$(PYTHON) -m tools.toolchain

mirror: ## Make the base images that cannot be pulled here, in a registry on this machine
	@$(PYTHON) -m tools.mirror --all

preview: ## Show what `make up` would change (another stack: make preview STACK=dev)
	@$(SETUP) --with dev && $(PYTHON) -m tools.toolchain
	@$(SELECT)
	@$(PULUMI) preview --stack $(STACK) $(ARGS)

review: ## The same as a comment for a merge request: dangers first, policies checked (out/comment.md)
	@$(SETUP) --with dev
	@$(SELECT)
	@$(TOOLS) $(CURDIR)/$(PY) -m infra.preview --stack $(STACK) --to out/comment.md $(ARGS)

drift: STACK = prod
drift: ## Name what somebody has changed by hand since the last deployment; fails where there is something
	@$(SETUP) --with dev && $(PYTHON) -m tools.toolchain
	@$(SELECT)
	@$(PULUMI) refresh --preview-only --expect-no-changes --diff --non-interactive --stack $(STACK) $(ARGS)

deploy: STACK = prod
deploy: ## Bring production on AWS to what the checkout says, unless a policy forbids it
	@$(CONTAINERS)
	@$(PULUMI) up --yes --stack $(STACK) --policy-pack $(CURDIR)/infra/policy/pack $(ARGS)

up: ## Start everything as containers and wait until all are healthy; gets what is missing for it
	@$(CONTAINERS)
	@$(SELECT)
	@$(PULUMI) up --yes --stack $(STACK) $(ARGS)

up-gpu: ## The same with CUDA images, on a host with an NVIDIA GPU
	@$(MAKE) --no-print-directory up STACK=local-gpu

up-dev: ## The same with this checkout's code, reloaded on change, beside the stack local
	@$(MAKE) --no-print-directory up STACK=dev

down: ## Remove the containers; data is kept
	@$(PULUMI) destroy --yes --stack $(STACK) $(ARGS)

logs: ## Follow the logs of the containers (one: make logs SERVICE=sts; another stack: STACK=dev)
	@exec $(PY) -m app logs --stack $(STACK) $(SERVICE)

shell: ## Open a shell in a container (make shell SERVICE=sts)
	@exec $(PY) -m app shell --stack $(STACK) $(or $(SERVICE),dubber)

test: ## Run the unit tests, then the integration tests on the real media server
	@$(SETUP) --with dev
	@$(PY) -m tests.beside unit $(ARGS)
	@$(PY) -m tests.beside integration $(ARGS)

test-docker: ## Test images, mirror and the local stack on a real Docker engine (about a quarter of an hour)
	@$(CONTAINERS)
	@$(TOOLS) $(CURDIR)/$(PY) -m tests.beside docker $(ARGS)

fresh: ## Type the README's commands on a bare Debian with Python, Go, git and make (a container; what is committed)
	@$(PYTHON) -m tools.engine && $(PYTHON) -m tools.mirror
	@$(PYTHON) -m tests.fresh $(ARGS)

backup: ## Write a backup of transcripts and uploads (into a file: make backup FILE=monday.tar)
	@$(PY) -m app backup --stack $(STACK) $(FILE)

restore: ## Restore a backup into an empty archive (make restore FILE=monday.tar; over what is there: ARGS=--force; encrypted: ARGS="--identity FILE")
	@[ -n "$(FILE)" ] || { echo "Which backup? make restore FILE=monday.tar" >&2; exit 2; }
	@$(PY) -m app restore --stack $(STACK) $(ARGS) $(FILE)

smoke: ## Check a running stack on AWS over SSH (make smoke STACK=prod ARGS="--ssh-key FILE"; --reboot too)
	@$(SETUP) --with dev
	@[ ! -e out/$(STACK).env ] || . out/$(STACK).env; $(PY) -m pytest tests/smoke --stack $(STACK) --junitxml=out/smoke.xml $(ARGS)

rehearse: ## Rehearse production with no account: AWS emulator, hosts that boot, releases, losses (about ten minutes)
	@$(CONTAINERS)
	@$(TOOLS) $(CURDIR)/$(PY) -m tests.beside rehearsal $(ARGS)

rehearsal: ## Bring production up on this machine, on hosts behind an AWS emulator, until Ctrl-C; make smoke STACK=rehearsal
	@$(CONTAINERS)
	@$(TOOLS) $(CURDIR)/$(PY) -m tests.rehearsal

build: ## Build the images for amd64 and arm64 and push them to REGISTRY; digests go to out/images.json
	@$(CONTAINERS)
	@[ -n "$${REGISTRY:-}" ] || $(PYTHON) -m tools.registry
	@$(TOOLS) $(CURDIR)/$(PY) -m tools.build $(ARGS)

rebuild: ## The same without the cache, on the newest base images
	@$(CONTAINERS)
	@[ -n "$${REGISTRY:-}" ] || $(PYTHON) -m tools.registry
	@$(TOOLS) $(CURDIR)/$(PY) -m tools.build --no-cache $(ARGS)

sbom: ## Write down what is in each image that was built, with licences (CycloneDX, out/sbom)
	@$(SETUP) --with dev
	@$(TOOLS) $(CURDIR)/$(PY) -m infra.sbom $(ARGS)

coverage: ## Run the unit tests and say which lines they reach (out/coverage.xml)
	@$(SETUP) --with dev
	@$(PY) -m pytest tests/unit --cov=app --cov=tools --cov=infra --cov-report=term:skip-covered --cov-report=xml:out/coverage.xml $(ARGS)

secrets: ## Look for secrets in everything that git tracks
	@$(SETUP) --with dev
	@git ls-files -z | xargs -0 $(PY) -m detect_secrets.pre_commit_hook --baseline .secrets.baseline

audit: ## Look up known vulnerabilities of the locked Python packages (asks the package index)
	@$(SETUP) --with dev
	@for lock in dev speech-cuda; do $(PY) -m pip_audit --disable-pip --require-hashes -r requirements/$$lock.txt; done

lint: ## Check style, types and locks
	@$(SETUP) --with dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m app env --check

understood: ## Measure how much of a dub is understood, from outside (about fifteen minutes)
	@$(SETUP) --with dev
	@$(PY) -m tests.bench.understood $(ARGS)

soak: ## Dub streams while things go wrong, for hours (make soak HOURS=0.1), and say what did not heal
	@$(SETUP) --with dev
	@$(PY) -m tests.soak --hours $(or $(HOURS),2) $(ARGS)

bench: ## Measure delay, lag and load with 1, 2, 4 and 8 streams, objections, uploads, commentary (a quarter of an hour)
	@$(SETUP) --with dev
	@$(PY) -m tests.bench.objections
	@$(PY) -m tests.bench $(ARGS)
	@$(PY) -m tests.bench.uploads
	@$(PY) -m app demo-commentary --quick

watching: ## Measure what commentary on a stream takes for long (an hour: make watching MINUTES=60)
	@$(SETUP) --with dev
	@$(PY) -m tests.bench.watching --minutes $(or $(MINUTES),10) $(ARGS)

locks: ## Write requirements/*.txt anew (newest versions: make locks ARGS=--upgrade)
	@$(SETUP) --with dev
	@$(PY) -m tools.locks $(ARGS)

env: ## Write .env from .env.example, unless there is one
	@if [ -e .env ]; then echo ".env is there already"; else cp .env.example .env; chmod 600 .env; echo ".env written: edit it, then make run"; fi

clean: ## Remove .venv, caches and, if you say so, the data of containers and everything under data/
	@read -r -p "Remove .venv and caches? [y/N] " answer; [ "$$answer" = y ] || exit 0; \
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis; \
	read -r -p "Remove the images and the data volumes of the stack $(STACK) too? [y/N] " answer; [ "$$answer" != y ] || { \
	docker volume ls --quiet --filter label=voicestack.stack=$(STACK) | xargs -r docker volume rm; \
	docker images --format '{{.Repository}}:{{.Tag}}' 'voicestack/*:$(STACK)' | xargs -r docker image rm; }; \
	read -r -p "Remove data/ too (recordings, models)? [y/N] " answer; [ "$$answer" = y ] || exit 0; rm -rf data
