// What an execution's input asks for: the job's run, or its plan only.
import { invalidJob } from './job.ts';

export interface Asked {
  /** The job as written, without `plan`. */
  readonly job: unknown;
  /** Whether only a plan is asked for. */
  readonly plan: boolean;
}

/** Takes `plan` off an input. Throws InvalidJob where it is neither true nor false. */
export function askedFor(input: unknown): Asked {
  if (input === null || typeof input !== 'object' || !Object.hasOwn(input, 'plan')) return { job: input, plan: false };
  const { plan, ...job } = input as { readonly plan: unknown };
  if (typeof plan !== 'boolean') throw invalidJob([`plan: expected true or false, got ${JSON.stringify(plan)}`]);
  return { job, plan };
}
