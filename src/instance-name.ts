import { hostname } from 'node:os';
import { pid } from 'node:process';

/** The name of this process among those that share the database, `<host>:<process id>`: what an operator can look for. */
export function instanceName(): string {
  return `${hostname()}:${pid}`;
}
