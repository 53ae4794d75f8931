SHELL := bash
.DEFAULT_GOAL := help

.PHONY: help test
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

test: ## unit, contract and end-to-end tests; containers where a Docker daemon answers
	@scripts/need.sh postgres race
	go vet ./...
	go test -race ./...
