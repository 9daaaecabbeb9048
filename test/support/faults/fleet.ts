import { sealogCommand } from '../command.ts';
import { quietSchedule } from '../quiet-schedule.ts';
import { type Exit, type NodeProcess, spawnNode } from '../processes.ts';
import type { History } from './history.ts';
import { type LogFields, logLines } from './log-lines.ts';
import { replicaClock } from './replica-clock.ts';

export interface ReplicaOptions {
  /** Where its database is, through a proxy for one. Default: the fleet's. */
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Gives it a clock of its own, this far off. */
  readonly clockOffsetMs?: number;
}

/** One replica: a process of the real executable. */
export interface Replica {
  readonly name: string;
  readonly process: NodeProcess;
  /** Its log lines of one event, so far. */
  events(event: string): readonly LogFields[];
  /** Steps its wall clock, to so far off the true time. Only with `clockOffsetMs`. */
  stepClock(offsetMs: number): Promise<void>;
}

/** Replicas that share a database, and what was done to them. */
export interface Fleet extends AsyncDisposable {
  /** Those that run or are paused. */
  readonly replicas: readonly Replica[];
  /** Every one that ever ran. */
  readonly everyone: readonly Replica[];
  /** Those that ended although nobody told them to. */
  readonly died: readonly { readonly name: string; readonly exit: Exit; readonly output: readonly string[] }[];
  /** Starts one, and does not wait for it. */
  start(name: string, options?: ReplicaOptions): Promise<Replica>;
  /** Returns when it says that it has started. */
  ready(replica: Replica, timeoutMs?: number): Promise<Replica>;
  /** SIGKILL. Returns when it is gone. */
  kill(replica: Replica): Promise<void>;
  /** SIGSTOP: it freezes where it is. */
  pause(replica: Replica): void;
  /** SIGCONT. */
  resume(replica: Replica): void;
  /** SIGTERM. Returns how it ended. */
  terminate(replica: Replica): Promise<Exit>;
}

export interface FleetOptions {
  readonly url: string;
  readonly history?: History;
  /** Of the replicas. Default: the source. */
  readonly executable?: string;
  /** For each replica. */
  readonly env?: Readonly<Record<string, string>>;
}

export function openFleet({ url, history, executable = sealogCommand, env = {} }: FleetOptions): Fleet {
  const running = new Set<Replica>();
  const told = new Set<Replica>();
  const everyone: Replica[] = [];
  const died: { name: string; exit: Exit; output: readonly string[] }[] = [];
  const tell = (replica: Replica, what: string): void => {
    history?.record(what, { replica: replica.name, pid: replica.process.pid });
  };

  const watchEnd = async (replica: Replica): Promise<void> => {
    const exit = await replica.process.exited;
    running.delete(replica);
    if (told.has(replica)) return;
    died.push({ name: replica.name, exit, output: replica.process.lines().slice(-20) });
    history?.record('died', died.at(-1));
  };
  const start = async (name: string, options: ReplicaOptions = {}): Promise<Replica> => {
    const clock = options.clockOffsetMs === undefined ? undefined : replicaClock(options.clockOffsetMs);
    const child = await spawnNode([...(clock?.nodeFlags ?? []), executable, 'worker'], {
      env: {
        NODE_ENV: 'test',
        DATABASE_URL: options.url ?? url,
        SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule(),
        SEALOG_INSTANCE_NAME: name,
        SEALOG_LOG_LEVEL: 'debug',
        ...env,
        ...options.env,
        ...clock?.env,
      },
    });
    const replica: Replica = {
      name,
      process: child,
      events: (event) => logLines(child).filter((line) => line.event === event),
      async stepClock(offsetMs) {
        clock?.set(offsetMs);
        child.kill('SIGUSR2');
        await child.waitForLine(
          (line) => line.includes('test.clock-stepped') && line.includes(`"offset":${offsetMs},`),
        );
      },
    };
    running.add(replica);
    everyone.push(replica);
    tell(replica, 'start');
    void watchEnd(replica);
    return replica;
  };

  return {
    get replicas() {
      return [...running];
    },
    everyone,
    died,
    start,
    async ready(replica, timeoutMs = 60_000) {
      await replica.process.waitForEvent('worker.started', timeoutMs);
      return replica;
    },
    async kill(replica) {
      told.add(replica);
      tell(replica, 'kill');
      replica.process.kill('SIGKILL');
      await replica.process.exited;
    },
    pause(replica) {
      tell(replica, 'pause');
      replica.process.kill('SIGSTOP');
    },
    resume(replica) {
      tell(replica, 'resume');
      replica.process.kill('SIGCONT');
    },
    async terminate(replica) {
      told.add(replica);
      tell(replica, 'terminate');
      replica.process.kill('SIGTERM');
      const exit = await replica.process.exited;
      history?.record('terminated', { replica: replica.name, exit });
      return exit;
    },
    async [Symbol.asyncDispose]() {
      for (const replica of running) told.add(replica);
      await Promise.all([...running].map(({ process: child }) => child[Symbol.asyncDispose]()));
    },
  };
}
