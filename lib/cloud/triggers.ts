// What starts runs by itself: S3's events go over EventBridge and a queue to the starter, which starts executions.
import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ENVIRONMENT, RESULT_FOLDERS } from '../../lambda/contract/environment.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import { Handler } from './functions.ts';
import { onObjects, type Place, usingKey, within } from './places.ts';
import { createQueue } from './queues.ts';

/** Seconds of the starter; its queues hide a message six times as long and the window, as Lambda's guide asks. */
const STARTER_TIMEOUT = 90;

/** Deliveries of a message before it goes to the dead letters. */
const TRIES = 5;

export interface Uploads {
  /** Fields of the jobs, but for the keys. */
  readonly job: JobInput;
  /** Most uploads in one run, 1 to 10,000. */
  readonly batchSize: number;
  /** Seconds to gather uploads for one run, 1 to 300. */
  readonly windowSeconds: number;
}

export interface TriggersProps {
  readonly source: Place;
  readonly results: Place;
  readonly stateMachine: StateMachine;
  /** Whether a JSON job that lands in the results' `jobs/` starts. */
  readonly jobFiles: boolean;
  /** Whether images that land below the source start runs, and which. @default - they do not */
  readonly uploads?: Uploads;
  readonly architecture: Architecture;
  readonly logRetention: RetentionDays;
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what could not be started. */
  readonly deadLetters: IQueue;
  readonly encryptionKey?: IKey;
}

/** The queues, the starter between them and the state machine. */
export class Triggers extends Construct {
  constructor(scope: Construct, id: string, props: TriggersProps) {
    super(scope, id);
    const { source, results, uploads } = props;
    const starter = new Handler(this, 'Start', {
      entry: 'start',
      description: 'image-fanout: starts runs for job files and uploads',
      architecture: props.architecture,
      memory: 512,
      timeout: STARTER_TIMEOUT,
      logRetention: props.logRetention,
      environment: {
        ...props.environment,
        [ENVIRONMENT.stateMachine]: props.stateMachine.stateMachineArn,
        [ENVIRONMENT.uploadsJob]: JSON.stringify(uploads?.job ?? {}),
      },
      statements: [
        new PolicyStatement({
          actions: ['states:StartExecution'],
          resources: [props.stateMachine.stateMachineArn],
        }),
        onObjects(within(results, `${RESULT_FOLDERS.manifests}uploads/`), 's3:PutObject'),
        ...usingKey([results], 'kms:GenerateDataKey'),
      ],
    }).function;
    if (props.jobFiles) {
      const queue = this.route('JobFiles', within(results, RESULT_FOLDERS.jobs), props);
      starter.addEventSource(new SqsEventSource(queue, { batchSize: 10, reportBatchItemFailures: true }));
    }
    if (uploads !== undefined) {
      const queue = this.route('Uploads', source, props, uploads.windowSeconds);
      starter.addEventSource(
        new SqsEventSource(queue, {
          batchSize: uploads.batchSize,
          maxBatchingWindow: Duration.seconds(uploads.windowSeconds),
          reportBatchItemFailures: true,
        }),
      );
    }
  }

  /** New objects of a place, into a queue of their own. */
  private route(
    id: 'JobFiles' | 'Uploads',
    { bucket, prefix }: Place,
    { deadLetters, encryptionKey }: TriggersProps,
    windowSeconds = 0,
  ): IQueue {
    const queue = createQueue(this, id, encryptionKey, {
      visibilityTimeout: Duration.seconds(6 * STARTER_TIMEOUT + windowSeconds),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: TRIES },
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
    return queue;
  }
}
