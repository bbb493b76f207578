// Handlers that do nothing, for measuring the engine alone: every kind of Task answers at once.

import type { TaskHandlers } from '../../lib/local/execution.ts';
import type { Json } from '../../lib/states-language.ts';
import type { WorkflowFunctions } from '../../lib/workflow.ts';

const arn = (name: string) => `arn:aws:lambda:local:000000000000:function:${name}`;

export const FUNCTIONS: WorkflowFunctions = {
  prepare: arn('prepare'),
  process: arn('process'),
  processLarge: arn('process-large'),
  summarize: arn('summarize'),
};

/** Handlers for a run over the listing of a bucket, with results in another. */
export function idleHandlers(prepared: Json): TaskHandlers {
  return {
    [FUNCTIONS.prepare]: async () => prepared,
    [FUNCTIONS.process]: async () => ({ outcomes: [] }),
    [FUNCTIONS.processLarge]: async () => ({ outcomes: [] }),
    [FUNCTIONS.summarize]: async () => ({}),
  };
}
