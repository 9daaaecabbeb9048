import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAuditLog } from '../../src/index.ts';
import { sealogCommand } from '../support/command.ts';
import { spawnNode } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { certificate, startTlsCluster, type TlsCluster } from '../support/tls-cluster.ts';

let cluster: TlsCluster;
beforeAll(async () => void (cluster = await startTlsCluster()));
afterAll(async () => await cluster[Symbol.asyncDispose]());

const VERIFIED = { sslmode: 'verify-full', sslrootcert: certificate('ca.pem') };
const CERTIFIED = { ...VERIFIED, sslcert: certificate('client.pem'), sslkey: certificate('client.key') };

async function begin(connectionString: string): Promise<unknown> {
  await using auditLog = createAuditLog({ connectionString });
  const entry = { operationId: 'disk_create', actor: { kind: 'system' } } as const;
  return await auditLog.begin(entry).catch((error: unknown) => error);
}

async function sealog(env: Record<string, string>, ...args: readonly string[]) {
  await using command = await spawnNode([sealogCommand, ...args], { env: { NODE_ENV: 'test', ...env } });
  const { code } = await command.exited;
  return { code, stdout: command.stdout, stderr: command.stderr };
}

describe('a connection is verified', () => {
  test('of the library', async () => {
    expect(await begin(cluster.url({ parameters: VERIFIED }))).toMatchObject({ id: expect.any(String) });
  });

  test('of a worker and of commands, with the URL in a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sealog-tls-'));
    try {
      const SEALOG_CONFIG = join(directory, 'sealog.json');
      await writeFile(SEALOG_CONFIG, JSON.stringify({ database: { url: cluster.url({ parameters: VERIFIED }) } }));
      const env = { SEALOG_CONFIG, SEALOG_LOG_LEVEL: 'debug' };
      await using worker = await spawnNode([sealogCommand, 'worker'], { env: { NODE_ENV: 'test', ...env } });
      await worker.waitForEvent('audit-timeout.activation');
      for (const args of [['activate'], ['status', '--json'], ['list']]) {
        expect(await runCommand(args, { NODE_ENV: 'test', ...env })).toMatchObject({ code: 0 });
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('and so is the client', async () => {
    const user = 'certified';
    expect(await begin(cluster.url({ user, parameters: CERTIFIED }))).toMatchObject({ id: expect.any(String) });
    expect(await begin(cluster.url({ user, parameters: VERIFIED }))).toMatchObject({
      code: 'SEALOG_STORE',
      message: expect.stringContaining('client certificate'),
    });
  });
});

describe.each([
  [
    'of another authority',
    () => cluster.url({ parameters: { ...VERIFIED, sslrootcert: certificate('other-ca.pem') } }),
    /unable to verify|self-signed|unable to get/i,
  ],
  [
    'of no known authority',
    () => cluster.url({ parameters: { sslmode: 'verify-full' } }),
    /unable to verify|self-signed/i,
  ],
  ['for another host', () => cluster.url({ host: '127.0.0.1', parameters: VERIFIED }), /does not match certificate/],
  [
    'that cannot be compared to an authority that is not there',
    () => cluster.url({ parameters: { ...VERIFIED, sslrootcert: '/nowhere/ca.pem' } }),
    /ENOENT.*\/nowhere\/ca\.pem/,
  ],
  ['that is missing', () => plaintextUrl(), /does not support SSL/],
])('a server with a certificate %s', (_, url, why) => {
  test('is refused by the library', async () => {
    expect(await begin(url())).toMatchObject({ code: 'SEALOG_STORE', message: expect.stringMatching(why) });
  });
});

test.each([
  ['worker', () => cluster.url({ host: '127.0.0.1', parameters: VERIFIED })],
  ['worker', plaintextUrl],
  ['list', plaintextUrl],
])('`sealog %s` ends with the reason when it is refused', async (command, url) => {
  const { code, stdout, stderr } = await sealog({ DATABASE_URL: url() }, command);
  expect(stderr).toMatch(/does not match certificate|does not support SSL/);
  expect(code).toBe(1);
  expect(stdout + stderr).not.toContain(new URL(url()).password || 'no password');
});

/** The server of the other tests does not encrypt. */
function plaintextUrl(): string {
  const url = new URL(process.env['SEALOG_TEST_CLUSTER_URL']!);
  for (const [name, value] of Object.entries(VERIFIED)) url.searchParams.set(name, value);
  return url.href;
}

test('sslmode=require verifies as verify-full does, and says so', async () => {
  const url = cluster.url({ parameters: { ...VERIFIED, sslmode: 'require' } });
  const accepted = await sealog({ DATABASE_URL: url }, 'list');
  expect(accepted).toMatchObject({ code: 0, stderr: expect.stringContaining('verify-full') });
  const other = cluster.url({ parameters: { sslmode: 'require' } });
  expect(await sealog({ DATABASE_URL: other }, 'list')).toMatchObject({ code: 1 });
});
