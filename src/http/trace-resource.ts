import type { TracerProviderOptions } from '@opentelemetry/sdk-trace';

type Resource = NonNullable<TracerProviderOptions['resource']>;

/**
 * What the spans are about, by OpenTelemetry's variables: `OTEL_SERVICE_NAME` (default `sealog`), and
 * `OTEL_RESOURCE_ATTRIBUTES`, a list of `key=value` with percent signs as in URLs. Parts that cannot be read are left out.
 */
export function resourceFromEnvironment(env: NodeJS.ProcessEnv): Resource {
  const listed = (env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',').flatMap((pair) => {
    const [, key, value] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) ?? [];
    const decoded = value === undefined ? undefined : decode(value.trim());
    return key === undefined || decoded === undefined ? [] : [[key, decoded] as const];
  });
  const name = env['OTEL_SERVICE_NAME']?.trim();
  return resource({ 'service.name': 'sealog', ...Object.fromEntries(listed), ...(name && { 'service.name': name }) });
}

function resource(attributes: Readonly<Record<string, string>>): Resource {
  return {
    attributes: { ...attributes },
    getRawAttributes: () => Object.entries(attributes),
    merge: (other) =>
      resource({ ...attributes, ...(other?.attributes as Readonly<Record<string, string>> | undefined) }),
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
