#!/bin/sh
# Builds Posthorn and runs every test. Ends with "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."

apps/demo/install-dependencies.sh
preset=${1:-release}
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"

log=build/$preset/tests.log
status=0
ctest --preset "$preset" -j 2 2>&1 | tee "$log" || true
# ctest's own summary, e.g. "97% tests passed, 1 tests failed out of 33".
summary=$(grep -E 'tests passed, [0-9]+ tests failed out of [0-9]+' "$log")
failed=$(echo "$summary" | sed -E 's/.*passed, ([0-9]+) tests failed.*/\1/')
total=$(echo "$summary" | sed -E 's/.*out of ([0-9]+).*/\1/')
[ "$failed" = 0 ] || status=1
# What could not be tried on this machine has not passed.
skipped=$(grep -c '\*\*\*Skipped' "$log") || true
if [ "$skipped" != 0 ]; then
  grep -h SKIPPED "build/$preset/Testing/Temporary/LastTest.log" || true
  echo "$skipped skipped"
fi
echo "$((total - failed - skipped)) passed, $failed failed"
exit $status
