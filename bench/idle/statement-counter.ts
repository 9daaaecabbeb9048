import { openWireProxy, type WireProxy } from '../harness/wire-proxy.ts';

/** A proxy in front of a database that counts what its clients send. */
export interface StatementCounter extends WireProxy {
  /** Simple queries and executions of prepared ones so far, `begin` and `commit` included. */
  statements(): number;
}

export async function countStatements(databaseUrl: string): Promise<StatementCounter> {
  let statements = 0;
  const proxy = await openWireProxy(databaseUrl, ({ from, type }) => {
    if (from === 'client' && (type === 'Q' || type === 'E')) statements++;
  });
  return { ...proxy, statements: () => statements };
}
