import { expect, test } from '@jest/globals';
import { environmentProblems } from '../../src/config/environment.ts';
import { loadSettings } from '../../src/config/load-settings.ts';

/** What Kubernetes injects for a service of that name with a named port. */
function serviceLinks(service: string): Record<string, string> {
  return {
    [`${service}_SERVICE_HOST`]: '10.0.0.1',
    [`${service}_SERVICE_PORT`]: '9464',
    [`${service}_SERVICE_PORT_HTTP`]: '9464',
    [`${service}_PORT`]: 'tcp://10.0.0.1:9464',
    [`${service}_PORT_9464_TCP`]: 'tcp://10.0.0.1:9464',
    [`${service}_PORT_9464_TCP_PROTO`]: 'tcp',
    [`${service}_PORT_9464_TCP_PORT`]: '9464',
    [`${service}_PORT_9464_TCP_ADDR`]: '10.0.0.1',
  };
}

test.each(['SEALOG', 'SEALOG_WORKER', 'SEALOG_HTTPS', 'SEALOG_DATABASE', 'SEALOG_LOG'])(
  'a Kubernetes service %s breaks no worker',
  (service) => {
    const env = serviceLinks(service);
    const loaded = loadSettings({ env });
    expect(loaded).toEqual(loadSettings({ env: {} }));
  },
);

test.each([
  ['SEALOG_HTTP_PROT', 'SEALOG_HTTP_PORT'],
  ['SEALOG_HTTPPORT', 'SEALOG_HTTP_PORT'],
  ['SEALOG_CONFG', 'SEALOG_CONFIG'],
  ['SEALOG_LOG_LEVL', 'SEALOG_LOG_LEVEL'],
  ['SEALOG_DATABASE_URL', 'DATABASE_URL'],
  ['SEALOG_AUDIT_TIMEOUT_MAX_UPDATES_PER_ACTIVATION', 'SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION'],
])('%s is a misspelt %s', (name, meant) => {
  expect(environmentProblems({ [name]: 'canary' })).toEqual([`${name}: unknown variable, did you mean ${meant}?`]);
});

test.each([
  'SEALOG_VERSION',
  'SEALOG_HOST',
  'SEALOG_TEST_HTTP_PORT',
  'SEALOG_',
  'SEALOGHTTP_PORT',
  'HTTP_PORT',
  'PATH',
])('%s is left alone', (name) => {
  expect(environmentProblems({ [name]: 'x' })).toEqual([]);
});

test('no known variable is taken for a misspelling of another', () => {
  expect(environmentProblems({ SEALOG_HTTP_HOST: 'a', SEALOG_HTTP_PORT: '1', SEALOG_CONFIG: 'x' })).toEqual([]);
});
