// `report`: shows the account of a run, and makes it when the run was killed before it could.

import { pipeline } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { definedOnly } from '../../lambda/contract/defined.ts';
import { type Location, parseLocation } from '../../lambda/contract/location.ts';
import { keyOf } from '../../lambda/job/item.ts';
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { writeAccount } from '../../lambda/report/account.ts';
import type { ListedItem } from '../../lambda/report/each-key-once.ts';
import { type EndRecord, readEnd } from '../../lambda/report/end-record.ts';
import type { ItemRow } from '../../lambda/report/item-row.ts';
import { lines } from '../../lambda/report/lines.ts';
import type { PictureTools } from '../../lambda/report/page/pictures.ts';
import { findResultFiles, readJob } from '../../lambda/report/run-folder.ts';
import { exitCodeOf } from '../../lambda/report/status.ts';
import {
  ITEMS_JSONL,
  itemsPart,
  PAGE_FILE,
  SUMMARY_FILE,
  SUMMARY_VERSION,
  type Summary,
  summarySchema,
} from '../../lambda/report/summary.ts';
import { accountText } from '../../lambda/report/text.ts';
import { type OpenStoresOptions, openStores } from '../../lambda/store/open.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { type ListingRecord, openListingRecord } from '../local/listing-record.ts';
import { StatesError } from '../local/states-error.ts';
import { defineCommand, type ExitCode, UsageError } from './command.ts';
import { findRun, isFolder } from './find-run.ts';
import { openJobItems } from './job-items.ts';
import { bringPage } from './report-page.ts';
import { createThumbnail } from './thumbnail.ts';

export interface ReportOptions {
  /** The destination of the run, or a stack's results: where to look for an id or `latest`. */
  readonly in?: string;
  readonly stack?: string;
  readonly json?: boolean;
  /** The page: into `file`, or where it is. */
  readonly html?: boolean;
  readonly file?: string;
  /** Shows the page in the browser. */
  readonly open?: boolean;
  /** Only the keys that failed, as a JSONL manifest. */
  readonly 'failed-keys'?: boolean;
}

/** Where the report goes. */
export interface ReportIo {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stores?: OpenStoresOptions;
}

/**
 * Prints the account of a run. The exit code is the run's own, as `RUN_STATUSES` has it. Throws
 * SourceNotFound when there is no such run.
 */
export async function reportCommand(run: string, options: ReportOptions, io: ReportIo): Promise<ExitCode> {
  const where = isFolder(run) ? undefined : await placeOf(options);
  const stores = openStores(io.stores);
  try {
    const folder = await findRun(run, where, stores.open);
    const page = options.html === true || options.open === true;
    const summary = (await writtenSummary(folder, stores.open, { page })) ?? (await madeNow(folder, stores.open));
    if (options['failed-keys'] === true) {
      await writeFailedKeys(summary, folder, stores.open, io);
      return exitCodeOf(summary);
    }
    if (page) {
      await bringPage({ folder, summary, file: options.file, show: options.open === true }, stores.open, io);
      return exitCodeOf(summary);
    }
    const color = io.stdout.isTTY === true && !io.env['NO_COLOR'];
    io.stdout.write(
      options.json === true ? `${JSON.stringify(summary, undefined, 2)}\n` : accountText(summary, { color }),
    );
    return exitCodeOf(summary);
  } finally {
    await stores.close();
  }
}

/** One JSON string per line: what `--manifest` takes. */
async function writeFailedKeys(
  { itemParts }: Summary,
  folder: Location,
  openStore: OpenStore,
  { stdout }: ReportIo,
): Promise<void> {
  const store = openStore(folder.bucket);
  const names =
    itemParts === undefined ? [ITEMS_JSONL] : Array.from({ length: itemParts }, (_, part) => itemsPart(part, 'jsonl'));
  for (const name of names) {
    const file = await store.open(folder.prefix + name);
    // What breaks is thrown by the reading.
    const text = itemParts === undefined ? file : pipeline(file, createZstdDecompress(), () => {});
    for await (const batch of lines(text)) {
      for (const line of batch) {
        const row = JSON.parse(line) as ItemRow;
        if (row.status === 'failed') stdout.write(`${JSON.stringify(row.key)}\n`);
      }
    }
  }
}

async function placeOf({ in: place, stack }: ReportOptions) {
  if (place !== undefined && stack !== undefined) throw new UsageError('expected --in or --stack, got both');
  if (place !== undefined) return parseLocation(place);
  const { findStack } = await import('./cloud/stack.ts');
  const found = await findStack(stack).catch((error: Error) => {
    if (stack !== undefined) throw error;
    error.message += '\nFor a run of this machine, name its folder, or its destination with --in.';
    throw error;
  });
  return found.results;
}

const NO_END: Partial<EndRecord> = {};

/** The summary as the run left it; undefined when there is none, or when the run went on since. */
async function writtenSummary(
  folder: { bucket: string; prefix: string },
  openStore: OpenStore,
  asked: { readonly page: boolean },
): Promise<Summary | undefined> {
  const store = openStore(folder.bucket);
  const head = await store.head(folder.prefix + SUMMARY_FILE);
  if (head === undefined || head.lastModified < (await findResultFiles(store, folder)).lastModified) return undefined;
  const summary = JSON.parse((await store.read(folder.prefix + SUMMARY_FILE)).body.toString()) as { version?: unknown };
  // One of an earlier version of the program is made again from the records.
  if (summary.version !== SUMMARY_VERSION) return undefined;
  const written = summarySchema.parse(summary);
  // So is one whose page was taken away, or could not be made.
  const needed = asked.page && (await store.head(folder.prefix + PAGE_FILE)) === undefined;
  return needed ? undefined : written;
}

async function madeNow(folder: { bucket: string; prefix: string }, openStore: OpenStore): Promise<Summary> {
  const store = openStore(folder.bucket);
  const job = await readJob(store, folder);
  const { attempts, canary } = await findResultFiles(store, folder);
  const { status, error, cause, started, ended, listed } = (await readEnd(store, folder, attempts.length)) ?? NO_END;
  const pictures: PictureTools = { open: openStore, thumbnail: createThumbnail() };
  const end = { store, folder, job, pictures, ...definedOnly({ status, error, cause, started, ended }) };
  // Of what a canary ended nothing else was listed.
  if (attempts.length === 0 && canary.length > 0) return await writeAccount(end);
  // What has ended has every item on record.
  if (attempts.some(({ complete }) => complete)) return await writeAccount({ ...end, ...definedOnly({ listed }) });
  const record = await openListingRecord(store, {
    bucket: folder.bucket,
    prefix: folder.prefix + (attempts[0]?.folder ?? ''),
  });
  if (record.exists()) {
    const onRecord = { items: recordedItems(record, job), listingEnded: () => record.state().ended };
    return await writeAccount({ ...end, ...onRecord });
  }
  // A run of an earlier version kept no record of its listing, and the keys of a job are in its execution's input only.
  if (job.reader.kind === 'KEYS') return await writeAccount({ ...end, ...definedOnly({ listed }) });
  try {
    return await writeAccount({ ...end, items: listedAgain(job, openStore) });
  } catch (error) {
    // A source that is gone leaves what is on record.
    if (!(error instanceof StatesError)) throw error;
    return await writeAccount(end);
  }
}

/** The items of a run that was killed before they all had a result, as it listed them. */
async function* recordedItems(record: ListingRecord, job: PreparedJob): AsyncGenerator<readonly ListedItem[]> {
  for await (const page of record.replay()) {
    yield page.map(({ position, value }) => ({ index: position, key: keyOf(value, job.reader.kind) }));
  }
}

/** The same of a run whose listing is not on record, read as the run read them. */
async function* listedAgain(job: PreparedJob, openStore: OpenStore): AsyncGenerator<readonly ListedItem[]> {
  const { kind } = job.reader;
  const { pages } = await openJobItems(job, openStore, new AbortController().signal);
  let index = 0;
  for await (const page of pages({ count: 0 })) {
    yield page.map(({ value }) => ({ index: index++, key: keyOf(value, kind) }));
  }
}

export const command = defineCommand({
  endsLikeRun: true,
  summary: 'Shows the account of a run: what became of every key, and what to do about it.',
  usage: [
    'report FOLDER',
    'report DST',
    'report ID --in DST',
    'report latest --in DST',
    'report ID [--stack NAME]',
    'report RUN --html [FILE]',
    'report RUN --open',
  ],
  arguments: [1, 2],
  details: [
    "FOLDER is the run's folder, DST its destination: alone, it means the latest run there. Without either, the run is one\nof the deployed stack.\nA run that was killed gets its account now. The exit code is the run's own; 1 also when the account does not add up.",
  ],
  options: {
    in: { type: 'string', value: 'DST', help: 'Where the run is: its destination, or a place of results.' },
    stack: { type: 'string', value: 'NAME', help: 'The deployed stack that the run is of.' },
    json: { type: 'boolean', help: 'The summary as one JSON document.' },
    html: {
      type: 'boolean',
      help: 'The page: prints where it is, and with FILE writes it there; without one, a page in a bucket comes into RUN.html.',
    },
    open: { type: 'boolean', help: 'Shows the page in the browser.' },
    'failed-keys': { type: 'boolean', help: 'Only the keys that failed, as a .jsonl manifest for --manifest.' },
  },
  async run([run = 'latest', file], options) {
    if (file !== undefined && options.html !== true)
      throw new UsageError(`expected --html before a file, got report ${run} ${file}`);
    const ways = (['json', 'html', 'failed-keys'] as const).filter((name) => options[name] === true);
    if (ways.length > 1) throw new UsageError(`expected one of --${ways.join(', --')}, got all of them`);
    const { html, open } = options;
    if (open === true && ways.some((way) => way !== 'html'))
      throw new UsageError(`expected --open or --${ways[0]}, got both`);
    const how = { ...options, ...definedOnly({ html, open, file }) };
    return await reportCommand(run, how, { stdout: process.stdout, env: process.env });
  },
});
