// The last function of an account in parts: what all parts have counted becomes one summary.
import { definedOnly } from '../../contract/defined.ts';
import { FanoutError } from '../../contract/errors.ts';
import type { Store } from '../../store/store.ts';
import { type AccountOptions, completeAccount } from '../account.ts';
import type { ItemRow } from '../item-row.ts';
import { createLedger } from '../ledger.ts';
import { createSample } from '../page/sample.ts';
import { findResultFiles } from '../run-folder.ts';
import type { Summary } from '../summary.ts';
import { createTally } from '../tally.ts';
import { findingsOf } from './gather.ts';
import { FILES, type PartTask, type Plan, readWork, unpackBitmap, type Work, type WrittenPart } from './work.ts';

/** Writes the page and summary.json, and answers that. Throws RunIsLive where the run was redriven meanwhile: what is told last must be true. */
export async function finishAccount(
  store: Store,
  work: Work,
  options: Omit<AccountOptions, 'store' | 'folder'>,
): Promise<Summary> {
  const plan = await readWork<Plan>(store, work, FILES.plan);
  const { attempts } = await findResultFiles(store, work.folder);
  if (attempts.length !== plan.attempts.length)
    throw new FanoutError(
      'RunIsLive',
      `the run has gone on since this account was begun (attempts by now: ${attempts.length}, then: ${plan.attempts.length}): its account is made after its end`,
    );
  const tasks = await readWork<readonly PartTask[]>(store, work, FILES.parts);
  const tally = createTally();
  const sample = createSample();
  const seen = createPlaces();
  let conflicts = 0;
  for (const { part } of tasks) {
    const written = await readWork<WrittenPart>(store, work, FILES.written(part));
    tally.merge(written.tally);
    conflicts += written.conflicts;
    for (const line of written.sample) sample.add(JSON.parse(line) as ItemRow);
    seen.merge(written.first, unpackBitmap(written.bitmap));
  }
  const { total } = tally.result().counts;
  const places = seen.result();
  const { deployment } = options.job;
  const ledger = deployment === undefined ? undefined : createLedger(deployment.memory);
  return await completeAccount(
    { ...options, store, folder: work.folder },
    {
      collected: await findingsOf(store, work, plan, ledger),
      missing: plan.missing,
      gaps: { missing: places.missing, conflicts },
      tally: tally.result(),
      sample: sample.result(),
      problems: [
        ...(places.twice === 0 ? [] : [`places that are in two parts of the items: ${places.twice}`]),
        ...(places.seen === total ? [] : [`${places.seen} places have a row, and ${total} rows are counted`]),
      ],
      itemParts: tasks.length,
      resultFiles: plan.resultFiles,
      ...definedOnly({ ledger }),
    },
  );
}

/** The bitmaps of all parts as one: each key once, and none left out. */
function createPlaces() {
  let all = Buffer.alloc(0);
  let twice = 0;
  return {
    merge(first: number, bits: Buffer): void {
      const at = Math.floor(first / 8);
      const shift = first % 8;
      if (all.length < at + bits.length + 1)
        all = Buffer.concat([all, Buffer.alloc(at + bits.length + 1 - all.length)]);
      const put = (place: number, byte: number): void => {
        twice += ones((all[place] ?? 0) & byte);
        all[place] = (all[place] ?? 0) | byte;
      };
      for (const [place, byte] of bits.entries()) {
        if (byte === 0) continue;
        put(at + place, (byte << shift) & 0xff);
        if (shift > 0) put(at + place + 1, byte >> (8 - shift));
      }
    },
    result() {
      let seen = 0;
      let end = 0;
      for (const [place, byte] of all.entries()) {
        if (byte === 0) continue;
        seen += ones(byte);
        end = place * 8 + 32 - Math.clz32(byte);
      }
      return { seen, twice, missing: end - seen };
    },
  };
}

function ones(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}
