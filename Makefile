# Everything that is done to this repository, by name. `make` lists it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO       ?= go
FUZZTIME ?= 10s
# BENCH may be made shorter (-run TestReport/fleets/Redis), longer
# (-bench-fleet-sizes 1000,100000,1000000) or other (-help lists what there is).
BENCH    ?= $(GO) test ./internal/bench -run TestReport -v -bench-report -timeout 30m
# HOLD is how long make hold holds answers to their promise.
HOLD     ?= 2m
# VULNDB names a mirror of the vulnerability database (https:// or file://).
VULNDB   ?=

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The tools are pinned in tools/go.mod and built once per Go version: a linter built
# with an older Go refuses newer code.
TOOLS       := bin/tools/$(shell $(GO) env GOVERSION)
LINTER      := $(TOOLS)/golangci-lint
GOVULNCHECK := $(TOOLS)/govulncheck

##@ Run

.PHONY: run
run: build ## Build, then start the server with the simulated platforms
	./bin/hufu serve --sandbox

.PHONY: build
build: ## Build the static binary bin/hufu
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/hufu ./cmd/hufu

##@ Check

.PHONY: test
test: ## Run every test (needs Go only)
	$(GO) test -shuffle=on ./...

.PHONY: race
race: ## Run every test under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout=20m ./...

.PHONY: lint
lint: $(LINTER) ## Vet, lint and check the formatting and the architecture's arrows
	$(GO) vet ./...
	$(LINTER) config verify
	$(LINTER) run ./...

.PHONY: fmt
fmt: $(LINTER) ## Format the code and group its imports
	$(LINTER) fmt ./...

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZTIME (10s), one after another
	GO='$(GO)' sh tools/fuzz.sh $(FUZZTIME)

.PHONY: vuln
vuln: $(GOVULNCHECK) ## Look for known vulnerabilities (VULNDB=URL: a mirror of the database)
	sh tools/vuln.sh $(GOVULNCHECK) '$(VULNDB)'

.PHONY: deploy-lint
deploy-lint: ## Check deploy/ (needs promtool, nginx and systemd-analyze)
	GO='$(GO)' sh tools/deploy.sh

.PHONY: hold
hold: ## Hold every answer of a running server to its promise for minutes, with kill -9 and without
	$(GO) test ./internal/e2e -run 'EveryAnswer|KilledAtAny' -e2e-hold $(HOLD) -v -count=1

.PHONY: fleet
fleet: ## Hold fleets of three servers over Redis, PostgreSQL and MariaDB to their promises (needs their servers)
	$(GO) test ./internal/e2e -run Fleet -e2e-fleet -e2e-hold $(HOLD) -parallel 6 -timeout 30m -v -count=1

.PHONY: browser
browser: ## Log users in with a real browser (needs Chromium)
	$(GO) test ./internal/e2e -run Browser -e2e-browser -timeout 10m -v -count=1

.PHONY: sdk
sdk: build ## Check a running server with an unmodified SDK (needs Node.js and npm)
	bash sdkcheck/run.sh

##@ Measure

.PHONY: bench
bench: ## Measure speed, memory and growth, side by side with their yardsticks
	$(BENCH)
	$(GO) test ./internal/gateway -run '^$$' -bench 'Call|Replay' -benchmem

.PHONY: cover
cover: ## Write bin/cover.html and print the coverage
	@mkdir -p bin
	$(GO) test -shuffle=on -coverpkg=./... -coverprofile=bin/cover.out ./...
	$(GO) tool cover -html=bin/cover.out -o bin/cover.html
	$(GO) tool cover -func=bin/cover.out | tail -n 1

##@ Other

.PHONY: clean
clean: ## Remove what was built, but not the tools
	rm -rf bin/hufu bin/cover.*

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## "; print "make TARGET" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(LINTER): TOOL = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(GOVULNCHECK): TOOL = golang.org/x/vuln/cmd/govulncheck

# Building the linter takes minutes on a small machine, so it stands back for others.
$(LINTER) $(GOVULNCHECK): tools/go.mod tools/go.sum
	@echo "building $(notdir $@), once"
	@mkdir -p $(TOOLS)
	CGO_ENABLED=0 nice $(GO) build -C tools -trimpath -o $(abspath $(TOOLS))/ $(TOOL)
	@touch $@
