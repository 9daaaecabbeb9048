import { expect, test } from '@jest/globals';
import { isKeyword } from '../../src/keywords.ts';
import { createDatabase } from '../support/database.ts';

test('no schema may be called by a word that this PostgreSQL would want quoted', async () => {
  await using database = await createDatabase({ template: false });
  const { rows } = await database.pool.query<{ word: string }>(
    `select word from pg_get_keywords() where catcode <> 'U' order by word`,
  );
  expect(rows.length).toBeGreaterThan(100);
  expect(rows.map(({ word }) => word).filter((word) => !isKeyword(word))).toEqual([]);
});
