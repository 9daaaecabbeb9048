#!/usr/bin/env node
// The only module that is loaded at once. It has to be small, and to load on old versions of Node too.
import { endOnSignals } from './cli/signals.ts';

endOnSignals();
// A service may run on Node 22, this needs what came with 24: say so before anything else is loaded.
if (!('AsyncDisposableStack' in globalThis)) {
  process.stderr.write(`sealog: expected Node 24 or later, got ${process.version}\n`);
  process.exit(2);
}
const { run } = await import('./cli/run.ts');
const { surviveStdoutFailures } = await import('./cli/stdout-failures.ts');

surviveStdoutFailures();
const exitCode = await run(process.argv.slice(2));
// A command that ran and failed has set it.
if (exitCode !== 0) process.exitCode = exitCode;
