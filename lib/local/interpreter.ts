// The bridge to aws-local-stepfunctions, which runs the ordinary states: what it lacks or reads differently is filled in here.
import { registerHooks } from 'node:module';
import type { StateMachineDefinition as Runnable, RunOptions, StateMachine } from 'aws-local-stepfunctions';
import type { Json, Retrier, State, StateMachineDefinition } from '../states-language.ts';
import { StatesError } from './states-error.ts';

/** Longest time that a timer of Node can hold, in seconds (2^31 - 1 milliseconds); a longer one would fire at once. */
export const LONGEST_SECONDS = 2_147_483;

/** The context object (`$$`): https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html */
export interface Context {
  readonly Execution: {
    readonly Id: string;
    readonly Name: string;
    readonly Input: Json;
    readonly StartTime: string;
    readonly RoleArn: string;
    readonly RedriveCount: number;
  };
  readonly StateMachine: { readonly Id: string; readonly Name: string };
  readonly Map?: { readonly Item: MapItem };
}

/** `$$.Map.Item`. */
export interface MapItem {
  readonly Index: number;
  readonly Value: Json;
  readonly Key?: string;
  readonly Source: string;
}

/** What runs in place of Task states, by the state's name. */
export type Overrides = Record<string, (input: Json) => Promise<Json>>;

export interface Run {
  readonly result: Promise<Json>;
  readonly events: AsyncIterable<{
    readonly type: string;
    readonly state?: { readonly name: string; readonly type: string };
  }>;
  abort(): void;
}

/** One definition, ready to be run any number of times. */
export interface Machine {
  run(input: Json, context: Context, overrides?: Overrides): Run;
}

export interface Interpreter {
  /** `retryMilliseconds` replaces every wait before a retry: for tests. */
  machine(
    definition: Pick<StateMachineDefinition, 'StartAt' | 'States' | 'TimeoutSeconds'>,
    retryMilliseconds?: number,
  ): Machine;
  /** Evaluates payload templates against a state input and a context, as the states themselves do. */
  evaluate(template: Json, input: Json, context: Context): Promise<Json>;
  /** The Error and Cause of a run that did not succeed. */
  failureOf(thrown: unknown): Failure;
  /** An error that the interpreter takes for its own States.Timeout: `States.TaskFailed` does not match it. */
  timeoutError(): Promise<unknown>;
}

export interface Failure {
  readonly status: 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  readonly error?: string;
  readonly cause?: string;
}

/** Loads the package. */
export async function loadInterpreter(): Promise<Interpreter> {
  const { StateMachine, ExecutionError, ExecutionTimeoutError } = await importPackage();
  const create = (definition: unknown): StateMachine =>
    new StateMachine(definition as Runnable, { validationOptions: { noValidate: true } });
  const templates = new WeakMap<object, StateMachine>();

  function failureOf(thrown: unknown): Failure {
    if (thrown instanceof ExecutionTimeoutError) return { status: 'TIMED_OUT' };
    if (!(thrown instanceof ExecutionError)) return { status: 'ABORTED' };
    const { name, message } = thrown.cause as Error;
    return { status: 'FAILED', error: name, ...(message === '' ? {} : { cause: message }) };
  }

  return {
    failureOf,
    async timeoutError() {
      // The interpreter knows a timeout by its class, which the package does not export: so one is provoked.
      const state = { Type: 'Task', Resource: 'never', TimeoutSeconds: 0.001, End: true };
      const never = () => new Promise<never>(() => {});
      const overrides = { taskResourceLocalHandlers: { Never: never } };
      const run = create({ StartAt: 'Never', States: { Never: state } }).run({}, { overrides });
      return await run.result.then(
        () => new StatesError('States.Timeout', ''),
        (error: Error) => error.cause,
      );
    },
    machine(definition, retryMilliseconds) {
      const machine = create(runnable(definition));
      const retryIntervalOverrides =
        retryMilliseconds === undefined
          ? undefined
          : Object.fromEntries(Object.keys(definition.States).map((name) => [name, retryMilliseconds]));
      return {
        run(input, context, taskResourceLocalHandlers = {}) {
          const overrides = {
            taskResourceLocalHandlers: taskResourceLocalHandlers as Handlers,
            ...(retryIntervalOverrides === undefined ? {} : { retryIntervalOverrides }),
          };
          const { result, eventLogs, abort } = machine.run(mutable(input), { context: renamed(context), overrides });
          return { result, events: eventLogs, abort };
        },
      };
    },
    async evaluate(template, input, context) {
      if (template === null || typeof template !== 'object') return template;
      let machine = templates.get(template);
      if (machine === undefined) {
        const state = { Type: 'Pass', Parameters: withRenamedPaths(template), End: true };
        machine = create({ StartAt: 'Template', States: { Template: state } });
        templates.set(template, machine);
      }
      try {
        return await machine.run(mutable(input), { context: renamed(context) }).result;
      } catch (error) {
        const { error: name = 'States.Runtime', cause = '' } = failureOf(error);
        throw new StatesError(name, cause);
      }
    },
  };
}

/**
 * What the package loads but we never reach: every Task has a handler here, and definitions are checked by us. Without
 * it a run starts a quarter of a second sooner and takes some 50 MB less.
 */
const UNUSED: ReadonlyMap<string, string> = new Map([
  ['@aws-sdk/client-lambda', 'export class LambdaClient {} export class InvokeCommand {}'],
  ['@aws-sdk/credential-providers', 'export function fromCognitoIdentityPool() {}'],
  ['asl-validator', 'export default function aslValidator() {}'],
]);

async function importPackage(): Promise<typeof import('aws-local-stepfunctions')> {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const source = context.parentURL?.includes('/aws-local-stepfunctions/') ? UNUSED.get(specifier) : undefined;
      if (source === undefined) return next(specifier, context);
      return { url: `data:text/javascript,${encodeURIComponent(source)}`, format: 'module', shortCircuit: true };
    },
  });
  try {
    return await import('aws-local-stepfunctions');
  } finally {
    hooks.deregister();
  }
}

/** The package's types know no readonly; it copies its input before it runs. */
type Handlers = NonNullable<NonNullable<RunOptions['overrides']>['taskResourceLocalHandlers']>;
// biome-ignore lint/suspicious/noExplicitAny: the package does not export its JSON type
const mutable = (value: Json): any => value;

// The interpreter puts its own Input and StartTime into $$.Execution, also when it only evaluates a template. Ours
// travel under another name, and the paths are renamed with them.
const OURS = 'ExecutionOfWorkflow';
const renamed = (context: Context) => ({ ...context, [OURS]: context.Execution }) as NonNullable<RunOptions['context']>;
const renamedPath = (path: string) => path.replace(/\$\$\.Execution\b/g, `$$$$.${OURS}`);

function withRenamedPaths(value: Json): Json {
  if (Array.isArray(value)) return value.map(withRenamedPaths);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      typeof member === 'string' && isPathField(key) ? renamedPath(member) : withRenamedPaths(member as Json),
    ]),
  );
}

const isPathField = (key: string) => key.endsWith('.$') || key.endsWith('Path') || key === 'Variable';

function runnable(definition: Pick<StateMachineDefinition, 'StartAt' | 'States' | 'TimeoutSeconds'>): Json {
  const { StartAt, States, TimeoutSeconds } = definition;
  const states = Object.entries(States).map(([name, state]) => [name, withRenamedPaths(runnableState(state))]);
  return {
    StartAt,
    States: Object.fromEntries(states),
    ...(TimeoutSeconds === undefined ? {} : { TimeoutSeconds }),
  };
}

function runnableState(state: State): Json {
  const json = state as unknown as { readonly [field: string]: Json };
  if (state.Type === 'Task') {
    // The interpreter's default is one minute, and its time cannot be paused: tasks.ts has the clock.
    return {
      ...json,
      TimeoutSeconds: LONGEST_SECONDS,
      ...(state.Retry === undefined ? {} : { Retry: state.Retry.map(bounded) }),
    };
  }
  if (state.Type !== 'Map') return json;
  // A Distributed Map is run by our Map Run, handed in as the override of a Task with the same way in and out.
  const kept = ['InputPath', 'ResultSelector', 'ResultPath', 'OutputPath', 'Next', 'End'];
  const task = Object.fromEntries(kept.filter((field) => field in json).map((field) => [field, json[field] as Json]));
  return {
    Type: 'Task',
    Resource: 'map',
    TimeoutSeconds: LONGEST_SECONDS,
    ...task,
    ...(state.Retry === undefined ? {} : { Retry: state.Retry.map((retrier) => withoutTaskFailed(bounded(retrier))) }),
    ...(state.Catch === undefined ? {} : { Catch: state.Catch.map((catcher) => withoutTaskFailed({ ...catcher })) }),
  };
}

const bounded = (retrier: Retrier): { readonly [field: string]: Json } => ({
  ...retrier,
  MaxDelaySeconds: retrier.MaxDelaySeconds ?? LONGEST_SECONDS,
});

/** States.TaskFailed matches failures of Tasks, and a Map is none, though the interpreter sees it as one. */
function withoutTaskFailed(matcher: { readonly [field: string]: Json }): Json {
  const names = matcher['ErrorEquals'] as readonly string[];
  return { ...matcher, ErrorEquals: names.filter((name) => name !== 'States.TaskFailed') };
}
