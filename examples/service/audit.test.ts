/** The service's own test that nothing in it goes unaudited. Run: DATABASE_URL=… node --test examples/service */
import { test } from 'node:test';
import { createAuditLog } from 'sealog';
import { checkAuditCoverage, fastifyService } from 'sealog/testing';
import { buildApp } from './app.ts';

void test('every route that mutates leaves an entry', async () => {
  await using auditLog = createAuditLog({ connectionString: process.env['DATABASE_URL'] ?? '' });
  await using app = await buildApp({ auditLog, log: () => {} });
  await checkAuditCoverage({
    service: fastifyService(app),
    auditLog,
    headers: { 'x-user': 'alice' },
    examples: {
      'POST /login': { body: { user: 'alice', password: 'wonderland' } },
      'PUT /disks/:id/image': { headers: { 'content-type': 'application/octet-stream' }, body: 'an image' },
    },
  });
});
