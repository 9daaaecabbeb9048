import pg from 'pg';

/** What is written, by so many connections at once. */
export interface Writing {
  readonly entries: number;
  readonly writers: number;
  /** One completion in so many commits 20 to 200 ms late. */
  readonly lateOneIn: number;
}

export interface Written {
  readonly seconds: number;
  /** Completions that committed late. */
  readonly late: number;
}

const BEGUN_AT_ONCE = 20;

// On the server, because a client would spend more time on each entry than the entry takes. A few are begun by one
// statement, since only completing can lose an entry; each is completed by its own, in a transaction with its own start.
const WRITE_ENTRIES = `
  create procedure write_entries(entries integer, late_one_in integer, inout late integer) language plpgsql as $$
  declare
    begun uuid[];
    entry uuid;
  begin
    late := 0;
    for written in 0..entries - 1 by ${BEGUN_AT_ONCE} loop
      with entry as (
        insert into sealog.audit_log (operation_id, actor_kind, actor_id, request_id)
          select 'disk_create', 'user', 'user-1', '6d1f5a0e' from generate_series(1, least(${BEGUN_AT_ONCE}, entries - written))
          returning id)
      select array_agg(id) into begun from entry;
      commit;
      foreach entry in array begun loop
        update sealog.audit_log set result_kind = 'success' where id = entry and result_kind is null;
        if random() * late_one_in < 1 then
          late := late + 1;
          perform pg_sleep(0.02 + random() * 0.18);
        end if;
        commit;
      end loop;
    end loop;
  end $$`;

// A server counts what a connection has changed when its call has ended, and a vacuum begins by these counts.
const CALL = 5000;

/** Begins and completes entries one by one. `onWritten` is told how many there are so far. */
export async function writeEntries(
  url: string,
  { entries, writers, lateOneIn }: Writing,
  onWritten: (entries: number) => void,
): Promise<Written> {
  // The table was empty when its statements were planned, and grows fast.
  const options = '-c synchronous_commit=off -c enable_seqscan=off -c enable_bitmapscan=off';
  await using pool = Object.assign(new pg.Pool({ connectionString: url, max: writers, options }), {
    [Symbol.asyncDispose]: () => pool.end(),
  });
  pool.on('error', () => {});
  await pool.query(WRITE_ENTRIES);
  const call = Math.min(CALL, Math.ceil(entries / writers));
  let [asked, written, late] = [0, 0, 0];
  const write = async (): Promise<void> => {
    while (asked < entries) {
      const next = Math.min(call, entries - asked);
      asked += next;
      const { rows } = await pool.query<{ late: number }>('call write_entries($1, $2, 0)', [next, lateOneIn]);
      late += rows[0]!.late;
      written += next;
      onWritten(written);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: writers }, write));
  return { seconds: (performance.now() - started) / 1000, late };
}
