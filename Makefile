# The project's commands. `make help` lists them.

FUZZTIME ?= 1m
BENCH ?= .
# go test's limit for one package.
TIMEOUT ?= 40m

# A toolchain that .ci/deps fetched wins over what the machine has.
export PATH := $(CURDIR)/.cache/go/bin:$(PATH)

# Where the home directory cannot be written to, Go's caches go to .cache.
ifneq ($(shell test -w "$$HOME" && echo writable),writable)
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
export GOPATH ?= $(CURDIR)/.cache/gopath
endif

# Stamp the commit into the binary where git can tell it (not in a tree that belongs to somebody else).
VCS := $(shell git status --porcelain >/dev/null 2>&1 && echo auto || echo false)
BEGAN := $(shell date +%s)

.PHONY: build demo test lint bench fuzz crash kill soak deps go clean help

build: go ## build ./ticketbridge, one static binary (the default)
	@CGO_ENABLED=0 go build -trimpath -buildvcs=$(VCS) -tags timetzdata -o ticketbridge ./cmd/ticketbridge

demo: build ## sample chats become tickets, on servers inside the program: no root, nothing left behind
	@./ticketbridge demo

test: deps lint ## every test, on real Dovecot, Postfix, PostgreSQL and Request Tracker started for it
	go test -race -shuffle=on -timeout $(TIMEOUT) ./...
	@echo "make test: everything passed in $$(($$(date +%s) - $(BEGAN))) s"

lint: go ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l bridge cmd mailparse); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed:" $$unformatted; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

bench: deps ## benchmarks, one package after the other; BENCH=regexp
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m -p 1 ./...

fuzz: go ## each fuzz target in the tree for FUZZTIME (1m)
	@set -e; \
	for file in $$(grep -rl --include='*_test.go' '^func Fuzz' bridge cmd mailparse); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "$$target ($$file) for $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file); \
		done; \
	done

# In its directory go test shows what a test prints.
campaign = cd cmd/ticketbridge && go test -count 1 -timeout 0 -parallel 6 -run

crash: deps ## kill the daemon at each of its system calls: some 14,000 points, two hours or so
	TICKETBRIDGE_CRASH=1 $(campaign) '^TestCrashPoints$$'

kill: deps ## kill daemons at random moments while MAILS (20000) come in, on both databases
	TICKETBRIDGE_KILL=$(or $(MAILS),20000) $(campaign) '^TestRandomKills$$'

soak: deps ## MAILS (100000) in a row: memory, files, goroutines and database stay in proportion
	TICKETBRIDGE_SOAK=$(or $(MAILS),100000) $(campaign) '^TestSoak$$'

deps: ## install what `make test` needs: as root by apt-get, else say what is missing
	@.ci/deps

go:
	@.ci/deps go

clean: ## remove what was built or fetched here
	@chmod -R u+w .cache/gopath 2>/dev/null || true
	rm -rf ticketbridge .cache

help: ## this list
	@sed -n 's/^\([a-z]*\):.* ## /\1\t/p' Makefile | expand -t 10
