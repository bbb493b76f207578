// What happens after a run's end, however it came: its account is written, and a topic is told.
import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { type ITopic, SubscriptionFilter, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ENVIRONMENT, RESULT_FOLDERS } from '../../lambda/contract/environment.ts';
import { TIMEOUTS } from '../workflow.ts';
import { type CommonProps, commonOf, Handler, SORTING_SPACE } from './functions.ts';
import { forPictures, knowingAbsence, listing, onObjects, type Place, usingKey, within } from './places.ts';
import { createDeadLetters } from './queues.ts';
import { allowCounts } from './state-machine.ts';

export interface ReportsProps extends CommonProps {
  readonly source: Place;
  readonly destination: Place;
  readonly results: Place;
  readonly stateMachine: StateMachine;
  /** Its executions are accounts in parts. */
  readonly accountMachine: StateMachine;
  /** Bytes of result files up to which the function makes the account itself. */
  readonly wholeAccountBytes: number;
  /** Topics of one's own, for each run's end and for the alarms. @default - new ones */
  readonly topic?: ITopic;
  readonly alarmTopic?: ITopic;
  /** Who is told by e-mail. @default - nobody; subscribe to the topic */
  readonly email?: string;
  readonly encryptionKey?: IKey;
}

/** The topics, and the function that tells the one of runs. */
export class Reports extends Construct {
  /** Told of each run's end; e-mail only of those that need somebody. */
  readonly topic: ITopic;
  /** Told by the alarms that are of no single run: these all go by e-mail. */
  readonly alarmTopic: ITopic;
  readonly report: LambdaFunction;
  /** What could not be reported: events that did not reach the function, and those that it failed at. */
  readonly deadLetters: readonly IQueue[];

  constructor(scope: Construct, id: string, props: ReportsProps) {
    super(scope, id);
    const { results, stateMachine, encryptionKey } = props;
    const runs = within(results, RESULT_FOLDERS.runs);
    const topic = (id: string, displayName: string): Topic =>
      new Topic(this, id, {
        displayName,
        enforceSSL: true,
        ...(encryptionKey === undefined ? {} : { masterKey: encryptionKey }),
      });
    this.topic = props.topic ?? topic('Topic', 'image-fanout');
    this.alarmTopic = props.alarmTopic ?? topic('Alarms', 'image-fanout alarms');
    if (props.email !== undefined) {
      // A good run is no news; and the alarm of a failed one has no attributes, so that it mails once.
      const attention = SubscriptionFilter.stringFilter({ allowlist: ['yes'] });
      this.topic.addSubscription(new EmailSubscription(props.email, { filterPolicy: { attention } }));
      this.alarmTopic.addSubscription(new EmailSubscription(props.email));
    }
    const undelivered = createDeadLetters(this, 'UndeliveredEnds', encryptionKey, 'the rule for ended runs');
    const unreported = createDeadLetters(this, 'UnreportedEnds', encryptionKey, 'the function that reports ended runs');
    this.deadLetters = [undelivered, unreported];
    const keys = new Set([encryptionKey, this.topic.masterKey].flatMap((key) => key?.keyArn ?? []));
    const report = new Handler(this, 'Report', {
      entry: 'report',
      description: "image-fanout: writes the account after a run's end, and tells the topic",
      ...commonOf(props),
      memory: 1769,
      timeout: TIMEOUTS.summarizeFunction,
      temporaryStorage: SORTING_SPACE,
      environment: {
        ...props.environment,
        [ENVIRONMENT.topic]: this.topic.topicArn,
        [ENVIRONMENT.accountMachine]: props.accountMachine.stateMachineArn,
        [ENVIRONMENT.wholeAccountBytes]: String(props.wholeAccountBytes),
      },
      statements: [
        listing(runs),
        onObjects(runs, 's3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'),
        knowingAbsence(results),
        new PolicyStatement({ actions: ['sns:Publish'], resources: [this.topic.topicArn] }),
        new PolicyStatement({
          actions: ['states:StartExecution'],
          resources: [props.accountMachine.stateMachineArn],
        }),
        new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [unreported.queueArn] }),
        ...usingKey([results], 'kms:Decrypt', 'kms:GenerateDataKey'),
        ...forPictures(props),
        ...[...keys].map(
          (arn) => new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [arn] }),
        ),
      ],
    });
    this.report = report.function;
    allowCounts(this, 'Counts', report.role, stateMachine, { find: true });
    // EventBridge counts an event as delivered once Lambda has queued it: what fails after that is Lambda's to hand on.
    this.report.configureAsyncInvoke({
      // The CDK's own destination would grant wildcards of KMS.
      onFailure: { bind: () => ({ destination: unreported.queueArn }) },
      retryAttempts: 2,
      maxEventAge: Duration.hours(6),
    });
    new Rule(this, 'Ended', {
      description: 'image-fanout: a run has ended',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        // Exactly this state machine: a Map Run's STANDARD children would come under its name and a label.
        detail: {
          stateMachineArn: [stateMachine.stateMachineArn, props.accountMachine.stateMachineArn],
          status: ['SUCCEEDED', 'FAILED', 'ABORTED', 'TIMED_OUT'],
        },
      },
      targets: [
        new LambdaTarget(this.report, {
          deadLetterQueue: undelivered,
          retryAttempts: 4,
          maxEventAge: Duration.hours(6),
        }),
      ],
    });
  }
}
