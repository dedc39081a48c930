#!/usr/bin/env bash
# Trains with kept draws, asks how sure the answers are, and chooses when an image may leave early. CLEAVE names the
# program, $1 the folder to work in.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
work=${1:-$(mktemp -d)}
cleave=${CLEAVE:-cleave}
model=$here/model.yaml
mkdir -p "$work"

"$cleave" train "$model" -q --threads 2 -o "$work/run" >"$work/train.txt"
echo "$(find "$work/run/draws" -name '*.safetensors' | wc -l) draws kept"
echo
"$cleave" eval "$model" --predict mean_of_draws --draws "$work/run" --reliability "$work/reliability.svg" | head -5
echo
"$cleave" exits "$model" --draws "$work/run" --predict mean_of_draws --loss 0.5% -o "$work/exits" >"$work/exits.txt"
grep -E '^(held out|test):' "$work/exits.txt"
cat "$work/exits/exits.yaml"
