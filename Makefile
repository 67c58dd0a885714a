# The only front door: `make help`.

# Absolute: the tools' own python must not come before it on PATH.
ifndef PYTHON
PYTHON := $(shell command -v python3)
endif
ARCH ?= arm64
NAME ?= default
STACK ?= media-export
ITERATIONS ?= 1000000
WINDOWS ?= 1000
PLAYED ?= 20
JOBS ?= 2000
SEEDS ?= 100000
HOURS ?= 24
# The stack in AWS that STACK names; without it, the local one.
WHICH = $(if $(filter file,$(origin STACK)),--env .local/$(NAME)/env,--stack $(STACK))
# Parameters of the template for `make deploy`, as "Name=value Name=": what is not named stays as it is in the stack.
PARAMETERS ?=
export PARAMETERS
# Another ffmpeg for the workers of the local stack.
WORKER_FFMPEG ?=
export WORKER_FFMPEG
# A file of lines `Name: value` in YAML: what it does not name gets the template's default.
PARAMETERS_FILE ?=

VENV := .venv
TOOLS := .venv-tools
# Apart, since it wants other versions of what the tools are made of; installed on first use.
CHECKOV := .venv-checkov
PACKAGERS := .venv-packagers
CLIENTS := .venv-clients
TEMPLATE := infra/sam/template.yaml
# Tools that only crates.io has, compiled on first use.
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_CYCLONEDX := $(TOOLS)/bin/cargo-cyclonedx
CARGO_MUTANTS := $(TOOLS)/bin/cargo-mutants
TEST_PHASES := fmt-check lint docs deny template-check test-rust test-infra test-cdk test-e2e test-contract test-smoke test-chaos

export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

ifeq ($(filter $(ARCH),arm64 x86_64),)
$(error ARCH is arm64 or x86_64, not $(ARCH))
endif

.DEFAULT_GOAL := help
.PHONY: help setup lock up down logs ps demo watch cli install-cli cli-pages portable-cli console console-deploy test-console layer layer-news build sbom release package deploy destroy tenant session smoke fmt fmt-check lint docs openapi apidocs deny audit template-check \
        test test-rust test-infra test-cdk test-e2e test-contract contract test-smoke test-upgrade test-chaos model simulate chaos soak soak-media soak-chunks soak-reels soak-playlists test-packagers test-clients fuzz mutants bench bench-media ci clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- environment

setup: $(VENV)/.stamp $(TOOLS)/.stamp ## Install the Python side: the emulator in .venv, build tools in .venv-tools

$(VENV)/.stamp: infra/local/requirements.txt
$(TOOLS)/.stamp: infra/local/requirements-tools.txt
$(CHECKOV)/.stamp: infra/local/requirements-checkov.txt
$(PACKAGERS)/.stamp: tests/packagers/requirements.txt
$(CLIENTS)/.stamp: tests/clients/requirements.txt
$(VENV)/.stamp $(TOOLS)/.stamp $(CHECKOV)/.stamp $(PACKAGERS)/.stamp $(CLIENTS)/.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 10) else "Python 3.10 or later is needed; this is " + sys.version.split()[0] + ". Set PYTHON=...")'
	@echo "setup: $(@D)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r $<
	@touch $@

$(CARGO_DENY): $(TOOLS)/.stamp
	@cargo install --quiet --locked --debug --root $(TOOLS) cargo-deny@0.20.2

$(CARGO_CYCLONEDX): $(TOOLS)/.stamp
	@cargo install --quiet --locked --debug --root $(TOOLS) cargo-cyclonedx@0.5.9

$(CARGO_MUTANTS): $(TOOLS)/.stamp
	@cargo install --quiet --locked --debug --root $(TOOLS) cargo-mutants@27.1.0

lock: $(TOOLS)/.stamp ## Look for newer Python packages and pin them with their hashes
	@cd infra/local && for list in requirements requirements-tools requirements-checkov; do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
	    --custom-compile-command 'make lock' --output-file $$list.txt $$list.in || exit; done
	@cd tests/packagers && uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
	  --constraints ../../infra/local/requirements.txt --custom-compile-command 'make lock' --output-file requirements.txt requirements.in
	@cd tests/clients && uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make lock' --output-file requirements.txt requirements.in

# ---- local stack

up: $(VENV)/.stamp ## Start AWS on 127.0.0.1 and deploy the template into it, or deploy again (RELEASE=1 ENFORCE_IAM=1 NAME=...)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory apidocs || echo "no API reference"; fi
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory console || echo "no console"; fi
	@$(VENV)/bin/python infra/local/stack.py up --name $(NAME) $(if $(filter 1,$(RELEASE)),--release) $(if $(ENFORCE_IAM),--enforce-iam)

down: $(VENV)/.stamp ## Stop the local stack and forget its data
	@$(VENV)/bin/python infra/local/stack.py down --name $(NAME)

logs: $(VENV)/.stamp ## Follow what the functions of the local stack log (JOB=id or CORRELATION=id: only that)
	@$(VENV)/bin/python infra/local/stack.py logs --name $(NAME) --follow $(if $(JOB),--job '$(JOB)') $(if $(CORRELATION),--correlation '$(CORRELATION)')

ps: $(VENV)/.stamp ## List the local stacks that are up
	@$(VENV)/bin/python infra/local/stack.py ps

demo: up ## Cut a clip from a demo recording, check every frame of it, and export a tennis event, on the local stack
	@$(VENV)/bin/python tests/demo/demo.py --env .local/$(NAME)/env
	@$(VENV)/bin/python tests/demo/mre_demo.py --env .local/$(NAME)/env
	@if test -d target/console; then . ./.local/$(NAME)/env; echo "console: $$CONSOLE_URL#session=$$DEMO_SESSION_ID"; fi

watch: $(TOOLS)/.stamp ## Run single functions against the local stack with `cargo lambda watch`, rebuilt at each change
	@test -f .local/env || { echo "run \`make up\` first"; exit 1; }
	@cargo lambda watch --env-file .local/env

# ---- the command line

PREFIX ?= $(HOME)/.local

cli: ## Build mex, optimised, into target/release, with completions and manual pages in target/cli
	@$(COMMIT) cargo build --release --locked --package export-cli --bin mex
	@$(MAKE) --no-print-directory cli-pages MEX=target/release/mex

cli-pages:
	@$(MEX) man target/cli/man
	@for shell in bash zsh fish powershell elvish; do $(MEX) completion $$shell > target/cli/mex.$$shell; done

install-cli: cli ## Install mex with its completions and manual pages (PREFIX=~/.local)
	@install -D -m 755 -t $(PREFIX)/bin target/release/mex
	@install -D -m 644 -t $(PREFIX)/share/man/man1 target/cli/man/*.1
	@install -D -m 644 target/cli/mex.bash $(PREFIX)/share/bash-completion/completions/mex
	@install -D -m 644 target/cli/mex.zsh $(PREFIX)/share/zsh/site-functions/_mex
	@install -D -m 644 target/cli/mex.fish $(PREFIX)/share/fish/vendor_completions.d/mex.fish
	@echo "mex is in $(PREFIX)/bin"

# ---- the console

console: target/console/index.html ## Build the web console into target/console (needs Node 20.19 or later)

target/console/index.html: infra/openapi/export.v1.json infra/console/node_modules/.package-lock.json $(wildcard infra/console/src/*.ts* infra/console/src/*.css) \
  infra/console/index.html infra/console/tsconfig.json infra/console/vite.config.js
	@cd infra/console && npm run --silent build

infra/console/node_modules/.package-lock.json: infra/console/package-lock.json
	@cd infra/console && npm ci --no-audit --no-fund --silent

console-deploy: $(VENV)/.stamp $(TOOLS)/.stamp $(if $(wildcard release.json),,console) ## Put the console beside the stack in AWS (needs AWS; STACK=...)
	@$(VENV)/bin/python infra/ops/console.py --stack $(STACK)

test-console: $(VENV)/.stamp $(TOOLS)/.stamp ## Use the console as a person does, in a browser on a local stack (needs npm and Chromium)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory console tests/console/node_modules/.package-lock.json; fi
	@$(VENV)/bin/python -m pytest -q -rs tests/console

# ---- deploying to AWS

layer: $(VENV)/.stamp ## Build target/layer/ffmpeg.zip (ARCH=arm64|x86_64; SMALL=1 compiles an ffmpeg with what is used only)
	@$(VENV)/bin/python infra/layers/ffmpeg/build.py $(ARCH) $(if $(SMALL),small)

layer-news: $(VENV)/.stamp ## Tell of a newer ffmpeg than the layer's
	@$(VENV)/bin/python infra/layers/ffmpeg/news.py

# Set where cargo compiles what is deployed: other builds do not start over at each commit.
COMMIT = EXPORT_COMMIT=$$($(PYTHON) infra/ops/release.py commit)
PORTABLE = $(COMMIT) RUSTFLAGS="--remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo" \
  cargo lambda build --release --locked $(if $(filter arm64,$(ARCH)),--arm64,--x86-64)

build: $(VENV)/.stamp $(TOOLS)/.stamp ## Build the functions for AWS into target/lambda, the same bytes anywhere (ARCH=arm64|x86_64)
	@$(PORTABLE) --workspace --exclude export-clip --exclude export-cli --bins --lambda-dir target/lambda
	@$(MAKE) --no-print-directory sbom
	@$(VENV)/bin/python infra/local/bundles.py target/lambda $(ARCH)

sbom: $(CARGO_CYCLONEDX) ## List what each function is made of: target/lambda/*/sbom.cdx.json (CycloneDX)
	@SOURCE_DATE_EPOCH=315532800 cargo cyclonedx -q --manifest-path functions/job-sweeper/Cargo.toml --format json --spec-version 1.5 \
	  --describe binaries --no-build-deps --target $(if $(filter arm64,$(ARCH)),aarch64,x86_64)-unknown-linux-gnu
	@for bill in functions/*/*_bin.cdx.json; do \
	  name=$$(basename $$bill _bin.cdx.json); mkdir -p target/lambda/$$name; \
	  sed 's|file://$(CURDIR)/|file:///|' $$bill > target/lambda/$$name/sbom.cdx.json && rm $$bill; done
	@mkdir -p target/cli/$(ARCH) && sed 's|file://$(CURDIR)/|file:///|' infra/cli/mex_bin.cdx.json > target/cli/$(ARCH)/sbom.cdx.json
	@rm -f shared/*/*_bin.cdx.json infra/*/*_bin.cdx.json

portable-cli: $(TOOLS)/.stamp ## Build mex for any Linux of a processor into target/cli (ARCH=arm64|x86_64)
	@$(PORTABLE) --package export-cli --bin mex --lambda-dir target/cli/$(ARCH)/built
	@mv target/cli/$(ARCH)/built/mex/bootstrap target/cli/$(ARCH)/mex && rm -r target/cli/$(ARCH)/built

release: $(VENV)/.stamp $(TOOLS)/.stamp infra/cdk/node_modules/.package-lock.json console ## Build what a version is published as into dist/, the same bytes anywhere (needs npm)
	@$(PYTHON) infra/ops/release.py begin
	@for arch in arm64 x86_64; do \
	  $(MAKE) --no-print-directory build layer portable-cli ARCH=$$arch && $(PYTHON) infra/ops/release.py pack $$arch || exit; done
	@$(MAKE) --no-print-directory cli-pages MEX=target/cli/$$(uname -m | sed 's/aarch64/arm64/')/mex
	@cd infra/cdk && npm run --silent build
	@$(PYTHON) infra/ops/release.py finish

DEPLOY = $(VENV)/bin/python infra/ops/rollout.py
# An unpacked release deploys itself.
RELEASED = $(or $(RELEASE),$(if $(wildcard release.json),.))
BUILT = $(if $(filter-out file,$(origin ARCH)),--arch $(ARCH)) $(if $(RELEASED),--release "$(RELEASED)")

package: $(VENV)/.stamp $(TOOLS)/.stamp ## Upload code and layer to S3 and write target/packaged.yaml (needs AWS; CODE_BUCKET=... ARCH=... RELEASE=archive)
	@$(DEPLOY) check --stack $(STACK) $(BUILT) --bucket "$(CODE_BUCKET)"
	@$(if $(RELEASED),,$(MAKE) --no-print-directory build layer)
	@$(DEPLOY) package --stack $(STACK) $(BUILT) --bucket "$(CODE_BUCKET)"

deploy: $(VENV)/.stamp $(TOOLS)/.stamp ## Create or update the stack in AWS (needs AWS; STACK=... ARCH=... RELEASE=archive PARAMETERS="Name=value ..." PARAMETERS_FILE=...)
	@$(DEPLOY) check --stack $(STACK) $(BUILT) $(if $(PARAMETERS_FILE),--file "$(PARAMETERS_FILE)")
	@$(if $(RELEASED),,$(MAKE) --no-print-directory build layer)
	@$(DEPLOY) apply --stack $(STACK) $(BUILT) $(if $(PARAMETERS_FILE),--file "$(PARAMETERS_FILE)")

destroy: $(VENV)/.stamp ## Delete the stack in AWS, and say what stays and how that is removed (needs AWS; STACK=...)
	@$(if $(filter file,$(origin STACK)),echo "name the stack: make destroy STACK=..."; exit 1,$(DEPLOY) destroy --stack $(STACK))

# ---- operating: the stack that STACK names, else the local one

tenant: $(VENV)/.stamp ## Add a tenant (TENANT=... SOURCE_BUCKET=... SOURCE_PREFIX=... TARGETS="bucket:region:root ..." MAX_ACTIVE=... MAX_SCHEDULED=... MRE_PROGRAMS="..." STACK=...)
	@$(VENV)/bin/python infra/ops/tenants.py $(WHICH) tenant add "$(TENANT)" $(if $(SOURCE_BUCKET),--source-bucket "$(SOURCE_BUCKET)") \
	  $(if $(SOURCE_PREFIX),--source-prefix "$(SOURCE_PREFIX)") $(foreach each,$(TARGETS),--target "$(each)") $(if $(MAX_ACTIVE),--max-active $(MAX_ACTIVE)) \
	  $(if $(MAX_SCHEDULED),--max-scheduled $(MAX_SCHEDULED)) $(foreach each,$(MRE_PROGRAMS),--mre-program "$(each)")

session: $(VENV)/.stamp ## Print the id of a new session of a tenant (TENANT=... HOURS=24 STACK=...)
	@$(VENV)/bin/python infra/ops/tenants.py $(WHICH) session add "$(TENANT)" --hours $(HOURS)

smoke: $(VENV)/.stamp ## Ask a deployed stack for everything once and leave nothing behind (STACK=... URL=...)
	@$(VENV)/bin/python tests/smoke $(WHICH) $(if $(filter command,$(origin URL)),--url "$(URL)")

# ---- checks

fmt: ## Format the Rust code
	@cargo fmt --all

fmt-check: ## Check that the Rust code is formatted
	@cargo fmt --all --check

lint: ## Lint the Rust code; warnings are errors
	@cargo clippy --quiet --workspace --all-targets --locked -- -D warnings

docs: ## Build the Rust documentation and, with npm, the API reference, into target/doc; warnings are errors
	@RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --no-deps --locked
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory apidocs && cp target/apidocs/index.html target/doc/api.html; fi

openapi: ## Write infra/openapi/export.v1.json from the types
	@UPDATE_OPENAPI=1 cargo test --quiet --locked --package export-openapi

apidocs: target/apidocs/index.html ## Build the API reference, target/apidocs/index.html (needs Node 20.19 or later)

target/apidocs/index.html: infra/openapi/export.v1.json infra/apidocs/offline.mjs infra/apidocs/node_modules/.package-lock.json
	@cd infra/apidocs && npm run --silent lint && npm run --silent build

infra/apidocs/node_modules/.package-lock.json: infra/apidocs/package-lock.json
	@cd infra/apidocs && npm ci --no-audit --no-fund --silent

deny: $(CARGO_DENY) ## Check the crates' licences and sources, and that none is banned (.cargo/deny.toml)
	@cargo deny check bans licenses sources

audit: $(CARGO_DENY) ## Check the crates against the RustSec advisories (needs GitHub)
	@cargo deny check advisories

template-check: $(VENV)/.stamp $(TOOLS)/.stamp $(CHECKOV)/.stamp ## Check the template with cfn-lint, `sam validate --lint` and checkov, its policies with parliament
	@cfn-lint $(TEMPLATE) infra/sam/console.yaml infra/sam/playback.yaml
	@AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} sam validate --lint --template $(TEMPLATE)
	@$(CHECKOV)/bin/checkov --file $(TEMPLATE) --file infra/sam/playback.yaml --framework cloudformation --compact --quiet --skip-download
	@$(VENV)/bin/python infra/local/tests/policies.py | $(CHECKOV)/bin/python -W ignore infra/local/tests/audit.py

test: setup ## Everything that a change must pass, with the time of each phase
	@for phase in $(TEST_PHASES); do \
	  echo "== $$phase"; began=$$(date +%s); $(MAKE) --no-print-directory $$phase || exit; \
	  echo "== $$phase: $$(($$(date +%s) - began)) s"; done

test-rust: $(VENV)/.stamp ## Unit, property and integration tests in Rust
	@export FFMPEG=$${FFMPEG:-$$($(VENV)/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')}; \
	if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --workspace --locked && cargo test --quiet --workspace --doc --locked; \
	else cargo test --quiet --workspace --locked --no-fail-fast; fi

test-infra: $(VENV)/.stamp $(CARGO_CYCLONEDX) ## Tests of the local stack, the template and the functions' packages; with npm, the console is built
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory console; else test -z "$$CI"; fi
	@$(VENV)/bin/python -m pytest -q infra

test-cdk: $(VENV)/.stamp ## Type-check the CDK construct and test what it synthesises (needs Node 20 or later)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory infra/cdk/node_modules/.package-lock.json && cd infra/cdk && npm run --silent build && \
	  npm test --silent && cp test/snapshot.json dist/ && npm run --silent snapshot >/dev/null && \
	  cmp test/snapshot.json dist/snapshot.json && test test/snapshot.json -nt dist/snapshot.json && \
	  cd ../.. && $(VENV)/bin/python infra/local/tests/cdk_diff.py infra/cdk/dist/written; \
	else echo "no npm: the CDK construct is not tested"; test -z "$$CI"; fi

infra/cdk/node_modules/.package-lock.json: infra/cdk/package-lock.json
	@cd infra/cdk && npm ci --no-audit --no-fund --silent

# They wait more than they compute: with a stack each, two processes need little more than half the time of one.
test-e2e: $(VENV)/.stamp $(TOOLS)/.stamp ## Tests through HTTP, in two processes with a local stack each (EXPORT_STACK_ENV=.local/env uses a running one)
	@$(VENV)/bin/python -m pytest -q $(if $(EXPORT_STACK_ENV),,--numprocesses 2 --dist loadfile) tests/media tests/bench tests/e2e

test-contract: $(VENV)/.stamp $(TOOLS)/.stamp ## Hold the functions to the API's document, and look at its page
	@$(VENV)/bin/python -m pytest -q tests/contract

contract: $(VENV)/.stamp $(TOOLS)/.stamp ## The same with 10,000 requests (SEED=...)
	@seed=$${SEED:-$$(date +%s)}; echo "contract: SEED=$$seed"; CONTRACT_EXAMPLES=420 CONTRACT_CASES=10000 CONTRACT_SEED=$$seed \
	  $(VENV)/bin/python -m pytest -q -s tests/contract/test_service.py -k keeps

test-smoke: $(VENV)/.stamp ## The smoke test passes a whole stack and names what is broken
	@$(VENV)/bin/python -m pytest -q tests/smoke

test-upgrade: $(VENV)/.stamp ## From the version before this one to this one and back, with jobs in flight (PREVIOUS=tag or commit)
	@PREVIOUS=$(PREVIOUS) $(VENV)/bin/python -m pytest -q -rs tests/upgrade

model: ## Check every order of a job's steps in large worlds (about 2 minutes)
	@cargo test --locked --profile fuzz --package export-model --test life -- --ignored --nocapture --test-threads 1

simulate: ## Run the functions under random faults in simulated time (SEEDS=100000 FIRST=0)
	@SIM_SEEDS=$(SEEDS) SIM_FIRST=$${FIRST:-0} cargo test --locked --profile fuzz --package export-suites --test simulation every_seed -- --nocapture

test-chaos: $(VENV)/.stamp $(TOOLS)/.stamp ## Kill, freeze and cut off the functions on a local stack of their own
	@$(VENV)/bin/python -m pytest -q tests/chaos

chaos: $(VENV)/.stamp $(TOOLS)/.stamp ## The same at every point in every way, ten times, with a table of recoveries
	@CHAOS_REPEATS=10 $(VENV)/bin/python -m pytest -q tests/chaos/test_kill_matrix.py tests/chaos/test_faults.py tests/chaos/test_load.py

soak: $(VENV)/.stamp $(TOOLS)/.stamp ## Jobs under random faults: none lost, nothing grows, nothing is left (JOBS=2000 SEED=...)
	@SOAK_JOBS=$(JOBS) SOAK_SEED=$${SEED:-1} $(VENV)/bin/python -m pytest -q -s tests/chaos/test_soak.py

soak-playlists: $(VENV)/.stamp $(TOOLS)/.stamp ## Cut random windows as playlists and check every frame, and have browsers play some (WINDOWS=1000 PLAYED=20 SEED=...)
	@seed=$${SEED:-$$(date +%s)}; echo "soak-playlists: SEED=$$seed"; \
	E2E_SEED=$$seed PLAYLIST_WINDOWS=$(WINDOWS) PLAYER_WINDOWS=$(PLAYED) $(VENV)/bin/python -m pytest -q -s tests/e2e/test_playlists.py

soak-media: $(VENV)/.stamp $(TOOLS)/.stamp ## Cut random windows from all recordings and check every frame (WINDOWS=1000 SEED=...)
	@seed=$${SEED:-$$(date +%s)}; echo "soak-media: SEED=$$seed"; \
	E2E_SEED=$$seed SOAK_WINDOWS=$(WINDOWS) $(VENV)/bin/python -m pytest -q -rx tests/e2e/test_soak.py

soak-reels: $(VENV)/.stamp ## Make random reels of 2 to 40 windows with the engine's command and check every frame (REELS=200 SEED=...)
	@seed=$${SEED:-$$(date +%s)}; echo "soak-reels: SEED=$$seed"; \
	E2E_SEED=$$seed SOAK_REELS=$(or $(REELS),200) $(VENV)/bin/python -m pytest -q -rx tests/e2e/test_reels.py

soak-chunks: $(VENV)/.stamp $(TOOLS)/.stamp ## Join random windows of chunks and check every frame (WINDOWS=1000 SEED=...)
	@seed=$${SEED:-$$(date +%s)}; echo "soak-chunks: SEED=$$seed"; \
	E2E_SEED=$$seed CHUNK_WINDOWS=$(WINDOWS) $(VENV)/bin/python -m pytest -q tests/e2e/test_chunks.py

test-packagers: $(VENV)/.stamp $(TOOLS)/.stamp $(PACKAGERS)/.stamp tests/packagers/node_modules/.package-lock.json ## Cut random windows from recordings of real packagers, judged by the system's ffmpeg (WINDOWS=300 SEED=... ONLY=names)
	@$(PACKAGERS)/bin/python -m pytest -q tests/packagers
	@$(if $(EXPORT_STACK_ENV),,$(VENV)/bin/python infra/local/stack.py up --name packagers)
	@status=0; $(PACKAGERS)/bin/python tests/packagers --env $(or $(EXPORT_STACK_ENV),.local/packagers/env) --only "$(ONLY)" \
	  --windows $(if $(filter file,$(origin WINDOWS)),300,$(WINDOWS)) --seed $${SEED:-$$(date +%s)} || status=$$?; \
	$(if $(EXPORT_STACK_ENV),,$(VENV)/bin/python infra/local/stack.py down --name packagers;) exit $$status

test-clients: $(VENV)/.stamp $(TOOLS)/.stamp $(CLIENTS)/.stamp tests/clients/node_modules/.package-lock.json ## Generate clients from the API's document in five ways, and take a clip with each (needs npm and Python 3.11)
	@$(VENV)/bin/python -m pytest -q tests/clients

tests/%/node_modules/.package-lock.json: tests/%/package-lock.json
	@if command -v npm >/dev/null; then cd tests/$* && npm ci --no-audit --no-fund --silent; \
	else mkdir -p $(@D) && touch $@; fi

bench: $(VENV)/.stamp $(TOOLS)/.stamp ## Measure sizes, first replies, latency, calls to AWS, documents, prices (SECTIONS="sizes cold latency calls scaling cost")
	@$(VENV)/bin/python tests/bench/run.py $(SECTIONS)

bench-media: $(VENV)/.stamp ## Measure what clips and pictures cost, as ratios (SECTIONS="cost thumbnails fallback memory")
	@$(VENV)/bin/python tests/bench/media.py $(SECTIONS)

fuzz: ## Try to break every reader of recordings, requests, messages and items with damaged input (ITERATIONS=1000000 each, SEED=...)
	@seed=$${SEED:-$$(date +%s)}; echo "fuzz: SEED=$$seed"; \
	PROPTEST_CASES=$(ITERATIONS) PROPTEST_RNG_SEED=$$seed cargo test --locked --profile fuzz --package export-media --package export-domain --package export-mre --test fuzz

mutants: $(VENV)/.stamp $(CARGO_MUTANTS) ## Change the deciders of shared/media, a place at a time: 95 % must make one of their own tests fail (FLAGS="--re window.rs")
	@$(VENV)/bin/python tests/mutants.py $(FLAGS)

ci: setup test ## What continuous integration runs

clean: ## Stop all local stacks and remove what was built or installed
	@test ! -x $(VENV)/bin/python || $(VENV)/bin/python infra/local/stack.py down --all
	@rm -rf .local .cache $(VENV) $(TOOLS) $(CHECKOV) $(PACKAGERS) $(CLIENTS) target dist
