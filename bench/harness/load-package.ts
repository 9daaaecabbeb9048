/**
 * A package of bench/package.json, or undefined when it is not installed: the tiny forms run without them.
 * `npm install --prefix bench` installs them.
 */
export async function loadPackage<T>(name: string): Promise<T | undefined> {
  try {
    return (await import(name)) as T;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
