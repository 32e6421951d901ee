# `make test` does all set-up on a fresh Debian or Ubuntu machine with Rust.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/olocus-target
SHELL := /bin/bash

.PHONY: demo build test explore lint check-layers fuzz bench bench-peers bench-peers-smoke peers

## demo: the engine on the embedded log with a generated day, and with the Windows recording where it is (or DATA=FILE)
demo: build
	OLOCUS="$(CARGO_TARGET_DIR)/release/olocus" tests/demo.sh

## build: the engine, optimised
build:
	.ci/setup build
	cargo build --release --locked

## test: what continuous integration runs; property tests see the same cases every time
test: export PROPTEST_RNG_SEED ?= 20260401
test:
	.ci/setup test
	$(MAKE) lint check-layers
	set -o pipefail; cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$(CARGO_TARGET_DIR)/test.log"; \
	status=$$?; awk -f .ci/summary.awk "$(CARGO_TARGET_DIR)/test.log"; exit $$status

# Cases of each property test of the pattern engine, and the seed of all.
CASES ?= 20000
SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))

## explore: property tests on cases that nobody has seen, CASES=20000 of each of the pattern engine; SEED=S to see them again
explore:
	@echo "SEED=$(SEED)"
	PROPTEST_RNG_SEED=$(SEED) PROPTEST_CASES=$(CASES) cargo test --package olocus-cep --package olocus-reference --locked
	PROPTEST_RNG_SEED=$(SEED) cargo test --workspace --locked --lib

## lint: formatting of sources and rules, clippy and the documentation, without warnings
lint:
	cargo fmt --all --check
	cargo run --quiet --locked -- rules fmt --check rules
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

## check-layers: what each crate must not know of
check-layers:
	.ci/layers

## bench: micro benches, then the engine from topic to topic on the embedded log and, where Java is, on Kafka
bench:
	.ci/setup test
	cargo bench --locked
	"$(CARGO_TARGET_DIR)/release/olocus" bench
	cargo build --release --locked --package olocus-test-broker
	if command -v java >/dev/null; then \
	  "$(CARGO_TARGET_DIR)/release/with-kafka" sh -c '"$(CARGO_TARGET_DIR)/release/olocus" bench --brokers $$OLOCUS_BROKERS'; \
	else echo "no bench on Kafka: there is no Java here"; fi

## bench-peers: events per CPU second beside Flink CEP and Siddhi, one line per workload (some of them with PEERS="NAME …")
bench-peers: peers
	@"$(CARGO_TARGET_DIR)/release/peers" --java "$(CARGO_TARGET_DIR)/peers" $(PEERS)

## bench-peers-smoke: whether all of them find the same
bench-peers-smoke: peers
	@"$(CARGO_TARGET_DIR)/release/peers" --java "$(CARGO_TARGET_DIR)/peers" --smoke $(PEERS)

peers:
	@.ci/setup peers
	@mvn -q -B -Dstyle.color=never -f benches/peers/java/pom.xml -Dbuild.to="$(CARGO_TARGET_DIR)/peers" package >&2
	@cargo build --release --locked --package olocus-peers

# Seconds that each fuzz target runs, and how they are built: `fuzz` is quick, `dev` is quick to build.
SECONDS ?= 60
FUZZ_PROFILE ?= fuzz
FUZZ_FOUND ?= $(CARGO_TARGET_DIR)/fuzz-found

## fuzz: rule files and records that libFuzzer makes of the seeds, SECONDS=60 of each; what breaks is left in FUZZ_FOUND
fuzz:
	RUSTC_WORKSPACE_WRAPPER="$(CURDIR)/fuzz/rustc" cargo build --locked --workspace --profile $(FUZZ_PROFILE) \
	  --features olocus-fuzz/libfuzzer --bin fuzz-rules --bin fuzz-decode
	mkdir -p "$(FUZZ_FOUND)/rules" "$(FUZZ_FOUND)/decode"
	fuzz/run "$(FUZZ_FOUND)" "$(CARGO_TARGET_DIR)/$(if $(filter dev,$(FUZZ_PROFILE)),debug,$(FUZZ_PROFILE))" $(SECONDS)
