#!/bin/sh
# Runs fuzz targets: some 10,000 inputs each from a fixed seed, or for some
# seconds each.
#
#   tests/fuzz/run.sh BUILD/fuzz short [TARGET...]
#   tests/fuzz/run.sh BUILD/fuzz SECONDS [TARGET...]
#
# The second form keeps inputs that reach new code in BUILD/fuzz/found/TARGET.
# What breaks a target is kept in BUILD/fuzz/broken; it belongs into
# tests/fuzz/corpus/TARGET together with the fix.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
mode=$2
shift 2
[ $# -gt 0 ] || set -- http slicer registration matcher record

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
mkdir -p "$build/broken"
for target; do
  dictionary=$here/$target.dict
  set -- -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    "-artifact_prefix=$build/broken/$target-"
  [ ! -f "$dictionary" ] || set -- "$@" "-dict=$dictionary"
  if [ "$mode" = short ]; then
    found=$(mktemp -d)
    # Patterns take their time to compile.
    runs=20000
    [ "$target" != matcher ] || runs=10500
    set -- "$@" "-runs=$runs" -seed=1 -verbosity=0
  else
    found=$build/found/$target
    mkdir -p "$found"
    set -- "$@" "-max_total_time=$mode"
  fi
  status=0
  "$build/fuzz_$target" "$@" "$found" "$here/corpus/$target" || status=$?
  [ "$mode" != short ] || rm -rf "$found"
  [ "$status" = 0 ] || exit "$status"
done
