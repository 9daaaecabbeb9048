import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { databaseUrl } from './cluster.ts';
import { testPool } from './connection.ts';

export type TestDatabase = {
  readonly name: string;
  /** The superuser's URL to this database. */
  readonly url: string;
  readonly pool: pg.Pool;
  /** Closes the pool and drops the database, whoever is still connected to it. */
  [Symbol.asyncDispose](): Promise<void>;
};

export type TestDatabaseOptions = {
  /** Whether to copy the migrated template; otherwise the database is empty. Default true. */
  readonly template?: boolean;
};

const attempts = 50;

/** For creating and dropping: a file that does so for each of its tests need not connect each time. */
let administrators: pg.Pool | undefined;

function administrator(): pg.Pool {
  return (administrators ??= testPool({
    connectionString: variable('SEALOG_TEST_CLUSTER_URL'),
    max: 2,
    idleTimeoutMillis: 2000,
    // Nobody ends it, and it keeps no process alive.
    allowExitOnIdle: true,
  }));
}

/** A database of the test's own: `await using database = await createDatabase()`, or kept from beforeAll to afterAll. */
export async function createDatabase({ template = true }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const clusterUrl = variable('SEALOG_TEST_CLUSTER_URL');
  const name = `sealog_test_${randomBytes(6).toString('hex')}`;
  await create(name, template ? variable('SEALOG_TEST_TEMPLATE') : 'template0');
  const url = databaseUrl(clusterUrl, name);
  const pool = testPool({ connectionString: url });
  return {
    name,
    url,
    pool,
    async [Symbol.asyncDispose]() {
      if (!pool.ended) await pool.end();
      await administrator().query(`drop database if exists ${name} with (force)`);
    },
  };
}

async function create(name: string, template: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await administrator().query(`create database ${name} template ${template} ${variable('SEALOG_TEST_STRATEGY')}`);
      return;
    } catch (error) {
      const templateInUse = error instanceof pg.DatabaseError && error.code === '55006';
      if (!templateInUse || attempt === attempts) throw error;
      await delay(100);
    }
  }
}

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: Jest's global setup does that`);
  return value;
}
