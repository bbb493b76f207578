// The item reader: a Map state's items from S3, from a directory or from its own input, as a stream of pages.
import type { ListedObject, OpenStore } from '../../lambda/store/store.ts';
import type { DistributedMapState, ItemReader, Json } from '../states-language.ts';
import { decompressed } from './readers/content.ts';
import { csvItems } from './readers/csv.ts';
import { inventoryItems } from './readers/inventory.ts';
import { firstItems, type ItemPages, inPages, type ReadItem } from './readers/items.ts';
import { jsonItems, jsonLines } from './readers/json.ts';
import { type Evaluate, integerField } from './settings.ts';
import { StatesError, sentenceOf } from './states-error.ts';

export interface ItemSource {
  /** `$$.Map.Item.Source`. */
  readonly source: string;
  readonly pages: ItemPages;
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
    return { source: 'STATE_DATA', pages: inPages(stateItems((items as { items: Json }).items)) };
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
  const pages = listing
    ? listedItems(openStore, Bucket, Prefix, signal)
    : fileItems(openStore, Bucket, Key, config, signal);
  return { source: listing ? root : `${root.replace(/\/$/, '')}/${Key}`, pages: named(firstItems(pages, most)) };
}

/** The service's shape, whose names are its own: `Etag` with the quotes in it, `LastModified` in epoch seconds. */
export function listedItem(object: ListedObject): Json {
  return {
    Etag: `"${object.etag}"`,
    Key: object.key,
    LastModified: object.lastModified / 1000,
    Size: object.bytes,
    StorageClass: object.storageClass,
  };
}

async function* listedItems(
  openStore: OpenStore,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<readonly ReadItem[]> {
  for await (const page of openStore(bucket).list(prefix, { signal })) {
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
