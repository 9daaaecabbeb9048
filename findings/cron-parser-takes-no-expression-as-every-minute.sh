#!/usr/bin/env bash
# Expected: an empty cron expression is refused, as a blank one is.
# Happens: cron-parser takes the empty string as `* * * * *`. A blank is refused.
# Versions: cron-parser 5.10.5, Node 24.21.0. Seen on 2026-11-27.
# Matters: for schedules that come from a setting or a column that may be empty: next and last runs are computed, and are those
#   of a job that runs every minute.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --no-save --no-audit --no-fund --silent >npm.log 2>&1 node@24.21.0 cron-parser@5.10.5 || { cat npm.log; exit 1; }
export PATH="$work/node_modules/.bin:$PATH"

cat >run.mjs <<'END'
import assert from 'node:assert';
import { CronExpressionParser } from 'cron-parser';

const options = { tz: 'UTC', currentDate: new Date('2026-11-27T10:00:30Z') };
const seen = ['', ' ', '* * * * *'].map((expression) => {
  try {
    return CronExpressionParser.parse(expression, options).next().toISOString();
  } catch {
    return 'refused';
  }
});
console.log(`next run of "": ${seen[0]}; of " ": ${seen[1]}; of "* * * * *": ${seen[2]}`);
assert.deepEqual(seen, ['2026-11-27T10:01:00.000Z', 'refused', '2026-11-27T10:01:00.000Z']);
END
timeout 60 node run.mjs
