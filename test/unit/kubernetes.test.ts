import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { loadSettings } from '../../src/config/load-settings.ts';

const folder = new URL('../../deploy/kubernetes/', import.meta.url);
const files = readdirSync(folder);
const read = (file: string) => parse(readFileSync(new URL(file, folder), 'utf8'));

test('kustomize takes every manifest', () => {
  expect(read('kustomization.yaml').resources.toSorted()).toEqual(
    files.filter((file) => file !== 'kustomization.yaml'),
  );
});

test('the settings are ones that sealog knows and takes', () => {
  const { data } = read('settings.yaml');
  const { settings } = loadSettings({ env: { ...data, DATABASE_URL: 'postgres://sealog@db.example/app' } });
  expect(settings.http).toEqual({ host: '0.0.0.0', port: 9464 });
  const worker = read('worker-deployment.yaml').spec.template.spec;
  expect(worker.terminationGracePeriodSeconds).toBeGreaterThan(settings.shutdown.graceSeconds);
  expect(worker.containers[0].ports[0].containerPort).toBe(settings.http.port);
});

test.each(['worker-deployment.yaml', 'migrate-job.yaml'])('%s runs without rights', (file) => {
  const { securityContext, automountServiceAccountToken, containers } = read(file).spec.template.spec;
  expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(automountServiceAccountToken).toBe(false);
  for (const container of containers) {
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    // Every variable that is set by hand is a setting too.
    for (const { name } of container.env) {
      expect(readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')).toContain(`\`${name}\``);
    }
  }
});

test('budget, spread and policy name the pods of the worker', () => {
  const { selector, template } = read('worker-deployment.yaml').spec;
  const { pairs, includeTemplates } = read('kustomization.yaml').labels[0];
  expect(includeTemplates).toBe(true);
  const podLabels = { ...pairs, ...template.metadata.labels };
  expect(selector.matchLabels).toEqual(podLabels);
  expect(template.spec.topologySpreadConstraints[0].labelSelector.matchLabels).toEqual(podLabels);
  expect(read('worker-disruption-budget.yaml').spec.selector.matchLabels).toEqual(podLabels);
  expect(podLabels).toMatchObject(read('network-policy.yaml').spec.podSelector.matchLabels);
});

// Between the two steps the worker's role gets its rights.
test('the selector of the first step leaves out the workers, and nothing that they or the migration need', () => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  expect(page).toContain("--selector 'app.kubernetes.io/component!=worker'");
  const leftOut = files.filter((file) => read(file).metadata?.labels?.['app.kubernetes.io/component'] === 'worker');
  expect(leftOut).toEqual(['worker-deployment.yaml']);
});
