/**
 * Every setting, grouped as the keys are: the key `http.port` is `settings.http.port`. Parsed, checked and frozen,
 * so nothing past `loadSettings` asks again whether a value makes sense. What each key means: `declarations.ts`.
 */
export interface Settings {
  readonly database: {
    /** Undefined asks for the embedded PostgreSQL, and never is when `NODE_ENV` is `production`. */
    readonly url: string | undefined;
    readonly schema: string;
    readonly poolMax: number;
  };
  readonly queue: { readonly schema: string; readonly migrate: boolean };
  readonly auditTimeout: {
    readonly schedule: string;
    readonly timezone: string;
    readonly timeoutSeconds: number;
    readonly maxUpdatePerActivation: number;
    readonly drainBacklog: boolean;
  };
  readonly http: { readonly host: string; readonly port: number };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly instance: { readonly name: string };
  readonly shutdown: { readonly graceSeconds: number };
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
export type LogFormat = 'json' | 'pretty';

/** The name of one setting, `http.port`. */
export type Key = { [G in keyof Settings]: `${G}.${keyof Settings[G] & string}` }[keyof Settings];

/** The type of the setting with that key: `number` for `http.port`. */
export type SettingValue<K extends Key> = K extends `${infer G extends keyof Settings}.${infer N}`
  ? N extends keyof Settings[G]
    ? Settings[G][N]
    : never
  : never;
