#!/usr/bin/env bash
# Expected: an observable gauge whose callback observes nothing, because what it would measure cannot be reached, is missing from
#   the next scrape.
# Happens: the OpenTelemetry SDK for JavaScript exports the value of the last callback that observed one, at every scrape, for as
#   long as the process lives. With delta temporality for observable gauges the value is missing, and back with the next
#   observation.
# Versions: @opentelemetry/sdk-metrics 3.1.0, @opentelemetry/exporter-prometheus 0.301.0 (its serializer), Node 24.21.0.
#   Seen on 2026-11-27.
# Matters: for alerts on absent metrics (`absent(…)`): they cannot fire, and dashboards show an outage as a flat line.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --no-save --no-audit --no-fund --silent >npm.log 2>&1 node@24.21.0 \
  @opentelemetry/api@1.10.0 @opentelemetry/sdk-metrics@3.1.0 @opentelemetry/exporter-prometheus@0.301.0 ||
  { cat npm.log; exit 1; }
export PATH="$work/node_modules/.bin:$PATH"

cat >run.mjs <<'END'
import assert from 'node:assert';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { AggregationTemporality, InstrumentType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

class Reader extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}
const cumulative = () => AggregationTemporality.CUMULATIVE;
const deltaForGauges = (type) =>
  type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;

async function scrapes(aggregationTemporalitySelector) {
  const reader = new Reader({ aggregationTemporalitySelector });
  const meter = new MeterProvider({ readers: [reader] }).getMeter('m');
  let reachable = true;
  meter.createObservableGauge('connections').addCallback((result) => reachable && result.observe(9));
  const seen = [];
  for (const now of [true, false, false, true]) {
    reachable = now;
    const { resourceMetrics } = await reader.collect();
    seen.push(/^connections\S* (\d+)/m.exec(new PrometheusSerializer().serialize(resourceMetrics))?.[1] ?? 'missing');
  }
  return seen;
}
const result = { cumulative: await scrapes(cumulative), 'delta for gauges': await scrapes(deltaForGauges) };
console.log('reachable: yes, no, no, yes');
for (const [how, seen] of Object.entries(result)) console.log(`${how}: ${seen.join(', ')}`);
assert.deepEqual(result.cumulative, ['9', '9', '9', '9']);
assert.deepEqual(result['delta for gauges'], ['9', 'missing', 'missing', '9']);
END
timeout 60 node run.mjs
