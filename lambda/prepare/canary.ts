// The canary: which keys go first, spread over what can be gone through, and how many of them may fail.
import { isDirectory } from '../contract/location.ts';
import type { Job } from '../job/job.ts';
import { ALL_ITEMS, invalidJob } from '../job/job.ts';
import type { Canary, PreparedJob } from '../job/prepared.ts';
import type { Store } from '../store/store.ts';
import { type ListDependencies, meantKeys, openItems, spread } from './key-list.ts';

/** Keys above which a run that tolerates failures has a canary by itself. */
export const CANARY_ABOVE = 10_000;
/** Keys of a canary unless the job says. */
const USUAL_KEYS = 100;
/** Bytes of all keys together: they travel in the state, which may have 256 KiB. */
const MOST_BYTES = 20_000;
/** Milliseconds for which keys are gone through: what has not been seen by then is jumped into, where that can be. */
const LOOKING = 5_000;
/** Places that a long listing is looked into. */
const JUMPS = 20;

/** The share of failures that a run tolerates, in percent, when it has so many keys. */
export function toleratedShare(
  { toleratedFailureCount: count, toleratedFailurePercentage: percentage }: PreparedJob,
  keys: number,
): number {
  const counted = count >= ALL_ITEMS || keys === 0 ? 100 : (count / keys) * 100;
  return Math.min(100, percentage, counted);
}

/**
 * The canary of a job; undefined where it has none: nobody asked, and it is short, tolerates no failure, or tolerates any. Throws
 * InvalidJob when one is asked for and the keys cannot be gone through.
 */
export async function canaryOf(
  job: PreparedJob,
  asked: Job['canary'],
  dependencies: ListDependencies,
): Promise<Canary | undefined> {
  const explicit = asked !== undefined && asked !== false;
  const { toleratedFailureCount: count, toleratedFailurePercentage: percentage } = job;
  // Who tolerates nothing is stopped by the first failure, who tolerates all by none.
  const isOfUse = count > 0 && percentage > 0 && (count < ALL_ITEMS || percentage < 100);
  if (asked === false || (!explicit && !isOfUse)) return undefined;
  if (!canLook(job, dependencies)) {
    if (!explicit) return undefined;
    throw invalidJob([
      'canary: expected a listing, keys, JSONL or plain text, which Prepare goes through itself on AWS, got another manifest; leave canary out',
    ]);
  }
  const size = typeof asked === 'object' ? asked.keys : USUAL_KEYS;
  const looked = await look(job, size, dependencies);
  if (!explicit && looked.seen <= CANARY_ABOVE) return undefined;
  const keys = fitting(looked.keys, size);
  if (keys.length === 0) return undefined;
  return {
    items: keys.map((key) => itemFor(key, job)),
    toleratedFailurePercentage: toleratedShare(job, looked.seen),
  };
}

/** A reader's item that is this key. */
function itemFor(key: string, { reader }: PreparedJob): unknown {
  if (reader.kind === 'S3_INVENTORY') return { Key: encodeURIComponent(key) };
  return reader.kind === 'KEYS' ? key : { key };
}

function fitting(keys: readonly string[], size: number): string[] {
  const all = [...new Set(keys)];
  const bytes = all.reduce((sum, key) => sum + Buffer.byteLength(JSON.stringify(key)) + 20, 0);
  const most = Math.min(size, Math.floor((all.length * MOST_BYTES) / Math.max(bytes, 1)));
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, place) => all[Math.floor((place * all.length) / most)] as string);
}

export interface Looked {
  readonly keys: readonly string[];
  /** Keys that were gone through: as many as there are, or fewer. */
  readonly seen: number;
}

/** Whether Prepare can go through the keys of a job itself. */
export function canLook({ reader }: PreparedJob, { itemsOf }: ListDependencies): boolean {
  return itemsOf !== undefined || ['LIST', 'KEYS', 'JSONL'].includes(reader.kind);
}

/** Some keys that are meant, spread over all, and how many there are at least: seconds. */
export async function look(job: PreparedJob, size: number, dependencies: ListDependencies): Promise<Looked> {
  const { reader } = job;
  const items = await openItems(job, 'canary', dependencies, undefined);
  const latest = Date.now() + LOOKING;
  let whole = true;
  async function* inTime() {
    for await (const page of meantKeys(items, job)) {
      yield page;
      if (Date.now() < latest) continue;
      whole = false;
      return;
    }
  }
  const { lines, of } = await spread(inTime(), size);
  const keys = lines.map(keyIn);
  // A bucket can be looked into anywhere; a file and a directory are gone through from their beginning.
  if (whole || reader.kind !== 'LIST' || isDirectory(reader)) return { keys, seen: of };
  const found = await jumps(dependencies.open(reader.bucket), reader.prefix, keys[0] ?? reader.prefix);
  const meant = meantKeys({ pages: pagesOf(found), kind: 'LIST' }, job);
  const further = (await Array.fromAsync(meant)).flat().map(keyIn);
  return { keys: (await spread(pagesOf([...keys.slice(0, JUMPS), ...further].sort()), size)).lines, seen: of };
}

const keyIn = (line: string): string => (JSON.parse(line) as { readonly key?: string }).key ?? line;

async function* pagesOf<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  yield items;
}

/** Characters of printable ASCII: what most keys are made of. */
const [FIRST, LAST] = [0x20, 0x7e];
/** Characters after what all keys begin with that a place is made of. */
const DEPTH = 5;
/** Sorts after all that begins alike. */
const END = '\u{10ffff}';

/**
 * Keys from all over a listing that is too long to be gone through: the last key is found by halving, as no listing goes
 * backwards, and then places between the first and the last one are looked into. Some 60 requests, and one for each
 * character that all keys begin with.
 */
export async function jumps(store: Store, prefix: string, first: string): Promise<string[]> {
  const after = async (startAfter: string, atMost: number): Promise<readonly string[]> => {
    for await (const page of store.list(prefix, { startAfter, atMost })) return page.map(({ key }) => key);
    return [];
  };
  // What all keys begin with: as long as nothing comes after what begins as the first one does.
  let base = prefix;
  while (base.length < first.length) {
    const longer = first.slice(0, base.length + 1);
    if ((await after(longer + END, 1)).length > 0) break;
    base = longer;
  }
  let last = base;
  for (let depth = 0; depth < DEPTH; depth++) {
    let [low, high] = [FIRST - 1, LAST + 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((await after(last + String.fromCharCode(middle), 1)).length > 0) low = middle;
      else high = middle;
    }
    // Beyond the last character there may be others, which are no ASCII: then the place is good enough.
    if (low < FIRST) break;
    last += String.fromCharCode(low);
  }
  const found = new Set<string>();
  const [from, to] = [placeOf(first, base), placeOf(last, base)];
  for (let jump = 0; jump < JUMPS; jump++) {
    const at = keyAt(from + ((to - from) * (jump + 0.5)) / JUMPS);
    for (const key of await after(base + at, 1000)) found.add(key);
  }
  return [...found].sort();
}

const BASE = LAST - FIRST + 1;

/** Where a key stands between all that begin with the prefix, as a number from 0 to 1. */
function placeOf(key: string, prefix: string): number {
  return Array.from({ length: DEPTH }, (_, place) => {
    const code = Math.min(LAST, Math.max(FIRST, key.charCodeAt(prefix.length + place) || FIRST));
    return (code - FIRST) / BASE ** (place + 1);
  }).reduce((sum, part) => sum + part, 0);
}

function keyAt(place: number): string {
  let rest = place;
  return Array.from({ length: DEPTH }, () => {
    const digit = Math.min(BASE - 1, Math.floor(rest * BASE));
    rest = rest * BASE - digit;
    return String.fromCharCode(FIRST + digit);
  }).join('');
}
