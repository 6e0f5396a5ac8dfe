# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# `make help` says what there is. All that is made here lies in .venv and build.

FLAVOUR ?= mariadb-10.11
SCENARIOS := mariadb-10.11 mysql-9.7 mariadb-10.5-to-11.8 mariadb-10.11-to-11.8

# A flavour that was given counts; the demo's default does not.
FAULT_ARGS = $(if $(filter command line environment,$(origin FLAVOUR)),--flavour $(FLAVOUR)) $(if $(STEP),--step $(STEP)) \
	$(if $(FAULT),--fault $(FAULT)) $(if $(RANDOM_COUNT),--random $(RANDOM_COUNT)) $(if $(SEED),--seed $(SEED)) $(if $(AGAIN),--again) \
	$(if $(RATE),--rate $(RATE)) $(if $(BY),--by $(BY))

BIN := $(CURDIR)/.venv/bin
VENV := .venv/.stamp
COLLECTION := build/coll/ansible_collections/nordbridge/mysql_migration
READY := $(VENV) $(COLLECTION)
DOCS := build/venv/docs/.stamp
HOSTS := $(BIN)/python molecule/shared/hosts.py

# Nothing of this user's or this machine's own Ansible may play a part, and files of a run lie in the tree.
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_HOME := $(CURDIR)/build/ansible
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/coll
export ANSIBLE_ROLES_PATH := $(CURDIR)/roles
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: bench changelog conventions docs docs-checks security bench-cutover bench-table faults faults-planted faults-quick help demo mutants test lint unit sanity scenarios $(SCENARIOS:%=scenario-%) integration images hosts clean distclean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: $(READY) hosts ## two hosts as containers, live writes, the whole migration, a report (FLAVOUR=mariadb-10.11, mysql-9.7, ...)
	$(BIN)/python molecule/shared/demo.py run --flavour $(FLAVOUR)

test: lint unit sanity scenarios images faults-quick ## what must pass before anything lands

lint: $(READY) $(DOCS) ## fast checks only
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/ansible-lint --offline
	tools/conventions reuse changelog python docs

unit: $(READY) ## the rules, without servers
	$(BIN)/python -m pytest -q

sanity: $(READY) ## Ansible's own checks of a collection
	tools/sanity

scenarios: $(SCENARIOS:%=scenario-%) ## a whole migration under writes for each pair of servers, by molecule

$(SCENARIOS:%=scenario-%): scenario-%: $(READY) hosts
	$(BIN)/molecule test --no-command-borders --scenario-name $*

docs: $(DOCS) $(COLLECTION) ## the documentation as a site, in build/docs/html
	tools/site/build

docs-checks: $(READY) # docs/checks.md from the catalogue of checks
	PYTHONPATH=build/coll $(BIN)/python tools/checks_page.py

changelog: $(DOCS) $(COLLECTION) # CHANGELOG.md from the fragments and the modules that are there
	tools/changelog

conventions: $(DOCS) $(COLLECTION) ## what the Ansible ecosystem asks of a collection: the tarball imported, documentation, licences, each ansible-core
	tools/conventions

integration: $(READY) hosts ## what goes wrong, on real servers: dead jobs, blocked fences, bad input, wire captures (about 20 minutes)
	$(BIN)/python -m pytest -q tests/integration

security: $(READY) hosts ## an attacker's attempts against real hosts: the target's owner, the source's, a local user, the wire
	$(BIN)/python -m pytest -q tests/security

bench: $(READY) hosts bench-cutover ## what a user would pick instead, measured beside ours; a quiet machine for an hour (BENCH_ARGS="--megabytes 2000")
	$(BIN)/python bench/seed/run.py $(BENCH_ARGS)

bench-table: $(VENV) ## the benchmarks' figures into docs/benchmarks.md
	$(BIN)/python bench/table.py

faults: $(READY) hosts ## each fault at each step of a cutover under writes, on both flavours: hours (FLAVOUR=, STEP=, FAULT=; RANDOM_COUNT=20 SEED=7; RATE=500)
	$(BIN)/python tests/faults/faults.py $(FAULT_ARGS)

mutants: $(READY) ## safety lines broken one at a time: each must make a unit fail (MUTANT_ARGS="--file _server/", --hand)
	$(BIN)/python tests/mutants/mutants.py $(MUTANT_ARGS)

faults-quick: $(READY) hosts # five of them, on MariaDB
	$(BIN)/python tests/faults/faults.py --flavour mariadb-10.11 --quick --rate 100 --budget 10 --lease 15 --max-lag 5

faults-planted: $(READY) hosts # the fence broken on purpose: the matrix must see it
	$(BIN)/python tests/faults/faults.py --planted --by module --budget 5 --lease 10 --max-lag 5

bench-cutover: $(READY) hosts # the write stop, against the same steps as Ansible tasks; needs a quiet machine
	$(BIN)/python bench/cutover/write_stop.py

images: $(READY) hosts ## each image of the test hosts boots and runs its server
	$(BIN)/python -m pytest -q tests/images

hosts: $(VENV) # what the test hosts need on this machine
	$(HOSTS) install

$(VENV): requirements-dev.txt tools/prerequisites
	python=$$(tools/prerequisites) && $$python -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

$(DOCS): tools/requirements-docs.txt tools/prerequisites
	python=$$(tools/prerequisites) && $$python -m venv build/venv/docs
	build/venv/docs/bin/python -m pip install --quiet --disable-pip-version-check --requirement tools/requirements-docs.txt
	touch $@

# For who uses the collection from this tree.
build/coll: $(COLLECTION)

$(COLLECTION):
	mkdir -p $(@D)
	ln -sfn ../../../.. $@

clean: ## this tree's test hosts, and all that was made but .venv and the images
	for pair in build/hosts/*/; do [ ! -d "$$pair" ] || python3 molecule/shared/hosts.py down "$$(basename "$$pair")"; done
	rm -rf build .ansible .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -exec rm -rf {} +

distclean: clean ## .venv and the images too; this removes the test hosts of every tree on this machine
	python3 molecule/shared/hosts.py clean --images
	rm -rf .venv
