// The judge of our interpreter: aws-local-stepfunctions, which others wrote and which knows every state but the Distributed Map.
import {
  ExecutionError,
  type StateMachineDefinition as Runnable,
  type RunOptions,
  StateMachine,
} from 'aws-local-stepfunctions';
import type { Context } from '../../../lib/local/states/context.ts';
import type { Ended } from '../../../lib/local/states/machine.ts';
import { LONGEST_SECONDS } from '../../../lib/local/states/retry.ts';
import type { Overrides } from '../../../lib/local/states/state.ts';
import type { Json, State } from '../../../lib/states-language.ts';

/** Runs a definition without any wait before a retry. */
export async function judgedRun(
  { StartAt, States }: { readonly StartAt: string; readonly States: Readonly<Record<string, State>> },
  input: Json,
  context: Context,
  taskResourceLocalHandlers: Overrides = {},
): Promise<Ended> {
  const machine = new StateMachine({ StartAt, States: runnable(States) } as unknown as Runnable, {
    validationOptions: { noValidate: true },
  });
  const retryIntervalOverrides = Object.fromEntries(Object.keys(States).map((name) => [name, 0]));
  const run = machine.run(input as never, {
    context: { ...context, [OURS]: context.Execution } as NonNullable<RunOptions['context']>,
    overrides: { taskResourceLocalHandlers: taskResourceLocalHandlers as never, retryIntervalOverrides },
  });
  try {
    return { status: 'SUCCEEDED', output: await run.result };
  } catch (error) {
    if (!(error instanceof ExecutionError)) throw error;
    const { name, message } = error.cause as Error;
    return { status: 'FAILED', error: name, ...(message === '' ? {} : { cause: message }) };
  }
}

/** What a Pass state's Parameters come to; how it ends when they cannot be evaluated. */
export function judgedTemplate(template: Json, input: Json, context: Context): Promise<Ended> {
  const state = { Type: 'Pass', Parameters: template, End: true } as unknown as State;
  return judgedRun({ StartAt: 'Template', States: { Template: state } }, input, context);
}

// The package puts its own Input and StartTime into $$.Execution. Ours travel under another name, and the paths are
// renamed with them.
const OURS = 'ExecutionOfWorkflow';

function runnable(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    return /(\.\$|Path|^Variable)$/.test(key) ? value.replace(/\$\$\.Execution\b/g, `$$$$.${OURS}`) : value;
  }
  if (Array.isArray(value)) return value.map((element) => runnable(element));
  if (value === null || typeof value !== 'object') return value;
  // Its default for a Task is a minute.
  const timeout = 'Type' in value && value.Type === 'Task' ? { TimeoutSeconds: LONGEST_SECONDS } : {};
  return {
    ...Object.fromEntries(Object.entries(value).map(([name, member]) => [name, runnable(member, name)])),
    ...timeout,
  };
}
