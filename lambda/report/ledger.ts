// The ledger of a run on AWS: what it used of each service, from its result files, what that costs, and what is not known.
import { definedOnly } from '../contract/defined.ts';
import type { Used } from '../contract/used.ts';
import {
  billedChildSeconds,
  CHILD_GIGABYTES,
  costOf,
  LOG_BYTES,
  metricHoursOf,
  RUN_METRICS,
  TRANSITIONS,
  tracesOf,
  type Usage,
} from '../estimate/costs.ts';
import { PRICES_DATE, pricesOf } from '../estimate/prices.ts';
import type { Deployment, PreparedJob } from '../job/prepared.ts';
import { usedOf } from '../job/wire.ts';
import type { ReadRecord } from './records.ts';
import type { Cost } from './summary.ts';

/** What is known besides the records when the ledger is closed. */
export interface Facts {
  readonly job: PreparedJob & { readonly deployment: Deployment };
  /** Items in the account, and those that failed, by class. */
  readonly total: number;
  readonly failedClasses: number;
  /** The Map Run and its redrives. */
  readonly attempts: number;
  readonly resultFiles: number;
  readonly seconds: number;
  /** What the function that makes the account has used by now; absent when a machine makes it. */
  readonly account?: Used;
}

export interface Ledger {
  /** Takes a record of a child, of any attempt. */
  add(record: ReadRecord): void;
  /** Adds what another ledger of the same run has counted. */
  merge(other: LedgerState): void;
  state(): LedgerState;
  close(facts: Facts): Cost;
}

/** What a ledger has counted, for a file. */
export type LedgerState = Readonly<Record<'images' | 'children' | 'beside', Readonly<Record<string, number>>>>;

/** States that a redrive enters: the Map again, and what comes after it. */
const TRANSITIONS_OF_REDRIVE = 2;
/** Of each attempt: what probes the place, and what names its files. */
const MANIFESTS = 2;
/** summary.json, items.csv, items.jsonl, and job.json. */
const ACCOUNT_FILES = 4;

/** Begins a ledger. Memory does not follow the number of records. */
export function createLedger(memory: number): Ledger {
  const images = { invocations: 0, gigabyteSeconds: 0, gets: 0, puts: 0, kmsRequests: 0 };
  const children = { count: 0, gigabyteSeconds: 0, withoutAnswer: 0, secondsWithoutAnswer: 0 };
  const beside = { gigabyteSeconds: 0 };
  return {
    add(record) {
      const { started, ended } = record;
      // A child that was never started is pending: nothing of it is billed.
      if (started === undefined) return;
      const seconds = ended === undefined ? 0 : Math.max(0, (Date.parse(ended) - Date.parse(started)) / 1000);
      children.count++;
      children.gigabyteSeconds += billedChildSeconds(seconds) * CHILD_GIGABYTES;
      const used = usedOf(record);
      images.invocations += used?.calls ?? 1;
      if (used === undefined) {
        children.withoutAnswer++;
        children.secondsWithoutAnswer += seconds;
        images.gigabyteSeconds += (seconds * memory) / 1024;
        return;
      }
      images.gigabyteSeconds += gigabyteSecondsOf(used);
      images.gets += used.gets;
      images.puts += used.puts;
      images.kmsRequests += used.kms ?? 0;
      beside.gigabyteSeconds += Math.max(0, seconds - used.ms / 1000) * (memory / 1024);
    },
    merge(other) {
      for (const [own, more] of [
        [images, other.images],
        [children, other.children],
        [beside, other.beside],
      ] as [Record<string, number>, Readonly<Record<string, number>>][]) {
        for (const [name, value] of Object.entries(more)) own[name] = (own[name] ?? 0) + value;
      }
    },
    state: () => ({ images, children, beside }),
    close({ job, total, failedClasses, attempts, resultFiles, seconds, account }) {
      const { region, architecture, prepare } = job.deployment;
      const own = [prepare, ...(account === undefined ? [] : [account])];
      const sum = (of: (used: Used) => number) => own.reduce((all, used) => all + of(used), 0);
      const invocations = images.invocations + own.length;
      const listing = job.reader.kind === 'LIST';
      const metrics = RUN_METRICS + (failedClasses > 0 ? 1 + failedClasses : 0);
      const used: Required<Usage> = {
        invocations,
        gigabyteSeconds: images.gigabyteSeconds + sum(gigabyteSecondsOf),
        children: children.count,
        childGigabyteSeconds: children.gigabyteSeconds,
        transitions: TRANSITIONS + (attempts > 1 ? (attempts - 1) * TRANSITIONS_OF_REDRIVE : 0),
        gets: images.gets + sum(({ gets }) => gets) + (listing ? 0 : 1),
        puts: images.puts + sum(({ puts }) => puts) + resultFiles + attempts * MANIFESTS + ACCOUNT_FILES,
        lists: listing ? Math.max(1, Math.ceil(total / 1000)) : 0,
        logBytes: invocations * LOG_BYTES,
        traces: tracesOf(invocations, seconds),
        metricHours: metricHoursOf(metrics, seconds),
        kmsRequests: images.kmsRequests + sum(({ kms = 0 }) => kms),
        s3Events: job.run.startsWith('uploads-') ? total : 0,
        publishes: 1,
      };
      const { prices, standInFor, region: priced } = pricesOf(region);
      const { total: dollars, ...components } = costOf(used, prices, architecture);
      const second = architecture === 'x86_64' ? prices.lambdaGigabyteSecondX86 : prices.lambdaGigabyteSecond;
      return {
        dollars,
        components,
        used,
        prices: { region: priced, date: PRICES_DATE, architecture, ...definedOnly({ standInFor }) },
        notKnown: [
          ...(children.withoutAnswer === 0
            ? []
            : [
                {
                  what: `the time of ${children.withoutAnswer} invocations that gave no answer: their children's whole time is counted in its place, their S3 requests are not`,
                },
              ]),
          {
            what: 'tries that were followed by another one: between the first and the last, children waited or had tries that left no record',
            atMostDollars: beside.gigabyteSeconds * second,
          },
          { what: `log lines as they were: ${LOG_BYTES} bytes an invocation are counted, as measured` },
          {
            what: "traces as they were sampled: X-Ray's default rule is counted, one a second and 5 % of what is more",
          },
          ...(account === undefined ? [{ what: 'the time of the functions that made the account' }] : []),
          { what: 'storage, transfer between Regions, free tiers, discounts' },
        ],
      };
    },
  };
}

function gigabyteSecondsOf({ ms, mb }: Used): number {
  return (ms / 1000) * (mb / 1024);
}
