// The account of a run: what became of every key, from the result files of Step Functions or of the embedded engine.
import { setFlagsFromString } from 'node:v8';
import { definedOnly } from '../contract/defined.ts';
import { toFanoutError } from '../contract/errors.ts';
import { formatLocation, type Location } from '../contract/location.ts';
import { exceedsPercentage } from '../contract/tolerance.ts';
import type { Used } from '../contract/used.ts';
import type { PreparedJob } from '../job/prepared.ts';
import type { Store } from '../store/store.ts';
import { readCanary, withCanary } from './canary.ts';
import { type Collected, collect } from './collect.ts';
import { eachKeyOnce, type Gaps, type ListedItem, withUnrecorded } from './each-key-once.ts';
import { shortened } from './item-row.ts';
import { writeItems } from './items-files.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { PictureTools } from './page/pictures.ts';
import { createSample, type Sample } from './page/sample.ts';
import { writePage } from './page/write-page.ts';
import { priceOf, shortPrice } from './price.ts';
import { findResultFiles } from './run-folder.ts';
import { createSorter } from './sorter.ts';
import { type ExecutionStatus, runStatusOf } from './status.ts';
import { PAGE_FILE, SUMMARY_FILE, SUMMARY_VERSION, type Summary } from './summary.ts';
import { createTally, type Tally } from './tally.ts';

export interface AccountOptions {
  /** The store of `folder.bucket`. */
  readonly store: Store;
  /** The run's folder. */
  readonly folder: Location;
  readonly job: PreparedJob;
  /** How the execution ended. Default: told from the result files; no end when there is no manifest. */
  readonly status?: ExecutionStatus;
  readonly error?: string;
  readonly cause?: string;
  /** How many items the engine listed, to check the account against. */
  readonly listed?: number;
  /** The items in input order, for a run that was killed: those without a record become pending. */
  readonly items?: AsyncIterable<readonly ListedItem[]>;
  /** Asked when `items` has been read: whether those that were listed are all. Default: yes. */
  readonly listingEnded?: () => boolean;
  /** Epoch milliseconds. Default: from the first child's start to the last one's end. */
  readonly started?: number;
  readonly ended?: number;
  /** The process's own CPU time, user and system. */
  readonly cpuMilliseconds?: number;
  /** Of node, sharp, libvips and every codec. */
  readonly versions?: Readonly<Record<string, string>>;
  /** SHA-256 of the definition. */
  readonly definition?: string;
  /** Asked at the end what the function that makes the account has used. Default: it is none. */
  readonly used?: () => Used;
  /** Where to sort what does not fit in memory. Default: the machine's temporary directory. */
  readonly scratch?: string;
  readonly signal?: AbortSignal;
  /** What the page's pictures are made with. Default: a page without pictures. */
  readonly pictures?: PictureTools;
}

/** A cause may hold 32,768 characters. */
const MOST_CAUSE = 2000;

/**
 * Writes items.csv, items.jsonl, report.html and, last, summary.json into the run's folder, and answers the summary. Memory does not
 * follow the number of items. The account is written also when it does not add up: then `check` says why, and whoever
 * asked must say so loudly. Throws what the store throws.
 */
export async function writeAccount(options: AccountOptions): Promise<Summary> {
  const { store, folder, job } = options;
  const { attempts, canary, missing } = await findResultFiles(store, folder);
  const sorter = createSorter(options.scratch === undefined ? {} : { directory: options.scratch });
  // Hardly an object outlives its row, and yet V8 would let the young generation grow to 128 MB (measured). The command
  // line says so from its start; elsewhere the account is the last thing that a process does for a run.
  setFlagsFromString('--semi-space-growth-factor=1');
  try {
    const ledger = job.deployment === undefined ? undefined : createLedger(job.deployment.memory);
    const collected = await collect(store, attempts, job, sorter, {
      ...definedOnly({ signal: options.signal }),
      ...(ledger === undefined ? {} : { onRecord: (record) => ledger.add(record) }),
    });
    const first = await readCanary(store, canary, job, (record) => ledger?.add(record), options.signal);
    const extra = { keys: 0 };
    const gaps: Gaps = { missing: 0, conflicts: 0 };
    const tally = createTally();
    const recorded = eachKeyOnce(sorter.sorted(), gaps);
    const last = Math.max(0, attempts.length - 1);
    const known = options.items === undefined ? recorded : withUnrecorded(recorded, options.items, last, gaps);
    const rows = withCanary(known, first, extra);
    const sample = createSample();
    await writeItems(store, folder, job.source.bucket, rows, (row) => {
      tally.add(row);
      sample.add(row);
    });
    const { listed } = options;
    return await completeAccount(
      { ...options, ...definedOnly({ listed: listed && listed + extra.keys }) },
      {
        collected: { ...definedOnly({ started: first.started, ended: first.ended }), ...collected },
        canaryOnly: attempts.length === 0 && first.rows.length > 0,
        missing,
        gaps,
        tally: tally.result(),
        sample: sample.result(),
        resultFiles: attempts.reduce((sum, { files }) => sum + files.length, 0),
        ...definedOnly({ ledger }),
      },
    );
  } finally {
    await sorter.close();
  }
}

/** What an account is made of once its items are written. */
export interface Counted {
  readonly collected: Collected;
  /** Whether only the keys of a canary were tried. */
  readonly canaryOnly?: boolean;
  /** Files that a manifest names and that are not there. */
  readonly missing: readonly string[];
  readonly gaps: Gaps;
  readonly tally: Tally;
  readonly sample: Sample;
  readonly resultFiles: number;
  /** Of a run whose deployment is known. */
  readonly ledger?: Ledger;
  /** What is wrong beside all that. */
  readonly problems?: readonly string[];
  /** Where the items are in parts, how many these are. */
  readonly itemParts?: number;
}

/** Checks the account, writes the page and, last, summary.json, and answers that. */
export async function completeAccount(options: AccountOptions, counted: Counted): Promise<Summary> {
  const { store, folder, job } = options;
  const { collected, missing, gaps, tally, sample, resultFiles, ledger, problems: more = [], itemParts } = counted;
  const status = options.status ?? statusOf(tally, collected, job);
  const problems = [
    ...missing.map((file) => `${file}: named by the manifest, but not there`),
    ...collected.problems,
    ...more,
    ...discrepancies(options, status, collected, tally, gaps),
  ];
  const whole = summaryOf(options, status, tally, collected, problems, counted.canaryOnly);
  const { deployment } = job;
  const cost =
    deployment === undefined
      ? undefined
      : ledger?.close({
          job: { ...job, deployment },
          total: whole.counts.total,
          failedClasses: whole.errors.length,
          attempts: collected.attempts.length,
          resultFiles,
          seconds: whole.time.wallMilliseconds / 1000,
          ...definedOnly({ account: options.used?.() }),
        });
  const price = cost === undefined ? whole.price : shortPrice(cost);
  const account = { ...whole, ...definedOnly({ cost, price, itemParts }) };
  const summary = { ...account, ...(await page(options, account, sample)) };
  await store.save(folder.prefix + SUMMARY_FILE, one(`${JSON.stringify(summary, undefined, 2)}\n`), {
    contentType: 'application/json',
  });
  return summary;
}

/** Writes the page, and says where it is or why there is none: the account does not fail for its page. */
async function page(
  { store, folder, job, pictures }: AccountOptions,
  summary: Summary,
  sample: Sample,
): Promise<Pick<Summary, 'page' | 'pageError'>> {
  try {
    await writePage(store, folder, { summary, sample, job, ...(pictures === undefined ? {} : { tools: pictures }) });
    return { page: formatLocation(folder) + PAGE_FILE };
  } catch (error) {
    const { name, message } = toFanoutError(error);
    return { pageError: shortened(`${name}: ${message}`, MOST_CAUSE) };
  }
}

async function* one(text: string): AsyncGenerator<string> {
  yield text;
}

/** How a run ended of which nobody told: by its manifests, and by the thresholds of its job. */
function statusOf({ counts }: Tally, { attempts }: Collected, job: PreparedJob): ExecutionStatus | undefined {
  if (attempts.at(-1)?.complete !== true) return undefined;
  const { failed, total } = counts;
  if (failed > job.toleratedFailureCount || exceedsPercentage(failed, total, job.toleratedFailurePercentage))
    return 'FAILED';
  return counts.pending > 0 ? 'ABORTED' : 'SUCCEEDED';
}

function discrepancies(
  { listed, items }: AccountOptions,
  status: ExecutionStatus | undefined,
  { attempts }: Collected,
  { counts }: Tally,
  gaps: Gaps,
): string[] {
  const problems: string[] = [];
  const { total, succeeded, skipped, failed, pending } = counts;
  const states = succeeded + skipped + failed + pending;
  if (states !== total) problems.push(`the states add up to ${states} keys, and the account has ${total}`);
  if (listed !== undefined && listed !== total)
    problems.push(`${listed} items were listed, and the account has ${total}`);
  if (gaps.conflicts > 0) {
    problems.push(
      `records name different keys at the same place, ${gaps.conflicts} times; has the source changed since?`,
    );
  }
  if (items !== undefined) return problems;
  if (gaps.missing > 0) problems.push(`keys before the last recorded one that have no record: ${gaps.missing}`);
  // An attempt that has ended has a record of every item; without one, only the listing knows them all. A run that
  // ended before its Map Run did anything, or well with no item at all, has no such attempt either.
  const begun = status === undefined || (status !== 'SUCCEEDED' && attempts.length > 0);
  if (begun && listed === undefined && !attempts.some(({ complete }) => complete)) {
    problems.push(
      'no attempt has ended: keys without a record by now are not in this account; resume the run to complete it',
    );
  }
  return problems;
}

function summaryOf(
  options: AccountOptions,
  status: ExecutionStatus | undefined,
  tally: Tally,
  collected: Collected,
  problems: readonly string[],
  canaryOnly = false,
): Summary {
  const { job, error, cause, listed, cpuMilliseconds, definition } = options;
  const { busyMilliseconds, byAttempt, firstFailure, ...counted } = tally;
  const price = priceOf(job, tally);
  const started = timestamp(options.started) ?? collected.started;
  const ended = timestamp(options.ended) ?? collected.ended;
  const wallMilliseconds =
    started === undefined || ended === undefined ? 0 : Math.max(0, Date.parse(ended) - Date.parse(started));
  const { total, pending } = tally.counts;
  // Who tells when the run began means its last attempt: what earlier ones have done is not this one's rate.
  const whole = { keys: total - pending, bytesIn: tally.bytes.in };
  const last = Math.max(0, collected.attempts.length - 1);
  const timed = options.started === undefined ? whole : (byAttempt[last] ?? { keys: 0, bytesIn: 0 });
  const check = {
    ...(listed === undefined ? {} : { listed }),
    ...(options.listingEnded?.() === false ? { listingEnded: false as const } : {}),
    balanced: problems.length === 0,
    problems: [...problems],
  };
  return {
    version: SUMMARY_VERSION,
    run: job.run,
    status: runStatusOf({ executionStatus: status, error, counts: tally.counts, check, canaryOnly }),
    ...(status === undefined ? {} : { executionStatus: status }),
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause: shortened(cause, MOST_CAUSE) }),
    ...(firstFailure === undefined ? {} : { firstFailure }),
    ...counted,
    check,
    time: {
      ...(started === undefined ? {} : { started }),
      ...(ended === undefined ? {} : { ended }),
      wallMilliseconds,
      ...(cpuMilliseconds === undefined ? {} : { cpuMilliseconds }),
      busyMilliseconds,
    },
    throughput: {
      keysPerSecond: perSecond(timed.keys, wallMilliseconds),
      bytesInPerSecond: perSecond(timed.bytesIn, wallMilliseconds),
    },
    ...(price === undefined ? {} : { price }),
    versions: { ...options.versions },
    ...(definition === undefined ? {} : { definition }),
    attempts: collected.attempts,
    report: formatLocation(options.folder),
    job,
  };
}

function timestamp(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function perSecond(amount: number, milliseconds: number): number {
  return milliseconds === 0 ? 0 : Math.round((amount / milliseconds) * 100_000) / 100;
}
