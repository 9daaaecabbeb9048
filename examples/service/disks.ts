import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.ts';

interface Disk {
  readonly snapshots: string[];
  imageBytes: number;
}

type DiskRequest = { Params: { id: string } };

/** Disks. None of this knows of the audit log, but that a handler says which resource it is about. */
export async function disks(app: FastifyInstance): Promise<void> {
  // Real enough: it works, takes its time, and is gone with the process.
  const all = new Map<string, Disk>();
  const snapshotSeconds = Number(process.env['SNAPSHOT_SECONDS'] ?? 5);
  let created = 0;

  app.addHook('onRequest', async (request) => {
    if (request.method !== 'GET' && request.user === undefined) throw new Problem(401, 'Unauthorized', 'log in first');
  });
  // What is uploaded is read by the handler, so the entry is begun before the first byte is.
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));

  const diskOf = (id: string): Disk => {
    const disk = all.get(id);
    if (!disk) throw new Problem(404, 'NotFound', `there is no disk ${id}`);
    return disk;
  };

  app.get('/disks', { schema: { operationId: 'disk_list' } }, async () =>
    [...all].map(([id, { snapshots }]) => ({ id, snapshots })),
  );

  app.post('/disks', { schema: { operationId: 'disk_create' } }, async (request, reply) => {
    const id = `disk-${++created}`;
    request.resource = { type: 'disk', id };
    all.set(id, { snapshots: [], imageBytes: 0 });
    return reply.code(201).send({ id });
  });

  app.delete<DiskRequest>('/disks/:id', { schema: { operationId: 'disk_delete' } }, async (request, reply) => {
    const { id } = request.params;
    request.resource = { type: 'disk', id };
    diskOf(id);
    all.delete(id);
    return reply.code(204).send();
  });

  app.post<DiskRequest>(
    '/disks/:id/snapshots',
    { schema: { operationId: 'snapshot_create' } },
    async (request, reply) => {
      const { snapshots } = diskOf(request.params.id);
      await delay(snapshotSeconds * 1000);
      const id = `${request.params.id}-snapshot-${snapshots.length + 1}`;
      request.resource = { type: 'snapshot', id };
      snapshots.push(id);
      return reply.code(201).send({ id });
    },
  );

  app.put<DiskRequest & { Body: Readable | undefined }>(
    '/disks/:id/image',
    { schema: { operationId: 'image_upload' } },
    async (request) => {
      const { id } = request.params;
      request.resource = { type: 'disk', id };
      const disk = diskOf(id);
      let bytes = 0;
      for await (const chunk of request.body ?? []) bytes += (chunk as Buffer).length;
      disk.imageBytes = bytes;
      return { id, bytes };
    },
  );
}
