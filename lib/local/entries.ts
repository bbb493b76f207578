// What a Map Run has to do: children's inputs, from its listing, from the record of it, or from the record of an attempt that ended.
import { createHash } from 'node:crypto';
import type { OpenStore } from '../../lambda/store/store.ts';
import type { DistributedMapState, Json } from '../states-language.ts';
import { type Batcher, batching } from './batcher.ts';
import { createInputCounts, type InputCounts } from './input-counts.ts';
import { type ItemSource, openItems } from './item-reader.ts';
import type { ListingRecord, RecordedItem } from './listing-record.ts';
import type { ItemPages } from './readers/items.ts';
import { type ChildRecord, pendingRecord } from './records.ts';
import type { ResultFile } from './result-writer.ts';
import { type EarlierAttempts, inputsIn, recordsIn } from './resume.ts';
import { createSelector } from './selector.ts';
import type { Evaluate } from './settings.ts';
import type { Context } from './states/context.ts';
import { StatesError } from './states-error.ts';

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
}

export interface EntrySource {
  readonly state: DistributedMapState;
  readonly input: Json;
  readonly context: Context;
  readonly evaluate: Evaluate;
  readonly openStore: OpenStore;
  readonly signal: AbortSignal;
  /** Where the listing is put on record; absent when there are no result files. */
  readonly record?: ListingRecord;
  /** Whether children wait for the next page. */
  readonly idle: () => boolean;
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
  if (results === undefined || earlier === undefined) return listed(source);
  return earlier.base === undefined ? replayed(source, results, earlier) : recorded(source, results, earlier);
}

/** The base's failed and pending children, with their original inputs: batches stay what they were. */
async function* recorded(
  source: EntrySource,
  results: string,
  { base, succeeded, succeededSince }: EarlierAttempts,
): AsyncGenerator<readonly Entry[]> {
  const store = source.openStore(results);
  const onlyFailed = source.redrive?.only === 'failed';
  const identify = identities(source.state);
  const done = await countsOf(inputsIn(store, succeededSince), identify, source.state);
  for await (const records of recordsIn(store, [...(base?.failed ?? []), ...(base?.pending ?? [])])) {
    yield records.flatMap((record): Entry[] => {
      if (done.take(identify(record.Input))) return [];
      const items = itemsIn(record.Input, source.state);
      return [onlyFailed && !hasFailed(record) ? { record, items, hold: true } : { record, items }];
    });
  }
  // Counted last: nothing that is to be done has to wait for it.
  for await (const inputs of inputsIn(store, succeeded)) {
    let items = 0;
    for (const input of inputs) items += itemsIn(input, source.state);
    source.onSucceeded(inputs.length, items);
  }
}

/**
 * The listing as it is on record, and on from there if it had not ended, without what has succeeded: the attempts before
 * were killed. The same items in the same order make the same children, so a child is known by its items, which in our
 * workflow hold their positions. Where items are equal, one is as good as the other: so they are counted.
 */
async function* replayed(
  source: EntrySource,
  results: string,
  { next, succeeded, failedSince }: EarlierAttempts,
): AsyncGenerator<readonly Entry[]> {
  const store = source.openStore(results);
  // Nothing succeeds, nor fails, before its item is on record: so only an earlier version of us can have left this.
  if (next > 0 && source.record?.exists() !== true && succeeded.length + failedSince.length > 0) throw unrecorded();
  const identify = identities(source.state);
  const done = await countsOf(inputsIn(store, succeeded), identify, source.state);
  const onlyFailed = source.redrive?.only === 'failed';
  const failed = onlyFailed ? await countsOf(failedInputs(store, failedSince), identify, source.state) : undefined;
  yield* listed(source, done, failed);
}

/** What is in `done` is counted, and of the rest only what is in `chosen`, if that is given, is to be run. */
async function* listed(
  source: EntrySource,
  done?: InputCounts,
  chosen?: InputCounts,
): AsyncGenerator<readonly Entry[]> {
  const { state, evaluate, record } = source;
  const batcher = batching(state.ItemBatcher, evaluate)();
  const opened = await openItems(state, evaluate, source.openStore, source.signal);
  const select = createSelector(state.ItemSelector, source.input, source.context);
  const identify = identities(state);
  const entry = (child: NonNullable<ReturnType<Batcher['add']>>): Entry[] => {
    const identity = done === undefined ? '' : identify(child.input);
    if (done?.take(identity) === true) {
      source.onSucceeded(1, child.items);
      return [];
    }
    const hold = chosen !== undefined && !chosen.take(identity);
    return [{ record: pendingRecord(child.input), items: child.items, ...(hold ? { hold } : {}) }];
  };
  const entries = (page: readonly RecordedItem[]): Entry[] =>
    page.flatMap(({ position, value, key }) => {
      const item = { Index: position, Value: value, Source: opened.source, ...(key === undefined ? {} : { Key: key }) };
      const child = batcher.add(select(item));
      return child === undefined ? [] : entry(child);
    });
  if (record === undefined) for await (const page of positioned(opened.pages({ count: 0 }))) yield entries(page);
  else {
    for await (const page of throughRecord(record, opened, source.idle)) yield entries(page);
  }
  const rest = batcher.rest();
  yield rest === undefined ? [] : entry(rest);
}

async function* throughRecord(
  record: ListingRecord,
  { pages, readsAgain }: ItemSource,
  idle: () => boolean,
): AsyncGenerator<readonly RecordedItem[]> {
  const digest = createHash('sha256');
  for await (const page of record.replay()) {
    if (readsAgain) for (const { value } of page) digest.update(JSON.stringify(value));
    yield page;
  }
  const { count, last, ended } = record.state();
  if (!ended) yield* record.recorded(pages({ count, digest: digest.digest('hex'), ...(last && { last }) }), idle);
}

async function* positioned(pages: ItemPages): AsyncGenerator<readonly RecordedItem[]> {
  let count = 0;
  for await (const page of pages) {
    const first = count;
    count += page.length;
    yield page.map((item, place) => ({ position: first + place, ...item }));
  }
}

async function countsOf(
  groups: AsyncIterable<readonly string[]>,
  identify: (input: string) => string,
  state: DistributedMapState,
): Promise<InputCounts> {
  const counts = createInputCounts(positionOpening(state));
  for await (const inputs of groups) for (const input of inputs) counts.add(identify(input));
  return counts;
}

/** How an identity begins before its first item's position, where the ItemSelector puts that first; else undefined. */
function positionOpening({ ItemSelector, ItemBatcher }: DistributedMapState): string | undefined {
  const [first] = Object.entries((ItemSelector ?? {}) as Record<string, Json>);
  if (first?.[1] !== '$$.Map.Item.Index') return undefined;
  return `${ItemBatcher === undefined ? '' : '['}{${JSON.stringify(first[0].replace(/\.\$$/, ''))}:`;
}

/** A child's items, without what its batch says of the attempt. Inputs that follow each other mostly begin alike. */
function identities({ ItemBatcher }: DistributedMapState): (input: string) => string {
  if (ItemBatcher?.BatchInput === undefined) return (input) => input;
  let head: string | undefined;
  return (input) => {
    if (head === undefined || !input.startsWith(head)) {
      const { BatchInput } = JSON.parse(input) as { readonly BatchInput: Json };
      head = `{"BatchInput":${JSON.stringify(BatchInput)},"Items":`;
    }
    return input.slice(head.length);
  };
}

async function* failedInputs(
  store: ReturnType<OpenStore>,
  files: readonly ResultFile[],
): AsyncGenerator<readonly string[]> {
  for await (const records of recordsIn(store, files)) yield records.filter(hasFailed).map(({ Input }) => Input);
}

const hasFailed = ({ Status }: ChildRecord) => Status === 'FAILED' || Status === 'TIMED_OUT';

/** How many selected items are in a child's input. */
function itemsIn(input: string, state: DistributedMapState): number {
  if (state.ItemBatcher === undefined) return 1;
  return (JSON.parse(input) as { readonly Items: readonly Json[] }).Items.length;
}

function unrecorded(): StatesError {
  return new StatesError(
    'States.ItemReaderFailed',
    'This run was begun by a version of image-fanout that kept no record of its listing, and was killed before it ended: what it had listed is not known. Start a new run; what is done is up to date and will be skipped',
  );
}
