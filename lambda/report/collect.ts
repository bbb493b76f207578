// Result files in, rows into the sorter: what is found on the way about each attempt and about the run's times.
import type { PreparedJob } from '../job/prepared.ts';
import { outcomesOf } from '../job/wire.ts';
import type { Store } from '../store/store.ts';
import { rowOf } from './item-row.ts';
import { type Damage, type ReadRecord, readRecords } from './records.ts';
import type { Attempt } from './run-folder.ts';
import type { Sorter } from './sorter.ts';
import type { Summary } from './summary.ts';
import { createTimeline } from './timeline.ts';

/** Attempts of which a time line is kept. */
const MOST_TIMELINES = 5;

export interface Collected {
  readonly attempts: Summary['attempts'];
  /** When the first child started and the last one ended, ISO 8601. */
  readonly started?: string;
  readonly ended?: string;
  readonly problems: readonly string[];
}

export interface CollectOptions {
  readonly signal?: AbortSignal;
  /** Told of each record. */
  readonly onRecord?: (record: ReadRecord) => void;
}

/** Reads all records of all attempts, and adds a row to the sorter for each of their keys. */
export async function collect(
  store: Store,
  attempts: readonly Attempt[],
  job: PreparedJob,
  sorter: Sorter,
  { signal, onRecord }: CollectOptions = {},
): Promise<Collected> {
  const told: Summary['attempts'] = [];
  const problems: string[] = [];
  let started: string | undefined;
  let ended: string | undefined;
  for (const [number, attempt] of attempts.entries()) {
    let records = 0;
    let torn = 0;
    const timeline = number < attempts.length - MOST_TIMELINES ? undefined : createTimeline();
    for (const { key, format } of attempt.files) {
      const damage: Damage = { torn: 0, unreadable: 0 };
      const stream = await store.open(key, signal === undefined ? {} : { signal });
      for await (const batch of readRecords(stream, format, damage)) {
        records += batch.length;
        for (const record of batch) {
          onRecord?.(record);
          if (record.started !== undefined && (started === undefined || record.started < started))
            started = record.started;
          if (record.ended !== undefined && (ended === undefined || record.ended > ended)) ended = record.ended;
          let done = 0;
          let failed = 0;
          for (const outcome of outcomesOf(record, job.reader.kind)) {
            if (outcome.status !== 'pending') done++;
            if (outcome.status === 'failed') failed++;
            const full = sorter.add({
              index: outcome.index,
              line: JSON.stringify(rowOf(outcome, number, record.ended)),
            });
            if (full !== undefined) await full;
          }
          if (record.started !== undefined && record.ended !== undefined)
            timeline?.add(record.started, record.ended, done, failed);
        }
      }
      torn += damage.torn;
      if (damage.unreadable > 0)
        problems.push(`${key}: records that cannot be read, so that their keys are not known: ${damage.unreadable}`);
      // Only a process that was killed leaves a file unfinished, and it leaves no manifest either.
      if (damage.torn > 0 && attempt.complete) problems.push(`${key}: the file ends in the middle of a record`);
    }
    const course = timeline?.result();
    told.push({
      ...{ folder: attempt.folder, complete: attempt.complete, records, torn },
      ...(course === undefined ? {} : { timeline: course }),
    });
  }
  return {
    attempts: told,
    problems,
    ...(started === undefined ? {} : { started }),
    ...(ended === undefined ? {} : { ended }),
  };
}
