// The state machine: one Amazon States Language definition, deployed by the CDK and run by the embedded engine.

import { CHILD_SECONDS } from '../lambda/contract/child.ts';
import { TRANSIENT_ERRORS } from '../lambda/contract/errors.ts';
import { CUT } from '../lambda/contract/stopping.ts';
import type { PlanState, ReaderKind } from '../lambda/job/prepared.ts';
import type {
  Catcher,
  DistributedMapState,
  ItemReader,
  Retrier,
  StateMachineDefinition,
  TaskState,
} from './states-language.ts';

/** The ARNs of the functions that the Task states call (in the embedded engine: names of handlers in ARN form). */
export interface WorkflowFunctions {
  readonly prepare: string;
  readonly process: string;
  /** Like `process`, with more memory: where a key goes once that ran out of memory. */
  readonly processLarge: string;
  readonly summarize: string;
}

export interface WorkflowOptions {
  readonly functions: WorkflowFunctions;
  /** The partition in the ARNs of Step Functions' own resources. Default: aws. */
  readonly partition?: string;
}

/**
 * Seconds. Each holds the one before: S3's requests < handler < function < Task < child execution (EXPRESS: 300) < execution.
 * A child that is never throttled fits its five minutes with both Tasks at their longest and every wait of TRANSIENT between
 * them. What throttling takes off is told to the functions, which answer before their child's end (`CHILD_SECONDS`).
 */
export const TIMEOUTS = {
  /** Timeout of the image function; the Task waits a little longer, so that the function's own answer arrives first. */
  processFunction: 110,
  processTask: 115,
  /** Timeout of the large image function: with the first try's it must fit in the child's 300. */
  processLargeFunction: 110,
  processLargeTask: 115,
  /** An EXPRESS execution's longest life. */
  child: CHILD_SECONDS,
  prepareFunction: 120,
  prepareTask: 125,
  /** The longest that Lambda allows. */
  summarizeFunction: 900,
  summarizeTask: 905,
  /** The longest that Lambda allows: a guard looks for nearly as long, and is then called again. */
  guardFunction: 900,
  guardTask: 905,
  /** Two weeks: 100 million images at 1,000 a second take 28 hours. */
  execution: 14 * 24 * 3600,
} as const;

/** Lambda's own transient errors, as Step Functions names them. TooManyRequests is not in the CDK's default list. */
const LAMBDA_TRANSIENT = [
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.ClientExecutionTimeoutException',
];

/**
 * How a function ends that ran out of memory, in all runtimes' words and in our own; one that answers nothing in its time is
 * taken for such a one. ImageTimeout is none: the large function has the same limit of time, and would end the same.
 */
export const OUT_OF_RESOURCES = [
  'ImageCrashed',
  'Lambda.Unknown',
  'Runtime.ExitError',
  'Runtime.OutOfMemory',
  'Sandbox.Timedout',
  'States.Timeout',
];

/** No environment of the function is free, or too many requests a second: nothing was done, so it never counts as a failure. */
export const THROTTLED = 'Lambda.TooManyRequestsException';

/** More attempts than fit into the life of what waits. */
const FOR_AS_LONG_AS_IT_LIVES = 100_000;

/**
 * Waits for a free environment, in two classes, so that the queue is nearly a fair one. A freed environment goes to whoever
 * asks first, and an ever longer backoff would leave it to newly started children for good (`bench/throttling.ts`). So a
 * child backs off at first, for about a minute, and then asks twice a second, which those who came later do not. Full jitter,
 * since all children would otherwise come back at the same instant.
 */
const NEW_IN_QUEUE: Retrier = {
  ErrorEquals: [THROTTLED],
  IntervalSeconds: 1,
  BackoffRate: 2,
  MaxAttempts: 10,
  MaxDelaySeconds: 20,
  JitterStrategy: 'FULL',
};
const LONG_IN_QUEUE: Retrier = {
  ErrorEquals: [THROTTLED],
  IntervalSeconds: 1,
  BackoffRate: 1,
  MaxAttempts: FOR_AS_LONG_AS_IT_LIVES,
  JitterStrategy: 'FULL',
};

/** For Prepare and Summarize, which wait for days if they must: the execution's two weeks are their bound. */
export const PATIENT: Retrier = {
  ErrorEquals: [THROTTLED],
  IntervalSeconds: 1,
  BackoffRate: 2,
  MaxAttempts: FOR_AS_LONG_AS_IT_LIVES,
  MaxDelaySeconds: 60,
  JitterStrategy: 'FULL',
};

/** What passes by itself. All waits together: 30 seconds at most. */
export const TRANSIENT: Retrier = {
  ErrorEquals: [...LAMBDA_TRANSIENT, ...TRANSIENT_ERRORS],
  IntervalSeconds: 1,
  BackoffRate: 2,
  MaxAttempts: 5,
  MaxDelaySeconds: 15,
  JitterStrategy: 'FULL',
};

/** The name and Label of the Map state per reader, and how its ItemReader is configured. */
export const READERS: Readonly<
  Record<ReaderKind, { readonly state: string; readonly label: string; readonly config?: ItemReader['ReaderConfig'] }>
> = {
  LIST: { state: 'Process listed images', label: 'Listed' },
  BUCKET: { state: 'Process listed bucket', label: 'Bucket' },
  CSV: {
    state: 'Process images in CSV',
    label: 'Csv',
    config: { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' },
  },
  JSON: { state: 'Process images in JSON', label: 'Json', config: { InputType: 'JSON' } },
  JSONL: { state: 'Process images in JSONL', label: 'Jsonl', config: { InputType: 'JSONL' } },
  S3_INVENTORY: {
    state: 'Process images in S3 Inventory',
    label: 'Inventory',
    config: { ManifestType: 'S3_INVENTORY' },
  },
  KEYS: { state: 'Process keys', label: 'Keys' },
};

/** The reader of a job of which only a plan is asked for. */
const PLAN: PlanState['reader']['kind'] = 'PLAN';

/** The Map state of the keys that go first. */
export const CANARY = { state: 'Process canary', label: 'Canary' } as const;

/** The labels of all Map states: what Map Runs are named by. */
export const LABELS: readonly string[] = [...Object.values(READERS).map(({ label }) => label), CANARY.label];

/** The whole definition. The paths point into PreparedState (`lambda/job/prepared.ts`). */
export function workflow({ functions, partition = 'aws' }: WorkflowOptions): StateMachineDefinition {
  const kinds = Object.keys(READERS) as ReaderKind[];
  return {
    Comment: 'image-fanout: download, process and write every image, and account for each',
    StartAt: 'Prepare',
    TimeoutSeconds: TIMEOUTS.execution,
    States: {
      Prepare: {
        Type: 'Task',
        Comment: 'Validates the job, fills in the defaults, refuses what is dangerous',
        Resource: functions.prepare,
        Parameters: {
          'input.$': '$',
          execution: {
            'id.$': '$$.Execution.Id',
            'name.$': '$$.Execution.Name',
            'startTime.$': '$$.Execution.StartTime',
          },
        },
        TimeoutSeconds: TIMEOUTS.prepareTask,
        Retry: [PATIENT, TRANSIENT],
        Next: 'Choose canary',
      },
      'Choose canary': {
        Type: 'Choice',
        Choices: [{ Variable: '$.canary.kind', StringEquals: 'CANARY', Next: CANARY.state }],
        Default: 'Choose reader',
      },
      [CANARY.state]: processCanary(functions, partition),
      'Choose reader': {
        Type: 'Choice',
        Choices: [
          ...kinds.map((kind) => ({ Variable: '$.reader.kind', StringEquals: kind, Next: READERS[kind].state })),
          { Variable: '$.reader.kind', StringEquals: PLAN, Next: 'Plan' },
        ],
      },
      Plan: {
        Type: 'Task',
        Comment: 'Where only a plan was asked for: counts keys, tries some, writes nothing; its answer is the output',
        Resource: functions.process,
        Parameters: { 'plan.$': '$.run' },
        TimeoutSeconds: TIMEOUTS.processTask,
        Retry: [PATIENT, TRANSIENT],
        End: true,
      },
      ...Object.fromEntries(kinds.map((kind) => [READERS[kind].state, processImages(kind, functions, partition)])),
      Summarize: {
        Type: 'Task',
        Comment: 'Writes the account; its answer is the output of the execution',
        Resource: functions.summarize,
        TimeoutSeconds: TIMEOUTS.summarizeTask,
        Retry: [PATIENT, TRANSIENT],
        // Too many keys for its time or its disk: the images are done all the same, and the account can be made elsewhere.
        Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.accountFailure', Next: 'Summarize without account' }],
        End: true,
      },
      'Summarize without account': {
        Type: 'Task',
        Comment: 'Answers what the Map Run counted, and what makes the account',
        Resource: functions.summarize,
        TimeoutSeconds: TIMEOUTS.summarizeTask,
        Retry: [PATIENT, TRANSIENT],
        End: true,
      },
    },
  };
}

/**
 * The state machine beside a run that has guards: it lives for as long as the run does, and a little longer at most. Its
 * function looks every few seconds, and is called anew when its time is over: two transitions in a quarter of an hour.
 */
export function guardWorkflow(guard: string): StateMachineDefinition {
  return {
    Comment: 'image-fanout: lets a run grow, and stops it',
    StartAt: 'Guard',
    // A redrive starts another: so that this one never outlives the run that it belongs to by much.
    TimeoutSeconds: TIMEOUTS.execution,
    States: {
      Guard: {
        Type: 'Task',
        Comment: 'Looks at the Map Run every few seconds',
        Resource: guard,
        TimeoutSeconds: TIMEOUTS.guardTask,
        // Whatever ends it: a run without its guard is worse than one that begins to look anew.
        Retry: [PATIENT, { ...TRANSIENT, ErrorEquals: ['States.ALL'], MaxAttempts: 20, MaxDelaySeconds: 60 }],
        Next: 'Over?',
      },
      'Over?': {
        Type: 'Choice',
        Choices: [{ Variable: '$.state', StringEquals: 'OVER', Next: 'Over' }],
        Default: 'Guard',
      },
      Over: { Type: 'Succeed' },
    },
  };
}

/**
 * The Distributed Map of one reader. Its error is not caught: a caught Map cannot be redriven. Both bounds of tolerated
 * failures are always given, as the one that is left out would mean zero; Prepare fills the neutral value in.
 */
function processImages(kind: ReaderKind, functions: WorkflowFunctions, partition: string): DistributedMapState {
  const items = kind === 'KEYS' ? { ItemsPath: '$.keys' } : { ItemReader: itemReader(kind, partition) };
  return mapOf(READERS[kind].label, items, functions, partition);
}

/**
 * The keys that go first: a Map of its own, whose failure ends the execution before the rest is begun, and can be redriven as
 * any other. What it has done the Map after it finds up to date, and the account tells it once.
 */
function processCanary(functions: WorkflowFunctions, partition: string): DistributedMapState {
  const map = mapOf(CANARY.label, { ItemsPath: '$.canary.items' }, functions, partition);
  return {
    ...map,
    Comment: 'Tries a few keys, spread over all, before the rest',
    MaxConcurrencyPath: '$.canary.maxConcurrency',
    ToleratedFailureCountPath: '$.canary.toleratedFailureCount',
    ToleratedFailurePercentagePath: '$.canary.toleratedFailurePercentage',
    ResultWriter: {
      ...(map.ResultWriter as NonNullable<DistributedMapState['ResultWriter']>),
      Parameters: { 'Bucket.$': '$.results.bucket', 'Prefix.$': '$.canary.prefix' },
    },
    ResultPath: '$.canaryRun',
    Next: 'Choose reader',
  };
}

function mapOf(
  label: string,
  items: Pick<DistributedMapState, 'ItemsPath' | 'ItemReader'>,
  functions: WorkflowFunctions,
  partition: string,
): DistributedMapState {
  // A state's name must be unique in the whole state machine, nested states included.
  const first = `Process image (${label})`;
  const queued = `Process queued image (${label})`;
  const large = `Process large image (${label})`;
  const rest = `Process rest of batch (${label})`;
  const toLarge: Catcher = { ErrorEquals: OUT_OF_RESOURCES, ResultPath: '$.outOfResources', Next: large };
  // What the call has done goes on with the call for what it had not the time for.
  const toRest: Catcher = { ErrorEquals: [CUT], ResultPath: '$.cut', Next: rest };
  return {
    Type: 'Map',
    Label: label,
    ...items,
    ItemSelector: { 'index.$': '$$.Map.Item.Index', 'item.$': '$$.Map.Item.Value' },
    ItemBatcher: {
      MaxItemsPerBatchPath: '$.itemsPerInvocation',
      // When the items were listed, at the earliest, and whether it was for an earlier attempt.
      BatchInput: {
        'run.$': '$.run',
        'started.$': '$$.Execution.StartTime',
        'redrives.$': '$$.Execution.RedriveCount',
      },
    },
    MaxConcurrencyPath: '$.maxConcurrency',
    ToleratedFailureCountPath: '$.toleratedFailureCount',
    ToleratedFailurePercentagePath: '$.toleratedFailurePercentage',
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' },
      StartAt: first,
      States: {
        [first]: {
          ...processTask(functions.process, TIMEOUTS.processTask, NEW_IN_QUEUE),
          Catch: [{ ErrorEquals: [THROTTLED], ResultPath: null, Next: queued }, toRest, toLarge],
        },
        [queued]: { ...processTask(functions.process, TIMEOUTS.processTask, LONG_IN_QUEUE), Catch: [toRest, toLarge] },
        [large]: {
          ...processTask(functions.processLarge, TIMEOUTS.processLargeTask, LONG_IN_QUEUE, {
            'outOfResources.$': '$.outOfResources',
          }),
          Catch: [toRest],
        },
        [rest]: {
          ...processTask(functions.process, TIMEOUTS.processTask, LONG_IN_QUEUE, { 'cut.$': '$.cut' }),
          Catch: [toRest, toLarge],
        },
      },
    },
    ResultWriter: {
      Resource: `arn:${partition}:states:::s3:putObject`,
      Parameters: { 'Bucket.$': '$.results.bucket', 'Prefix.$': '$.results.prefix' },
      WriterConfig: { Transformation: 'NONE', OutputType: 'JSONL' },
    },
    ResultPath: '$.mapRun',
    Next: 'Summarize',
  };
}

function itemReader(kind: Exclude<ReaderKind, 'KEYS'>, partition: string): ItemReader {
  if (kind === 'LIST' || kind === 'BUCKET') {
    return {
      Resource: `arn:${partition}:states:::s3:listObjectsV2`,
      Parameters: { 'Bucket.$': '$.reader.bucket', ...(kind === 'LIST' ? { 'Prefix.$': '$.reader.prefix' } : {}) },
    };
  }
  const config = READERS[kind].config;
  return {
    Resource: `arn:${partition}:states:::s3:getObject`,
    ...(config === undefined ? {} : { ReaderConfig: config }),
    Parameters: { 'Bucket.$': '$.reader.bucket', 'Key.$': '$.reader.key' },
  };
}

function processTask(
  resource: string,
  timeoutSeconds: number,
  whenThrottled: Retrier,
  more: Readonly<Record<string, string>> = {},
): TaskState {
  return {
    Type: 'Task',
    Resource: resource,
    Parameters: {
      'BatchInput.$': '$.BatchInput',
      'Items.$': '$.Items',
      // A child knows no other name of its Map Run than its own ARN, which holds it: for the logs.
      'child.$': '$$.Execution.Id',
      'redrives.$': '$$.Execution.RedriveCount',
      // Its five minutes began then, and what it waited for an environment is gone of them.
      'childStarted.$': '$$.Execution.StartTime',
      ...more,
    },
    TimeoutSeconds: timeoutSeconds,
    Retry: [whenThrottled, TRANSIENT],
    End: true,
  };
}
