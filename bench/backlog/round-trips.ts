import { performance } from 'node:perf_hooks';
import { openWireProxy, type WireProxy } from '../harness/wire-proxy.ts';

/** What a client sent until the server was ready for more. */
export interface RoundTrip {
  /** The SQL of its first statement. */
  readonly text: string;
  readonly startedMs: number;
  readonly ms: number;
}

export interface RoundTripWatch extends WireProxy {
  /** Those of all clients so far, in the order of their starts. */
  roundTrips(): readonly RoundTrip[];
  forget(): void;
}

export async function watchRoundTrips(databaseUrl: string): Promise<RoundTripWatch> {
  const done: RoundTrip[] = [];
  const open = new Map<number, Pick<RoundTrip, 'text' | 'startedMs'>>();
  const proxy = await openWireProxy(databaseUrl, ({ connection, from, type, body }) => {
    if (from === 'client' && (type === 'Q' || type === 'P') && !open.has(connection)) {
      open.set(connection, { text: sqlOf(type, body), startedMs: performance.now() });
    } else if (from === 'server' && type === 'Z') {
      const { text, startedMs } = open.get(connection) ?? { text: '', startedMs: NaN };
      if (open.delete(connection)) done.push({ text, startedMs, ms: performance.now() - startedMs });
    }
  });
  return {
    ...proxy,
    roundTrips: () => done.toSorted((one, other) => one.startedMs - other.startedMs),
    forget: () => void (done.length = 0),
  };
}

/** A query is its text; what is parsed has a name before it. Each ends with a zero. */
function sqlOf(type: string, body: Buffer): string {
  const [first, second] = body.toString('utf8').split('\0');
  return (type === 'Q' ? first : second)!.trim();
}
