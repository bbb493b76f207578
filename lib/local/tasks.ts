// Task states call handlers in process: with Lambda's manners, so that errors, sizes and timeouts look as they would there.
import { Deadline } from '../../lambda/contract/deadline.ts';
import type { State } from '../states-language.ts';
import { LONGEST_SECONDS } from './states/retry.ts';
import type { Overrides } from './states/state.ts';
import { NOT_STARTED, StatesError, StatesTimeout } from './states-error.ts';

/**
 * Stops the Task's time and its child's while a handler only queues for this machine's processors: on AWS an invocation
 * has a processor of its own, or is throttled before its time begins.
 */
export interface TaskClock {
  pause(): void;
  resume(): void;
}

export interface TaskContext {
  /** Fires when the Task times out and when the execution is aborted. */
  readonly signal: AbortSignal;
  /**
   * Fires when the execution is stopped: what the handler has begun it ends, and what it has not it leaves, by throwing
   * NOT_STARTED or STOPPED (`lambda/contract/stopping.ts`).
   */
  readonly stopping: AbortSignal;
  readonly clock: TaskClock;
}

/** Runs in place of a Lambda function. */
export type TaskHandler = (input: unknown, context: TaskContext) => Promise<unknown>;

/** Handlers by the ARN that Task states name as their Resource. */
export type TaskHandlers = Readonly<Record<string, TaskHandler>>;

/** Payload limit in bytes of UTF-8: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
export const MOST_PAYLOAD_BYTES = 262_144;

/** What one execution's Tasks share. One runs at a time; once aborted, no handler is called again. */
export interface TaskScope {
  controller: AbortController | undefined;
  aborted: boolean;
  readonly stopping: AbortSignal;
  /** Told when a handler has ended while the execution is being stopped: what comes next may be a wait before a retry. */
  onIdle: (() => void) | undefined;
  /** Epoch milliseconds since when the clock stands, and for how many milliseconds it stood before. */
  pausedAt: number | undefined;
  pausedBefore: number;
}

const NEVER = new AbortController().signal;

/** `stopping` is shared by all children of a Map Run. */
export function taskScope(stopping: AbortSignal = NEVER): TaskScope {
  return { controller: undefined, aborted: false, stopping, onIdle: undefined, pausedAt: undefined, pausedBefore: 0 };
}

/** Milliseconds for which the clock has stood. */
export function pausedMilliseconds({ pausedAt, pausedBefore }: TaskScope, now: number): number {
  return pausedBefore + (pausedAt === undefined ? 0 : now - pausedAt);
}

function clockOf(scope: TaskScope, deadline: Deadline): TaskClock {
  return {
    pause() {
      deadline.pause();
      scope.pausedAt ??= Date.now();
    },
    resume() {
      deadline.resume();
      scope.pausedBefore = pausedMilliseconds(scope, Date.now());
      scope.pausedAt = undefined;
    },
  };
}

/** Fires the signal of the handler that runs, and lets no further one start. */
export function abortTasks(scope: TaskScope): void {
  scope.aborted = true;
  scope.controller?.abort(new StatesError('Aborted', 'The execution was aborted'));
}

interface Call {
  readonly state: string;
  readonly resource: string;
  readonly handler: TaskHandler;
  readonly milliseconds: number;
}

/** Prepares the handlers of all Task states; the answer makes the overrides for one execution's scope. */
export function taskOverrides(
  states: Readonly<Record<string, State>>,
  handlers: TaskHandlers,
): (scope: TaskScope) => Overrides {
  const calls: Call[] = [];
  for (const [state, definition] of Object.entries(states)) {
    if (definition.Type !== 'Task') continue;
    const handler = Object.hasOwn(handlers, definition.Resource) ? handlers[definition.Resource] : undefined;
    if (handler === undefined) {
      throw new TypeError(`State '${state}': no handler for Resource ${definition.Resource}`);
    }
    const milliseconds = (definition.TimeoutSeconds ?? LONGEST_SECONDS) * 1000;
    calls.push({ state, resource: definition.Resource, handler, milliseconds });
  }
  return (scope) => {
    const overrides: Overrides = {};
    for (const call of calls) overrides[call.state] = (input) => callTask(call, input, scope);
    return overrides;
  };
}

async function callTask({ resource, handler, milliseconds }: Call, input: unknown, scope: TaskScope) {
  const controller = new AbortController();
  scope.controller = controller;
  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  using deadline = new Deadline(milliseconds, () => {
    reject(new StatesTimeout());
    controller.abort(new StatesError('States.Timeout', `The Task ran for more than ${milliseconds / 1000} seconds`));
  });
  const clock = clockOf(scope, deadline);
  try {
    // Not within the call that starts the execution: a handler may stop or abort what is only being set up.
    await undefined;
    // Meanwhile the execution may have been aborted.
    if (scope.aborted) throw new StatesError('Aborted', 'The execution was aborted');
    if (scope.stopping.aborted) throw new StatesError(NOT_STARTED, 'The execution was stopped');
    const answer = handler(input, { signal: controller.signal, stopping: scope.stopping, clock });
    // Whatever the handler says once its time is up, the state ends with States.Timeout.
    const text = JSON.stringify(await Promise.race([answer, timedOut])) ?? 'null';
    if (!fitsPayload(text)) {
      throw new StatesError(
        'States.DataLimitExceeded',
        `The state/task '${resource}' returned a result with a size exceeding the maximum number of bytes service limit.`,
      );
    }
    return JSON.parse(text);
  } catch (error) {
    if (deadline.expired) throw new StatesTimeout();
    throw error instanceof StatesError ? error : lambdaError(error);
  } finally {
    clock.resume();
    if (scope.controller === controller) scope.controller = undefined;
    scope.onIdle?.();
  }
}

/** Whether a JSON text is within Step Functions' payload limit. */
export function fitsPayload(text: string): boolean {
  // No character needs more than three bytes per UTF-16 unit: most texts need no counting.
  return text.length * 3 <= MOST_PAYLOAD_BYTES || Buffer.byteLength(text) <= MOST_PAYLOAD_BYTES;
}

/** What Step Functions makes of a function that throws: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
function lambdaError(thrown: unknown): StatesError {
  if (!(thrown instanceof Error)) {
    const payload = { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
    return new StatesError(payload.errorType, JSON.stringify(payload));
  }
  const trace = thrown.stack?.split('\n') ?? [];
  return new StatesError(thrown.name, JSON.stringify({ errorType: thrown.name, errorMessage: thrown.message, trace }));
}
