// The interpreter: runs the states of a definition one after the other, any number of executions at once.
import type { Json, State, StateMachineDefinition } from '../../states-language.ts';
import { choiceState } from './choice.ts';
import type { Context } from './context.ts';
import { failState, succeedState } from './end.ts';
import { passState } from './pass.ts';
import type { Overrides, StateRunner } from './state.ts';
import { workState } from './work.ts';

/** The Error and Cause of an execution that did not succeed. */
export interface Failure {
  readonly status: 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  readonly error?: string;
  readonly cause?: string;
}

export type Ended = { readonly status: 'SUCCEEDED'; readonly output: Json } | Failure;

/** The state that was entered last, and the number of that event in the history. */
export interface Entered {
  readonly state: string;
  readonly eventId: number;
}

export interface Run {
  /** Never rejects. */
  readonly result: Promise<Ended>;
  /** Undefined before the first state. */
  entered(): Entered | undefined;
  /** Ends the execution at once as ABORTED; what its handlers still do is not waited for, and not used. */
  abort(): void;
}

/** One definition, ready to be run any number of times. */
export interface Machine {
  run(input: Json, context: Context, overrides: Overrides): Run;
}

/**
 * Compiles a definition that `checkDefinition` has accepted. `retryMilliseconds` replaces every wait before a retry: for
 * tests.
 */
export function createMachine(
  definition: Pick<StateMachineDefinition, 'StartAt' | 'States' | 'TimeoutSeconds'>,
  retryMilliseconds?: number,
): Machine {
  const { StartAt, TimeoutSeconds } = definition;
  const states = new Map(
    Object.entries(definition.States).map(([name, state]) => [
      name,
      { run: compileState(name, state, retryMilliseconds), events: EVENTS_TO_EXIT[state.Type] },
    ]),
  );

  function run(input: Json, context: Context, overrides: Overrides): Run {
    const { promise: result, resolve } = Promise.withResolvers<Ended>();
    let over = false;
    let retry: NodeJS.Timeout | undefined;
    let entered: Entered | undefined;
    // ExecutionStarted is 1: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
    let eventId = 1;

    function end(ended: Ended): void {
      over = true;
      clearTimeout(retry);
      clearTimeout(timeout);
      resolve(ended);
    }

    const execution = {
      context,
      overrides,
      attemptFailed() {
        eventId += EVENTS_OF_FAILURE;
      },
      wait(milliseconds: number): Promise<void> | undefined {
        // Nobody waits for an execution that has ended: what is left of it is collected as garbage.
        if (over) return new Promise(() => {});
        if (milliseconds === 0) return undefined;
        return new Promise((resolve) => {
          retry = setTimeout(resolve, milliseconds);
        });
      },
    };

    async function execute(): Promise<void> {
      let name: string | undefined = StartAt;
      let value = input;
      while (name !== undefined && !over) {
        const state = states.get(name);
        if (state === undefined) throw new TypeError(`The definition has no state '${name}'`);
        eventId += 1;
        entered = { state: name, eventId };
        const { output, next }: Awaited<ReturnType<StateRunner>> = await state.run(value, execution);
        eventId += state.events;
        value = output;
        name = next;
      }
      end({ status: 'SUCCEEDED', output: value });
    }

    const timeout =
      TimeoutSeconds === undefined ? undefined : setTimeout(() => end({ status: 'TIMED_OUT' }), TimeoutSeconds * 1000);
    execute().catch((error: Error) => end(failureOf(error)));
    return { result, entered: () => entered, abort: () => end({ status: 'ABORTED' }) };
  }

  return { run };
}

/** Scheduled, Started, and Failed. */
const EVENTS_OF_FAILURE = 3;

/** For a Task: Scheduled, Started, Succeeded, StateExited. */
const EVENTS_TO_EXIT: Readonly<Record<State['Type'], number>> = {
  Task: 4,
  Map: 4,
  Choice: 1,
  Pass: 1,
  Succeed: 1,
  Fail: 1,
};

function compileState(name: string, state: State, retryMilliseconds: number | undefined): StateRunner {
  switch (state.Type) {
    case 'Task':
    case 'Map':
      return workState(name, state, retryMilliseconds);
    case 'Choice':
      return choiceState(state);
    case 'Pass':
      return passState(state);
    case 'Succeed':
      return succeedState();
    case 'Fail':
      return failState(state);
  }
}

function failureOf({ name, message }: Error): Failure {
  return { status: 'FAILED', error: name, ...(message === '' ? {} : { cause: message }) };
}
