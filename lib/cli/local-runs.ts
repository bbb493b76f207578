// The runs of a destination: what each is known by, how it stands and what became of its keys.
import { FanoutError } from '../../lambda/contract/errors.ts';
import { formatLocation, type Location, parseLocation } from '../../lambda/contract/location.ts';
import { JOB_FILE } from '../../lambda/job/prepared.ts';
import { RUN_STATUS_NAMES, type RunStatus } from '../../lambda/report/status.ts';
import { SUMMARY_FILE, type Summary } from '../../lambda/report/summary.ts';
import { formatCount, formatDuration } from '../../lambda/report/units.ts';
import { LEASE_FILE, leaseHolder } from '../../lambda/store/lease.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { Store } from '../../lambda/store/store.ts';
import { UsageError } from './command.ts';
import { RUNS_FOLDERS } from './find-run.ts';

/** One run, as `list --json` has it. */
export interface ListedRun {
  readonly run: string;
  /** The run's own, or `running` while a process works on it. */
  readonly status: RunStatus | 'running';
  /** When its job was prepared: ISO 8601. */
  readonly prepared: string;
  /** Of the last attempt. Absent while no account is written. */
  readonly wallMilliseconds?: number;
  readonly counts?: Summary['counts'];
  readonly folder: string;
}

const STATUSES = ['running', ...RUN_STATUS_NAMES] as const;

/** The latest runs of a destination or a place of results, at most so many, and each as a line. Throws UsageError. */
export async function runsIn(
  place: string,
  most: number,
  status: string | undefined,
): Promise<{ readonly runs: readonly ListedRun[]; readonly lines: readonly string[] }> {
  const wanted = STATUSES.find((known) => known.toLowerCase() === status?.toLowerCase());
  if (status !== undefined && wanted === undefined)
    throw new UsageError(`--status: expected one of ${STATUSES.join(', ')}, got ${status}`);
  const where = parseLocation(place);
  const stores = openStores();
  try {
    const store = stores.open(where.bucket);
    const runs: ListedRun[] = [];
    for (const folder of await foldersIn(store, where)) {
      if (runs.length === most) break;
      const run = await lookAt(store, where, folder);
      if (wanted === undefined || run.status === wanted) runs.push(run);
    }
    return { runs, lines: runs.map(lineOf) };
  } finally {
    await stores.close();
  }
}

interface RunFolder {
  readonly prefix: string;
  readonly name: string;
  /** Epoch milliseconds: of `job.json`, of `summary.json`, and of the latest result file. */
  prepared?: number;
  summary?: number;
  results: number;
}

/** The folders with a job in them, the latest first. Memory follows the number of runs, not that of their files. */
async function foldersIn(store: Store, { prefix }: Location): Promise<readonly RunFolder[]> {
  const found = new Map<string, RunFolder>();
  for (const runs of RUNS_FOLDERS.map((folder) => prefix + folder)) {
    for await (const page of store.list(runs)) {
      for (const { key, lastModified } of page) {
        const [, name, file = ''] = /^([^/]+)\/(.+)$/s.exec(key.slice(runs.length)) ?? [];
        if (name === undefined) continue;
        const folder = found.get(runs + name) ?? { prefix: `${runs}${name}/`, name, results: 0 };
        found.set(runs + name, folder);
        if (file === JOB_FILE) folder.prepared = lastModified;
        else if (file === SUMMARY_FILE) folder.summary = lastModified;
        else if (file.includes('/')) folder.results = Math.max(folder.results, lastModified);
      }
    }
  }
  return [...found.values()]
    .filter(({ prepared }) => prepared !== undefined)
    .sort((a, b) => (b.prepared ?? 0) - (a.prepared ?? 0) || (a.name < b.name ? 1 : -1));
}

async function lookAt(store: Store, { bucket }: Location, folder: RunFolder): Promise<ListedRun> {
  const { prefix, name, prepared = 0, summary: written = 0, results } = folder;
  const holder = await leaseHolder(store, prefix + LEASE_FILE);
  // A run that went on since its account was written has none of its present state.
  const summary = written >= results ? await summaryIn(store, prefix) : undefined;
  return {
    run: name,
    status: holder === undefined ? (summary?.status ?? 'noEndOnRecord') : 'running',
    prepared: new Date(prepared).toISOString(),
    ...(summary === undefined ? {} : { wallMilliseconds: summary.time.wallMilliseconds, counts: summary.counts }),
    folder: formatLocation({ bucket, prefix }),
  };
}

/** What a line shows of it. An account of an earlier version has another word for its status: `report` makes it anew. */
async function summaryIn(store: Store, prefix: string): Promise<Summary | undefined> {
  try {
    const summary = JSON.parse((await store.read(prefix + SUMMARY_FILE)).body.toString()) as Summary;
    return RUN_STATUS_NAMES.includes(summary.status) ? summary : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof FanoutError && error.name === 'SourceNotFound'))
      return undefined;
    throw error;
  }
}

const WIDEST_STATUS = Math.max(...STATUSES.map((status) => status.length));

function lineOf({ run, status, prepared, wallMilliseconds, counts }: ListedRun): string {
  const lasted = wallMilliseconds === undefined ? '' : formatDuration(wallMilliseconds);
  const done =
    counts === undefined
      ? ''
      : `${formatCount(counts.succeeded + counts.skipped)} of ${formatCount(counts.total)} keys`;
  return `${prepared.slice(0, 19)}Z  ${status.padEnd(WIDEST_STATUS)}  ${lasted.padStart(12)}  ${done.padStart(20)}  ${run}`;
}
