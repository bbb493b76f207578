// One key's row in the account, and which of a key's several rows is the latest state.
import type { Outcome } from '../contract/outcome.ts';

/** A line of items.jsonl: the outcome, the attempt that it comes from, and when that ended. */
export type ItemRow = Outcome & {
  /** 0 for the first attempt, n for the n-th redrive. */
  readonly attempt: number;
  /** ISO 8601. */
  readonly ended?: string;
};

/** Longest message in a row, in characters: a cause may hold 32,768, mostly a stack. */
const MOST_MESSAGE = 2000;

/** Step Functions' own limit of an Error: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html */
const MOST_NAME = 256;

/** The row of an outcome, its message cut where it is huge. */
export function rowOf(outcome: Outcome, attempt: number, ended?: string): ItemRow {
  const row = { ...outcome, attempt, ...(ended === undefined ? {} : { ended }) };
  return row.status === 'failed'
    ? { ...row, error: shortened(row.error, MOST_NAME), message: shortened(row.message, MOST_MESSAGE) }
    : row;
}

/** The text, cut at so many characters with a note of its full length. */
export function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}… (${text.length} characters in all)`;
}

/**
 * Which of two rows of one key holds. What was done stays done: a batch that failed is tried again whole, and its good
 * keys may fail or stay pending the second time. Otherwise the later attempt knows better.
 */
export function latest(a: ItemRow, b: ItemRow): ItemRow {
  const done = doneness(b) - doneness(a);
  if (done !== 0) return done > 0 ? b : a;
  if (a.attempt !== b.attempt) return b.attempt > a.attempt ? b : a;
  // Within one attempt only an event delivered twice gives two rows.
  return (b.ended ?? '') > (a.ended ?? '') ? b : a;
}

function doneness({ status }: ItemRow): number {
  return status === 'succeeded' ? 2 : status === 'skipped' ? 1 : 0;
}
