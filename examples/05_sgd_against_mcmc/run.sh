#!/usr/bin/env bash
# One model trained in two ways for about the same CPU time; then compared. CLEAVE names the program, $1 the folder to
# work in.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
work=${1:-$(mktemp -d)}
cleave=${CLEAVE:-cleave}

learn() { "$cleave" train "$here/fashion-mlp.yaml" --threads 1 -q -o "$work/$1" "${@:2}" >"$work/$1.txt"; }
learn mcmc --set training.epochs=4 --set training.iterations.max=4000
learn sgd --set training.epochs=17 --set training.algorithm=sgd
python3 "$here/compare.py" "$cleave" "$work"
