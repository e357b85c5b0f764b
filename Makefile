# What can be done here. `make` alone builds and tests.

GO          ?= go
FUZZTIME    ?= 10s
LARDER_E2E  ?= on
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: all build test race clients conformance e2e e2e-live bench lint docs fuzz-short image clean

all: build test

build: ## the binary, static
	CGO_ENABLED=0 $(GO) build -trimpath -o larder ./cmd/larder

test: ## what README says
	$(GO) test ./...

race:
	$(GO) test -race ./...

clients: ## the package clients of the end-to-end tests
	e2e/install-clients.sh
	e2e/pypi/install-clients.sh
	e2e/maven/install-clients.sh
	e2e/nuget/install-clients.sh
	e2e/cluster/install-servers.sh

conformance: ## every operation and its errors by the SDK and by the aws command, held to botocore's model
	PATH="$${LARDER_E2E_TOOLS:-$${XDG_CACHE_HOME:-$$HOME/.cache}/larder-clients}/aws/bin:$$PATH" \
	  LARDER_E2E=$(LARDER_E2E) $(GO) test -count=1 -timeout 20m ./registry/api

e2e: ## real clients; those that are missing are skipped, or fail with LARDER_E2E=required
	LARDER_E2E=$(LARDER_E2E) $(GO) test -count=1 -timeout 30m ./e2e/...

e2e-live: clients ## installs through the public registry that this machine's npm knows
	LARDER_E2E=live $(GO) test -count=1 -timeout 30m -run Live -v ./e2e/...

bench: ## ratios to nginx and to a bare server, measured in one run
	$(GO) run ./bench

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -d $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

docs: ## docs/cli.md, from the command itself
	$(GO) generate ./cmd/larder

fuzz-short: ## every fuzz test for a moment
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
	  for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$$file"); do \
	    echo "$$(dirname "$$file") $$name"; \
	    $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" >fuzz.out 2>&1 \
	      || { cat fuzz.out; rm -f fuzz.out; exit 1; }; \
	  done; \
	done; status=$$?; rm -f fuzz.out; exit $$status

image: ## proves the Dockerfile's final stage; needs buildah and root
	.ci/image

clean:
	rm -f larder *.test *.out
