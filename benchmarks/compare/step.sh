#!/usr/bin/env bash
# Times training steps of the PyTorch reference and of WclSharp in turn, ROUNDS times, and prints every figure.
#   benchmarks/compare/step.sh REFERENCE.py [ROUNDS]
# REFERENCE.py is a plain PyTorch WCL with a "step" command. Needs Debian's python3-torch, python3-scipy and
# libopenblas0-pthread (without the last the reference is several times slower, which would flatter us).
set -euo pipefail
reference="$1" rounds="${2:-3}" python="${PYTHON:-/usr/bin/python3}"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
wcl=src/WclSharp.Cli/bin/Release/net10.0/wcl
for round in $(seq "$rounds"); do
    printf 'reference, default:              '; "$python" "$reference" step --batch 128 --repeat 2
    printf 'reference, channels-last:        '; "$python" "$reference" step --batch 128 --repeat 2 --channels-last
    printf 'reference, channels-last + bf16: '; "$python" "$reference" step --batch 128 --repeat 1 --channels-last --bf16
    printf 'WclSharp, --precision auto:      '; "$wcl" bench step --arch resnet18 --batch 128 --stem small --repeat 3
done
printf 'reference, losses:               '; "$python" "$reference" loss --batch 4096 --dim 128 --repeat 3
printf 'WclSharp, losses:                '; "$wcl" bench loss --batch 4096 --dim 128 --repeat 3
