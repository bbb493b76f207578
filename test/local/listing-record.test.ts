// The record of a listing: what is on record is replayed, however it was torn, and the listing goes on from there.
import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openListingRecord } from '../../lib/local/listing-record.ts';
import type { ReadItem } from '../../lib/local/readers/items.ts';
import { type Place, temporaryPlace } from './helpers/map.ts';

const KILLED = new Error('killed');

/** Replays the record, then goes on; `until` pages are listed before the process is killed. Answers all items seen. */
async function attempt(place: Place, items: readonly ReadItem[], perPage: number, until = Number.POSITIVE_INFINITY) {
  const record = await openListingRecord(place.stores.open(place.bucket), { bucket: place.bucket, prefix: 'run/' });
  const seen: ReadItem[] = [];
  for await (const page of record.replay()) seen.push(...page);
  const { count, ended } = record.state();
  const replayed = count;
  async function* pages() {
    let listed = 0;
    for (let at = count; at < items.length; at += perPage) {
      if (listed++ === until) throw KILLED;
      yield items.slice(at, at + perPage);
    }
    if (listed < until) return;
    throw KILLED;
  }
  try {
    if (!ended) for await (const page of record.recorded(pages(), () => true)) seen.push(...page);
  } catch (error) {
    if (error !== KILLED) throw error;
  }
  return { seen, replayed, ended: record.state().ended };
}

const itemsOf = (count: number): ReadItem[] =>
  Array.from({ length: count }, (_, index) => ({ value: { Key: `é\u2028${index % 7}.jpg` } }));

describe('the record of a listing', () => {
  it('gives every item once and in its place, whatever a kill has torn off the end', async () => {
    const kill = fc.record({ pages: fc.nat({ max: 4 }), torn: fc.nat({ max: 60 }), garbage: fc.nat({ max: 20 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(kill, { maxLength: 4 }),
        async (count, perPage, kills) => {
          await using place = await temporaryPlace();
          const items = itemsOf(count);
          const whole = items.map((item, position) => ({ position, ...item }));
          for (const { pages, torn, garbage } of kills) {
            const { seen, ended } = await attempt(place, items, perPage, pages);
            expect(seen).toEqual(whole.slice(0, seen.length));
            const folder = join(place.directory, 'run');
            const last = (await readdir(folder).catch(() => [])).sort().at(-1);
            if (ended || last === undefined) continue;
            // The last file only: the others were left by processes that are gone.
            const { length } = await readFile(join(folder, last));
            await truncate(join(folder, last), Math.max(0, length - torn));
            await appendFile(join(folder, last), Buffer.alloc(garbage));
          }
          const { seen, ended } = await attempt(place, items, perPage);
          expect({ seen, ended }).toEqual({ seen: whole, ended: true });
          expect((await attempt(place, items, perPage)).replayed).toBe(count);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is read by other programs: JSON Lines, compressed with Zstandard', async () => {
    await using place = await temporaryPlace();
    await attempt(place, [{ value: 'a' }, { value: { n: 1 }, key: 'b' }], 2);
    const bytes = await readFile(join(place.directory, 'run/ITEMS_0.jsonl.zst'));
    // A skippable frame of RFC 8878 holds the length of the Zstandard frame that follows.
    const first = bytes.subarray(12, 12 + bytes.readUInt32LE(8));
    expect(zstdDecompressSync(first).toString()).toBe('[0,"a"]\n[1,{"n":1},"b"]\n');
  });

  it('says so when it is damaged before its end', async () => {
    await using place = await temporaryPlace();
    const items = itemsOf(10);
    await attempt(place, items, 2, 3);
    await attempt(place, items, 2);
    const path = join(place.directory, 'run/ITEMS_0.jsonl.zst');
    const bytes = await readFile(path);
    bytes[20] = (bytes[20] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
    await expect(attempt(place, items, 2)).rejects.toThrow(
      /record of the listing is damaged: expected the item at position/,
    );
  });
});
