# make alone prints what there is.
GO ?= go
FUZZTIME ?= 30s
SOAKTIME ?= 10m

.PHONY: help demo test race lint fuzz bench generate soak build

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## the whole loop on this machine: shop, training, release, three nodes, storefront
	$(GO) run ./cmd/edged demo

build: ## the static binary, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/edged ./cmd/edged

test: ## every test; needs Go alone
	$(GO) test ./...

race: ## every test under the race detector; needs a C compiler
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

lint: ## gofmt, go vet on Linux and macOS, and that it builds on Windows
	@test -z "$$(gofmt -l .)" || { echo "gofmt these:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=windows GOARCH=amd64 $(GO) build ./...

fuzz: ## each fuzz target for FUZZTIME (30s)
	scripts/fuzz $(FUZZTIME)

bench: ## the micro-benchmarks, then a node under load beside its yardstick
	$(GO) test -run '^$$' -bench . -benchmem ./...
	scripts/bench-load

soak: ## long runs outside CI: loop and fuzzing share SOAKTIME (10m), swaps take it once more, the rest as long as scripts/soak says
	scripts/soak $(SOAKTIME)

generate: ## everything that is generated; the tree must be clean afterwards
	$(GO) generate ./...
