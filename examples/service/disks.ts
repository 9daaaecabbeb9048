import { setTimeout as delay } from 'node:timers/promises';
import type { Resource } from 'sealog';

/** What an operation answers, to the client and to the audit log alike. */
export type Answer = {
  readonly status: number;
  readonly resource?: Resource;
} & ({ readonly body?: object } | { readonly error: { readonly code: string; readonly message: string } });

export type Route = {
  readonly method: string;
  readonly path: RegExp;
  /** Its name in the audit log. Routes without one only read, and are not audited. */
  readonly operationId?: string;
  /** `id` is what the path captures. */
  readonly run: (id: string) => Answer | Promise<Answer>;
};

// Real enough: it works, takes its time, and is gone with the process.
const disks = new Map<string, { readonly snapshots: string[] }>();
const snapshotSeconds = Number(process.env['SNAPSHOT_SECONDS'] ?? 5);

export const routes: readonly Route[] = [
  { method: 'GET', path: /^\/disks$/, run: list },
  { method: 'POST', path: /^\/disks$/, operationId: 'disk_create', run: create },
  { method: 'DELETE', path: /^\/disks\/([^/]+)$/, operationId: 'disk_delete', run: remove },
  { method: 'POST', path: /^\/disks\/([^/]+)\/snapshots$/, operationId: 'snapshot_create', run: createSnapshot },
];

function list(): Answer {
  return { status: 200, body: [...disks].map(([id, { snapshots }]) => ({ id, snapshots })) };
}

let created = 0;

function create(): Answer {
  const id = `disk-${++created}`;
  disks.set(id, { snapshots: [] });
  return { status: 201, body: { id }, resource: { type: 'disk', id } };
}

function remove(id: string): Answer {
  return disks.delete(id) ? { status: 204, resource: { type: 'disk', id } } : noSuchDisk(id);
}

async function createSnapshot(id: string): Promise<Answer> {
  const disk = disks.get(id);
  if (!disk) return noSuchDisk(id);
  await delay(snapshotSeconds * 1000);
  const snapshotId = `${id}-snapshot-${disk.snapshots.length + 1}`;
  disk.snapshots.push(snapshotId);
  return { status: 201, body: { id: snapshotId }, resource: { type: 'snapshot', id: snapshotId } };
}

function noSuchDisk(id: string): Answer {
  const resource = { type: 'disk', id };
  return { status: 404, resource, error: { code: 'NotFound', message: `there is no disk ${id}` } };
}
