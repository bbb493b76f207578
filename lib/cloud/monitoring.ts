// What a team looks at and is woken by: one dashboard, and an alarm for each thing that needs a person.
import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  MathExpression,
  Metric,
  SingleValueWidget,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { METRICS, SERVICE } from '../../lambda/contract/metrics.ts';
import { PRICES } from '../costs.ts';

export interface MonitoringProps {
  readonly stateMachine: StateMachine;
  /** The image function, and how much memory and time it has. */
  readonly process: LambdaFunction;
  readonly memory: number;
  readonly timeoutSeconds: number;
  readonly architecture: Architecture;
  readonly deadLetters: IQueue;
  readonly topic: ITopic;
}

export class Monitoring extends Construct {
  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    // The topic has a policy of its own, so alarms need a line in it.
    props.topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [props.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    this.alarms(props);
    this.dashboard(props);
  }

  private alarms({ stateMachine, process, timeoutSeconds, deadLetters, topic }: MonitoringProps): void {
    const period = Duration.minutes(5);
    const alarm = (
      id: string,
      alarmDescription: string,
      metric: Metric,
      threshold: number,
      evaluationPeriods = 1,
    ): void => {
      new Alarm(this, id, {
        alarmDescription,
        metric,
        threshold,
        evaluationPeriods,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      }).addAlarmAction(new SnsAction(topic));
    };
    alarm(
      'RunFailed',
      'image-fanout: a run failed. Its account says why; redrive it when the cause is gone.',
      stateMachine.metricFailed({ period }),
      1,
    );
    alarm(
      'RunTimedOut',
      'image-fanout: a run took longer than two weeks. Redrive it to go on.',
      stateMachine.metricTimedOut({ period }),
      1,
    );
    alarm(
      'Throttled',
      'image-fanout: the image function is throttled. Lower maxConcurrency, or ask for a higher quota.',
      process.metricThrottles({ period }),
      100,
      3,
    );
    alarm(
      'DeadLetters',
      'image-fanout: events that could not start or report a run. Look at them, mend the cause, move them back.',
      deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: Stats.MAXIMUM }),
      1,
    );
    alarm(
      'Slow',
      'image-fanout: an image took nine tenths of the time that the function has. Give it more memory.',
      process.metricDuration({ period, statistic: Stats.MAXIMUM }),
      timeoutSeconds * 1000 * 0.9,
    );
  }

  private dashboard({ stateMachine, process, memory, architecture }: MonitoringProps): void {
    const period = Duration.minutes(1);
    const ours = (metricName: string, label = metricName): Metric =>
      new Metric({
        namespace: METRICS.namespace,
        metricName,
        label,
        dimensionsMap: { service: SERVICE },
        statistic: Stats.SUM,
        period,
      });
    const half = { width: 12, height: 6 };
    const price = architecture === Architecture.X86_64 ? PRICES.lambdaGigabyteSecondX86 : PRICES.lambdaGigabyteSecond;
    const cost = new MathExpression({
      label: 'USD (Lambda and EXPRESS requests)',
      expression: `RUNNING_SUM(ms / 1000 * ${memory / 1024} * ${price} + n * ${PRICES.lambdaRequest + PRICES.expressRequest})`,
      usingMetrics: {
        ms: process.metricDuration({ period, statistic: Stats.SUM }),
        n: process.metricInvocations({ period }),
      },
      period,
    });
    new Dashboard(this, 'Dashboard', {
      widgets: [
        [
          new GraphWidget({
            ...half,
            title: 'Keys per minute',
            left: [ours(METRICS.succeeded), ours(METRICS.skipped), ours(METRICS.failed, 'Failed attempts')],
          }),
          new GraphWidget({
            ...half,
            title: 'Failed attempts by class',
            left: [
              new MathExpression({
                expression: `SEARCH('{${METRICS.namespace},service,${METRICS.errorDimension}} MetricName="${METRICS.failedByClass}"', 'Sum', 60)`,
                label: '',
                period,
              }),
            ],
          }),
        ],
        [
          new GraphWidget({
            ...half,
            title: 'Milliseconds per invocation',
            left: ['p50', 'p90', 'p99', 'Maximum'].map((statistic) =>
              process.metricDuration({ statistic, label: statistic, period }),
            ),
          }),
          new GraphWidget({
            ...half,
            title: 'Concurrency and throttles',
            left: [process.metric('ConcurrentExecutions', { statistic: Stats.MAXIMUM, period })],
            right: [process.metricThrottles({ period })],
          }),
        ],
        [
          new GraphWidget({
            ...half,
            title: 'Bytes per minute',
            left: [ours(METRICS.bytesRead), ours(METRICS.bytesWritten)],
          }),
          new GraphWidget({
            ...half,
            title: 'Runs',
            left: [
              stateMachine.metricStarted({ period }),
              stateMachine.metricSucceeded({ period }),
              stateMachine.metricFailed({ period }),
            ],
          }),
        ],
        [
          new SingleValueWidget({
            width: 24,
            height: 4,
            title: 'Cost so far, in the time shown',
            metrics: [cost],
            fullPrecision: false,
          }),
        ],
      ],
    });
  }
}
