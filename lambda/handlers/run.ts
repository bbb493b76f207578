// Whose work an invocation does, for its log lines: execution, Map Run and child, read from what the child was given.
import type { ProcessEvent } from '../job/prepared.ts';

export interface RunKeys {
  /** The execution's name. */
  readonly execution: string;
  /** `<state machine>/<Label>`: an execution enters one Map only, and a redrive keeps its Map Run, so with `execution` it is one. */
  readonly mapRun: string;
  /** The child's ARN. */
  readonly child: string;
}

/**
 * Reads the keys from the names: of the run's folder, `…/<execution>/job.json`, and of the child,
 * `arn:aws:states:<region>:<account>:express:<state machine>/<Label>:<uuid>:<uuid>`.
 */
export function runOf({ BatchInput: { run }, child = '' }: ProcessEvent): RunKeys {
  return { execution: run.key.split('/').at(-2) ?? '', mapRun: child.split(':')[6] ?? '', child };
}
