/** `sealog worker`, for which time passes faster. */
import { run } from '../../src/cli/run.ts';
import { endOnSignals } from '../../src/cli/signals.ts';
import { surviveStdoutFailures } from '../../src/cli/stdout-failures.ts';
import { FAST_TIMINGS } from './fast-time.ts';

endOnSignals();
surviveStdoutFailures();
const exitCode = await run(process.argv.slice(2), process, FAST_TIMINGS);
if (exitCode !== 0) process.exitCode = exitCode;
