// Child executions: each runs the item processor and ends as a record.
import { randomUUID } from 'node:crypto';
import type { DistributedMapState, Json } from '../states-language.ts';
import type { ChildStatus } from './counts.ts';
import type { Entry } from './entries.ts';
import { type MapRunNames, ROLE_ARN } from './names.ts';
import { type ChildRecord, endedRecord } from './records.ts';
import type { Context } from './states/context.ts';
import { createMachine, type Ended, type Failure, type Run } from './states/machine.ts';
import { NOT_STARTED, STOPPED, StatesError } from './states-error.ts';
import {
  abortTasks,
  fitsPayload,
  pausedMilliseconds,
  type TaskHandlers,
  type TaskScope,
  taskOverrides,
  taskScope,
} from './tasks.ts';

/**
 * An EXPRESS execution may take five minutes:
 * https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
const EXPRESS_MILLISECONDS = 300_000;

export interface ChildResult {
  readonly status: Exclude<ChildStatus, 'PENDING'>;
  readonly entry: Entry;
  readonly record: ChildRecord;
  readonly input: Json;
  /** Only of a success. */
  readonly output?: Json;
  /** Its place among the children that were started, from 0. */
  readonly ordinal: number;
}

export interface ChildrenOptions {
  readonly state: DistributedMapState;
  readonly names: MapRunNames;
  readonly handlers: TaskHandlers;
  readonly retryMilliseconds?: number;
  /** There when the Map Run continues an earlier one, whose items and ETags it may have. */
  readonly redrive?: unknown;
  /** Longest time for an EXPRESS child: shorter in tests. */
  readonly expressMilliseconds?: number;
  readonly onStart: (name: string, input: Json, entry: Entry) => void;
  readonly onEnd: (result: ChildResult) => void;
  /** A child that a stop came before: nothing of it is done, and no record of it is made. */
  readonly onReturn: (name: string, entry: Entry) => void;
}

export interface Children {
  start(entry: Entry): void;
  running(): number;
  /** Takes back what has not begun, and lets the rest end; none waits for another try. EXPRESS children only. */
  stop(): void;
  /** Ends all that run: their handlers are told by their signal, and not waited for. */
  abort(): void;
}

interface Child {
  /** How often it was started again. */
  readonly redrives: number;
  readonly name: string;
  readonly arn: string;
  readonly entry: Entry;
  readonly input: Json;
  readonly ordinal: number;
  readonly started: number;
  readonly scope: TaskScope;
  readonly run: Run;
  readonly place: number;
  timedOut: boolean;
  /** Whether it goes back to where it came from. */
  returned: boolean;
}

export function createChildren(options: ChildrenOptions): Children {
  const { names, onStart, onEnd, onReturn } = options;
  const { ProcessorConfig, StartAt, States } = options.state.ItemProcessor;
  const type = ProcessorConfig.ExecutionType;
  const redrivesOfRun = options.redrive === undefined ? 0 : 1;
  const longest = options.expressMilliseconds ?? EXPRESS_MILLISECONDS;
  const machine = createMachine({ StartAt, States }, options.retryMilliseconds);
  const overridesFor = taskOverrides(States, options.handlers);
  const machineName = names.childMachineArn.slice(names.childMachineArn.lastIndexOf(':') + 1);
  // Places in an array, not a Set: a Set that is added to and deleted from grows a chain of tables, which keeps
  // children that have ended alive until the next full collection.
  const places: (Child | undefined)[] = [];
  const freePlaces: number[] = [];
  const stopping = new AbortController();
  let running = 0;
  let started = 0;
  let timer: NodeJS.Timeout | undefined;

  /** One timer serves all children: it is set for the next that may run out of time. */
  function endOverdue(): void {
    const now = Date.now();
    let next = longest;
    for (const child of places) {
      if (child === undefined) continue;
      const left = child.started + longest + pausedMilliseconds(child.scope, now) - now;
      if (left > 0) {
        next = Math.min(next, left);
        continue;
      }
      child.timedOut = true;
      abort(child);
    }
    timer = setTimeout(endOverdue, next);
  }

  function start(entry: Entry): void {
    const input = JSON.parse(entry.record.Input) as Json;
    // A child that has ended before is started again under its own name, and counts that:
    // https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
    const { Name, ExecutionArn, RedriveCount = 0 } = entry.record;
    const name = Name ?? randomUUID();
    const arn = ExecutionArn ?? names.childArn(name);
    const redrives = Name === undefined ? 0 : RedriveCount + 1;
    const scope = taskScope(stopping.signal);
    const now = Date.now();
    const place = freePlaces.pop() ?? places.length;
    onStart(name, input, entry);
    const run = machine.run(input, contextOf(arn, name, input, now, redrives), overridesFor(scope));
    const child: Child = {
      redrives,
      name,
      arn,
      entry,
      input,
      ordinal: started++,
      started: now,
      scope,
      run,
      place,
      timedOut: false,
      returned: false,
    };
    places[place] = child;
    running += 1;
    if (type === 'EXPRESS') timer ??= setTimeout(endOverdue, longest);
    run.result.then((ended) => end(child, child.timedOut && ended.status === 'ABORTED' ? TIMED_OUT : ended));
  }

  /** What no handler works on waits before a retry. */
  function takeBack(child: Child): void {
    if (places[child.place] !== child || child.scope.controller !== undefined) return;
    child.returned = true;
    child.run.abort();
  }

  function contextOf(arn: string, name: string, input: Json, now: number, redrives: number): Context {
    const StartTime = new Date(now).toISOString();
    // In a run that is carried on, no child believes what it was told of its source before.
    const RedriveCount = Math.max(redrives, redrivesOfRun);
    return {
      Execution: { Id: arn, Name: name, Input: input, StartTime, RoleArn: ROLE_ARN, RedriveCount },
      StateMachine: { Id: names.childMachineArn, Name: machineName },
    };
  }

  function end(child: Child, answer: Ended): void {
    places[child.place] = undefined;
    freePlaces.push(child.place);
    running -= 1;
    if (running === 0) {
      clearTimeout(timer);
      timer = undefined;
    }
    const { entry, name, arn, input, ordinal, started, redrives } = child;
    if (child.returned || (answer.status === 'FAILED' && answer.error === NOT_STARTED)) {
      onReturn(name, entry);
      return;
    }
    const text = answer.status === 'SUCCEEDED' ? JSON.stringify(answer.output) : undefined;
    const ended = text === undefined || fitsPayload(text) ? asStopped(answer) : TOO_LARGE;
    const record = endedRecord({
      ...{ type, arn, name, machineArn: names.childMachineArn, input: entry.record.Input },
      ...{ started, stopped: Date.now(), redrives },
      ...(ended.status === 'SUCCEEDED' ? { status: ended.status, output: text } : ended),
      ...(ended.status === 'ABORTED' ? { cause: ended.cause ?? abortedCause } : {}),
    });
    const kept = ended.status === 'SUCCEEDED' ? { output: ended.output } : {};
    onEnd({ status: ended.status, entry, record, input, ordinal, ...kept });
  }

  const abortedCause = `The map run execution [${names.mapRunArn}] which was managing this resource was aborted`;

  return {
    start,
    running: () => running,
    stop() {
      stopping.abort(new StatesError(STOPPED, 'The execution was stopped'));
      for (const child of places) {
        if (child === undefined) continue;
        takeBack(child);
        // Whether it is over, goes on, or waits before a retry shows once the interpreter has had its turn.
        child.scope.onIdle = () => void setImmediate(() => takeBack(child));
      }
    },
    abort() {
      for (const child of places) if (child !== undefined) abort(child);
    },
  };
}

function abort({ scope, run }: Child): void {
  abortTasks(scope);
  run.abort();
}

/** A batch of which some keys were left at a stop: its cause tells which. */
function asStopped(answer: Ended): Ended {
  if (answer.status !== 'FAILED' || answer.error !== STOPPED) return answer;
  return { status: 'ABORTED', ...(answer.cause === undefined ? {} : { cause: answer.cause }) };
}

const TIMED_OUT: Failure = { status: 'TIMED_OUT' };

const TOO_LARGE: Failure = {
  status: 'FAILED',
  error: 'States.DataLimitExceeded',
  cause: 'The output of the execution is larger than the maximum number of bytes service limit.',
};
