// The item reader: a Map state's items from S3, from a directory or from its own input, as a stream of pages.
import { createHash } from 'node:crypto';
import { decompressed } from '../../lambda/store/content.ts';
import type { ListedObject, OpenStore } from '../../lambda/store/store.ts';
import type { DistributedMapState, ItemReader, Json } from '../states-language.ts';
import { csvItems } from './readers/csv.ts';
import { inventoryItems } from './readers/inventory.ts';
import { firstItems, type ItemPages, inPages, type ReadItem } from './readers/items.ts';
import { jsonItems, jsonLines } from './readers/json.ts';
import { type Evaluate, integerField } from './settings.ts';
import { StatesError, sentenceOf } from './states-error.ts';

export interface ItemSource {
  /** `$$.Map.Item.Source`. */
  readonly source: string;
  /** Whether it has to be read from its start to go on: then what is on record must be in it still. */
  readonly readsAgain: boolean;
  /** The items after those that are on record already. */
  readonly pages: (from: ListedSoFar) => ItemPages;
}

/** The items at the begin of a listing that are known from an earlier attempt. */
export interface ListedSoFar {
  readonly count: number;
  readonly last?: ReadItem;
  /** SHA-256 of their values' JSON, one after the other. */
  readonly digest?: string;
}

/**
 * Opens the items of a Map state. Nothing is read before the pages are asked for. Whatever goes wrong then is
 * States.ItemReaderFailed.
 */
export async function openItems(
  state: DistributedMapState,
  evaluate: Evaluate,
  openStore: OpenStore,
  signal: AbortSignal,
): Promise<ItemSource> {
  const reader = state.ItemReader;
  if (reader === undefined) {
    const items = evaluate({ 'items.$': state.ItemsPath ?? '$' });
    const all = () => inPages(stateItems((items as { items: Json }).items));
    return { source: 'STATE_DATA', readsAgain: true, pages: (from) => withoutFirst(all(), from) };
  }
  const { Bucket, Prefix = '', Key = '' } = evaluate(reader.Parameters) as Record<string, string>;
  if (typeof Bucket !== 'string' || typeof Prefix !== 'string' || typeof Key !== 'string') {
    throw new StatesError(
      'States.ItemReaderFailed',
      `Bucket, Prefix and Key must be strings, got ${JSON.stringify({ Bucket, Prefix, Key })}`,
    );
  }
  const config = reader.ReaderConfig ?? {};
  const most = integerField(evaluate, config, 'MaxItems') ?? 0;
  if (most < 0) throw new StatesError('States.ItemReaderFailed', 'field MaxItems must be positive');
  // A directory is its own URL; no service has a form for it.
  const root = Bucket.startsWith('file:') ? Bucket : `s3://${Bucket}`;
  const listing = reader.Resource.endsWith(':listObjectsV2');
  const pages = (from: ListedSoFar): ItemPages => {
    if (!listing) return withoutFirst(firstItems(fileItems(openStore, Bucket, Key, config, signal), most), from);
    if (most > 0 && from.count >= most) return inPages([]);
    return firstItems(listedItems(openStore, Bucket, Prefix, signal, from), most === 0 ? 0 : most - from.count);
  };
  return {
    source: listing ? root : `${root.replace(/\/$/, '')}/${Key}`,
    readsAgain: !listing,
    pages: (from) => named(pages(from)),
  };
}

/**
 * A file has no place to read on from, so it is read from its start. What is on record of it must be in it still: else
 * the items that follow are not those that the run was to go through.
 */
async function* withoutFirst(pages: ItemPages, { count, digest }: ListedSoFar): AsyncGenerator<readonly ReadItem[]> {
  const seen = createHash('sha256');
  let left = count;
  for await (const page of pages) {
    const known = page.slice(0, left);
    for (const { value } of known) seen.update(JSON.stringify(value));
    left -= known.length;
    if (known.length > 0 && left === 0 && digest !== undefined && seen.digest('hex') !== digest) throw changed(count);
    if (page.length > known.length) yield known.length === 0 ? page : page.slice(known.length);
  }
  if (left > 0) throw changed(count);
}

function changed(count: number): StatesError {
  return new StatesError(
    'States.ItemReaderFailed',
    `The list of items has changed since ${count} of them were read from it; start a new run, which skips what is up to date`,
  );
}

/** The service's shape, whose names are its own: `Etag` with the quotes in it, `LastModified` in epoch seconds. */
export function listedItem(object: ListedObject): Json {
  return {
    Etag: `"${object.etag}"`,
    Key: object.key,
    // S3's listings know whole seconds.
    LastModified: Math.floor(object.lastModified / 1000),
    Size: object.bytes,
    StorageClass: object.storageClass,
  };
}

async function* listedItems(
  openStore: OpenStore,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
  { last }: ListedSoFar,
): AsyncGenerator<readonly ReadItem[]> {
  const startAfter = (last?.value as { readonly Key: string } | undefined)?.Key;
  for await (const page of openStore(bucket).list(prefix, {
    signal,
    ...(startAfter === undefined ? {} : { startAfter }),
  })) {
    yield page.map((object) => ({ value: listedItem(object) }));
  }
}

async function* fileItems(
  openStore: OpenStore,
  bucket: string,
  key: string,
  config: NonNullable<ItemReader['ReaderConfig']>,
  signal: AbortSignal,
): AsyncGenerator<readonly ReadItem[]> {
  if (config.ManifestType === 'S3_INVENTORY') {
    yield* inventoryItems(openStore, bucket, key, signal);
    return;
  }
  const content = await decompressed(await openStore(bucket).open(key, { signal }));
  if (config.InputType === 'JSONL') yield* jsonLines(content);
  else if (config.InputType === 'CSV') yield* inPages(csvItems(content, config));
  else yield* inPages(jsonItems(content, config.ItemsPointer));
}

function* stateItems(items: Json): Iterable<ReadItem> {
  if (items === null || typeof items !== 'object') {
    throw new StatesError('States.ItemReaderFailed', 'Attempting to map over non-iterable node.');
  }
  if (Array.isArray(items)) for (const value of items) yield { value };
  else for (const [key, value] of Object.entries(items)) yield { key, value };
}

async function* named(pages: ItemPages): AsyncGenerator<readonly ReadItem[]> {
  try {
    yield* pages;
  } catch (error) {
    throw error instanceof StatesError ? error : new StatesError('States.ItemReaderFailed', sentenceOf(error));
  }
}
