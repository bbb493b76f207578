// What a team looks at and is woken by: one dashboard, and an alarm for each thing that needs a person.
import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  type MetricOptions,
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
import { LOG_BYTES } from '../../lambda/estimate/costs.ts';
import { PRICES } from '../../lambda/estimate/prices.ts';

/** Dollars for the lines of log of one call. */
const PER_INVOCATION_LOG = (LOG_BYTES / 1e9) * PRICES.logGigabyte;

export interface MonitoringProps {
  /** Of the deployment, in the metrics of our own. */
  readonly name: string;
  readonly stateMachine: StateMachine;
  /** The image functions, how much memory they have, and how much time the first one. */
  readonly process: LambdaFunction;
  readonly processLarge: LambdaFunction;
  readonly memory: { readonly process: number; readonly processLarge: number };
  readonly timeoutSeconds: number;
  readonly architecture: Architecture;
  /** All functions, by a name for their alarms. */
  readonly functions: Readonly<Record<string, LambdaFunction>>;
  readonly deadLetters: readonly IQueue[];
  /** Queues whose messages wait for a start. */
  readonly waiting: readonly IQueue[];
  /** Told of what is of one run, which the report on its end tells too. */
  readonly topic: ITopic;
  /** Told of everything else. */
  readonly alarmTopic: ITopic;
}

export class Monitoring extends Construct {
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    // The topics have policies of their own, so alarms need a line in each.
    for (const topic of [props.topic, props.alarmTopic]) {
      topic.addToResourcePolicy(
        new PolicyStatement({
          principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
          actions: ['sns:Publish'],
          resources: [topic.topicArn],
          conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
        }),
      );
    }
    this.alarms = this.createAlarms(props);
    this.dashboard(props);
  }

  private createAlarms(props: MonitoringProps): Alarm[] {
    const made: Alarm[] = [];
    const { name, stateMachine, process, timeoutSeconds, deadLetters, waiting, topic, alarmTopic } = props;
    const period = Duration.minutes(5);
    const alarm = (
      id: string,
      alarmDescription: string,
      metric: IMetric,
      { to = alarmTopic, threshold = 1, periods: evaluationPeriods = 1 } = {},
    ): void => {
      const alarm = new Alarm(this, id, {
        alarmDescription,
        metric,
        threshold,
        evaluationPeriods,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(new SnsAction(to));
      made.push(alarm);
    };
    alarm(
      'RunFailed',
      'image-fanout: a run failed. Its account says why; redrive it when the cause is gone.',
      stateMachine.metricFailed({ period }),
      { to: topic },
    );
    alarm(
      'RunTimedOut',
      'image-fanout: a run took longer than two weeks. Redrive it to go on.',
      stateMachine.metricTimedOut({ period }),
      { to: topic },
    );
    alarm(
      'FailedKeys',
      'image-fanout: a run ended with failed keys, tolerated or not: its account names them.',
      ownMetric(name, METRICS.failedKeys),
      { to: topic },
    );
    alarm(
      'Throttled',
      'image-fanout: the image function is throttled. Lower maxConcurrency, or ask for a higher quota.',
      process.metricThrottles({ period }),
      { threshold: 100, periods: 3 },
    );
    for (const [place, queue] of deadLetters.entries()) {
      alarm(
        `DeadLetters${place === 0 ? '' : place + 1}`,
        'image-fanout: events that could not start or report a run. Look at them, mend the cause, move them back.',
        queue.metricApproximateNumberOfMessagesVisible({ period, statistic: Stats.MAXIMUM }),
      );
    }
    for (const [place, queue] of waiting.entries()) {
      alarm(
        `Waiting${place === 0 ? '' : place + 1}`,
        'image-fanout: job files or uploads have waited for an hour to be started: too many runs of uploads go on, or starts fail.',
        queue.metricApproximateAgeOfOldestMessage({ period, statistic: Stats.MAXIMUM }),
        { threshold: 3600 },
      );
    }
    for (const [id, fn] of Object.entries(props.functions)) {
      // The image functions throw for every failed key: what matters of that is the account's, and its alarm is FailedKeys.
      if (fn === process || fn === props.processLarge) continue;
      alarm(`${id}Errors`, `image-fanout: the function ${id} failed. Its log says why.`, fn.metricErrors({ period }));
    }
    for (const [id, fn] of [
      ['Process', process],
      ['ProcessLarge', props.processLarge],
    ] as const) {
      alarm(
        `${id}Errors`,
        'image-fanout: hundreds of calls of an image function fail. The account of the run, or the log, says why.',
        fn.metricErrors({ period }),
        { threshold: 100, periods: 3 },
      );
    }
    alarm(
      'Slow',
      'image-fanout: a call took nine tenths of the time that the image function has: an image, or a batch of itemsPerInvocation images. Give it more memory, or fewer images a call.',
      process.metricDuration({ period, statistic: Stats.MAXIMUM }),
      { threshold: timeoutSeconds * 1000 * 0.9 },
    );
    return made;
  }

  private dashboard(props: MonitoringProps): void {
    const { name, stateMachine, process, processLarge, memory, architecture } = props;
    const period = Duration.minutes(1);
    // With a label an alarm would be one of metric math, which costs more, and which emulators do not know: for graphs alone.
    const ours = (metricName: MetricName, label: string = metricName): Metric =>
      ownMetric(name, metricName, { period, label });
    const half = { width: 12, height: 6 };
    const price = architecture === Architecture.X86_64 ? PRICES.lambdaGigabyteSecondX86 : PRICES.lambdaGigabyteSecond;
    const cost = new MathExpression({
      label: 'USD (image functions, Step Functions, S3 writes, logs)',
      expression: [
        `RUNNING_SUM(FILL(ms, 0) / 1000 * ${memory.process / 1024} * ${price}`,
        `FILL(large, 0) / 1000 * ${memory.processLarge / 1024} * ${price}`,
        // Calls, one EXPRESS child and one line of log each, and what the child lasts, in 64 MB.
        `(FILL(n, 0) + FILL(m, 0)) * ${PRICES.lambdaRequest + PRICES.expressRequest + PER_INVOCATION_LOG}`,
        `(FILL(ms, 0) + FILL(large, 0)) / 1000 * ${(64 / 1024) * PRICES.expressGigabyteSecond}`,
        `FILL(outputs, 0) * ${PRICES.s3Put + PRICES.s3Get})`,
      ].join(' + '),
      usingMetrics: {
        ms: process.metricDuration({ period, statistic: Stats.SUM }),
        large: processLarge.metricDuration({ period, statistic: Stats.SUM }),
        n: process.metricInvocations({ period }),
        m: processLarge.metricInvocations({ period }),
        outputs: ours(METRICS.outputsWritten),
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
                expression: `SEARCH('{${METRICS.namespace},service,${METRICS.stackDimension},${METRICS.errorDimension}} MetricName="${METRICS.failedByClass}" ${METRICS.stackDimension}="${name}"', 'Sum', 60)`,
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
            right: [processLarge.metricDuration({ statistic: Stats.MAXIMUM, label: 'large, Maximum', period })],
          }),
          new GraphWidget({
            ...half,
            title: 'Concurrency and throttles',
            left: [
              process.metric('ConcurrentExecutions', { statistic: Stats.MAXIMUM, period }),
              processLarge.metric('ConcurrentExecutions', { statistic: Stats.MAXIMUM, label: 'large', period }),
            ],
            right: [
              process.metricThrottles({ period }),
              processLarge.metricThrottles({ label: 'Throttles, large', period }),
            ],
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

/** The metrics that can be asked for by name: all but those of a class, which have one more dimension. */
export type MetricName = (typeof METRICS)[
  | 'succeeded'
  | 'skipped'
  | 'failed'
  | 'failedKeys'
  | 'outputsWritten'
  | 'bytesRead'
  | 'bytesWritten'
  | 'duration'];

/** One of the metrics that our functions write, of one deployment: by default the sum of five minutes. */
export function ownMetric(stack: string, metricName: MetricName, options: MetricOptions = {}): Metric {
  return new Metric({
    namespace: METRICS.namespace,
    metricName,
    dimensionsMap: { service: SERVICE, [METRICS.stackDimension]: stack },
    statistic: Stats.SUM,
    period: Duration.minutes(5),
    ...options,
  });
}
