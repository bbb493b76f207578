// One execution of a workflow on this machine: the interpreter (`states/`) runs the states, our Map Run the Distributed Maps.
import type { OpenStore } from '../../lambda/store/store.ts';
import type { DistributedMapState, Json, StateMachineDefinition } from '../states-language.ts';
import { checkDefinition } from './definition.ts';
import type { Redrive } from './entries.ts';
import type { ExecutionEvent, MapRunSummary } from './events.ts';
import { type MapRun, startMapRun } from './map-run.ts';
import { executionArn, mapRunNames, mapRunUuid, ROLE_ARN, stateMachineArn } from './names.ts';
import { type MapRunUpdate, updated } from './settings.ts';
import type { Context } from './states/context.ts';
import { createMachine, type Entered, type Failure, type Run } from './states/machine.ts';
import type { Overrides } from './states/state.ts';
import { STOPPED, StatesError } from './states-error.ts';
import { abortTasks, type TaskHandlers, taskOverrides, taskScope } from './tasks.ts';

export type { ExecutionEvent, MapRunSummary } from './events.ts';
export type { ChildEnd, ChildRecord } from './records.ts';
export type { MapRunUpdate } from './settings.ts';
export type { TaskHandler, TaskHandlers } from './tasks.ts';

/** How an earlier execution of the same name is continued. */
export interface Continue extends Redrive {
  /** The state to begin with; `input` is then its input. Default: the definition's StartAt. */
  readonly state?: string;
  /** The Map Run to continue. Default: the one that an execution of this name had. */
  readonly mapRunUuid?: string;
}

export interface ExecutionOptions {
  readonly definition: StateMachineDefinition;
  readonly input: Json;
  /** The execution's name: the run's id. */
  readonly name: string;
  /** Default: image-fanout. */
  readonly stateMachine?: string;
  readonly handlers: TaskHandlers;
  readonly openStore: OpenStore;
  readonly onEvent?: (event: ExecutionEvent) => void;
  readonly continue?: Continue;
  /** Milliseconds that stand in for every wait before a retry: for tests. */
  readonly retryMilliseconds?: number;
}

export interface ExecutionResult {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'ABORTED';
  readonly output?: Json;
  readonly error?: string;
  readonly cause?: string;
  /** The last Map Run, if one was started, however it ended. */
  readonly mapRun?: MapRunSummary;
}

/** Why an execution is stopped: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html */
export interface StopReason {
  readonly error?: string;
  readonly cause?: string;
}

export interface LocalExecution {
  /** Never rejects for what the workflow or its handlers do. */
  readonly result: Promise<ExecutionResult>;
  /**
   * Starts nothing more, takes back what has not begun, and waits for the rest (STANDARD children are aborted). The execution ends as ABORTED, with the
   * error and the cause that are given, as StopExecution takes them; the first reason stays.
   */
  stop(reason?: StopReason): void;
  /** Once nothing more is started: what has not begun goes back, as with `stop`. */
  takeBack(): void;
  /** Also aborts what runs, through the handlers' signals. */
  abort(): void;
  /** What UpdateMapRun does: for the Map Run that is under way, or comes. Throws on a bad value. */
  update(change: MapRunUpdate): void;
}

/**
 * Starts an execution. Throws InvalidDefinition when the definition holds anything that the engine does not know, and
 * TypeError when a Task has no handler; both before anything is done.
 */
export function startExecution(options: ExecutionOptions): LocalExecution {
  const { definition, input, name, handlers, continue: continued, stateMachine = 'image-fanout' } = options;
  checkDefinition(definition);
  const StartAt = continued?.state ?? definition.StartAt;
  if (!Object.hasOwn(definition.States, StartAt)) throw new TypeError(`The definition has no state '${StartAt}'`);
  const scope = taskScope();
  const overrides: Overrides = taskOverrides(definition.States, handlers)(scope);
  // Children's handlers too have to be there before anything is done.
  for (const state of Object.values(definition.States)) {
    if (state.Type === 'Map') taskOverrides(state.ItemProcessor.States, handlers);
  }
  const arn = executionArn(stateMachine, name);
  const context: Context = {
    Execution: {
      ...{ Id: arn, Name: name, Input: input, StartTime: new Date().toISOString(), RoleArn: ROLE_ARN },
      RedriveCount: continued === undefined ? 0 : 1,
    },
    StateMachine: { Id: stateMachineArn(stateMachine), Name: stateMachine },
  };
  const emit = options.onEvent ?? (() => {});
  const attempts = new Map<string, number>();
  let mapRun: MapRun | undefined;
  let changes: MapRunUpdate = {};
  let stopped: StopReason | undefined;
  let run: Run | undefined;

  function runMap(stateName: string, state: DistributedMapState, stateInput: Json): Promise<Json> {
    if (stopped !== undefined) throw new StatesError(STOPPED, 'The execution was stopped');
    // A Retry on the Map state means a new Map Run over all items.
    const attempt = attempts.get(stateName) ?? 0;
    attempts.set(stateName, attempt + 1);
    const uuid = (attempt === 0 ? continued?.mapRunUuid : undefined) ?? mapRunUuid(arn, stateName, attempt);
    const label = state.Label ?? mapRunUuid(arn, stateName, -1);
    const { openStore, retryMilliseconds } = options;
    mapRun = startMapRun({
      ...{ state, stateName, input: stateInput, context, handlers, openStore, emit },
      names: mapRunNames(stateMachine, label, uuid, state.ItemProcessor.ProcessorConfig.ExecutionType),
      ...(continued === undefined || attempt > 0 ? {} : { redrive: continued }),
      ...(retryMilliseconds === undefined ? {} : { retryMilliseconds }),
    });
    mapRun.update(changes);
    return mapRun.result;
  }

  async function execute(): Promise<ExecutionResult> {
    const machine = createMachine({ ...definition, StartAt }, options.retryMilliseconds);
    for (const [stateName, state] of Object.entries(definition.States)) {
      if (state.Type !== 'Map') continue;
      overrides[stateName] = async (stateInput) => runMap(stateName, state, stateInput);
    }
    // Not within the call that starts the execution: who made it may stop or abort what is only being set up.
    await undefined;
    if (stopped !== undefined) return { status: 'ABORTED', ...stopped };
    run = machine.run(input, context, overrides);
    const ended = await run.result;
    // The execution's own timeout ends its states, but our Map Run has to be told.
    if (ended.status === 'TIMED_OUT') abortAll();
    await mapRun?.result.catch(() => {});
    const result = ended.status === 'SUCCEEDED' ? ended : resultOf(ended, run.entered(), stopped);
    return { ...result, ...(mapRun && { mapRun: mapRun.summary() }) };
  }

  function abortAll(): void {
    stopped ??= {};
    abortTasks(scope);
    mapRun?.abort();
  }

  return {
    result: execute(),
    stop(reason = {}) {
      stopped ??= reason;
      mapRun?.stop();
    },
    takeBack() {
      mapRun?.takeBack();
    },
    abort() {
      abortAll();
      run?.abort();
    },
    update(change) {
      updated({ maxConcurrency: 0, tolerance: {} }, change);
      changes = { ...changes, ...change };
      mapRun?.update(change);
    },
  };
}

function resultOf(
  { status, error, cause }: Failure,
  entered: Entered | undefined,
  stopped: StopReason | undefined,
): ExecutionResult {
  if (status === 'TIMED_OUT') return { status: 'FAILED', error: 'States.Timeout' };
  if (status === 'ABORTED' || error === STOPPED) return { status: 'ABORTED', ...stopped };
  const prefix =
    error === 'States.Runtime' && entered !== undefined
      ? `An error occurred while executing the state '${entered.state}' (entered at the event id #${entered.eventId}). `
      : '';
  return {
    status: 'FAILED',
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause: prefix + cause }),
  };
}
