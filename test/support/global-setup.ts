import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { startTestCluster, type TestCluster } from './cluster.ts';
import { someTestFailed } from './outcome.ts';

/** What a process has compiled serves the next one, of this run and of later ones: that is a third of its start. */
const COMPILED = join(import.meta.dirname, '../../node_modules/.cache/sealog-tests');

let cluster: TestCluster | undefined;

/** One server a run. Test files find it in the environment, where `createDatabase` looks. */
export default async function globalSetup({ maxWorkers }: { readonly maxWorkers: number }): Promise<void> {
  process.env['SEALOG_TEST_COMPILED'] = COMPILED;
  const given = process.env['SEALOG_TEST_DATABASE_URL'];
  cluster = await startTestCluster(given);
  process.env['SEALOG_TEST_CLUSTER_URL'] = cluster.url;
  process.env['SEALOG_TEST_TEMPLATE'] = cluster.template;
  process.env['SEALOG_TEST_STRATEGY'] = cluster.strategy;
  const server = new URL(cluster.url);
  server.password = '';
  report(
    given === undefined
      ? `PostgreSQL was started for this run, at ${server.host}; its log: ${cluster.log}`
      : `PostgreSQL for this run: ${server.host}, as SEALOG_TEST_DATABASE_URL says`,
    `${maxWorkers} ${maxWorkers === 1 ? 'file' : 'files'} at a time. One file: npm test -- test/unit/cursor.test.ts`,
    'Soaks, fleets in real time, the blocks of the documents, what needs tools: npm run test:slow',
  );
}

/** For the global teardown, which Jest runs in the same process. */
export async function stopTestCluster(): Promise<void> {
  if (cluster?.log !== undefined && someTestFailed()) {
    const kept = join(tmpdir(), `${basename(dirname(cluster.log))}.log`);
    await copyFile(cluster.log, kept).then(
      () => report(`A test failed; the log of PostgreSQL is kept: ${kept}`),
      (error: unknown) => report(`A test failed, and the log of PostgreSQL could not be kept: ${String(error)}`),
    );
  }
  await cluster?.[Symbol.asyncDispose]();
}

// Standard output is the results', where Jest is asked for JSON.
function report(...lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n\n`);
}
