#!/usr/bin/env bash
# Five modules on five cards: the check, who is who, what the plan says of training, and a short training over five
# processes as slow as the cards. CLEAVE names the program; run folders go to a folder given, or a temporary one.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
work=${1:-$(mktemp -d)}
cleave=${CLEAVE:-cleave}
"$cleave" check "$here/fashion-cascade.yaml" "$here/swarm.yaml" | sed 's/^.*\///'
echo
"$cleave" devices list "$here/swarm.yaml"
echo
"$cleave" plan "$here/fashion-cascade.yaml" --top 1 | sed -n '/^training/,$p'

# Prints the hash of the weights that a short training ends with.
weights_of() {
  "$cleave" train "$here/fashion-cascade.yaml" "$@" -q --set training.epochs=1 --set training.iterations.max=50 |
    sed -n 's/^weights hash \([0-9a-f]*\).*/\1/p'
}
echo
cards=$(weights_of --local --emulate -o "$work/five")
alone=$(weights_of --here -o "$work/one")
[ "$cards" = "$alone" ] && echo "five processes and one end with the same weights: $cards"
