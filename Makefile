# What one does with this repository. `make` alone prints the list.
#
# Each target's text stands behind its two hashes. Longer work is in scripts/, tests/ and benches/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# rustup's cargo is not always in PATH (a new login shell has it, cron and CI often have not).
export PATH := $(PATH):$(HOME)/.cargo/bin

APP ?=
VENV ?=
PORT ?= 8000
SUBJECT ?= ours
ARGS ?=
DESTDIR ?=
PYTHON_HOME ?=

deny_version := 0.20.2
deny := cargo deny --offline --locked check bans licenses sources

.PHONY: help deps build run test lint lint-all fmt bench soak valgrind sanitize fuzz fuzz-config attack docs install uninstall package release test-packages clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install the Debian packages needed, if any is missing
	@scripts/deps

build: deps ## Build module, engine and command into target/module
	@command -v cargo > /dev/null || { echo "cargo is not installed; see https://rustup.rs" >&2; exit 1; }
	cargo build --release --locked --workspace --exclude mod_wsgi-tests
	@scripts/place

run: build ## Serve the demo site, or APP=script.wsgi or APP=django-project/ (PORT=8000, VENV=dir)
	@APP='$(APP)' VENV='$(VENV)' PORT='$(PORT)' scripts/run-demo

test: build ## Run the tests (SUBJECT=ours|mod_wsgi, ARGS='filter ...', CELLS=all)
	@MOD_WSGI_DIR="$${MOD_WSGI_DIR:-$$(scripts/statedir)/module}" SUBJECT='$(SUBJECT)' tests/run $(ARGS)

lint: ## Check Rust, Python and shell scripts: format, common faults, types
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@scripts/lint-shell
	@scripts/lint-python
	@if command -v cargo-deny > /dev/null; then $(deny); else echo "cargo-deny is not installed: make lint-all does it"; fi

lint-all: lint ## The same, licences of dependencies (installs cargo-deny) and the programmers' documentation; nightly
	@command -v cargo-deny > /dev/null || cargo install --locked cargo-deny --version $(deny_version)
	$(deny)
	cd fuzz && cargo check --locked
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items

fmt: ## Format the source
	cargo fmt --all
	@scripts/lint-python --fix

bench: build ## Measure against mod_wsgi 6 in one run (ARGS='--mode daemon hello-16', see benches/run --help)
	@scripts/deps test
	@benches/run $(ARGS)

soak: build ## Run for a long time under load and watch for leaks (ARGS='--mode daemon --minutes 30')
	@tests/soak $(ARGS)

valgrind: deps ## Run the engine's unit tests under valgrind (ARGS='filter ...')
	@scripts/deps test
	@scripts/valgrind $(ARGS)

sanitize: deps ## Run tests under address sanitizer; for the night (ARGS='units|embedded|daemon|e2e|miri ...')
	@scripts/sanitize $(ARGS)

fuzz: deps ## Fuzz what processes read of one another (ARGS='target seconds'; a nightly compiler)
	@scripts/fuzz $(ARGS)

fuzz-config: build ## Run Apache on configurations made by chance (ARGS='--count 300 --seed 7')
	@tests/fuzz-config $(ARGS)

attack: build ## Attack the module as clients, applications and users could (ARGS='--seconds 60 --seed 7')
	@tests/attack/run $(ARGS)

docs: ## Regenerate docs/directives.md and docs/messages.md
	@docs/generate

install: ## Install module, engine, command and configuration (DESTDIR=dir, PYTHON_HOME=dir); then: a2enmod wsgi
	@PYTHON_HOME='$(PYTHON_HOME)' scripts/install '$(DESTDIR)'

uninstall: ## Remove what install installed (DESTDIR=dir)
	@PYTHON_HOME='$(PYTHON_HOME)' scripts/install --remove '$(DESTDIR)'

package: build ## Make the packages: wheel, .deb, archive; .rpm where rpmbuild is (ARGS='wheel deb --out DIR')
	@packaging/package $(ARGS)

release: deps ## Build the last commit twice, compare, and print the hashes of its packages
	@packaging/release

test-packages: build ## Try the packages on clean Debian 12, 13 and sid (ARGS='trixie wheel')
	@scripts/deps packages
	@tests/packages/run $(ARGS)

clean: ## Remove everything built, the demo's data included
	@scripts/clean
