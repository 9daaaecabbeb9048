import type { SettingRow } from '../config/describe-settings.ts';
import { formatTable } from './table.ts';

/** Settings for people. */
export function formatSettings(rows: readonly SettingRow[]): string {
  return formatTable([
    ['key', 'value', 'from', 'variable'],
    ...rows.map(({ key, value, origin, environment }) => [key, String(value ?? '-'), origin, environment]),
  ]);
}
