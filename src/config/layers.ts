import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isKey, keys } from './declarations.ts';
import type { Environment } from './environment.ts';
import { got, nearest, shown } from './problem.ts';
import type { Key } from './settings.ts';

/** What one file sets, and everything that is wrong with it. */
export interface Layer {
  /** The file as messages name it. */
  readonly origin: string;
  readonly values: ReadonlyMap<Key, unknown>;
  readonly problems: readonly string[];
}

/** The files that apply, each one winning over those before it. */
export function readLayers(env: Environment, directory: string): readonly Layer[] {
  const layers = [readLayer(join(directory, 'default.json'), 'default.json')];
  const stage = `${env['NODE_ENV'] ?? ''}.json`;
  // NODE_ENV is anybody's, so it may name a file in this folder and nothing else.
  if (/^[\w-]+\.json$/.test(stage) && existsSync(join(directory, stage))) {
    layers.push(readLayer(join(directory, stage), stage));
  }
  const more = env['SEALOG_CONFIG'];
  if (more !== undefined) layers.push(readLayer(more === '' ? '' : resolve(more), more, 'SEALOG_CONFIG'));
  return layers;
}

function readLayer(path: string, origin: string, subject: string = origin): Layer {
  const broken = (why: string): Layer => ({
    origin,
    values: new Map(),
    problems: [`${subject}: expected a JSON file with an object in it, got ${got(origin)} (${why})`],
  });
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    return broken(`cannot be read: ${codeOf(error)}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(source);
  } catch (error) {
    // The parser's message quotes the file, which may hold a password: keep only the place.
    const place = / at position \d+/.exec(String(error))?.[0] ?? '';
    return broken(`not valid JSON${place}`);
  }
  if (!isObject(content)) return broken(`holds ${kind(content)}`);
  return { origin, ...readKeys(content) };
}

/**
 * Takes a file's content apart by the declared keys. Nothing else reaches convict, which skips `__proto__` without
 * a word and fails on an object where it declares a value.
 */
function readKeys(content: object): { values: Map<Key, unknown>; problems: string[] } {
  const values = new Map<Key, unknown>();
  const problems: string[] = [];
  for (const [group, members] of Object.entries(content)) {
    const known = keys.some((key) => key.startsWith(`${group}.`));
    if (known && !isObject(members)) {
      // Not printed: this is where somebody writes "database": "postgres://…".
      problems.push(`${group}: expected an object with the keys of this group, got ${kind(members)}`);
    } else if (!known && (!isObject(members) || Object.keys(members).length === 0)) {
      problems.push(unknownKey(group));
    } else {
      for (const [name, value] of Object.entries(members)) {
        const key = `${group}.${name}`;
        if (isKey(key)) values.set(key, value);
        else problems.push(unknownKey(key));
      }
    }
  }
  return { values, problems };
}

function unknownKey(name: string): string {
  if (isKey(name)) {
    const [group, member] = name.split('.');
    return `${name}: expected nested objects, { "${group}": { "${member}": … } }, got a key with a dot in it`;
  }
  const meant = nearest(name, keys, Math.max(2, Math.floor(name.length * 0.3)));
  return `${shown(name)}: unknown key${meant === undefined ? '' : `, did you mean ${meant}?`}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function codeOf(error: unknown): string {
  return isObject(error) && 'code' in error ? String(error.code) : 'unknown reason';
}

function kind(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
