import convict from 'convict';
import { declarations, keys } from './declarations.ts';
import type { Environment } from './environment.ts';
import type { Layer } from './layers.ts';
import type { Key } from './settings.ts';

/**
 * The raw value of every key that is set, after the files and the environment were laid over each other.
 *
 * convict is kept from judging: its number formats use parseInt (`12abc` becomes 12), anything but `false` is true to
 * it, and its messages leave out values such as 0 and "". The type of a default would make it coerce as well, hence
 * null for all of them, and a format that accepts everything.
 */
export function overlay(layers: readonly Layer[], env: Environment): ReadonlyMap<Key, unknown> {
  const schema: Record<string, Record<string, convict.SchemaObj>> = {};
  for (const key of keys) {
    const [group, name] = split(key);
    const { doc, environment, secret = false } = declarations[key];
    (schema[group] ??= {})[name] = { doc, env: environment, sensitive: secret, default: null, format: () => {} };
  }
  // Without args convict would read this process's command line.
  const config = convict<Record<string, Record<string, unknown>>>(schema, { env: { ...env }, args: [] });
  for (const { values } of layers) {
    for (const [key, value] of values) config.set(key, value);
  }
  // The files are in; loading nothing more lets the environment win over them.
  config.load({});
  const merged = config.getProperties();
  return new Map(keys.map((key) => [key, merged[split(key)[0]]?.[split(key)[1]]]));
}

/** `http.port` → `['http', 'port']`. */
export function split(key: Key): readonly [group: string, name: string] {
  const dot = key.indexOf('.');
  return [key.slice(0, dot), key.slice(dot + 1)];
}
