import { sealogCommand } from './command.ts';
import { spawnNode, type NodeProcess } from './processes.ts';
import { quietSchedule } from './quiet-schedule.ts';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A worker process whose probes the test asks. */
export interface ProbedWorker extends NodeProcess {
  readonly port: number;
  get(path: string, init?: RequestInit): Promise<Answer>;
}

/** Starts `sealog worker` on a free port. Resolves when it answers HTTP, with or without its database. */
export async function startProbedWorker(
  url: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<ProbedWorker> {
  const replica = await spawnNode([sealogCommand, 'worker'], {
    env: {
      NODE_ENV: 'test',
      DATABASE_URL: url,
      SEALOG_HTTP_PORT: '0',
      SEALOG_LOG_LEVEL: 'debug',
      SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule(),
      ...env,
    },
  });
  const { port } = await replica.waitForEvent('http.started');
  const get = async (path: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port as number}${path}`, init);
    return {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      body: await response.text(),
    };
  };
  return Object.assign(replica, { port: port as number, get });
}
