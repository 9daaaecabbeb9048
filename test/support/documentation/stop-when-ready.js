/**
 * Loaded into the programs that documents start: one that would run for ever is told to stop, by SIGTERM, when it has
 * said that it is ready, or has shown the first thing of what it follows.
 */
import fs from 'node:fs';

const follows = process.argv.some((argument) => argument === '--follow' || argument === '--watch');

function watch(target, method) {
  const write = target[method];
  target[method] = function (...args) {
    const written = write.apply(this, args);
    const text = args.find((argument) => typeof argument === 'string') ?? '';
    if (/"event":"worker.started"|^activations: /.test(text) || (follows && method === 'write')) stop();
    return written;
  };
}

let stopping = false;
function stop() {
  if (stopping) return;
  stopping = true;
  setImmediate(() => process.kill(process.pid, 'SIGTERM'));
}

watch(fs, 'writeSync');
watch(process.stdout, 'write');
