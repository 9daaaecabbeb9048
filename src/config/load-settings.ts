/**
 * Where the settings come from: `config/default.json`, then the file that NODE_ENV names (`config/production.json`),
 * then the file that SEALOG_CONFIG names, then the environment; the last one that sets a key wins. convict declares
 * and layers; what a value means is decided here, strictly, and all problems are told at once.
 *
 * An empty variable is a value, and for every key a wrong one. That includes `DATABASE_URL=`, which compose produces
 * from a variable that is missing on the host: taking it for "not set" would write the audit log into an embedded
 * database that nobody looks at, or into the one that a file names. To leave a key alone, leave its variable out.
 */
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../errors.ts';
import { declarations, keys } from './declarations.ts';
import { environmentProblems, type Environment } from './environment.ts';
import { jointProblems, warningsAbout } from './joint-rules.ts';
import { readLayers, type Layer } from './layers.ts';
import { overlay, split } from './overlay.ts';
import { valueProblem } from './problem.ts';
import type { Key, Settings } from './settings.ts';

export interface LoadedSettings {
  readonly settings: Settings;
  /** What set each key: `default.json`, the path in SEALOG_CONFIG, `environment DATABASE_URL`, `not set`. */
  readonly origins: Readonly<Record<Key, string>>;
  /** What is allowed and yet worth a word to the operator, one line each. */
  readonly warnings: readonly string[];
}

// The same from src/config/ and from dist/config/.
const PACKAGE_CONFIG = fileURLToPath(new URL('../../config', import.meta.url));

/** Reads and checks all settings. Throws a `ConfigError` that lists every problem when there is one. */
export function loadSettings(options: { env?: Environment; directory?: string } = {}): LoadedSettings {
  const { env = process.env, directory = PACKAGE_CONFIG } = options;
  const layers = readLayers(env, directory);
  const raw = overlay(layers, env);
  const problems = [...layers.flatMap((layer) => layer.problems), ...environmentProblems(env)];
  const origins = new Map<Key, string>();
  const values = new Map<Key, unknown>();
  for (const key of keys) {
    const { rule, absent, environment } = declarations[key];
    const origin = originOf(key, layers, env);
    const value = origin === undefined ? absent?.value() : rule.parse(raw.get(key));
    const isRight = origin === undefined ? absent !== undefined : value !== undefined;
    if (isRight) values.set(key, value);
    else {
      // A variable is named anyway.
      const file = origin === undefined || env[environment] !== undefined ? '' : `, in ${origin}`;
      problems.push(valueProblem(key, origin === undefined ? undefined : raw.get(key)) + file);
    }
    origins.set(key, origin ?? absent?.origin ?? 'not set');
  }
  problems.push(...jointProblems(values, env));
  if (problems.length > 0) throw new ConfigError(problems);
  const settings = grouped(values);
  return Object.freeze({
    settings,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- filled from `keys`, which has every Key
    origins: Object.freeze(Object.fromEntries(origins)) as Record<Key, string>,
    warnings: Object.freeze(warningsAbout(settings)),
  });
}

function originOf(key: Key, layers: readonly Layer[], env: Environment): string | undefined {
  const { environment } = declarations[key];
  if (env[environment] !== undefined) return `environment ${environment}`;
  return layers.findLast(({ values }) => values.has(key))?.origin;
}

function grouped(values: ReadonlyMap<Key, unknown>): Settings {
  const settings: Record<string, Record<string, unknown>> = {};
  for (const [key, value] of values) {
    const [group, name] = split(key);
    (settings[group] ??= {})[name] = value;
  }
  for (const group of Object.values(settings)) Object.freeze(group);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every Key was parsed by the rule of its type
  return Object.freeze(settings) as unknown as Settings;
}
