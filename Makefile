# make test is all a fresh clone needs: it installs what is missing and runs everything.

.PHONY: test torture check setup build bench fuzz docs vulnerabilities

# Modules of their own, so that what the tests need is not among what the product needs.
TEST_MODULES = test/oauthserver test/browser

# How long each fuzz target runs in make fuzz.
FUZZTIME ?= 20s

test: setup check
	go test -race ./...
	@for module in $(TEST_MODULES); do (cd $$module && go test -race ./...) || exit 1; done

# Kills and network faults at every step of renewals and rotations, and of replicas and
# PostgreSQL at random moments, hundreds of rounds; make test runs a few dozen.
torture:
	go test ./test/torture -rounds 500 -timeout 60m
	go test ./test/rotation -rounds 800 -timeout 60m
	go test ./test/fault -run TortureOfReplicas -rounds 250 -timeout 60m

# What is wrong with the code before it runs.
check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'd:"; echo "$$unformatted"; exit 1; fi
	go mod verify
	go mod tidy -diff
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	@for module in $(TEST_MODULES); do (cd $$module && go mod tidy -diff && go vet ./... && go tool -modfile=../../tools/go.mod staticcheck ./...) || exit 1; done

setup:
	@scripts/setup

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o strongroom ./cmd/strongroom

# The parts, then the whole: figures and their ratios to the stated limits.
bench:
	go test -run '^$$' -bench . -benchmem -timeout 90m ./...
	go run ./test/load
	go run ./test/load -postgres
	go run ./test/load -million

# Every fuzz target for a while; make test runs their seeds.
fuzz:
	@scripts/fuzz $(FUZZTIME)

docs:
	go run ./cmd/strongroom config-reference > docs/configuration.md

# Known vulnerabilities in what we depend on; asks the Go vulnerability database.
vulnerabilities:
	go tool -modfile=tools/go.mod govulncheck ./...
