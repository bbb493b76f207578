// What all kinds of states have in common, once compiled.
import type { Json } from '../../states-language.ts';
import type { Context } from './context.ts';

/** What runs in place of Task and Map states, by the state's name. */
export type Overrides = Record<string, (input: Json) => Promise<Json>>;

/** One execution, as its states see it. */
export interface Execution {
  readonly context: Context;
  readonly overrides: Overrides;
  /** Waits before a retry: for ever, once the execution has ended. */
  wait(milliseconds: number): Promise<void> | undefined;
  /** Enters a failed attempt into the history. */
  attemptFailed(): void;
}

/** Where a state leads. Without `next` the execution ends with the output. */
export interface Exit {
  readonly output: Json;
  readonly next?: string | undefined;
}

/** Runs a state. Throws an Error whose name and message are the execution's Error and Cause. */
export type StateRunner = (input: Json, execution: Execution) => Exit | Promise<Exit>;

/** The state that comes next; undefined where the execution ends. */
export function nextOf(state: { readonly Next: string } | { readonly End: true }): string | undefined {
  return 'Next' in state ? state.Next : undefined;
}
