#!/usr/bin/env bash
# Runs all tests. Calls over SIP mostly wait for the ends of prompts, so they run beside the others;
# their output comes at the end. Exit 1 if any of both fails.
set -euo pipefail
cd "$(dirname "$0")/.."

pytest=(.venv/bin/python -m pytest)
mkdir -p build
"${pytest[@]}" tests/telephony >build/telephony.log 2>&1 &
calls=$!
trap 'kill "$calls" 2>/dev/null || true' EXIT

code=0
"${pytest[@]}" --ignore=tests/telephony --rules || code=1
echo "test: waiting for the calls over SIP"
wait "$calls" || code=1
trap - EXIT
cat build/telephony.log
exit "$code"
