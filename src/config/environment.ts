import { declarations, keys } from './declarations.ts';
import { nearest, shown } from './problem.ts';

/** The variables as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLES: readonly string[] = [...keys.map((key) => declarations[key].environment), 'SEALOG_CONFIG'];

// Kubernetes puts SEALOG_HTTPS_PORT=tcp://10.0.0.1:443 into every pod beside a service called sealog-https. The other
// variables it makes are too far from ours to be taken for a misspelling.
const SERVICE_LINK = /^(tcp|udp|sctp):\/\//;

/**
 * The variables that were surely meant for sealog and are misspelt. Others that begin with SEALOG_ are left alone:
 * the name is not ours alone, and a worker must not refuse to start because of its neighbours.
 */
export function environmentProblems(env: Environment): readonly string[] {
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith('SEALOG_') || name.startsWith('SEALOG_TEST_') || VARIABLES.includes(name)) return [];
    if (SERVICE_LINK.test(env[name] ?? '')) return [];
    const unprefixed = name.slice('SEALOG_'.length);
    const meant = VARIABLES.includes(unprefixed) ? unprefixed : nearest(name, VARIABLES, 2);
    return meant === undefined ? [] : [`${shown(name)}: unknown variable, did you mean ${meant}?`];
  });
}
