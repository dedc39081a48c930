#!/usr/bin/env bash
# A short first run: the hybrid model, one epoch, 6 000 steps a batch. CLEAVE names the program, $1 the folder to work in.
set -euo pipefail
model=$(dirname "${BASH_SOURCE[0]}")/../../graphs/models/fashion-hybrid.yaml
cleave=${CLEAVE:-cleave}
"$cleave" check "$model" | sed 's/^.*\///'
"$cleave" graph "$model"
"$cleave" train "$model" -q -o "$1/run" --set training.epochs=1 --set training.iterations.max=6000 --set output.trace.every=100
"$cleave" eval "$model" -q --weights "$1/run/weights/last.safetensors" --exit max_probability=0.8
