// What a manifest is: which reader takes it, found out from its name and its first bytes.
import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { directoryLocation, parseObject } from '../contract/location.ts';
import type { Reader } from '../job/prepared.ts';
import type { OpenStore } from '../store/store.ts';
import type { LinesReader } from './key-list.ts';

/** A CSV header or an inventory's manifest.json fits in this many bytes. */
const HEAD_BYTES = 1024 * 1024;

const KINDS = [
  { kind: 'CSV', ending: /\.csv(\.gz|\.zstd?)?$/i },
  { kind: 'JSONL', ending: /\.(jsonl|ndjson)(\.gz|\.zstd?)?$/i },
  { kind: 'JSON', ending: /\.json(\.gz|\.zstd?)?$/i },
  { kind: 'LINES', ending: /\.txt(\.gz|\.zstd?)?$/i },
] as const;

/**
 * Finds the reader of a manifest. `text` is `s3://bucket/key`, or a file's path for the embedded engine. Throws a RangeError
 * that says what was expected and what was given: an unknown ending, a CSV without a `key` column, an inventory of
 * another bucket or format, no item at all (unless `allowEmpty`), and in its first megabyte a line of JSONL, or a whole
 * document, that is not JSON. Throws the store's FanoutError when it cannot be read.
 */
export async function manifestReader(
  text: string,
  sourceBucket: string,
  open: OpenStore,
  { allowEmpty = false }: { readonly allowEmpty?: boolean } = {},
): Promise<Reader | LinesReader> {
  const { bucket, key } = manifestObject(text);
  const kind = KINDS.find(({ ending }) => ending.test(key))?.kind;
  if (kind === undefined) {
    throw new RangeError(
      `expected the name of a manifest to end in .csv, .json, .jsonl, .ndjson or .txt (or these with .gz, .zst or .zstd), got ${text}`,
    );
  }
  const read = await headOf(open, bucket, key, text);
  if (read === undefined) return { kind, bucket, key };
  const { whole } = read;
  const head = read.text.replace(/^\ufeff/, '');
  if (!allowEmpty && isEmpty(kind, head)) {
    throw new RangeError(`expected at least one key, got none in ${text} (allowEmpty: true if that is fine)`);
  }
  if (kind === 'CSV') {
    checkHeader(head, text);
  } else if (kind === 'JSON' && head.trimStart().startsWith('{')) {
    checkInventory(head, text, sourceBucket);
    return { kind: 'S3_INVENTORY', bucket, key };
  } else if (kind !== 'LINES') {
    checkJson(kind, head, whole, text);
  }
  return { kind, bucket, key };
}

/** The ending of a list that has no name, by how it begins: as `manifestReader` takes it. */
export function endingOf(head: string): '.csv' | '.json' | '.jsonl' | '.txt' {
  const text = head.replace(/^\ufeff/, '').trimStart();
  if (text.startsWith('[')) return '.json';
  const [line = ''] = text.split('\n', 1);
  if (/^["{]/.test(text) && (text.startsWith('{') || isJson(line))) return isJson(line) ? '.jsonl' : '.json';
  return hasKeyColumn(text) ? '.csv' : '.txt';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
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

/** The text that a manifest starts with. */
interface Head {
  readonly text: string;
  /** Whether it is the whole manifest. */
  readonly whole: boolean;
}

/** Undefined for a large one in zstd, of which no part can be read alone. */
async function headOf(open: OpenStore, bucket: string, key: string, name: string): Promise<Head | undefined> {
  const { bytes, whole } = await firstBytes(open, bucket, key);
  try {
    if (/\.gz$/i.test(key)) {
      // A stream that was cut here is fine: the head is wanted.
      return { text: gunzipSync(bytes, whole ? {} : { finishFlush: constants.Z_SYNC_FLUSH }).toString(), whole };
    }
    if (!/\.zstd?$/i.test(key)) return { text: bytes.toString(), whole };
    return whole ? { text: zstdDecompressSync(bytes).toString(), whole } : undefined;
  } catch (error) {
    const expected = /\.gz$/i.test(key) ? 'gzip' : 'zstd';
    throw new RangeError(`expected ${expected}, as the name ends, got ${(error as Error).message} in ${name}`);
  }
}

async function firstBytes(open: OpenStore, bucket: string, key: string): Promise<{ bytes: Buffer; whole: boolean }> {
  const stream = await open(bucket).open(key);
  const chunks: Buffer[] = [];
  let length = 0;
  let whole = true;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length < HEAD_BYTES) continue;
    whole = false;
    break;
  }
  stream.destroy();
  return { bytes: Buffer.concat(chunks), whole };
}

/** A list that is no JSON from its start on is found out before anything runs; of what comes later the run itself tells. */
function checkJson(kind: 'JSON' | 'JSONL', head: string, whole: boolean, name: string): void {
  if (kind === 'JSON') {
    if (whole) parsed(head, (reason) => `expected a JSON array of keys, got ${reason} in ${name}`);
    return;
  }
  const lines = head.split('\n');
  // The last one may have been cut.
  if (!whole) lines.pop();
  for (const [at, line] of lines.entries()) {
    if (line.trim() === '') continue;
    parsed(line, (reason) => `expected JSON in each line, got ${reason} in line ${at + 1} of ${name}`);
  }
}

function parsed(text: string, problem: (reason: string) => string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RangeError(problem((error as Error).message));
  }
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
