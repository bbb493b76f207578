// A failure in Step Functions' words: `name` is the Error and `message` the Cause, as retriers and catchers match it.

import { NOT_STARTED, STOPPED } from '../../lambda/contract/stopping.ts';

/** What stop() and abort() end the execution with among the states; never shown as an Error. */
export { NOT_STARTED, STOPPED };

/**
 * An Error and a Cause. States.Runtime is neither retried nor caught
 * (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html), nor is a stopped execution.
 */
export class StatesError extends Error {
  override readonly name: string;
  readonly isRetryable: boolean;
  readonly isCatchable: boolean;

  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
    this.isRetryable = name !== 'States.Runtime' && name !== STOPPED && name !== NOT_STARTED;
    this.isCatchable = this.isRetryable;
  }
}

/** A Task's own timeout, which `States.TaskFailed` does not match; a handler may throw an error of that name, too. */
export class StatesTimeout extends StatesError {
  constructor() {
    // The service gives no cause: uncaught there is none, and a catcher's is empty.
    super('States.Timeout', '');
  }
}

/** Whatever was thrown as one sentence: the Cause of reader and writer failures. */
export function sentenceOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
