// What happens after a run's end, however it came: its account is written, and a topic is told.
import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ENVIRONMENT, RESULT_FOLDERS } from '../../lambda/contract/environment.ts';
import { TIMEOUTS } from '../workflow.ts';
import { Handler } from './functions.ts';
import { knowingAbsence, listing, onObjects, type Place, usingKey, within } from './places.ts';

export interface ReportsProps {
  readonly results: Place;
  readonly stateMachine: StateMachine;
  /** Takes the events that could not be reported on. */
  readonly deadLetters: IQueue;
  readonly architecture: Architecture;
  readonly logRetention: RetentionDays;
  readonly environment: Readonly<Record<string, string>>;
  /** Who is told by e-mail. @default - nobody; subscribe to the topic */
  readonly email?: string;
  readonly encryptionKey?: IKey;
}

/** The topic, and the function that tells it. */
export class Reports extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: ReportsProps) {
    super(scope, id);
    const { results, stateMachine, deadLetters, encryptionKey } = props;
    const runs = within(results, RESULT_FOLDERS.runs);
    this.topic = new Topic(this, 'Topic', {
      displayName: 'image-fanout',
      enforceSSL: true,
      ...(encryptionKey === undefined ? {} : { masterKey: encryptionKey }),
    });
    if (props.email !== undefined) this.topic.addSubscription(new EmailSubscription(props.email));
    const report = new Handler(this, 'Report', {
      entry: 'report',
      description: "image-fanout: writes the account after a run's end, and tells the topic",
      architecture: props.architecture,
      memory: 1769,
      timeout: TIMEOUTS.summarizeFunction,
      logRetention: props.logRetention,
      environment: { ...props.environment, [ENVIRONMENT.topic]: this.topic.topicArn },
      statements: [
        listing(runs),
        onObjects(runs, 's3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'),
        knowingAbsence(results),
        new PolicyStatement({ actions: ['sns:Publish'], resources: [this.topic.topicArn] }),
        ...usingKey([results], 'kms:Decrypt', 'kms:GenerateDataKey'),
        ...(encryptionKey === undefined
          ? []
          : [
              new PolicyStatement({
                actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
                resources: [encryptionKey.keyArn],
              }),
            ]),
      ],
    }).function;
    new Rule(this, 'Ended', {
      description: 'image-fanout: a run has ended',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        // Exactly this state machine: a Map Run's STANDARD children would come under its name and a label.
        detail: {
          stateMachineArn: [stateMachine.stateMachineArn],
          status: ['SUCCEEDED', 'FAILED', 'ABORTED', 'TIMED_OUT'],
        },
      },
      targets: [
        new LambdaFunction(report, { deadLetterQueue: deadLetters, retryAttempts: 4, maxEventAge: Duration.hours(6) }),
      ],
    });
  }
}
