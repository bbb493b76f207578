// What a Map Run has to do: children's inputs, from a fresh listing or from the record of earlier attempts.
import { keyOf } from '../../lambda/job/item.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import type { DistributedMapState, Json } from '../states-language.ts';
import { type Batcher, batching, type ChildInput } from './batcher.ts';
import { openItems } from './item-reader.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import { type ChildRecord, pendingRecord } from './records.ts';
import type { ResultFile } from './result-writer.ts';
import { type EarlierAttempts, inputsIn, recordsIn } from './resume.ts';
import { createSelector } from './selector.ts';
import type { Evaluate } from './settings.ts';
import type { Context } from './states/context.ts';

/** A child to run, or to leave as it stands on record. */
export interface Entry {
  /** PENDING, or how the child ended in an earlier attempt. */
  readonly record: ChildRecord;
  readonly items: number;
  /** Not to be run in this attempt. */
  readonly hold?: true;
}

export interface Redrive {
  /** `failed` runs again only what has failed, and leaves what was never finished on record as it is. Default: both. */
  readonly only?: 'failed';
  /** The identity of a selected item: what has succeeded under it is not run again. Default: its key. */
  readonly identify?: (selected: Json) => string;
}

export interface EntrySource {
  readonly state: DistributedMapState;
  readonly input: Json;
  readonly context: Context;
  readonly evaluate: Evaluate;
  readonly openStore: OpenStore;
  readonly signal: AbortSignal;
  /** The bucket of the result files, when earlier attempts are to be continued. */
  readonly results?: string;
  readonly earlier?: EarlierAttempts;
  readonly redrive?: Redrive;
  /** Told of items that succeeded in earlier attempts, once they are counted. */
  readonly onSucceeded: (children: number, items: number) => void;
}

/** The children of a Map Run in groups, in input order. */
export function entriesOf(source: EntrySource): AsyncGenerator<readonly Entry[]> {
  const { results, earlier } = source;
  if (results === undefined || earlier === undefined) return listed(source, undefined, undefined);
  return earlier.base === undefined ? listedAgain(source, results, earlier) : recorded(source, results, earlier);
}

/** The base's failed and pending children, with their original inputs: batches stay what they were. */
async function* recorded(
  source: EntrySource,
  results: string,
  { base, succeeded, succeededSince }: EarlierAttempts,
): AsyncGenerator<readonly Entry[]> {
  const store = source.openStore(results);
  const onlyFailed = source.redrive?.only === 'failed';
  const done = createKeySet();
  for await (const inputs of inputsIn(store, succeededSince)) for (const input of inputs) done.add(input);
  for await (const records of recordsIn(store, [...(base?.failed ?? []), ...(base?.pending ?? [])])) {
    yield records.flatMap((record): Entry[] => {
      if (done.size > 0 && done.has(record.Input)) return [];
      const items = itemsIn(record.Input, source.state);
      return [onlyFailed && !hasFailed(record) ? { record, items, hold: true } : { record, items }];
    });
  }
  // Counted last: nothing that is to be done has to wait for it.
  await countSucceeded(source, results, succeeded);
}

/** A fresh listing without what has succeeded: the attempts before were killed. */
async function* listedAgain(
  source: EntrySource,
  results: string,
  { succeeded, failedSince }: EarlierAttempts,
): AsyncGenerator<readonly Entry[]> {
  const done = createKeySet();
  await countSucceeded(source, results, succeeded, done);
  if (source.redrive?.only !== 'failed') {
    yield* listed(source, done, undefined);
    return;
  }
  const failed = createKeySet();
  for await (const records of recordsIn(source.openStore(results), failedSince)) {
    for (const record of records) if (hasFailed(record)) addItems(failed, record.Input, source);
  }
  yield* listed(source, done, failed);
}

async function countSucceeded(
  source: EntrySource,
  results: string,
  files: readonly ResultFile[],
  done?: KeySet,
): Promise<void> {
  for await (const inputs of inputsIn(source.openStore(results), files)) {
    let items = 0;
    for (const input of inputs) {
      items += done === undefined ? itemsIn(input, source.state) : addItems(done, input, source);
    }
    source.onSucceeded(inputs.length, items);
  }
}

/** `done` is left out, and of the rest only what is in `chosen`, if that is given, is to be run. */
async function* listed(
  source: EntrySource,
  done: KeySet | undefined,
  chosen: KeySet | undefined,
): AsyncGenerator<readonly Entry[]> {
  const { state, input, context, evaluate, openStore, signal } = source;
  const createBatcher = batching(state.ItemBatcher, evaluate);
  const select = createSelector(state.ItemSelector, input, context);
  const items = await openItems(state, evaluate, openStore, signal);
  const run = createBatcher();
  const held = createBatcher();
  let index = 0;
  for await (const page of items.pages) {
    const entries: Entry[] = [];
    for (const { value, key } of page) {
      const item = { Index: index++, Value: value, Source: items.source, ...(key === undefined ? {} : { Key: key }) };
      const selected = select(item);
      const identity = done === undefined ? '' : identityOf(JSON.parse(selected) as Json, source);
      if (done?.has(identity)) continue;
      if (chosen === undefined || chosen.has(identity)) add(entries, run.add(selected));
      else add(entries, held.add(selected), true);
    }
    yield entries;
  }
  const last: Entry[] = [];
  add(last, run.rest());
  add(last, held.rest(), true);
  yield last;
}

function add(entries: Entry[], child: ReturnType<Batcher['add']>, hold?: true): void {
  if (child === undefined) return;
  entries.push({ record: pendingRecord(child.input), items: child.items, ...(hold && { hold }) });
}

const hasFailed = ({ Status }: ChildRecord) => Status === 'FAILED' || Status === 'TIMED_OUT';

/** The selected items in a child's input. */
function selectedItems(input: string, state: DistributedMapState): readonly Json[] {
  const parsed = JSON.parse(input) as Json;
  return state.ItemBatcher === undefined ? [parsed] : (parsed as unknown as { Items: readonly Json[] }).Items;
}

function itemsIn(input: string, state: DistributedMapState): ChildInput['items'] {
  return state.ItemBatcher === undefined ? 1 : selectedItems(input, state).length;
}

/** Answers how many. */
function addItems(keys: KeySet, input: string, source: EntrySource): number {
  const items = selectedItems(input, source.state);
  for (const selected of items) keys.add(identityOf(selected, source));
  return items.length;
}

/** An item's place may shift when it is listed again, and its ETag change: its key stays. */
function identityOf(selected: Json, { redrive }: EntrySource): string {
  if (redrive?.identify !== undefined) return redrive.identify(selected);
  const item = selected !== null && typeof selected === 'object' && 'item' in selected ? selected['item'] : selected;
  return keyOf(item, 'LIST');
}
