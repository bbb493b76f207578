// How outcomes travel through Step Functions: as a child's output, or inside the error of a child that failed.
import { CHILD_SECONDS } from '../contract/child.ts';
import { definedOnly } from '../contract/defined.ts';
import { FanoutError, isErrorName, toFanoutError } from '../contract/errors.ts';
import {
  type BriefOutcome,
  type Failed,
  type Outcome,
  outputTotals,
  type ProcessResult,
  type Succeeded,
} from '../contract/outcome.ts';
import { CUT, NOT_STARTED, STOPPED } from '../contract/stopping.ts';
import type { Used } from '../contract/used.ts';
import { keyOf } from './item.ts';
import type { ProcessEvent, ReaderKind } from './prepared.ts';

/** Step Functions cuts a Cause at 32,768 characters, and JSON in JSON escapes each quote: so far may the message go. */
const MOST_MESSAGE = 28_000;

/** The failed outcome of a key. */
export function failedOutcome(
  thrown: unknown,
  index: number,
  key: string,
  facts: Pick<Failed, 'source' | 'ms'> = {},
): Failed {
  const error = toFanoutError(thrown);
  return {
    status: 'failed',
    index,
    key,
    error: error.name,
    message: error.message,
    ...(error.expected === undefined ? {} : { expected: error.expected }),
    ...(error.met === undefined ? {} : { met: error.met }),
    ...facts,
  };
}

/**
 * The error that a child with a failed key throws: named after the failure, so that Retry and Catch see its class; its
 * message is one sentence for a person and, on the next line, all outcomes of the batch as JSON. A transient failure
 * lends its name first, so that the child is tried again; what was done by then is up to date.
 */
export function failureOf(outcomes: readonly Outcome[], used?: Used): Error {
  const failed = outcomes.filter((outcome) => outcome.status === 'failed');
  const first =
    failed.find((outcome) => isErrorName(outcome.error) && new FanoutError(outcome.error, '').transient) ?? failed[0];
  if (first === undefined) throw new Error('failureOf needs a failed outcome');
  const others = failed.length > 1 ? ` (and ${failed.length - 1} more of this batch)` : '';
  const sentence = `${first.key}: ${first.message.slice(0, 2000)}${others}`;
  const error = new Error(`${sentence}\n${fitted(outcomes, MOST_MESSAGE - sentence.length, used)}`);
  error.name = first.error;
  // Lambda adds the stack to its answer, and with it the message once more.
  error.stack = `${first.error}: ${sentence}`;
  return error;
}

/** The error of a child that a stop came before: nothing of it was begun, or its message holds what was done by then. */
export function stoppedOf(outcomes: readonly Outcome[]): Error {
  const sentence = 'the run was stopped before all keys of the batch were begun';
  const begun = outcomes.some(({ status }) => status !== 'pending');
  const error = new Error(begun ? `${sentence}\n${fitted(outcomes, MOST_MESSAGE - sentence.length)}` : sentence);
  error.name = begun ? STOPPED : NOT_STARTED;
  error.stack = `${error.name}: ${sentence}`;
  return error;
}

/** The error of a call that had not the time for all keys of its batch: the call for the rest is given it (`doneBefore`). */
export function cutOf(outcomes: readonly Outcome[], used?: Used): Error {
  const left = outcomes.filter(({ status }) => status === 'pending').length;
  const sentence = `${left} of ${outcomes.length} keys of the batch are left: there was no more time`;
  const error = new Error(`${sentence}\n${fitted(outcomes, MOST_MESSAGE - sentence.length, used)}`);
  error.name = CUT;
  error.stack = `${CUT}: ${sentence}`;
  return error;
}

/** The error of a batch that takes longer than its child may live: what was not begun has failed for that. */
export function tooLongOf(outcomes: readonly Outcome[], used?: Used): Error {
  const message = `not begun: the ${outcomes.length} keys of its batch take longer than the ${CHILD_SECONDS} seconds of a child; fewer itemsPerInvocation, or a function with more memory`;
  return failureOf(
    outcomes.map((outcome) =>
      outcome.status === 'pending' ? { ...outcome, status: 'failed', error: 'ImageTimeout', message } : outcome,
    ),
    used,
  );
}

/** What an earlier call for the same batch has done, by index: all but what it left pending. */
export function doneBefore(
  input: ProcessEvent,
  { Error: error, Cause: cause }: NonNullable<ProcessEvent['cut']>,
  kind: ReaderKind,
): ReadonlyMap<number, Outcome> {
  const told = toldByCause({ status: 'FAILED', input, error, cause }, kind) ?? [];
  return new Map(told.filter(({ status }) => status !== 'pending').map((outcome) => [outcome.index, outcome]));
}

/** Payload of Step Functions in bytes, less room for what stands around an answer: 262,144 in all. */
const MOST_ANSWER = 262_144 - 1024;

/** A child's answer, with as much detail as fits into a payload. */
export function answerOf(outcomes: readonly Outcome[], used?: Used): ProcessResult {
  const told = definedOnly({ used });
  for (const level of LEVELS) {
    const result = { outcomes: level(outcomes), ...told };
    if (Buffer.byteLength(JSON.stringify(result)) <= MOST_ANSWER) return result;
  }
  return { outcomes: [], brief: outcomes.map(brief), ...told };
}

/** The outcomes as JSON, with as much detail as fits: details of successes go first, then those of failures. */
function fitted(outcomes: readonly Outcome[], most: number, used?: Used): string {
  const told = definedOnly({ used });
  const fits = (text: string): boolean => JSON.stringify(text).length <= most;
  for (const level of LEVELS) {
    const text = JSON.stringify({ outcomes: level(outcomes), ...told });
    if (fits(text)) return text;
  }
  const short = JSON.stringify({ brief: outcomes.map(brief), ...told });
  if (fits(short)) return short;
  // A thousand keys: the states alone, by place; the reader of the record has the keys in its input.
  return JSON.stringify({
    states: outcomes.map((outcome) => brief(outcome)[0]).join(''),
    error: errorOfFirst(outcomes),
    ...told,
  });
}

/** What is told, from all to ever less. */
const LEVELS: readonly ((outcomes: readonly Outcome[]) => readonly Outcome[])[] = [
  (outcomes) => outcomes,
  (outcomes) => outcomes.map((outcome) => (outcome.status === 'succeeded' ? withoutPlaceholder(outcome) : outcome)),
  (outcomes) => outcomes.map((outcome) => (outcome.status === 'succeeded' ? withoutOutputs(outcome) : outcome)),
  (outcomes) => outcomes.map(bare),
];

function errorOfFirst(outcomes: readonly Outcome[]): string {
  return outcomes.find((outcome) => outcome.status === 'failed')?.error ?? 'UnexpectedError';
}

function withoutPlaceholder({ placeholder: _, leftover: __, ...rest }: Succeeded): Succeeded {
  return rest;
}

function withoutOutputs(outcome: Succeeded): Succeeded {
  return { ...withoutPlaceholder(outcome), outputs: [], notListed: outputTotals(outcome) };
}

function bare(outcome: Outcome): Outcome {
  const { index, key } = outcome;
  if (outcome.status === 'failed')
    return { status: 'failed', index, key, error: outcome.error, message: outcome.message.slice(0, 200) };
  return outcome.status === 'succeeded' ? withoutOutputs(outcome) : outcome;
}

function brief(outcome: Outcome): BriefOutcome {
  switch (outcome.status) {
    case 'succeeded': {
      const { written, upToDate, bytes } = outputTotals(outcome);
      return ['s', written, upToDate, bytes, outcome.source.bytes, Math.round(outcome.ms.total)];
    }
    case 'skipped':
      return ['k', outcome.reason];
    case 'failed':
      return ['f', outcome.error];
    case 'pending':
      return ['p'];
  }
}

/** The outcome of an item of which only that much is told. */
function unfolded(told: BriefOutcome, index: number, key: string, sentence: string): Outcome {
  switch (told[0]) {
    case 's': {
      const [, written, upToDate, bytes, bytesIn, total] = told.length === 1 ? (['s', 0, 0, 0, 0, 0] as const) : told;
      return {
        status: 'succeeded',
        index,
        key,
        source: { etag: '', bytes: bytesIn },
        outputs: [],
        notListed: told.length === 1 ? {} : { written, upToDate, bytes },
        ms: { read: 0, transform: 0, write: 0, total },
      };
    }
    case 'k':
      return { status: 'skipped', index, key, reason: told[1] };
    case 'f':
      return { status: 'failed', index, key, error: told[1], message: sentence };
    case 'p':
      return { status: 'pending', index, key };
  }
}

/** A record of a result file, or a child that just ended, with Input and Output parsed. */
export interface ChildRecord {
  /** SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING. */
  readonly status: string;
  readonly input: ProcessEvent;
  readonly output?: ProcessResult;
  readonly error?: string;
  readonly cause?: string;
}

/** What became of every key of a child, exactly one outcome per item, in item order. */
export function outcomesOf(record: ChildRecord, kind: ReaderKind): Outcome[] {
  const { input, status } = record;
  const known = new Map<number, Outcome>();
  const told = status === 'SUCCEEDED' ? toldByAnswer(record, kind) : toldByCause(record, kind);
  for (const outcome of told ?? []) known.set(outcome.index, outcome);
  return input.Items.map(({ index, item }) => {
    const outcome = known.get(index);
    if (outcome !== undefined) return outcome;
    const key = keyOf(item, kind);
    // A child that was aborted or never started left its keys undone: they are for the next attempt.
    if (status === 'PENDING' || status === 'ABORTED') return { status: 'pending', index, key };
    return { status: 'failed', index, key, ...foreignError(record) };
  });
}

/** An end that is not told by our own handler: memory, time, a missing permission to invoke. */
function foreignError({ status, error, cause }: ChildRecord): Pick<Failed, 'error' | 'message'> {
  const name =
    error ??
    (status === 'TIMED_OUT' ? 'States.Timeout' : status === 'SUCCEEDED' ? 'UnexpectedError' : 'States.TaskFailed');
  return { error: name, message: payloadOf(cause)?.errorMessage || cause || unsaid(status, name) };
}

/** The service gives no cause for a timeout: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html */
function unsaid(status: string, error: string): string {
  if (status === 'TIMED_OUT')
    return `The child execution took longer than its ${CHILD_SECONDS} seconds, waits for a free Lambda environment included.`;
  if (error === 'States.Timeout') return 'The function did not answer in its time.';
  return 'The child execution gave no reason.';
}

function toldByAnswer({ input, output }: ChildRecord, kind: ReaderKind): readonly Outcome[] | undefined {
  if (output === undefined) return undefined;
  return output.brief === undefined ? output.outcomes : byPlace(input, output.brief, kind, '');
}

function byPlace(
  { Items }: ProcessEvent,
  told: readonly (BriefOutcome | undefined)[],
  kind: ReaderKind,
  sentence: string,
): Outcome[] {
  return Items.flatMap(({ index, item }, place) => {
    const one = told[place];
    return one === undefined ? [] : [unfolded(one, index, keyOf(item, kind), sentence)];
  });
}

/** What the last invocation of a child used; undefined where it had no answer, or tells of none. */
export function usedOf({ output, cause }: ChildRecord): Used | undefined {
  return output?.used ?? saidInCause(cause)?.told.used;
}

interface ToldInCause {
  readonly outcomes?: Outcome[];
  readonly brief?: BriefOutcome[];
  readonly states?: string;
  readonly error?: string;
  readonly used?: Used;
}

/** The sentence and the document in the cause of a child that our own handler failed. */
function saidInCause(cause: string | undefined): { readonly sentence: string; readonly told: ToldInCause } | undefined {
  const message = payloadOf(cause)?.errorMessage;
  const start = message?.lastIndexOf('\n{') ?? -1;
  if (message === undefined || start < 0) return undefined;
  const told = parsed(message.slice(start + 1)) as ToldInCause | undefined;
  return told === undefined || told === null ? undefined : { sentence: message.slice(0, start), told };
}

function toldByCause({ input, error, cause }: ChildRecord, kind: ReaderKind): readonly Outcome[] | undefined {
  const said = saidInCause(cause);
  if (said === undefined) return undefined;
  const { sentence, told } = said;
  if (told.outcomes !== undefined) return told.outcomes;
  if (told.brief !== undefined) return byPlace(input, told.brief, kind, sentence);
  if (told.states === undefined) return undefined;
  const name = told.error ?? error ?? 'UnexpectedError';
  const states = [...told.states].map((letter) => ONLY_STATE[letter]?.(name));
  return byPlace(input, states, kind, sentence);
}

/** A letter of `states` as a brief outcome: no numbers are known then. */
const ONLY_STATE: Readonly<Record<string, (error: string) => BriefOutcome>> = {
  s: () => ['s'],
  k: () => ['k', 'upToDate'],
  p: () => ['p'],
  f: (error) => ['f', error],
};

function payloadOf(cause: string | undefined): { errorMessage?: string } | undefined {
  const payload = cause === undefined ? undefined : parsed(cause);
  return payload !== null && typeof payload === 'object' ? (payload as { errorMessage?: string }) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
