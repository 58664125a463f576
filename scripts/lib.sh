# Shared by the scripts beside it; sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Everything a fresh Debian 12 needs to build and test. One line a need; docs/adr/0003-dependencies.md says why each.
packages=(
  clang-19 lld-19 cmake ninja-build ccache pkg-config
  libboost1.81-dev libssl-dev zlib1g-dev
  libraft-dev libuv1-dev liblz4-dev
  libfmt-dev libspdlog-dev libsimdjson-dev libre2-dev libyaml-dev liblz4-1 libsnappy-dev libhowardhinnant-date-dev
  libsqlite3-dev libcurl4-openssl-dev libarchive-dev libnghttp2-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
test_packages=(git clang-format-19 libnftables1 nftables containernetworking-plugins busybox-static python3 python3-pytest python3-jwt python3-cryptography redis-server redis-tools iproute2 faketime libclang-rt-19-dev python3-venv golang-go prometheus docker.io openjdk-17-jre-headless qemu-system-x86 python3-grpcio ansible)

say() { printf '==> %s\n' "$*"; }

# Installs what is missing. Needs root only if something is.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  # A package that starts a service on installation would take the ports that the tests use.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    trap "${as_root[*]} rm -f $policy" EXIT
  fi
  local log
  log=$(mktemp)
  if ! { DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get update &&
         DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log"
    say "apt-get failed; the lines above say why"
    exit 1
  fi
  rm -f "$log"
}

# configure PRESET [-DX=Y ...]: quiet unless it fails.
configure() {
  local log
  log=$(mktemp)
  cmake --preset "$@" >"$log" 2>&1 || { cat "$log"; exit 1; }
  rm -f "$log"
}
