import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase } from '../support/database.ts';
import { documentedBlocks } from '../support/documentation/blocks.ts';
import { openShell } from '../support/documentation/shell.ts';

const root = new URL('../../', import.meta.url);
const guide = (await documentedBlocks(root)).filter(({ file }) => file === 'docs/adopting.md');
const [fastify = '', express = '', proof = ''] = guide.flatMap(({ language, text }) => (language === 'ts' ? text : []));
const configuration = JSON.stringify({
  extends: fileURLToPath(new URL('tsconfig.json', root)),
  compilerOptions: { declaration: false, isolatedDeclarations: false },
  include: ['*.ts'],
});

/** Somebody who does what the guide says, in a folder of a checkout, where `sealog` is the checkout itself. */
async function follow(app: string, coverage: string): Promise<{ readonly names: string[]; readonly output: string }> {
  await using database = await createDatabase();
  await using shell = await openShell({ root, env: { DATABASE_URL: database.url } });
  const output = await shell.run(`
mkdir guide
cd guide
cat > app.ts <<'END'
${app}END
cat > audit.test.ts <<'END'
${coverage}END
echo '${configuration}' > tsconfig.json
tsc
node --conditions=@sealog/source --test audit.test.ts
sealog list --limit 2`);
  const entries = await storedEntries(database.pool, 2);
  return { names: entries.map(({ operation_id, actor, status }) => `${operation_id} ${actor} ${status}`), output };
}

const recorded = ['POST /disks user:alice 201', 'snapshot_create user:alice 200'];

test('what the guide has its reader write for Fastify is sound TypeScript, runs, and proves what it says', async () => {
  const { names, output } = await follow(fastify, proof);
  expect(names).toEqual(recorded);
  expect(output).toMatch(/pass 1[^]*snapshot_create/);
});

test('and for Express', async () => {
  const { names, output } = await follow(express, proof.replaceAll('fastifyService', 'expressService'));
  expect(names).toEqual(recorded);
  expect(output).toMatch(/pass 1[^]*snapshot_create/);
});
