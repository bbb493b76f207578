// What a manifest is: which reader takes it, found out from its name and its first bytes.
import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { directoryLocation, parseObject } from '../contract/location.ts';
import type { Reader } from '../job/prepared.ts';
import type { OpenStore } from '../store/store.ts';

/** A CSV header or an inventory's manifest.json fits in this many bytes. */
const HEAD_BYTES = 1024 * 1024;

const KINDS = [
  { kind: 'CSV', ending: /\.csv(\.gz|\.zstd?)?$/i },
  { kind: 'JSONL', ending: /\.(jsonl|ndjson)(\.gz|\.zstd?)?$/i },
  { kind: 'JSON', ending: /\.json(\.gz|\.zstd?)?$/i },
] as const;

/**
 * Finds the reader of a manifest. `text` is `s3://bucket/key`, or a file's path for the embedded engine. Throws a RangeError
 * that says what was expected and what was given: an unknown ending, a CSV without a `key` column, an inventory of
 * another bucket or format, no item at all (unless `allowEmpty`). Throws the store's FanoutError when it cannot be read.
 */
export async function manifestReader(
  text: string,
  sourceBucket: string,
  open: OpenStore,
  { allowEmpty = false }: { readonly allowEmpty?: boolean } = {},
): Promise<Reader> {
  const { bucket, key } = manifestObject(text);
  const kind = KINDS.find(({ ending }) => ending.test(key))?.kind;
  if (kind === undefined) {
    throw new RangeError(
      `expected the name of a manifest to end in .csv, .json, .jsonl or .ndjson (or these with .gz, .zst or .zstd), got ${text}`,
    );
  }
  const head = (await headOf(open, bucket, key, text))?.replace(/^\ufeff/, '');
  if (head === undefined) return { kind, bucket, key };
  if (!allowEmpty && isEmpty(kind, head)) {
    throw new RangeError(`expected at least one key, got none in ${text} (allowEmpty: true if that is fine)`);
  }
  if (kind === 'CSV') {
    checkHeader(head, text);
  } else if (kind === 'JSON' && head.trimStart().startsWith('{')) {
    checkInventory(head, text, sourceBucket);
    return { kind: 'S3_INVENTORY', bucket, key };
  }
  return { kind, bucket, key };
}

/** Whether it is sure that there is no item: a CSV may have its header, JSON its brackets. */
function isEmpty(kind: (typeof KINDS)[number]['kind'], head: string): boolean {
  const text = head.trim();
  if (kind === 'CSV') return !text.includes('\n') && (text === '' || hasKeyColumn(text));
  return text === '' || (kind === 'JSON' && /^\[\s*\]$/.test(text));
}

function manifestObject(text: string): { bucket: string; key: string } {
  if (text.startsWith('s3:')) {
    const { bucket, key } = parseObject(text);
    if (key === '') throw new RangeError(`expected s3://bucket/key of a manifest, got ${text}`);
    return { bucket, key };
  }
  const cut = Math.max(text.lastIndexOf('/'), process.platform === 'win32' ? text.lastIndexOf('\\') : -1);
  return { bucket: directoryLocation(cut < 0 ? '.' : text.slice(0, cut + 1)).bucket, key: text.slice(cut + 1) };
}

/** The text that a manifest starts with; undefined for a large one in zstd, of which no part can be read alone. */
async function headOf(open: OpenStore, bucket: string, key: string, name: string): Promise<string | undefined> {
  const bytes = await firstBytes(open, bucket, key);
  try {
    if (/\.gz$/i.test(key)) {
      // A cut stream is fine: the head is wanted.
      return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    }
    if (!/\.zstd?$/i.test(key)) return bytes.toString();
    return bytes.length >= HEAD_BYTES ? undefined : zstdDecompressSync(bytes).toString();
  } catch (error) {
    const expected = /\.gz$/i.test(key) ? 'gzip' : 'zstd';
    throw new RangeError(`expected ${expected}, as the name ends, got ${(error as Error).message} in ${name}`);
  }
}

async function firstBytes(open: OpenStore, bucket: string, key: string): Promise<Buffer> {
  const stream = await open(bucket).open(key);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= HEAD_BYTES) break;
  }
  stream.destroy();
  return Buffer.concat(chunks);
}

function checkHeader(head: string, name: string): void {
  if (head === '' || hasKeyColumn(head)) return;
  throw new RangeError(
    `expected a CSV with a header row and a column "key", got the header ${JSON.stringify(headerOf(head).slice(0, 200))} in ${name}`,
  );
}

function hasKeyColumn(head: string): boolean {
  const columns = headerOf(head).split(',');
  return columns.some((column) => /^\s*("?)key\1\s*$/i.test(column));
}

function headerOf(head: string): string {
  return head.replace(/^\ufeff/, '').split(/\r?\n/, 1)[0] ?? '';
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
function checkInventory(head: string, name: string, sourceBucket: string): void {
  let manifest: { sourceBucket?: unknown; fileFormat?: unknown; fileSchema?: unknown; files?: unknown };
  try {
    manifest = JSON.parse(head);
  } catch {
    throw new RangeError(
      `expected a JSON array of keys or an S3 Inventory manifest.json, got an object that is neither in ${name}`,
    );
  }
  if (!Array.isArray(manifest.files) || typeof manifest.fileSchema !== 'string') {
    throw new RangeError(
      `expected a JSON array of keys or an S3 Inventory manifest.json, got an object without "files" and "fileSchema" in ${name}`,
    );
  }
  if (manifest.fileFormat !== 'CSV') {
    throw new RangeError(
      `expected an inventory in CSV, which is what Step Functions reads, got ${String(manifest.fileFormat)} in ${name}`,
    );
  }
  if (manifest.sourceBucket !== sourceBucket) {
    throw new RangeError(
      `expected an inventory of the source bucket ${sourceBucket}, got one of ${String(manifest.sourceBucket)} in ${name}`,
    );
  }
}
