// What starts runs by itself: S3's events go over EventBridge and a queue to the starter, which starts executions.
import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { EventSourceMappingOptions, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ENVIRONMENT, RESULT_FOLDERS } from '../../lambda/contract/environment.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import { type CommonProps, commonOf, Handler } from './functions.ts';
import { onObjects, type Place, usingKey, within } from './places.ts';
import { createDeadLetters, createQueue } from './queues.ts';

/** Seconds of the starter; its queues hide a message six times as long and the window, as Lambda's guide asks. */
const STARTER_TIMEOUT = 90;

/** Deliveries of a message before it goes to the dead letters. */
const TRIES = 5;
/**
 * The same of uploads, which are given back also while as many runs of uploads go on as may: ten minutes apart, for most of a
 * day. Long before that an alarm tells of their age.
 */
const UPLOAD_TRIES = 100;

/** Starters of uploads at once: one may gather while the other starts. Left alone the event source grows to a thousand. */
const STARTERS = 2;

/** How images that land below the source become runs. */
export interface Uploads {
  /** Fields of the jobs, but for the keys. */
  readonly job: JobInput;
  /** Most uploads in one run, 1 to 10,000. */
  readonly batchSize: number;
  /** Seconds to gather uploads for one run, 1 to 300. */
  readonly windowSeconds: number;
}

export interface TriggersProps extends CommonProps {
  readonly source: Place;
  readonly results: Place;
  readonly stateMachine: StateMachine;
  /** Whether a JSON job that lands in the results' `jobs/` starts. */
  readonly jobFiles: boolean;
  /** Whether images that land below the source start runs, and which. @default - they do not */
  readonly uploads?: Uploads;
  readonly encryptionKey?: IKey;
}

/** A queue of events, and where those go that cannot be started. */
export interface TriggerQueue {
  readonly queue: IQueue;
  readonly deadLetters: IQueue;
}

/** The queues, the starter between them and the state machine. */
export class Triggers extends Construct {
  readonly starter: LambdaFunction;
  readonly queues: readonly TriggerQueue[];

  constructor(scope: Construct, id: string, props: TriggersProps) {
    super(scope, id);
    const { source, results, uploads } = props;
    const uploadsJob = JSON.stringify(uploads?.job ?? {});
    refuseLongJob(uploadsJob);
    const starter = new Handler(this, 'Start', {
      entry: 'start',
      description: 'image-fanout: starts runs for job files and uploads',
      ...commonOf(props),
      memory: 512,
      timeout: STARTER_TIMEOUT,
      environment: {
        ...props.environment,
        [ENVIRONMENT.stateMachine]: props.stateMachine.stateMachineArn,
        [ENVIRONMENT.uploadsJob]: uploadsJob,
      },
      statements: [
        new PolicyStatement({
          actions: ['states:StartExecution', ...(uploads === undefined ? [] : ['states:ListExecutions'])],
          resources: [props.stateMachine.stateMachineArn],
        }),
        onObjects(within(results, `${RESULT_FOLDERS.manifests}uploads/`), 's3:PutObject'),
        ...usingKey([results], 'kms:GenerateDataKey'),
      ],
    }).function;
    this.starter = starter;
    const queues: TriggerQueue[] = [];
    if (props.jobFiles) {
      const queue = this.route('JobFiles', within(results, RESULT_FOLDERS.jobs), props);
      queues.push(queue);
      this.deliver('JobFiles', queue.queue, { batchSize: 10 });
    }
    if (uploads !== undefined) {
      const queue = this.route('Uploads', source, props, uploads.windowSeconds);
      queues.push(queue);
      this.deliver('Uploads', queue.queue, {
        batchSize: uploads.batchSize,
        maxBatchingWindow: Duration.seconds(uploads.windowSeconds),
        maxConcurrency: STARTERS,
      });
    }
    this.queues = queues;
  }

  /** Lets Lambda hand the queue's messages to the starter, with the three actions that it calls and no others. */
  private deliver(id: string, queue: IQueue, options: Omit<EventSourceMappingOptions, 'eventSourceArn'>): void {
    this.starter.addToRolePolicy(
      new PolicyStatement({
        actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
        resources: [queue.queueArn],
      }),
    );
    if (queue.encryptionMasterKey !== undefined) {
      this.starter.addToRolePolicy(
        new PolicyStatement({ actions: ['kms:Decrypt'], resources: [queue.encryptionMasterKey.keyArn] }),
      );
    }
    this.starter.addEventSourceMapping(id, {
      eventSourceArn: queue.queueArn,
      reportBatchItemFailures: true,
      ...options,
    });
  }

  /** New objects of a place, into a queue of their own. */
  private route(
    id: 'JobFiles' | 'Uploads',
    { bucket, prefix }: Place,
    { encryptionKey }: TriggersProps,
    windowSeconds = 0,
  ): TriggerQueue {
    // One for each queue: SQS moves messages back to the queue that they came from only where that is one.
    const deadLetters = createDeadLetters(this, `${id}DeadLetters`, encryptionKey, `the queue ${id}`);
    const queue = createQueue(this, id, encryptionKey, {
      visibilityTimeout: Duration.seconds(6 * STARTER_TIMEOUT + windowSeconds),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: id === 'Uploads' ? UPLOAD_TRIES : TRIES },
    });
    new Rule(this, `${id}Rule`, {
      description: `image-fanout: ${id === 'Uploads' ? 'images that land below the source' : 'job files'}`,
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [bucket.bucketName] },
          ...(prefix === '' ? {} : { object: { key: [{ prefix }] } }),
        },
      },
      targets: [new SqsQueue(queue)],
    });
    return { queue, deadLetters };
  }
}

/** Bytes of the job of uploads: with the other variables it must fit into Lambda's 4 KB of environment. */
const MOST_JOB = 2500;

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
function refuseLongJob(job: string): void {
  const bytes = Buffer.byteLength(job);
  if (bytes <= MOST_JOB) return;
  throw new Error(
    `image-fanout:uploadsJob: expected at most ${MOST_JOB} bytes of JSON, as a function's environment holds 4 KB, got ${bytes}; put the recipe into recipes/ of the results and name it: "recipe": "s3://…/recipes/mine.json"`,
  );
}
