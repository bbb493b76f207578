// The list that Prepare makes itself, where no reader reads what the job says: plain lines, the first keys, a sample of them.
import type { Readable } from 'node:stream';
import { definedOnly } from '../contract/defined.ts';
import { directoryPath, isDirectory, type Location, objectUri } from '../contract/location.ts';
import { type Item, itemOf } from '../job/item.ts';
import { invalidJob, type Job } from '../job/job.ts';
import type { PreparedJob, Reader, ReaderKind } from '../job/prepared.ts';
import { createSelection } from '../job/selection.ts';
import { decompressed, linesOf } from '../store/content.ts';
import type { OpenStore } from '../store/store.ts';

/** A plain text of keys, one a line, which no item reader takes. */
export interface LinesReader {
  readonly kind: 'LINES';
  readonly bucket: string;
  readonly key: string;
}

/** A prepared job whose keys may still have to be put into a list. */
export type DraftJob = Omit<PreparedJob, 'reader'> & { readonly reader: Reader | LinesReader };

/** A reader's items as it gives them, page by page. */
export type ItemPages = AsyncIterable<readonly unknown[]>;

export interface ListDependencies {
  readonly open: OpenStore;
  /** The items of any manifest. Default: only listings, keys and plain lines can be gone through. */
  readonly itemsOf?: (job: PreparedJob) => Promise<ItemPages>;
  /** Whether a manifest is not there for long, and what it holds must be in a list of the run's own. Default: false. */
  readonly keepsManifest?: boolean;
  /** Milliseconds for which keys may be gone through. Default: any time. */
  readonly listMilliseconds?: number;
}

/** Name of the list in the run's folder. */
export const LIST_FILE = 'keys.jsonl';

/**
 * The job with a reader that Step Functions has. Where it needs a list of its own, that is written below `place`, one JSON
 * object a line, as Step Functions' JSONL has it. Throws InvalidJob when the keys cannot be gone through, or none is left.
 */
export async function withList(
  draft: DraftJob,
  { first, sample, allowEmpty }: Pick<Job, 'first' | 'sample' | 'allowEmpty'>,
  place: Location,
  dependencies: ListDependencies,
): Promise<PreparedJob> {
  const { reader } = draft;
  const chooses = first !== undefined || sample !== undefined;
  const keeps = dependencies.keepsManifest === true && reader.kind !== 'LIST' && reader.kind !== 'KEYS';
  if (!chooses && !keeps && reader.kind !== 'LINES') return { ...draft, reader };
  const field = first !== undefined ? 'first' : sample !== undefined ? 'sample' : 'manifest';
  const { listMilliseconds } = dependencies;
  const signal = listMilliseconds === undefined ? undefined : AbortSignal.timeout(listMilliseconds);
  try {
    const items = await openItems(draft, field, dependencies, signal);
    const lines = linesFrom(items, draft, chooses);
    const sampled = sample === undefined ? undefined : await spread(lines, sample);
    const chosen = sampled === undefined ? firstOf(lines, first) : inPages(sampled.lines);
    const part = sampled === undefined ? definedOnly({ first }) : definedOnly({ sample, of: sampled.of });
    const [head, whole] = await peeked(chosen);
    if (head === undefined && !allowEmpty) {
      throw invalidJob([
        `${field}: expected at least one key that is meant, got none (allowEmpty: true if that is fine)`,
      ]);
    }
    if (reader.kind === 'KEYS') {
      const keys = (await Array.fromAsync(whole))
        .flat()
        .map((line) => (JSON.parse(line) as { readonly key: string }).key);
      return { ...draft, reader, keys, ...(chooses ? { part } : {}) };
    }
    const key = place.prefix + LIST_FILE;
    await dependencies.open(place.bucket).save(key, text(whole), { contentType: 'application/jsonl' });
    return { ...draft, reader: { kind: 'JSONL', bucket: place.bucket, key }, ...(chooses ? { part } : {}) };
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw invalidJob([
      `${field}: expected keys that are gone through within ${(listMilliseconds ?? 0) / 1000} s, there are more; make a manifest of those that are wanted`,
    ]);
  }
}

/** Opens what a job's keys come from. Throws InvalidJob where they cannot be gone through. */
export async function openItems(
  draft: DraftJob,
  field: string,
  { open, itemsOf }: ListDependencies,
  signal: AbortSignal | undefined,
): Promise<{ readonly pages: ItemPages; readonly kind: ReaderKind }> {
  const { reader } = draft;
  const options = definedOnly({ signal });
  if (reader.kind === 'LIST') return { pages: listed(open(reader.bucket).list(reader.prefix, options)), kind: 'LIST' };
  if (reader.kind === 'KEYS') return { pages: inPages(draft.keys ?? []), kind: 'KEYS' };
  if (reader.kind === 'LINES') {
    const content = await open(reader.bucket).open(reader.key, options);
    return { pages: plainLines(content, draft, objectUri(reader.bucket, reader.key)), kind: 'JSONL' };
  }
  // A list of Prepare's own, and any other: an object a line.
  if (reader.kind === 'JSONL' && field === 'canary') {
    const content = await decompressed(await open(reader.bucket).open(reader.key, options));
    return { pages: parsedLines(content), kind: 'JSONL' };
  }
  if (itemsOf === undefined) {
    const what = { CSV: 'a CSV', JSON: 'a JSON array', JSONL: 'JSONL', S3_INVENTORY: 'an inventory' }[reader.kind];
    throw invalidJob([
      `${field}: expected a listing, keys or a manifest in plain text (.txt), which Prepare goes through itself on AWS, got ${what}; leave out of it what is not wanted`,
    ]);
  }
  return { pages: await itemsOf({ ...draft, reader }), kind: reader.kind };
}

/** A line that is no JSON is left to the run, which fails for it. */
async function* parsedLines(content: Readable): ItemPages {
  for await (const lines of linesOf(content)) {
    yield lines.flatMap((line): unknown[] => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  }
}

async function* listed(pages: AsyncIterable<readonly { readonly key: string }[]>): ItemPages {
  for await (const page of pages) yield page.map(({ key }) => key);
}

/** The keys in a plain text. Of a directory paths are read as `find` writes them, whole or with `./` before them; of a bucket `s3://bucket/key`, too. Throws InvalidJob where it is no UTF-8. */
async function* plainLines(content: Readable, { source, sourceAliases = [] }: DraftJob, name: string): ItemPages {
  // A key of a directory begins with neither, and none of a bucket with its own URI.
  const starts = [source, ...sourceAliases].flatMap((place) =>
    isDirectory(place) ? [directoryPath(place), './'] : [objectUri(place.bucket, '')],
  );
  for await (const lines of linesOf(checked(await decompressed(content), name))) {
    yield lines.map((line) => {
      const key = line.endsWith('\r') ? line.slice(0, -1) : line;
      const start = starts.find((one) => key.startsWith(one));
      return start === undefined ? key : key.slice(start.length);
    });
  }
}

async function* checked(content: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const piece of content) {
      decoder.decode(piece, { stream: true });
      yield piece;
    }
    decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw invalidJob([`manifest: expected plain text in UTF-8, got other bytes in ${name}`]);
  }
}

/** The items as lines of JSON: those that are meant, where some are chosen, else all. One that is no key stays what it is, to fail in the run. */
async function* linesFrom(
  { pages, kind }: { readonly pages: ItemPages; readonly kind: ReaderKind },
  { source, include, exclude }: DraftJob,
  onlyMeant: boolean,
): AsyncGenerator<readonly string[]> {
  const selection = createSelection(include, exclude);
  const isMeant = ({ key, notCurrent }: Item): boolean => {
    if (notCurrent === true || key.endsWith('/')) return false;
    if (!key.startsWith(source.prefix)) return kind !== 'S3_INVENTORY';
    return selection.reasonAgainst(key.slice(source.prefix.length)) === undefined;
  };
  for await (const page of pages) {
    yield page.flatMap((value) => {
      let item: Item;
      try {
        item = itemOf(value, kind);
      } catch {
        return [JSON.stringify(value) ?? 'null'];
      }
      // What else a row says, as that it is an old version, has no place in a list of keys: it is not meant.
      return (onlyMeant ? isMeant(item) : item.notCurrent !== true) ? [JSON.stringify({ key: item.key })] : [];
    });
  }
}

/** The keys that are meant, as lines of JSON. */
export function meantKeys(
  items: { readonly pages: ItemPages; readonly kind: ReaderKind },
  job: DraftJob,
): AsyncGenerator<readonly string[]> {
  return linesFrom(items, job, true);
}

async function* firstOf(pages: AsyncIterable<readonly string[]>, most = Number.POSITIVE_INFINITY) {
  let left = most;
  for await (const page of pages) {
    yield page.length > left ? page.slice(0, left) : page;
    left -= page.length;
    if (left <= 0) return;
  }
}

/**
 * So many lines, evenly spread over all: every n-th is kept, n doubling as they become more. The same list gives the same
 * lines; memory holds twice as many as are asked for.
 */
export async function spread(
  pages: AsyncIterable<readonly string[]>,
  size: number,
): Promise<{ lines: string[]; of: number }> {
  let kept: string[] = [];
  let step = 1;
  let of = 0;
  for await (const page of pages) {
    for (const line of page) {
      if (of % step === 0) kept.push(line);
      of += 1;
      if (kept.length <= 2 * size) continue;
      kept = kept.filter((_, place) => place % 2 === 0);
      step *= 2;
    }
  }
  if (kept.length <= size) return { lines: kept, of };
  const lines = Array.from({ length: size }, (_, place) => kept[Math.floor((place * kept.length) / size)] as string);
  return { lines, of };
}

async function* inPages<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  yield items;
}

/** The first line, if there is one, and all of them. */
async function peeked(
  pages: AsyncGenerator<readonly string[]>,
): Promise<[head: string | undefined, all: AsyncIterable<readonly string[]>]> {
  let page = await pages.next();
  while (page.done !== true && page.value.length === 0) page = await pages.next();
  if (page.done === true) return [undefined, inPages([])];
  const { value } = page;
  async function* all() {
    yield value;
    yield* pages;
  }
  return [value[0], all()];
}

async function* text(pages: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  for await (const page of pages) if (page.length > 0) yield `${page.join('\n')}\n`;
}
