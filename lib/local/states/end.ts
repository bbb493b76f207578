// Succeed and Fail states: where an execution ends.
import type { FailState } from '../../states-language.ts';
import { StatesError } from '../states-error.ts';
import type { StateRunner } from './state.ts';

export function succeedState(): StateRunner {
  return (input) => ({ output: input });
}

export function failState({
  Error: error = 'FailStateError',
  Cause = 'Execution failed because of a Fail state',
}: FailState): StateRunner {
  return () => {
    throw new StatesError(error, Cause);
  };
}
