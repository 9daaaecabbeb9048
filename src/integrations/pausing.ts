import type { Readable } from 'node:stream';

/**
 * Keeps the body for whom it is meant while a request is described and its entry inserted. A stream that something reads
 * already, to measure it, continues meanwhile, and a handler that begins to read later would miss what went by. But what
 * takes longer than a turn to describe may wait for that body, so then it continues until the entry is inserted.
 */
export async function pausing<Described, Inserted>(
  body: Readable,
  describe: () => Promise<Described>,
  insert: (described: Described) => Promise<Inserted>,
): Promise<Inserted> {
  // What begins to read only now is not in front: after an answer, Node itself throws the rest of a body away.
  if (body.readableFlowing !== true || body.readableEnded) return await insert(await describe());
  const resume = (): unknown => body.resume();
  body.pause();
  const nextTurn = setImmediate(resume);
  try {
    const described = await describe();
    clearImmediate(nextTurn);
    if (!body.readableEnded) body.pause();
    return await insert(described);
  } finally {
    clearImmediate(nextTurn);
    resume();
  }
}
