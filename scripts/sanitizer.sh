#!/usr/bin/env bash
# Runs the native engine's kernels under AddressSanitizer: no kernel may read or write a byte that is not its own.
#
#   scripts/sanitizer.sh
#
# The stable compiler takes the unstable option with RUSTC_BOOTSTRAP=1. What AMX's instructions and inline assembly touch
# is not seen: the other kernel sets do the same work on the same addresses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Z sanitizer=address" CARGO_TARGET_DIR=target/asan

# With a target named, build scripts and procedural macros are built without the sanitizer.
exec cargo test --locked --release --no-default-features --target x86_64-unknown-linux-gnu --test native kernels
