// The state machine that makes a large run's account in parts: a Distributed Map over ranges of the result files, one over parts of the items.
import type { DistributedMapState, StateMachineDefinition, TaskState } from './states-language.ts';
import { PATIENT, TIMEOUTS, TRANSIENT } from './workflow.ts';

export interface AccountWorkflowOptions {
  /** ARN of the function that does all of it. */
  readonly account: string;
  /** Default: aws. */
  readonly partition?: string;
}

/** Functions of one Map at once: hundreds of ranges are done within minutes, and an account's other functions have room. */
const AT_ONCE = 50;

/** Labels of its Maps: in the ARNs of their children. */
export const ACCOUNT_LABELS = { ranges: 'Ranges', parts: 'Parts' } as const;

/**
 * The whole definition. Nothing is caught: what fails can be redriven, and what was done stays done, since each piece writes
 * its own files, whole, and writes the same when it is done again.
 */
export function accountWorkflow({ account, partition = 'aws' }: AccountWorkflowOptions): StateMachineDefinition {
  return {
    Comment: 'image-fanout: the account of a run that is too large for one function',
    StartAt: 'Plan ranges',
    TimeoutSeconds: TIMEOUTS.execution,
    States: {
      'Plan ranges': {
        ...task(account, { action: 'plan', 'work.$': '$.work' }),
        ResultPath: '$.plan',
        Next: 'Sort ranges',
      },
      'Sort ranges': {
        ...each('Sort range', account, partition, '$.plan.ranges', ACCOUNT_LABELS.ranges, {
          action: 'sort',
          'work.$': '$.work',
          'range.$': '$$.Map.Item.Value',
        }),
        Next: 'List parts',
      },
      'List parts': {
        ...task(account, { action: 'gather', 'work.$': '$.work' }),
        ResultPath: null,
        Next: 'Write parts',
      },
      'Write parts': {
        ...each('Write part', account, partition, '$.plan.parts', ACCOUNT_LABELS.parts, {
          action: 'write',
          'work.$': '$.work',
          'part.$': '$$.Map.Item.Value',
        }),
        Next: 'Write summary',
      },
      'Write summary': { ...task(account, { action: 'finish', 'work.$': '$.work', 'end.$': '$.end' }), End: true },
    },
  };
}

function task(Resource: string, Parameters: NonNullable<TaskState['Parameters']>) {
  return {
    Type: 'Task' as const,
    Resource,
    Parameters,
    TimeoutSeconds: TIMEOUTS.summarizeTask,
    Retry: [PATIENT, TRANSIENT],
  };
}

/** A Map over a list in the work folder. Its children are STANDARD: a piece may take longer than five minutes. */
function each(
  name: string,
  Resource: string,
  partition: string,
  list: string,
  Label: string,
  ItemSelector: NonNullable<DistributedMapState['ItemSelector']>,
) {
  return {
    Type: 'Map' as const,
    Label,
    ItemReader: {
      Resource: `arn:${partition}:states:::s3:getObject`,
      ReaderConfig: { InputType: 'JSON' as const },
      Parameters: { 'Bucket.$': '$.work.folder.bucket', 'Key.$': list },
    },
    ItemSelector,
    MaxConcurrency: AT_ONCE,
    ToleratedFailureCount: 0,
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED' as const, ExecutionType: 'STANDARD' as const },
      StartAt: name,
      States: {
        [name]: {
          Type: 'Task' as const,
          Resource,
          TimeoutSeconds: TIMEOUTS.summarizeTask,
          Retry: [PATIENT, TRANSIENT],
          End: true as const,
        },
      },
    },
    // Each child has written what it has to say: answers of thousands would not fit into a state.
    ResultPath: null,
  };
}
