import { describeSettings } from '../config/describe-settings.ts';
import { loadSettings } from '../config/load-settings.ts';
import { print, printJson } from './command.ts';
import { formatSettings } from './format-settings.ts';

/** `sealog config`: every setting, its value and where that came from. Secrets are masked. */
export function configCommand({ json }: { readonly json?: boolean }): void {
  const rows = describeSettings(loadSettings());
  if (json) printJson(rows);
  else print(formatSettings(rows));
}
