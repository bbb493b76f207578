// From sorted rows to one row per key: the latest state of each, gaps counted or filled from a listing.
import { type ItemRow, latest, rowOf } from './item-row.ts';
import type { Row } from './sorter.ts';

/** A listed item: its place in the input order, and its key. */
export interface ListedItem {
  readonly index: number;
  readonly key: string;
}

/** A row and the line of items.jsonl that it is. */
export interface KeyRow {
  readonly row: ItemRow;
  readonly line: string;
}

export interface Gaps {
  /** Places below the last one that no record has. */
  missing: number;
  /** Places at which records, or a record and the listing, name different keys. */
  conflicts: number;
}

/** Yields one row per index in order, in batches: of several rows of one index, the latest state of its key. No index is below `first`. */
export async function* eachKeyOnce(
  sorted: AsyncIterable<readonly Row[]>,
  gaps: Gaps,
  first = 0,
): AsyncGenerator<readonly KeyRow[]> {
  let held: KeyRow | undefined;
  let next = first;
  for await (const batch of sorted) {
    const rows: KeyRow[] = [];
    for (const { line } of batch) {
      const current: KeyRow = { row: JSON.parse(line) as ItemRow, line };
      if (held?.row.index === current.row.index) {
        if (held.row.key !== current.row.key) gaps.conflicts++;
        if (latest(held.row, current.row) === current.row) held = current;
        continue;
      }
      if (held !== undefined) rows.push(held);
      gaps.missing += current.row.index - next;
      next = current.row.index + 1;
      held = current;
    }
    yield rows;
  }
  if (held !== undefined) yield [held];
}

/** Adds a pending row for each listed item that has none: the keys that a killed run had not got to. */
export async function* withUnrecorded(
  rows: AsyncIterable<readonly KeyRow[]>,
  items: AsyncIterable<readonly ListedItem[]>,
  attempt: number,
  gaps: Gaps,
): AsyncGenerator<readonly KeyRow[]> {
  const listing = flat(items);
  let item = await listing.next();
  for await (const batch of rows) {
    const filled: KeyRow[] = [];
    for (const recorded of batch) {
      for (; !item.done && item.value.index < recorded.row.index; item = await listing.next()) {
        filled.push(pending(item.value, attempt));
      }
      if (!item.done && item.value.index === recorded.row.index) {
        if (item.value.key !== recorded.row.key) gaps.conflicts++;
        item = await listing.next();
      }
      filled.push(recorded);
    }
    yield filled;
  }
  for (; !item.done; item = await listing.next()) yield [pending(item.value, attempt)];
}

function pending({ index, key }: ListedItem, attempt: number): KeyRow {
  const row = rowOf({ status: 'pending', index, key }, attempt);
  return { row, line: JSON.stringify(row) };
}

async function* flat<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<T, undefined> {
  for await (const batch of batches) yield* batch;
  return undefined;
}
