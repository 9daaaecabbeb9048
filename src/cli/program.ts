import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError as InvalidOption } from 'commander';
import { checkEntryId } from '../audit-log/completion.ts';
import type { Timings } from '../worker/timings.ts';
import { ACTIVATE_HELP, examples, HELP, STATUS_HELP } from './help.ts';
import { declareListOptions } from './list/options.ts';

// Beside both src/ and dist/, and outside of what is compiled.
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const HELP_WIDTH = 80;

/** Where help and errors of usage go. */
export interface Streams {
  readonly stdout: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>;
  readonly stderr: Pick<NodeJS.WriteStream, 'write'>;
}

/** The command line. Each command is one file; this one only says how it is called. `timings`: of the worker. */
export function createProgram({ stdout, stderr }: Streams = process, timings?: Timings): Command {
  const program = new Command('sealog')
    .description('An audit log on PostgreSQL in which nothing is missing and the past never changes.')
    .version(version)
    .addHelpText('after', HELP)
    .showHelpAfterError('(sealog --help lists the commands and their options)')
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => (stdout.isTTY ? stdout.columns : HELP_WIDTH),
    })
    .exitOverride();

  program
    .command('migrate')
    .description('bring the schemas of the audit log and of pg-boss up to date')
    .addHelpText('after', '\nSafe to run again, anywhere and at once. Needs a user who may create schemas.')
    .action(lazily(async () => (await import('./migrate.ts')).migrateCommand));
  program
    .command('grants')
    .description('print the SQL that gives each role its rights: for a DBA to read and to run')
    .addHelpText('after', examples(['sealog grants | psql "$OWNER_URL"', 'as the owner, after each `sealog migrate`']))
    .action(lazily(async () => (await import('./grants.ts')).grantsCommand));
  program
    .command('worker')
    .description('run one replica of the worker until SIGTERM or SIGINT')
    .addHelpText(
      'after',
      examples(
        ['sealog worker', 'one replica; start as many as you like'],
        ['SEALOG_HTTP_PORT=0 sealog worker', 'a second one on the same host'],
      ),
    )
    .action(async () => await (await import('./worker.ts')).workerCommand(timings));
  program
    .command('activate')
    .description('ask for one activation now, wait for it, and print its outcome')
    .argument('[job]', 'the job', 'audit-timeout')
    .option('--dry-run', 'only tell what an activation would do now')
    .option('--wait <seconds>', 'how long to wait for a worker to run it', wholeSeconds, 60)
    .addHelpText('after', ACTIVATE_HELP)
    .action(lazily(async () => (await import('./activate.ts')).activateCommand));
  program
    .command('status')
    .description('show whether the audit log is whole: what is wrong, the replicas, and who ran what')
    .option('--json', 'as JSON; with --watch a line each time')
    .option('--watch [seconds]', 'show it every so many seconds (default: 2), until Ctrl-C', wholeSeconds)
    .addHelpText('after', STATUS_HELP)
    .action(lazily(async () => (await import('./status.ts')).statusCommand));
  declareListOptions(
    program.command('list').description('list completed entries: as a table, as JSON lines or as CSV'),
  ).action(lazily(async () => (await import('./list.ts')).listCommand));
  program
    .command('show')
    .description('show one completed entry in full, with the amendment that records its late outcome')
    .argument('<id>', 'its id', entryId)
    .option('--json', 'as JSON: entry and amendment')
    .addHelpText('after', '\nExits with 1 when there is no such entry, or it is incomplete.')
    .action(lazily(async () => (await import('./show.ts')).showCommand));
  program
    .command('config')
    .description('show every setting, its value and where that came from')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nPasswords are masked. What each setting does: docs/configuration.md.')
    .action(lazily(async () => (await import('./config.ts')).configCommand));
  program
    .command('demo')
    .description('kill a service and watch three workers close what it left open; on a database of its own')
    .action(lazily(async () => (await import('./demo.ts')).demoCommand));
  return program;
}

/** Loads a command when it is called: what only others need costs it neither time nor memory. */
function lazily<Given extends unknown[]>(load: () => Promise<(...given: Given) => unknown>) {
  return async (...given: Given): Promise<void> => {
    const command = await load();
    await command(...given);
  };
}

function entryId(text: string): string {
  try {
    checkEntryId(text);
    return text;
  } catch {
    throw new InvalidOption(`expected the UUID of an entry, got "${text}"`);
  }
}

function wholeSeconds(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) {
    throw new InvalidOption(`expected a whole number of seconds from 1 to 999999, got "${text}"`);
  }
  return Number(text);
}
