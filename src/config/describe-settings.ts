import { declarations, keys } from './declarations.ts';
import type { LoadedSettings } from './load-settings.ts';
import { split } from './overlay.ts';
import type { Key, Settings } from './settings.ts';

/** One setting as `sealog config` shows it. */
export interface SettingRow {
  readonly key: Key;
  /** Null when the key has no value. Passwords are masked. */
  readonly value: string | number | boolean | null;
  readonly origin: string;
  readonly environment: string;
  readonly doc: string;
}

/** Every setting with where it came from, fit to be printed and to be sent to whoever helps. */
export function describeSettings({ settings, origins }: LoadedSettings): readonly SettingRow[] {
  return keys.map((key) => {
    const { environment, doc, secret } = declarations[key];
    const value = valueOf(settings, key);
    const isMasked = secret && typeof value === 'string';
    return { key, value: isMasked ? maskUrl(value) : value, origin: origins[key], environment, doc };
  });
}

/**
 * The URL without what opens the door: the password, and each parameter that is named like one. What cannot be taken
 * apart for certain is masked whole.
 */
export function maskUrl(value: string): string {
  const url = URL.parse(value);
  if (url === null || url.host + url.pathname === '' || /[@#]/.test(url.pathname + url.search + url.hash)) return '***';
  if (url.password !== '') url.password = '***';
  for (const name of new Set(url.searchParams.keys())) {
    if (/pass|pwd|secret|token/i.test(name)) url.searchParams.set(name, '***');
  }
  return url.href;
}

function valueOf(settings: Settings, key: Key): SettingRow['value'] {
  const [group, name] = split(key);
  const found: unknown = Reflect.get(Reflect.get(settings, group), name);
  return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? found : null;
}
