#!/usr/bin/env bash
# A graph with a residual block and parallel branches, with random weights. CLEAVE names the program.
set -euo pipefail
model=$(dirname "${BASH_SOURCE[0]}")/model.yaml
cleave=${CLEAVE:-cleave}
"$cleave" graph "$model"
"$cleave" show --stage graph "$model"
"$cleave" run "$model" -q --threads 1
"${OWN_OP:?the built own_op program}"
