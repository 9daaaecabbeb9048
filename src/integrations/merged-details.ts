import { plainJson } from '../plain-json.ts';

type Details = Readonly<Record<string, unknown>>;

/**
 * The service's own details between others: `before` them, and `over` them in place of what they call the same. Own ones
 * are taken as they would be stored alone, by their `toJSON`, so nothing that they hide is stored. What is no object is
 * kept as `details`.
 */
export function mergedDetails(before: Details, own: unknown, over: Details = {}): Details {
  const plain: unknown = own === undefined ? {} : JSON.parse(plainJson(own));
  const isObject = typeof plain === 'object' && !Array.isArray(plain);
  return { ...before, ...(isObject ? plain : { details: plain }), ...over };
}
