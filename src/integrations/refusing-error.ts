/**
 * What a function threw, as an error that keeps the handler from running. Frameworks take a falsy one for none, and
 * Express takes `route` and `router` for the name of what to leave: such a value becomes the cause of an error. A proxy
 * that was revoked is nothing that they could look at.
 */
export function refusingError(thrown: unknown): unknown {
  try {
    if (thrown instanceof Error) return thrown;
  } catch {
    return new Error('expected an error to be thrown, got a proxy that was revoked');
  }
  if (thrown && thrown !== 'route' && thrown !== 'router') return thrown;
  return new Error(`expected an error to be thrown, got ${thrown === '' ? 'empty text' : String(thrown)}`, {
    cause: thrown,
  });
}
