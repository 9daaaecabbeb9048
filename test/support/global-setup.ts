import { startTestCluster, type TestCluster } from './cluster.ts';

let cluster: TestCluster | undefined;

/** One server a run. Test files find it in the environment, where `createDatabase` looks. */
export default async function globalSetup(): Promise<void> {
  cluster = await startTestCluster(process.env['SEALOG_TEST_DATABASE_URL']);
  process.env['SEALOG_TEST_CLUSTER_URL'] = cluster.url;
  process.env['SEALOG_TEST_TEMPLATE'] = cluster.template;
}

/** For the global teardown, which Jest runs in the same process. */
export async function stopTestCluster(): Promise<void> {
  await cluster?.[Symbol.asyncDispose]();
}
