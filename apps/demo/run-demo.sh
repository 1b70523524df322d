#!/bin/sh
# Installs what is needed, builds Posthorn and shows it at work.
set -eu
cd "$(dirname "$0")/../.."

apps/demo/install-dependencies.sh
cmake --preset release >/dev/null
cmake --build --preset release --target posthorn
exec python3 apps/demo/demo.py build/release/apps/posthorn/posthorn
