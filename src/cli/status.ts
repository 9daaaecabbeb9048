import { print, printJson, withApp } from './command.ts';
import { formatStatus } from './format-status.ts';
import { readStatus } from './read-status.ts';

/** `sealog status`: whether the audit log is whole, and who ran what. */
export async function statusCommand({ json }: { readonly json?: boolean }): Promise<void> {
  await withApp(async (app) => {
    const status = await readStatus(app);
    if (json) printJson(status);
    else print(formatStatus(status, new Date()));
  });
}
