// How outcomes travel through Step Functions: as a child's output, or inside the error of a child that failed.
import { FanoutError, isErrorName, toFanoutError } from '../contract/errors.ts';
import type { Failed, Outcome, ProcessResult, Succeeded } from '../contract/outcome.ts';
import { NOT_STARTED, STOPPED } from '../contract/stopping.ts';
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
export function failureOf(outcomes: readonly Outcome[]): Error {
  const failed = outcomes.filter((outcome) => outcome.status === 'failed');
  const first =
    failed.find((outcome) => isErrorName(outcome.error) && new FanoutError(outcome.error, '').transient) ?? failed[0];
  if (first === undefined) throw new Error('failureOf needs a failed outcome');
  const others = failed.length > 1 ? ` (and ${failed.length - 1} more of this batch)` : '';
  const sentence = `${first.key}: ${first.message.slice(0, 2000)}${others}`;
  const error = new Error(`${sentence}\n${fitted(outcomes, MOST_MESSAGE - sentence.length)}`);
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

/** The outcomes as JSON, with as much detail as fits: details of successes go first, then those of failures. */
function fitted(outcomes: readonly Outcome[], most: number): string {
  const levels = [
    () => outcomes,
    () => outcomes.map((outcome) => (outcome.status === 'succeeded' ? withoutDetails(outcome) : outcome)),
    () => outcomes.map(bare),
  ];
  for (const level of levels) {
    const text = JSON.stringify({ outcomes: level() });
    if (JSON.stringify(text).length <= most) return text;
  }
  // A thousand long keys: the states alone, by place; the reader of the record has the keys in its input.
  return JSON.stringify({
    states: outcomes.map((outcome) => outcome.status.charAt(0)).join(''),
    error: errorOfFirst(outcomes),
  });
}

function errorOfFirst(outcomes: readonly Outcome[]): string {
  return outcomes.find((outcome) => outcome.status === 'failed')?.error ?? 'UnexpectedError';
}

function withoutDetails(outcome: Succeeded): Succeeded {
  const { placeholder: _, ...rest } = outcome;
  return { ...rest, outputs: [] };
}

function bare(outcome: Outcome): Outcome {
  const { index, key } = outcome;
  if (outcome.status === 'failed')
    return { status: 'failed', index, key, error: outcome.error, message: outcome.message.slice(0, 200) };
  return outcome.status === 'succeeded' ? withoutDetails(outcome) : outcome;
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
  const told = status === 'SUCCEEDED' ? record.output?.outcomes : toldByCause(record, kind);
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
  const payload = payloadOf(cause);
  return { error: name, message: payload?.errorMessage ?? cause ?? 'The child execution gave no reason.' };
}

function toldByCause({ input, error, cause }: ChildRecord, kind: ReaderKind): readonly Outcome[] | undefined {
  const message = payloadOf(cause)?.errorMessage;
  const start = message?.lastIndexOf('\n{') ?? -1;
  if (message === undefined || start < 0) return undefined;
  const told = parsed(message.slice(start + 1)) as
    | { outcomes?: Outcome[]; states?: string; error?: string }
    | undefined;
  if (told?.outcomes !== undefined) return told.outcomes;
  if (told?.states === undefined) return undefined;
  return input.Items.flatMap(({ index, item }, place): Outcome[] => {
    const key = keyOf(item, kind);
    switch (told.states?.charAt(place)) {
      case 's':
        // Skipped and succeeded share their first letter; either way the key is done.
        return [{ status: 'skipped', index, key, reason: 'upToDate' }];
      case 'p':
        return [{ status: 'pending', index, key }];
      case 'f':
        return [
          {
            status: 'failed',
            index,
            key,
            error: told.error ?? error ?? 'UnexpectedError',
            message: message.slice(0, start),
          },
        ];
      default:
        return [];
    }
  });
}

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
