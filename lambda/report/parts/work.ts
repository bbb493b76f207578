// What the functions of an account in parts hand on to each other: files in one folder below the run's, and their names.
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Location } from '../../contract/location.ts';
import type { Store } from '../../store/store.ts';
import type { Seen } from '../collect.ts';
import type { LedgerState } from '../ledger.ts';
import type { TallyState } from '../tally.ts';
import type { TimelineState } from '../timeline.ts';
import type { Range } from './ranges.ts';

/** Where one account is made. */
export interface Work {
  /** The run's folder. */
  readonly folder: Location;
  /** Its work folder: a prefix of the same bucket. Each account of a run has its own. */
  readonly prefix: string;
}

export interface NumberedRange extends Range {
  readonly number: number;
}

/** What is to be done. */
export interface Plan {
  readonly attempts: readonly { readonly folder: string; readonly complete: boolean }[];
  /** Files that a manifest names and that are not there. */
  readonly missing: readonly string[];
  readonly resultFiles: number;
  /** Places in the input that a part of the items has. */
  readonly places: number;
  readonly ranges: readonly NumberedRange[];
}

/** What was found in a range. */
export interface SortedRange {
  readonly number: number;
  readonly seen: Seen;
  readonly timeline?: TimelineState;
  readonly ledger?: LedgerState;
  /** How many rows went to each part. */
  readonly rows: readonly (readonly [part: number, rows: number])[];
}

/** A part of the items, as the function that writes it is told. */
export interface PartTask {
  readonly part: number;
  readonly first: number;
  /** Rows in all its ranges, to be checked. */
  readonly rows: number;
  /** Numbers of the ranges that have rows of it. */
  readonly ranges: readonly number[];
}

/** What is known of a part that is written. */
export interface WrittenPart {
  readonly part: number;
  readonly first: number;
  readonly conflicts: number;
  readonly tally: TallyState;
  /** Which places have a row in the files: a bit for each from `first` on, compressed, base64. */
  readonly bitmap: string;
  /** Rows for the page, as lines of items.jsonl. */
  readonly sample: readonly string[];
}

export const FILES = {
  plan: 'plan.json',
  /** Of the Map over ranges. */
  ranges: 'ranges.json',
  /** Of the Map over parts. */
  parts: 'parts.json',
  sorted: (range: number) => `range-${range}.json`,
  rows: (part: number, range: number) => `rows/${part}/${range}.zst`,
  written: (part: number) => `part-${part}.json`,
} as const;

export async function readWork<T>(store: Store, { prefix }: Work, name: string): Promise<T> {
  const { body } = await store.read(prefix + name);
  return JSON.parse(body.toString()) as T;
}

export async function writeWork(store: Store, { prefix }: Work, name: string, value: unknown): Promise<void> {
  await store.write(prefix + name, Buffer.from(JSON.stringify(value)), { contentType: 'application/json' });
}

export function packBitmap(bits: Uint8Array): string {
  return zstdCompressSync(bits).toString('base64');
}

export function unpackBitmap(text: string): Buffer {
  return zstdDecompressSync(Buffer.from(text, 'base64'));
}
