// Task and Map states: work done elsewhere, by a handler or by a Map Run, tried again and caught as their fields say.
import type { DistributedMapState, TaskState } from '../../states-language.ts';
import { compileInput, compileOutput, compileResultPath } from './flow.ts';
import { catcherFor, retrying } from './retry.ts';
import { nextOf, type StateRunner } from './state.ts';

/** `retryMilliseconds` replaces every wait before a retry. */
export function workState(
  name: string,
  state: TaskState | DistributedMapState,
  retryMilliseconds?: number,
): StateRunner {
  const { Type, Retry, Catch = [] } = state;
  const inputOf = compileInput(state);
  const outputOf = compileOutput(state);
  const caught = new Map(Catch.map((catcher) => [catcher, compileResultPath(catcher.ResultPath)]));
  const next = nextOf(state);
  return async (input, { context, overrides, wait, attemptFailed }) => {
    let millisecondsAfter: ReturnType<typeof retrying> | undefined;
    for (;;) {
      try {
        const work = overrides[name];
        if (work === undefined) throw new TypeError(`State '${name}' has no handler`);
        return { output: outputOf(input, await work(inputOf(input, context)), context), next };
      } catch (thrown) {
        const error = thrown as Error;
        attemptFailed();
        millisecondsAfter ??= retrying(Retry ?? [], Type, retryMilliseconds);
        const milliseconds = millisecondsAfter(error);
        if (milliseconds !== undefined) {
          await wait(milliseconds);
          continue;
        }
        const catcher = catcherFor(Catch, error, Type);
        const place = catcher && caught.get(catcher);
        if (catcher === undefined || place === undefined) throw error;
        return { output: place(input, { Error: error.name, Cause: error.message }), next: catcher.Next };
      }
    }
  };
}
