#!/usr/bin/env bash
# Cross-builds the program and the kernel tests for 64-bit ARM and runs both under qemu: `./dev arm64`.
#
# The arm64 libraries come from Debian, into a folder of their own: the machine's packages are left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$PWD/build-arm64
sysroot=$build/sysroot
packages=(libtbb-dev libeigen3-dev libyaml-cpp-dev libnng-dev libgtest-dev libspdlog-dev libfmt-dev zlib1g-dev libglpk-dev
  libssl-dev libisal-dev libxxhash-dev librapidcheck-dev)
headers=(libcli11-dev nlohmann-json3-dev librandom123-dev libboost1.74-dev)  # the same on every architecture

# apt with lists, cache and status of its own.
apt_arm64() {
  local state=$build/apt
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  touch "$state/status"
  apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$state" \
    -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
    -o Debug::NoLocking=true "$@"
}

fetch_sysroot() {
  [ -e "$sysroot/done" ] && return
  echo 'fetching arm64 libraries' >&2
  mkdir -p "$sysroot" "$build/debs"
  apt_arm64 update
  local list
  list=$(apt_arm64 install --print-uris -y --no-install-recommends "${packages[@]}" | cut -d' ' -f1 | tr -d "'" |
    grep -vE '/(libc6|libc6-dev|libc-dev-bin|linux-libc-dev|gcc-12-base|libgcc-s1|libstdc\+\+6|libgomp1)_')
  (cd "$build/debs" && apt_arm64 download "${headers[@]}" && echo "$list" | xargs -n 1 -P 4 curl -fsSLO)
  local deb
  for deb in "$build"/debs/*.deb; do dpkg -x "$deb" "$sysroot"; done
  cp -rn "$sysroot/usr/include/aarch64-linux-gnu/." "$sysroot/usr/include/"  # where the compiler is not told to look
  rm -rf "$build/debs"
  touch "$sysroot/done"
}

under_qemu() {
  qemu-aarch64 -L /usr/aarch64-linux-gnu \
    -E LD_LIBRARY_PATH="$sysroot/usr/lib/aarch64-linux-gnu:$sysroot/lib/aarch64-linux-gnu" "$@"
}

# The answers of a whole model, as classes and probabilities to three digits.
answers() { "$@" run graphs/models/mobilenet-micro.yaml --limit 20 -q | awk -F, '{printf "%s,%s,%.3f\n", $1, $3, $4}'; }

fetch_sysroot
cmake --preset release -B "$build" -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DCLEAVE_SYSROOT="$sysroot" -DCLEAVE_ONNX=OFF
cmake --build "$build" --target cleave kernel_tests
echo '== kernel tests under qemu' >&2
under_qemu "$build/tests/kernel_tests" --gtest_brief=1 --gtest_filter='*Kernel*:*Layers*:*Isa*:*Sparse*'
echo '== static throughput on a Cortex-A72' >&2
python3 bench/mca_tiles.py
echo '== a whole model under qemu' >&2
under_qemu "$build/cleave" version
diff <(answers under_qemu "$build/cleave") <(answers ./build/cleave)
echo 'the model answers as on this machine'
