# make help lists the targets. Whatever stands behind train, sweep, evaluate, report or bench as name=value reaches Hydra as typed.
override SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
override VENV := .venv
override BIN := $(VENV)/bin
override INSTALLED := $(VENV)/.installed

# --- name=value pairs, from make's own list of them to words that the shell leaves alone --------------------------
# MAKEOVERRIDES holds the pairs last first, with a backslash before blanks and backslashes, and dollars doubled.
# "override" keeps a pair from changing a variable of this file that has the same name.
override empty :=
override space := $(empty) $(empty)
override tab := $(empty)	$(empty)
override mark_backslash := $(shell printf '\001')
override mark_space := $(shell printf '\002')
override mark_tab := $(shell printf '\003')
override pairs := $(subst \\,$(mark_backslash),$(MAKEOVERRIDES))
override pairs := $(subst \$(space),$(mark_space),$(pairs))
override pairs := $(subst \$(tab),$(mark_tab),$(pairs))
override pairs := $(filter-out PYTHON=%,$(subst $$$$,$$,$(pairs)))
override reversed = $(if $(1),$(call reversed,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
override unmarked = $(subst $(mark_tab),$(tab),$(subst $(mark_space),$(space),$(subst $(mark_backslash),\,$(1))))
override overrides := $(foreach pair,$(call reversed,$(pairs)),'$(call unmarked,$(subst ','\'',$(pair)))')
# make would export them to the environment and expand their dollars on the way.
unexport $(foreach pair,$(pairs),$(firstword $(subst =,$(space),$(pair))))

# --- set-up -------------------------------------------------------------------------------------------------------
# Without an NVIDIA driver, torch's CPU build is taken: the default one on Linux brings gigabytes of CUDA.
override TORCH_INDEX := $(if $(shell command -v nvidia-smi),,--extra-index-url https://download.pytorch.org/whl/cpu)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "make: $(PYTHON) is not Python 3.11 to 3.13; choose one: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.11"; exit 1; }
	@echo "Setting up $(VENV) from requirements.lock (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --retries 1 $(TORCH_INDEX) "$$(grep '^torch==' requirements.lock)"
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup train sweep evaluate report bench test test-full lint format lock help

setup: $(INSTALLED) ## Build .venv from requirements.lock; every other target does so when needed.

train: $(INSTALLED) ## Train one model for all scales: make train model=smfanet upsampler=igconv data=folder data.root=…
	@$(BIN)/igconv-sr train $(overrides)

sweep: $(INSTALLED) ## Train every combination, skip what is finished, resume the rest: make sweep model=edsr,smfanet seed=0,1
	@$(BIN)/igconv-sr sweep $(overrides)

evaluate: $(INSTALLED) ## Score on benchmarks: make evaluate ckpt_path=… benchmarks=[/path/to/Set5] (or model=bicubic)
	@$(BIN)/igconv-sr evaluate $(overrides)

report: $(INSTALLED) ## Write report/index.html, report.md and figures of all runs: make report runs=[FOLDER,…]
	@$(BIN)/igconv-sr report $(overrides)

bench: $(INSTALLED) ## Measure speed as ratios against plain implementations.
	@$(BIN)/igconv-sr bench $(overrides)

# A process per core, each with one thread: the tests spend their time in many small steps and starting commands.
override PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

test: $(INSTALLED) ## Run the tests (minutes).
	@$(PYTEST) -m "not slow"

test-full: $(INSTALLED) ## Run all tests, the slow ones too.
	@$(PYTEST)

lint: $(INSTALLED) ## Check style, types and the order of imports.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check -q
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

format: $(INSTALLED) ## Format the code.
	@$(BIN)/ruff check -q --fix
	@$(BIN)/ruff format -q

lock: ## Renew requirements.lock from pyproject.toml.
	@rm -rf build/lock && $(PYTHON) -m venv build/lock
	@build/lock/bin/pip install -q $(TORCH_INDEX) "$$(grep '^torch==' requirements.lock)"
	@build/lock/bin/pip install -q --upgrade pip && build/lock/bin/pip install -q . --group dev
	@build/lock/bin/pip install -q --no-deps spandrel spandrel-extra-arches # tests run them without torchvision
	@{ head -n 1 requirements.lock; build/lock/bin/pip freeze --exclude igconv-sr | sed 's/+cpu$$//'; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock && rm -rf build/lock

help: ## Show this.
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
	@echo
	@echo 'name=value pairs reach Hydra as typed: make train model=edsr_baseline "data.scales=[2,3]" seed=7'
	@echo 'Limits of make: no ":" or "#" in a name, name!=value runs a command, and options such as -m are not passed on'
	@echo '(hence "make sweep"), blanks at the start of a value are dropped. $(BIN)/igconv-sr COMMAND has none of these limits.'
