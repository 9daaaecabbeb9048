#!/usr/bin/env node
import { run } from './cli/run.ts';

const exitCode = await run(process.argv.slice(2));
// A command that ran and failed has set it.
if (exitCode !== 0) process.exitCode = exitCode;
