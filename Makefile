# Two commands do everything: make demo, make test. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

WEB := viewer/web
WEB_SOURCES := $(shell find $(WEB)/src $(WEB)/public $(WEB)/*.html $(WEB)/*.json $(WEB)/*.ts 2>/dev/null)
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: help demo test test-go test-web lint web setup build bench-view bench-record bench-evidence screenshot clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: build ## an exam site of four simulated cameras: found, recorded, watched; ARGS="--exit --report r.json"
	bin/lieciba demo $(ARGS)

build: web ## the server, with its pages, in bin/lieciba
	go build -o bin/lieciba ./cmd/lieciba

web: $(WEB)/dist/index.html ## the pages

$(WEB)/node_modules/.package-lock.json: $(WEB)/package.json $(WEB)/package-lock.json
	cd $(WEB) && npm ci --no-fund --no-audit

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	cd $(WEB) && npm run --silent build

setup: ## what the tests need: PostgreSQL, MinIO, Chromium, ffmpeg, GStreamer (Debian, root)
	deploy/dev/install.sh

test: setup build lint test-go test-web ## everything, on real servers and a real browser

# SQLite is C translated to Go, and one goroutine at a time uses a connection:
# to watch its every access costs six times the time and finds nothing of ours.
RACE := -race '-gcflags=modernc.org/...=-race=false' -timeout 40m
# What these test happens in real time: a busy machine would be their subject.
TIMED := lieciba/recorder lieciba/viewer lieciba/storage/evidence/viewing

test-go:
	go test $(RACE) $$(go list ./... | grep -vxF $(TIMED:%=-e %))
	go test $(RACE) -p 1 $(TIMED)
	go test -run 'TestEvery' ./recorder # the whole fault matrix: the race detector takes a sample of it
	go test -run 'TestMutations' ./storage/evidence/verify # ten thousand forgeries, likewise
	go test -timeout 20m -run 'AgainstTheModel' ./api # ten thousand sequences of session messages, likewise

test-web: build
	cd $(WEB) && npm run --silent e2e

lint: $(WEB)/node_modules/.package-lock.json ## vet, staticcheck, gofmt, tsc, prettier
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "run gofmt -w on:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	$(STATICCHECK) ./...
	cd $(WEB) && npm run --silent check

bench-view: build ## live age, first picture, seek: measured in Chromium
	go run ./viewer/bench

bench-record: build ## CPU and memory a stream, beside ffmpeg -c copy
	go run ./recorder/bench

bench-evidence: web ## verification beside sha256sum, and its memory; GB=20
	go test -run '^$$' -bench Verify -benchtime 3x -timeout 2h ./storage/evidence/verify -gb $(or $(GB),2)

screenshot: build ## the README's pictures, from a running demo
	cd $(WEB) && DEMO_DURATION=40s npm run --silent screenshot

clean:
	rm -rf bin $(WEB)/node_modules $(WEB)/dist/assets $(WEB)/dist/index.html
