SHELL := bash
.DEFAULT_GOAL := help
GOLANGCI := v2.15.0

.PHONY: help run test integration-test fuzz bench drill gen jet lint check-generated

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

run: ## play a real game through the real service; flags: make run ARGS="-turns 5"
	@scripts/need.sh postgres
	@go run ./cmd/devstack $(ARGS)

# bcrypt is slow on purpose: looking for races in its cipher too would make it ten times slower.
test integration-test: export GOFLAGS := -gcflags=golang.org/x/crypto/blowfish=-race=false

test: ## unit, contract and end-to-end tests; containers where a Docker daemon answers
	@scripts/need.sh postgres race
	go vet ./...
	go test -race -timeout 15m ./...

integration-test: ## the end-to-end tests, Docker required
	@scripts/need.sh postgres race docker
	REQUIRE_DOCKER=1 go test -race -count=1 -timeout 15m ./test ./internal/docker

fuzz: ## look for input that breaks a parser: every Fuzz target for FOR=60s, one by one; what is found stays as a seed
	@scripts/need.sh postgres
	@scripts/fuzz.sh $(or $(FOR),60s)

bench: ## measure beside bare loops: lines "BENCH <name> ours= limit= unit= ratio="; one: make bench NAME=rest/order
	@scripts/need.sh postgres
	go test -count=1 -timeout 60m -v -run '^TestBench$$/^$(or $(subst /,$$/^,$(NAME)),)' ./bench -full

drill: ## kill everything at every instant: lines "DRILL <name> rounds= turns= lost= doubled= orders_lost="; one: make drill NAME=docker
	@scripts/need.sh postgres
	go test -count=1 -timeout 60m -v -run '^TestDrill$$/^$(or $(subst /,$$/^,$(NAME)),)' ./test/drill -full

gen: ## regenerate protobuf, FlatBuffers, the contract's Go and the settings table
	@scripts/need.sh protoc node
	scripts/gen.sh

jet: ## regenerate the database code from the migrations
	@scripts/need.sh postgres
	go run ./cmd/jetgen

lint: ## look for what the compiler lets pass
	@[ -x .tools/golangci-lint ] || GOBIN=$(CURDIR)/.tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	.tools/golangci-lint run

check-generated: gen jet ## fail if regenerating changes a file
	@git diff --exit-code --stat -- . || { echo "generated code is out of date: run make gen jet and commit" >&2; exit 1; }
