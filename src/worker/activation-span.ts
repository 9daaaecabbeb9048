import { type Attributes, type AttributeValue, type Span, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Outcome } from '../jobs/job.ts';

/**
 * Runs one activation in a span of its own, with the fields of its outcome as attributes `sealog.<field>`, or its error.
 * Without a tracer that records, this costs nothing.
 */
export async function inActivationSpan<O extends Outcome>(
  tracer: Tracer,
  { job, by, trigger }: { readonly job: string; readonly by: string; readonly trigger: string },
  activate: () => Promise<O>,
): Promise<O> {
  const attributes = { 'sealog.job': job, 'sealog.by': by, 'sealog.trigger': trigger };
  return await tracer.startActiveSpan(`activation ${job}`, { attributes }, async (span: Span) => {
    try {
      const outcome = await activate();
      if (span.isRecording()) span.setAttributes(attributesOf(outcome));
      return outcome;
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

function attributesOf(outcome: Outcome): Attributes {
  const fields = Object.entries(outcome).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(fields.map(([name, value]) => [`sealog.${name}`, attributeOf(value)]));
}

// An attribute is a scalar or a list of scalars of one type; everything else travels as JSON.
function attributeOf(value: unknown): AttributeValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  return JSON.stringify(value);
}
