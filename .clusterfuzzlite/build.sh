#!/usr/bin/env bash
# ClusterFuzzLite's build step: every fuzz target into $OUT, with its seed corpus.
# Tried without docker by: OUT=/tmp/out .clusterfuzzlite/build.sh
set -euo pipefail
: "${OUT:?directory for the fuzz targets}"
cd "$(dirname "${BASH_SOURCE[0]}")"
# In the image this file lies in $SRC, beside the checkout that WORKDIR names.
if [ -d "${SRC:-/nowhere}/touchstone" ]; then cd "$SRC/touchstone"; else cd ..; fi

mkdir -p "$OUT"
cargo fuzz build -O --debug-assertions
triple=$(rustc -vV | sed -n 's/^host: //p')
for source in fuzz/fuzz_targets/*.rs; do
    name=$(basename "${source%.rs}")
    cp "target/$triple/release/$name" "$OUT/"
    for corpus in "corpora/$name" "corpora/regressions/$name"; do
        if [ -n "$(ls -A "$corpus" 2>/dev/null)" ]; then
            (cd "$corpus" && zip -qr "$OUT/${name}_seed_corpus.zip" .)
        fi
    done
done
