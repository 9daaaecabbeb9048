/** The code of a system error, as in 'ENOENT'. By its shape: under Jest it comes from another realm's Error. */
export function systemErrorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
