// The keys that went first, in the account: each key once, with what became of it where it was really worked on.

import { definedOnly } from '../contract/defined.ts';
import { outputTotals } from '../contract/outcome.ts';
import type { PreparedJob } from '../job/prepared.ts';
import type { Store } from '../store/store.ts';
import { collectRecords } from './collect.ts';
import type { KeyRow } from './each-key-once.ts';
import { type ItemRow, latest } from './item-row.ts';
import type { ReadRecord } from './records.ts';
import type { Attempt } from './run-folder.ts';

export interface CanaryRows {
  /** By their place in the canary, each key's latest state. */
  readonly rows: readonly ItemRow[];
  /** ISO 8601; absent when nothing was begun. */
  readonly started?: string;
  readonly ended?: string;
}

/** Reads the records of a canary: as many keys as fit into a state, at most. */
export async function readCanary(
  store: Store,
  attempts: readonly Attempt[],
  job: PreparedJob,
  onRecord: ((record: ReadRecord) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<CanaryRows> {
  const rows = new Map<number, ItemRow>();
  let started: string | undefined;
  let ended: string | undefined;
  const add = ({ index, line }: { index: number; line: string }): undefined => {
    const row = JSON.parse(line) as ItemRow;
    const known = rows.get(index);
    rows.set(index, known === undefined ? row : latest(known, row));
  };
  for (const [attempt, { files }] of attempts.entries()) {
    for (const { key, format } of files) {
      const bytes = await store.open(key, definedOnly({ signal }));
      const seen = await collectRecords(bytes, format, attempt, job, add, definedOnly({ onRecord }));
      if (seen.started !== undefined && (started === undefined || seen.started < started)) started = seen.started;
      if (seen.ended !== undefined && (ended === undefined || seen.ended > ended)) ended = seen.ended;
    }
  }
  const inOrder = [...rows].sort(([a], [b]) => a - b).map(([, row]) => row);
  return { rows: inOrder, ...definedOnly({ started, ended }) };
}

/**
 * The rows of the run, with the canary's instead where the run only found up to date what the canary had done, or did not get
 * to it. Where the run itself was not begun they are the canary's alone. One that the run did not meet any more stands at the
 * end: `extra` counts those.
 */
export async function* withCanary(
  rows: AsyncIterable<readonly KeyRow[]>,
  canary: CanaryRows,
  extra: { keys: number },
): AsyncGenerator<readonly KeyRow[]> {
  const tried = new Map(canary.rows.map((row) => [row.key, row]));
  let next = 0;
  for await (const batch of rows) {
    next = Math.max(next, (batch.at(-1)?.row.index ?? -1) + 1);
    yield tried.size === 0 ? batch : batch.map((own) => instead(own, tried));
  }
  const begun = next > 0;
  const left = [...tried.values()].map((row, place) => keyRow({ ...row, index: next + place }));
  if (begun) extra.keys = left.length;
  if (left.length > 0) yield left;
}

function instead(own: KeyRow, tried: Map<string, ItemRow>): KeyRow {
  const { row } = own;
  const first = tried.get(row.key);
  if (first === undefined) return own;
  tried.delete(row.key);
  const knowsNothing =
    row.status === 'pending' ||
    (row.status === 'skipped' && row.reason === 'upToDate') ||
    // With `existing: "replace"` or "fail" it is made again, to find that it is there.
    (row.status === 'succeeded' && outputTotals(row).written === 0);
  const wasDone = first.status === 'succeeded' || first.status === 'failed';
  // What failed in the canary and is up to date now was made in between.
  if (!knowsNothing || !wasDone || (first.status === 'failed' && row.status !== 'pending')) return own;
  return keyRow({ ...first, index: row.index });
}

function keyRow(row: ItemRow): KeyRow {
  return { row, line: JSON.stringify(row) };
}
