import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';

export interface Prometheus extends AsyncDisposable {
  /** The `data` of an answer of its HTTP API. Throws what it says when it refuses. */
  api(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
  /** The names of the alerts that fire now. */
  firing(): Promise<string[]>;
}

export interface PrometheusOptions {
  /** Ports of workers on this host. */
  readonly ports: readonly number[];
  /** The content of a rule file. */
  readonly rules: string;
}

/** A real Prometheus in a folder of its own, on a free port, that scrapes and evaluates every second. */
export async function startPrometheus({ ports, rules }: PrometheusOptions): Promise<Prometheus> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sealog-prometheus-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'rules.yaml'), rules);
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: 'sealog', static_configs: [{ targets: ports.map((port) => `127.0.0.1:${port}`) }] }],
  };
  await writeFile(join(folder, 'prometheus.yaml'), stringify(config));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const port = await listeningPort(createInterface({ input: child.stderr }));
  const api = async (path: string, parameters: Readonly<Record<string, string>> = {}) => {
    const query = new URLSearchParams(parameters);
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${query.toString()}`);
    const answer = (await response.json()) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') throw new Error(`${answer.error}: ${JSON.stringify(parameters)}`);
    return answer.data;
  };
  const owned = stack.move();
  return {
    api,
    async firing() {
      const { alerts } = (await api('alerts')) as { alerts: { state: string; labels: { alertname: string } }[] };
      return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function listeningPort(lines: AsyncIterable<string>): Promise<number> {
  const seen: string[] = [];
  const found = Promise.withResolvers<number>();
  // Reads on to the end, so that the pipe never fills.
  void (async () => {
    let isReady = false;
    let port: number | undefined;
    for await (const line of lines) {
      if (seen.length < 50) seen.push(line);
      port ??= Number(/msg="Listening on" address=127\.0\.0\.1:(\d+)/.exec(line)?.[1]) || undefined;
      isReady ||= line.includes('Server is ready to receive web requests');
      if (isReady && port !== undefined) found.resolve(port);
    }
    found.reject(new Error(`Prometheus ended before it was ready:\n${seen.join('\n')}`));
  })();
  return await found.promise;
}
