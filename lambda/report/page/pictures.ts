// The pictures of a page: small outputs and sources as they are, thumbnails where the caller can make them, within bytes and time.
import type { OutputFacts } from '../../contract/outcome.ts';
import type { PreparedJob } from '../../job/prepared.ts';
import type { OpenStore, Store } from '../../store/store.ts';
import type { ItemRow } from '../item-row.ts';
import { BROWSER_FORMATS, browserFormat } from './browser-format.ts';
import type { Sample, Shown } from './sample.ts';

/** Makes a small picture of an image, in a format that browsers show. Throws what the image room throws. */
export type Thumbnail = (image: {
  readonly body: Buffer;
  readonly key: string;
  /** Takes what can be read of a damaged file. */
  readonly salvage: boolean;
  readonly signal: AbortSignal;
}) => Promise<Buffer>;

/** What the pictures are made with. */
export interface PictureTools {
  readonly open: OpenStore;
  /** Default: only what is small enough as it is, is shown. */
  readonly thumbnail?: Thumbnail;
  /** How long it may take in all, in milliseconds. Default: 20 seconds. */
  readonly milliseconds?: number;
}

export interface Picture {
  readonly type: string;
  readonly body: Buffer;
  /** Whether it is the file itself, byte for byte. */
  readonly itself: boolean;
}

/** A key's source beside one of its outputs. */
export interface Pair {
  readonly source?: Picture;
  readonly output?: Picture;
  readonly of?: OutputFacts;
}

/** A failing input, as far as it can be shown. */
export interface FailedInput {
  readonly picture?: Picture;
  /** Its first bytes, for what is no picture or cannot be shown as one. */
  readonly head?: Buffer;
  /** Why there is neither. */
  readonly why?: string;
}

export interface Pictures {
  /** By index. */
  readonly pairs: ReadonlyMap<number, Pair>;
  readonly failed: ReadonlyMap<number, FailedInput>;
  /** Keys that were to be shown and are not, as the time or the bytes were used up. */
  readonly missing: number;
}

export const NO_PICTURES: Pictures = { pairs: new Map(), failed: new Map(), missing: 0 };

/** Bytes: of a file that is shown as it is, of a file that is read for a thumbnail, of all pictures together. */
const MOST = { itself: 24_000, outputItself: 64_000, read: 64_000_000, all: 1_500_000 };
const AT_ONCE = 4;
const HEAD = 64;

/** Fetches the pictures, the failed inputs first. Whatever cannot be read is left out: a page is no reason to fail. */
export async function takePictures(sample: Sample, job: PreparedJob, tools: PictureTools): Promise<Pictures> {
  const { open, thumbnail, milliseconds = 20_000 } = tools;
  const signal = AbortSignal.timeout(Math.max(1, Math.round(milliseconds)));
  const source = open(job.source.bucket);
  const destination = open(job.destination.bucket);
  const pairs = new Map<number, Pair>();
  const failed = new Map<number, FailedInput>();
  let bytes = 0;
  let missing = 0;

  const take = (...pictures: readonly (Picture | undefined)[]): boolean => {
    const size = pictures.reduce((sum, picture) => sum + (picture?.body.length ?? 0), 0);
    if (bytes + size > MOST.all) return false;
    bytes += size;
    return true;
  };
  const works = [
    ...[...sample.failed.values()].flat().map((row) => async () => {
      const input = await failedInput(row, source, { thumbnail, signal });
      if (take(input.picture)) failed.set(row.index, input);
    }),
    ...sample.shown.map((shown) => async () => {
      const pair = await pairOf(shown, { source, destination, thumbnail, signal });
      if (pair !== undefined && take(pair.source, pair.output)) pairs.set(shown.row.index, pair);
      else missing++;
    }),
  ].values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const work of works) {
        if (signal.aborted || bytes >= MOST.all) missing++;
        else await work().catch(() => void missing++);
      }
    }),
  );
  return { pairs, failed, missing };
}

interface Means {
  readonly thumbnail: Thumbnail | undefined;
  readonly signal: AbortSignal;
}

async function pairOf(
  { row }: Shown,
  { source, destination, thumbnail, signal }: Means & { readonly source: Store; readonly destination: Store },
): Promise<Pair | undefined> {
  const of = toShow(row.outputs, thumbnail !== undefined);
  if (of === undefined) return undefined;
  const [output, before] = await Promise.all([
    picture(destination, of.key, of, MOST.outputItself, { thumbnail, signal }),
    picture(source, row.key, row.source, MOST.itself, { thumbnail, signal }).catch(() => undefined),
  ]);
  return { of, ...(output === undefined ? {} : { output }), ...(before === undefined ? {} : { source: before }) };
}

/** The largest output that is small enough to be shown as it is, else the smallest one, else any that a thumbnail can be made of. */
function toShow(outputs: readonly OutputFacts[], anyFormat: boolean): OutputFacts | undefined {
  const images = outputs.filter(
    ({ format, width }) => width !== undefined && (anyFormat || BROWSER_FORMATS.has(format)),
  );
  const known = images.filter(({ format }) => BROWSER_FORMATS.has(format)).sort((a, b) => a.bytes - b.bytes);
  return known.findLast(({ bytes }) => bytes <= MOST.itself) ?? known[0] ?? images[0];
}

async function picture(
  store: Store,
  key: string,
  { bytes, format }: { readonly bytes: number; readonly format?: string },
  itself: number,
  { thumbnail, signal }: Means,
): Promise<Picture | undefined> {
  const asIs = bytes <= itself && format !== undefined && BROWSER_FORMATS.has(format);
  if (!asIs && (thumbnail === undefined || bytes > MOST.read)) return undefined;
  const { body } = await store.read(key, { maxBytes: MOST.read, signal });
  const found = browserFormat(body);
  if (asIs && found !== undefined && body.length <= itself) return { type: found.type, body, itself: true };
  return await thumbnailOf(body, key, false, { thumbnail, signal });
}

async function thumbnailOf(
  body: Buffer,
  key: string,
  salvage: boolean,
  { thumbnail, signal }: Means,
): Promise<Picture | undefined> {
  const made = await thumbnail?.({ body, key: key.split('/').at(-1) ?? key, salvage, signal });
  const found = made && browserFormat(made);
  return made === undefined || found === undefined ? undefined : { type: found.type, body: made, itself: false };
}

/** Failures after which the input may be looked at once more: of others the pixels are too many, or their decoder crashed. */
const MAY_BE_SHOWN: ReadonlySet<string> = new Set([
  'TruncatedImage',
  'CorruptImage',
  'UnsupportedImage',
  'RecipeMismatch',
  'OutputTooLarge',
  'QualityUnreachable',
  'OutputCollision',
  'OutputExists',
]);

const MAY_NOT_BE_READ: ReadonlySet<string> = new Set(['AccessDenied', 'ExpiredCredentials']);

async function failedInput(
  row: Extract<ItemRow, { status: 'failed' }>,
  store: Store,
  means: Means,
): Promise<FailedInput> {
  // Who may not read is not asked for it once more.
  if (MAY_NOT_BE_READ.has(row.error)) return { why: `${row.error}: it was not read` };
  try {
    const known = row.source?.bytes;
    const start = await beginning(store, row.key, MOST.itself + 1, means.signal);
    const head = start.subarray(0, HEAD);
    if (!MAY_BE_SHOWN.has(row.error) || (known ?? 0) > MOST.read) return { head };
    const small = start.length <= MOST.itself;
    const body = small ? start : await readWhole(store, row.key, means);
    const made = body && (await thumbnailOf(body, row.key, true, means).catch(() => undefined));
    if (made !== undefined) return { picture: made, head };
    // Browsers may read what the image room does not.
    const found = small ? browserFormat(start) : undefined;
    return found === undefined ? { head } : { picture: { type: found.type, body: start, itself: true }, head };
  } catch (error) {
    const { name, message } = error as Error;
    return { why: `${name}: ${message}` };
  }
}

async function readWhole(store: Store, key: string, { thumbnail, signal }: Means): Promise<Buffer | undefined> {
  if (thumbnail === undefined) return undefined;
  return (await store.read(key, { maxBytes: MOST.read, signal })).body;
}

/** The first bytes of an object; the rest is not read. */
async function beginning(store: Store, key: string, most: number, signal: AbortSignal): Promise<Buffer> {
  const stream = await store.open(key, { signal });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // A store may fill the same buffer again.
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length >= most) break;
  }
  return Buffer.concat(chunks).subarray(0, most);
}
