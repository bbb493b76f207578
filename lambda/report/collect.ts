// Result files in, rows into the sorter: what is found on the way about each attempt and about the run's times.
import type { PreparedJob } from '../job/prepared.ts';
import { outcomesOf } from '../job/wire.ts';
import type { Store } from '../store/store.ts';
import { rowOf } from './item-row.ts';
import { type Damage, type ReadRecord, readRecords } from './records.ts';
import type { Attempt, ResultFile } from './run-folder.ts';
import type { Sorter } from './sorter.ts';
import type { Summary } from './summary.ts';
import { createTimeline, type Timeline } from './timeline.ts';

/** Attempts of which a time line is kept. */
const MOST_TIMELINES = 5;

export interface Collected {
  readonly attempts: Summary['attempts'];
  /** When the first child started and the last one ended, ISO 8601. */
  readonly started?: string;
  readonly ended?: string;
  readonly problems: readonly string[];
}

/** What was found in a result file, or in a range of one. */
export interface Seen {
  readonly records: number;
  readonly torn: number;
  readonly unreadable: number;
  /** When the first child started and the last one ended, ISO 8601. */
  readonly started?: string;
  readonly ended?: string;
}

export interface RecordWatchers {
  readonly timeline?: ReturnType<typeof createTimeline> | undefined;
  /** Told of each record. */
  readonly onRecord?: ((record: ReadRecord) => void) | undefined;
}

/** Which attempts have a time line: the last ones of so many. */
export function hasTimeline(attempt: number, attempts: number): boolean {
  return attempt >= attempts - MOST_TIMELINES;
}

/** Reads records of one attempt, and adds a row for each of their keys. */
export async function collectRecords(
  bytes: AsyncIterable<Uint8Array>,
  format: ResultFile['format'],
  attempt: number,
  job: PreparedJob,
  add: Sorter['add'],
  { timeline, onRecord }: RecordWatchers = {},
): Promise<Seen> {
  const damage: Damage = { torn: 0, unreadable: 0 };
  let records = 0;
  let started: string | undefined;
  let ended: string | undefined;
  for await (const batch of readRecords(bytes, format, damage)) {
    records += batch.length;
    for (const record of batch) {
      onRecord?.(record);
      if (record.started !== undefined && (started === undefined || record.started < started)) started = record.started;
      if (record.ended !== undefined && (ended === undefined || record.ended > ended)) ended = record.ended;
      let done = 0;
      let failed = 0;
      for (const outcome of outcomesOf(record, job.reader.kind)) {
        if (outcome.status !== 'pending') done++;
        if (outcome.status === 'failed') failed++;
        const full = add({ index: outcome.index, line: JSON.stringify(rowOf(outcome, attempt, record.ended)) });
        if (full !== undefined) await full;
      }
      if (record.started !== undefined && record.ended !== undefined)
        timeline?.add(record.started, record.ended, done, failed);
    }
  }
  return {
    records,
    ...damage,
    ...(started === undefined ? {} : { started }),
    ...(ended === undefined ? {} : { ended }),
  };
}

/** What an account tells of what was found in all files: of each attempt, of the run's times, and what is wrong. */
export function createFindings() {
  const told: Summary['attempts'][number][] = [];
  const problems: string[] = [];
  let started: string | undefined;
  let ended: string | undefined;
  return {
    addAttempt(
      { folder, complete }: Pick<Attempt, 'folder' | 'complete'>,
      files: readonly (readonly [key: string, seen: Seen])[],
      timeline: Timeline | undefined,
    ): void {
      let records = 0;
      let torn = 0;
      for (const [key, seen] of files) {
        records += seen.records;
        torn += seen.torn;
        if (seen.started !== undefined && (started === undefined || seen.started < started)) started = seen.started;
        if (seen.ended !== undefined && (ended === undefined || seen.ended > ended)) ended = seen.ended;
        if (seen.unreadable > 0)
          problems.push(`${key}: records that cannot be read, so that their keys are not known: ${seen.unreadable}`);
        // Only a process that was killed leaves a file unfinished, and it leaves no manifest either.
        if (seen.torn > 0 && complete) problems.push(`${key}: the file ends in the middle of a record`);
      }
      told.push({ folder, complete, records, torn, ...(timeline === undefined ? {} : { timeline }) });
    },
    result: (): Collected => ({
      attempts: told,
      problems,
      ...(started === undefined ? {} : { started }),
      ...(ended === undefined ? {} : { ended }),
    }),
  };
}

/** Reads all records of all attempts, and adds a row to the sorter for each of their keys. */
export async function collect(
  store: Store,
  attempts: readonly Attempt[],
  job: PreparedJob,
  sorter: Sorter,
  { signal, onRecord }: { readonly signal?: AbortSignal } & Pick<RecordWatchers, 'onRecord'> = {},
): Promise<Collected> {
  const findings = createFindings();
  for (const [number, attempt] of attempts.entries()) {
    const timeline = hasTimeline(number, attempts.length) ? createTimeline() : undefined;
    const files: [string, Seen][] = [];
    for (const { key, format } of attempt.files) {
      const stream = await store.open(key, signal === undefined ? {} : { signal });
      files.push([key, await collectRecords(stream, format, number, job, sorter.add, { timeline, onRecord })]);
    }
    findings.addAttempt(attempt, files, timeline?.result());
  }
  return findings.result();
}
