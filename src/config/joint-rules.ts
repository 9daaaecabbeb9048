import { declarations } from './declarations.ts';
import type { Environment } from './environment.ts';
import { valueProblem } from './problem.ts';
import type { Key, Settings } from './settings.ts';

/** Problems that no single key has: values that do not go together, or not with NODE_ENV. */
export function jointProblems(values: ReadonlyMap<Key, unknown>, env: Environment): readonly string[] {
  const problems: string[] = [];
  if (env['NODE_ENV'] === 'production' && values.has('database.url') && values.get('database.url') === undefined) {
    const { environment } = declarations['database.url'];
    const expected = `a postgres:// or postgresql:// URL when NODE_ENV is production`;
    const example = `${environment}=postgres://user:password@host:5432/database`;
    problems.push(`${valueProblem('database.url', undefined, expected)}, set for example ${example}`);
  }
  const schema = values.get('queue.schema');
  if (schema !== undefined && schema === values.get('database.schema')) {
    // Both sides migrate and version their schema on their own, and pg-boss's is dropped to reset the queue.
    problems.push(valueProblem('queue.schema', schema, 'another schema than database.schema'));
  }
  return problems;
}

/** What is allowed and yet seldom meant. */
export function warningsAbout({ auditTimeout }: Settings): string[] {
  const { timeoutSeconds } = auditTimeout;
  if (timeoutSeconds >= 60) return [];
  const key = 'auditTimeout.timeoutSeconds';
  return [
    `${key} (${declarations[key].environment}): ${timeoutSeconds} is below 60, operations that are still running may be completed as timed out`,
  ];
}
