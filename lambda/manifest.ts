// What a manifest is: which reader takes it, found out from its name and its first bytes.
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { directoryLocation, parseObject } from './location.ts';
import type { Reader } from './prepared.ts';
import type { OpenStore } from './store/store.ts';

/** A CSV header or an inventory's manifest.json fits in this many bytes. */
const HEAD_BYTES = 1024 * 1024;

const KINDS = [
  { kind: 'CSV', ending: /\.csv(\.gz|\.zst)?$/i },
  { kind: 'JSONL', ending: /\.(jsonl|ndjson)(\.gz|\.zst)?$/i },
  { kind: 'JSON', ending: /\.json(\.gz|\.zst)?$/i },
] as const;

/**
 * Finds the reader of a manifest. `text` is `s3://bucket/key`, or a file's path for the embedded engine. Throws a RangeError
 * that says what was expected and what was given: an unknown ending, a CSV without a `key` column, an inventory of
 * another bucket or format. Throws the store's FanoutError when it cannot be read.
 */
export async function manifestReader(text: string, sourceBucket: string, open: OpenStore): Promise<Reader> {
  const { bucket, key } = manifestObject(text);
  const kind = KINDS.find(({ ending }) => ending.test(key))?.kind;
  if (kind === undefined) {
    throw new RangeError(
      `expected the name of a manifest to end in .csv, .json, .jsonl or .ndjson (or these with .gz or .zst), got ${text}`,
    );
  }
  const head = await firstBytes(open, bucket, key);
  if (kind === 'CSV') {
    checkHeader(head.toString(), text);
  } else if (kind === 'JSON' && head.toString().trimStart().startsWith('{')) {
    checkInventory(head.toString(), text, sourceBucket);
    return { kind: 'S3_INVENTORY', bucket, key };
  }
  return { kind, bucket, key };
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
  const bytes = Buffer.concat(chunks);
  if (/\.gz$/i.test(key))
    return gunzipSync(bytes, { finishFlush: 2 /* Z_SYNC_FLUSH: a cut stream is fine, the head is wanted */ });
  if (/\.zst$/i.test(key)) return length >= HEAD_BYTES ? Buffer.alloc(0) : zstdDecompressSync(bytes);
  return bytes;
}

function checkHeader(head: string, name: string): void {
  if (head === '') return;
  const header = head.replace(/^\ufeff/, '').split(/\r?\n/, 1)[0] ?? '';
  const columns = header.split(',').map((column) => column.trim().replace(/^"(.*)"$/, '$1'));
  if (!columns.some((column) => column.toLowerCase() === 'key')) {
    throw new RangeError(
      `expected a CSV with a header row and a column "key", got the header ${JSON.stringify(header.slice(0, 200))} in ${name}`,
    );
  }
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
