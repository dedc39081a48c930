#!/usr/bin/env bash
# Where to cut ResNet20 over three Raspberry Pi 3B: the table, one row explained, two cards. CLEAVE names the program.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
model=$here/../../graphs/models/resnet20-split.yaml
cleave=${CLEAVE:-cleave}
"$cleave" plan "$model" --profile "$here/pi3b.yaml"
echo
"$cleave" plan "$model" --profile "$here/pi3b.yaml" --why g2:2
echo
"$cleave" plan "$model" --profile "$here/pi3b.yaml" --devices 2
