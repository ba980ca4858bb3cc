#!/bin/sh
# The oldest and the newest claude, from npm, against what the server needs of them.
set -eu
cd "$(dirname "$0")/.."

npm ci --no-audit --no-fund
npm run test:files -- test/claude/versions.extended.ts
