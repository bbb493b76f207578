// Task states call handlers in process: with Lambda's manners, so that errors, sizes and timeouts look as they would there.
import type { State } from '../states-language.ts';
import { LONGEST_SECONDS, type Overrides } from './interpreter.ts';
import { StatesError } from './states-error.ts';

/** Runs in place of a Lambda function; `signal` fires when the Task times out and when the execution is aborted. */
export type TaskHandler = (input: unknown, context: { readonly signal: AbortSignal }) => Promise<unknown>;

/** Handlers by the ARN that Task states name as their Resource. */
export type TaskHandlers = Readonly<Record<string, TaskHandler>>;

/** Payload limit in bytes of UTF-8: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
export const MOST_PAYLOAD_BYTES = 262_144;

/** What one execution's Tasks share. One runs at a time; once aborted, no handler is called again. */
export interface TaskScope {
  controller: AbortController | undefined;
  aborted: boolean;
}

export function taskScope(): TaskScope {
  return { controller: undefined, aborted: false };
}

/** Fires the signal of the handler that runs, and lets no further one start. */
export function abortTasks(scope: TaskScope): void {
  scope.aborted = true;
  scope.controller?.abort(new StatesError('Aborted', 'The execution was aborted'));
}

interface Call {
  readonly state: string;
  readonly handler: TaskHandler;
  readonly milliseconds: number;
}

/** Prepares the interpreter's overrides for all Task states; the answer makes them for one execution's scope. */
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
    calls.push({ state, handler, milliseconds: (definition.TimeoutSeconds ?? LONGEST_SECONDS) * 1000 });
  }
  return (scope) => {
    const overrides: Overrides = {};
    for (const call of calls) overrides[call.state] = (input) => callTask(call, input, scope);
    return overrides;
  };
}

async function callTask({ handler, milliseconds }: Call, input: unknown, scope: TaskScope) {
  const controller = new AbortController();
  scope.controller = controller;
  let timedOut = false;
  // The interpreter has a timer of its own, set after this one for the same instant: it fails the state, this one
  // tells the handler.
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort(new StatesError('States.Timeout', `The Task ran for more than ${milliseconds / 1000} seconds`));
  }, milliseconds);
  try {
    // Not within the call that starts the execution: a handler may stop or abort what is only being set up.
    await undefined;
    // After an abort the interpreter ends the wait before a retry at once, and would try again.
    if (scope.aborted) throw new StatesError('Aborted', 'The execution was aborted');
    const text = JSON.stringify(await handler(input, controller)) ?? 'null';
    if (!fitsPayload(text)) {
      throw new StatesError(
        'States.DataLimitExceeded',
        "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.",
      );
    }
    return JSON.parse(text);
  } catch (error) {
    // Whatever the handler says to its signal, the state ends with the interpreter's States.Timeout.
    if (timedOut) await new Promise<never>(() => {});
    throw error instanceof StatesError ? error : lambdaError(error);
  } finally {
    clearTimeout(timer);
    if (scope.controller === controller) scope.controller = undefined;
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
