// What earlier attempts of a Map Run left on record: where the next one starts, and what it must not do again.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { directoryPath, isDirectory } from '../../lambda/contract/location.ts';
import { decompressed, linesOf } from '../../lambda/store/content.ts';
import type { OpenStore, Store } from '../../lambda/store/store.ts';
import { jsonItems } from './readers/json.ts';
import type { ChildRecord } from './records.ts';
import { attemptPrefix, type Manifest, type ResultFile, type ResultFolder } from './result-writer.ts';

/**
 * The rule. An attempt has ended when its manifest names at least one file; until then its manifest is the probe. The
 * newest ended attempt is the base: its manifest lists every success so far, and its FAILED and PENDING files hold
 * every other child, with its input. A later attempt that was killed has no manifest, but its SUCCEEDED files count.
 * So the children to do are the base's FAILED and PENDING ones without those that have succeeded since; with no base,
 * those that the record of the listing gives (see `listing-record.ts`), without those that have succeeded. Each attempt writes whatever it does not
 * run into its own FAILED and PENDING files: the newest manifest of an ended attempt covers every item exactly once.
 */
export interface EarlierAttempts {
  /** The number of the attempt that comes next; 0 when there was none. */
  readonly next: number;
  /** The base's FAILED and PENDING files; absent when no attempt has ended. */
  readonly base?: { readonly failed: readonly ResultFile[]; readonly pending: readonly ResultFile[] };
  /** The SUCCEEDED files of all attempts. */
  readonly succeeded: readonly ResultFile[];
  /** Those of them that are later than the base. */
  readonly succeededSince: readonly ResultFile[];
  /** FAILED files later than the base. */
  readonly failedSince: readonly ResultFile[];
}

/** Finds the attempts in a Map Run's folder, and cuts off the line that a killed one may have left torn. */
export async function earlierAttempts(folder: ResultFolder, openStore: OpenStore): Promise<EarlierAttempts> {
  const store = openStore(folder.bucket);
  let base: EarlierAttempts['base'];
  let succeeded: ResultFile[] = [];
  let succeededSince: ResultFile[] = [];
  let failedSince: ResultFile[] = [];
  let next = 0;
  for (; ; next += 1) {
    const prefix = attemptPrefix(folder, next);
    if ((await store.head(`${prefix}manifest.json`)) === undefined) break;
    const { ResultFiles } = JSON.parse((await store.read(`${prefix}manifest.json`)).body.toString()) as Manifest;
    if (Object.values(ResultFiles).some((files) => files.length > 0)) {
      base = { failed: ResultFiles.FAILED, pending: ResultFiles.PENDING };
      succeeded = [...ResultFiles.SUCCEEDED];
      succeededSince = [];
      failedSince = [];
      continue;
    }
    const left = await unlistedFiles(folder, store, `${prefix}SUCCEEDED_`);
    succeeded = [...succeeded, ...left];
    succeededSince = [...succeededSince, ...left];
    failedSince = [...failedSince, ...(await unlistedFiles(folder, store, `${prefix}FAILED_`))];
  }
  return { next, succeeded, succeededSince, failedSince, ...(base === undefined ? {} : { base }) };
}

/** Files that no manifest names: their numbers follow each other, so asking for the next one finds them all. */
async function unlistedFiles(folder: ResultFolder, store: Store, start: string): Promise<ResultFile[]> {
  const files: ResultFile[] = [];
  for (;;) {
    const Key = `${start}${files.length}.jsonl`;
    const head = await store.head(Key);
    if (head === undefined) return files;
    const Size = isDirectory(folder) ? await withoutTornLine(join(directoryPath(folder), Key)) : head.bytes;
    files.push({ Key, Size });
  }
}

/** Cuts a file after its last line feed; answers its length then. */
async function withoutTornLine(path: string): Promise<number> {
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  const step = 64 * 1024;
  for (let end = size; end > 0; end -= step) {
    const start = Math.max(0, end - step);
    const bytes = Buffer.alloc(end - start);
    await file.read(bytes, 0, bytes.length, start);
    const at = bytes.lastIndexOf(0x0a);
    if (at < 0) continue;
    if (start + at + 1 < size) await file.truncate(start + at + 1);
    return start + at + 1;
  }
  await file.truncate(0);
  return 0;
}

/** The records of result files, JSON or JSONL, in groups. A line that cannot be read counts as not written. */
export async function* recordsIn(
  store: Store,
  files: readonly Pick<ResultFile, 'Key'>[],
): AsyncGenerator<readonly ChildRecord[]> {
  for (const { Key } of files) {
    const content = await decompressed(await store.open(Key));
    if (Key.endsWith('.jsonl')) yield* recordLines(content);
    else for await (const { value } of jsonItems(content)) yield [value as unknown as ChildRecord];
  }
}

/**
 * The inputs of the records in result files, in groups. Of a JSONL record as `records.ts` writes it only the input is
 * decoded: half the time of a resume after a kill went into reading outputs that nobody asked for.
 */
export async function* inputsIn(store: Store, files: readonly ResultFile[]): AsyncGenerator<readonly string[]> {
  for (const { Key } of files) {
    if (!Key.endsWith('.jsonl')) {
      for await (const records of recordsIn(store, [{ Key }])) yield records.map(({ Input }) => Input);
      continue;
    }
    const content = await decompressed(await store.open(Key));
    for await (const lines of linesOf(content)) yield lines.flatMap((line) => inputOf(line) ?? []);
  }
}

/** Within a JSON text every quote is escaped, so the mark of the next field cannot stand in it. */
function inputOf(line: string): string | undefined {
  const start = line.indexOf(INPUT_STARTS);
  const end = start < 0 ? -1 : line.indexOf(INPUT_ENDS, start);
  if (end < 0 || !line.endsWith('}')) return recordOf(line)[0]?.Input;
  return JSON.parse(line.slice(start + INPUT_STARTS.length - 1, end + 1)) as string;
}

const INPUT_STARTS = ',"Input":"';
const INPUT_ENDS = '","InputDetails":';

async function* recordLines(content: Readable): AsyncGenerator<readonly ChildRecord[]> {
  for await (const lines of linesOf(content)) yield lines.flatMap(recordOf);
}

function recordOf(line: string): readonly ChildRecord[] {
  try {
    return [JSON.parse(line) as ChildRecord];
  } catch {
    return [];
  }
}
