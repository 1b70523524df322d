#!/bin/sh
# Installs what Posthorn is built and tested with: packages of Debian 12.
set -eu

packages="
  g++ cmake ninja-build ccache pkg-config
  libcaf-dev libcpp-httplib-dev nlohmann-json3-dev liblmdb-dev
  libcurl4-openssl-dev libsimdjson-dev libyaml-cpp-dev libre2-dev
  libpcre2-dev libxxhash-dev libssl-dev libcli11-dev libspdlog-dev
  prometheus-cpp-dev
  doctest-dev libbenchmark-dev librapidcheck-dev
  clang-14 libclang-rt-14-dev
  python3 curl openssl ca-certificates nodejs npm strace e2fsprogs mount
"

missing=""
for package in $packages; do
  # A command that is there from elsewhere serves as well as its package.
  case $package in
  nodejs | npm | cmake | python3)
    command=${package%js}
    command -v "$command" >/dev/null 2>&1 && continue
    ;;
  esac
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
    grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
  --no-install-recommends $missing >/dev/null
