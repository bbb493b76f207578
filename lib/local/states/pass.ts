// Pass states: their input, or what their Parameters make of it, is their result.
import type { PassState } from '../../states-language.ts';
import { compileInput, compileOutput } from './flow.ts';
import { nextOf, type StateRunner } from './state.ts';

export function passState(state: PassState): StateRunner {
  const resultOf = compileInput(state);
  const outputOf = compileOutput(state);
  const next = nextOf(state);
  return (input, { context }) => ({ output: outputOf(input, resultOf(input, context), context), next });
}
