// The construct for CDK apps: buckets, functions and state machine, ready to be started.
import { Names, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type { Alarm, Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Grant, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, type IFunction, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { type ILogGroup, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { LogLevel, type StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ENVIRONMENT, RESULT_FOLDERS } from '../../lambda/contract/environment.ts';
import { DEFAULT_FORMATS, type OptionalFormatName } from '../../lambda/contract/formats.ts';
import { METRICS, SERVICE } from '../../lambda/contract/metrics.ts';
import { TIMEOUTS } from '../workflow.ts';
import { PartsAccount } from './account.ts';
import { createBucket } from './buckets.ts';
import { Handler, type Network, SORTING_SPACE } from './functions.ts';
import { Guard } from './guard.ts';
import { type MetricName, Monitoring, ownMetric } from './monitoring.ts';
import {
  forPictures,
  knowingAbsence,
  listing,
  onObjects,
  overlap,
  type Place,
  placeUri,
  usingKey,
  within,
} from './places.ts';
import { Reports } from './reports.ts';
import { allowCounts, Workflow } from './state-machine.ts';
import { Triggers, type Uploads } from './triggers.ts';
import { acknowledgeForcedWildcards } from './wildcards.ts';

/** MB, where Lambda gives one whole processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const DEFAULT_MEMORY = 1769;
/** What one function reads and sorts in half of its 15 minutes: about four million keys. */
const WHOLE_ACCOUNT_BYTES = 4_000_000_000;

/** MB, the most that a new account allows: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const LARGE_MEMORY = 3008;

/** What the construct is given: every field has a default. */
export interface ImageFanoutProps {
  /** Where images are read: nothing outside of it can be. @default - a new bucket, all of it */
  readonly source?: Place;
  /** Where outputs are written: nothing outside of it can be. @default - a new bucket, all of it */
  readonly destination?: Place;
  /** Where runs, their accounts, and manifests are. Never below the source. @default - a new bucket, all of it */
  readonly results?: Place;
  /** Processor of the functions. @default Architecture.ARM_64 */
  readonly architecture?: Architecture;
  /**
   * What the image function reads by packages of their own: `heic` (LGPL-3.0; HEVC is patented), `jxl`, `jp2`, `pdf`.
   * @default ['heic', 'jxl', 'jp2']
   */
  readonly formats?: readonly OptionalFormatName[];
  /** MB of the image function. @default 1769, where Lambda gives one whole processor */
  readonly memory?: number;
  /** MB of the image function that is tried once more after memory ran out. @default 3008, the most that new accounts allow */
  readonly largeMemory?: number;
  /** Most invocations at once of a job that does not say. @default 100 */
  readonly maxConcurrency?: number;
  /** Environments taken from the account's for the image function alone: its upper bound too. @default - none */
  readonly reservedConcurrency?: number;
  /** How long logs are kept, in log groups that are not your own. @default RetentionDays.ONE_MONTH */
  readonly logRetention?: RetentionDays;
  /** Log groups of your own, by what writes there. @default - new ones, deleted with the stack */
  readonly logGroups?: LogGroups;
  /**
   * A network for all functions: it must lead them to S3, Lambda, Step Functions and SNS, by endpoints or a NAT gateway.
   * @default - none: the functions reach AWS over its own network
   */
  readonly vpc?: IVpc;
  /** Subnets of `vpc`. @default - the private ones with a way out, else the isolated ones */
  readonly vpcSubnets?: SubnetSelection;
  /** Security groups of the functions in `vpc`. @default - one for each function, which lets everything out */
  readonly securityGroups?: ISecurityGroup[];
  /** What the state machine logs. ALL logs several events per image. @default LogLevel.ERROR */
  readonly logLevel?: LogLevel;
  /** Bytes of result files up to which one function makes a run's account; above, many make it in parts. @default 4 GB */
  readonly wholeAccountBytes?: number;
  /** Whether a JSON job that lands in the results' `jobs/` starts. @default false */
  readonly jobFiles?: boolean;
  /** How images that land below the source start runs. @default - they do not */
  readonly uploads?: Uploads;
  /** Whether existing buckets send their events to EventBridge already; if not, the stack turns it on where needed. @default false */
  readonly eventBridgeIsOn?: boolean;
  /** A topic of your own for each run's end. @default - a new one */
  readonly topic?: ITopic;
  /** A topic of your own for the alarms that are of no single run. @default - a new one */
  readonly alarmTopic?: ITopic;
  /** Who is told by e-mail of ends that need somebody, and by the alarms. @default - nobody; subscribe to `topic`, `alarmTopic` */
  readonly email?: string;
  /** Whether there are a dashboard and alarms. @default true */
  readonly monitoring?: boolean;
  /** Encrypts what is created: buckets, topic, queues. @default - keys that S3 and SQS manage */
  readonly encryptionKey?: IKey;
}

/** The functions of the construct; `Start` is there with `jobFiles` or `uploads`. */
export interface Functions {
  /** Validates a job and prepares its run. */
  readonly Prepare: LambdaFunction;
  /** Reads an image, makes its renditions, writes them. */
  readonly Process: LambdaFunction;
  /** The same with more memory, for a key that ran out of it. */
  readonly ProcessLarge: LambdaFunction;
  /** Writes a run's account. */
  readonly Summarize: LambdaFunction;
  /** Writes the account after a run's end, and tells the topic. */
  readonly Report: LambdaFunction;
  /** Lets a run grow, and stops it. */
  readonly Guard: LambdaFunction;
  /** Makes a piece of the account of a large run. */
  readonly AccountPiece: LambdaFunction;
  /** Starts runs for job files and uploads. */
  readonly Start?: LambdaFunction;
}

/** Log groups by what writes there: a function, or the state machine. */
export type LogGroups = { readonly [Writer in keyof Functions | 'Workflow']?: ILogGroup };

/**
 * Everything that a run needs. Start it from the console, with the command line, or from your own code with
 * `grantStart`; the input is a job, `{}` being one with all defaults.
 */
export class ImageFanout extends Construct {
  /** Where images are read. */
  readonly source: Place;
  /** Where outputs are written. */
  readonly destination: Place;
  /** Where runs, their accounts, and manifests are. */
  readonly results: Place;
  /** What a run is an execution of; its input is a job. */
  readonly stateMachine: StateMachine;
  /** Told of each run's end, and by the alarms of failed runs. */
  readonly topic: ITopic;
  /** Told by all other alarms. */
  readonly alarmTopic: ITopic;
  /** The image function. */
  readonly processFunction: IFunction;
  /** All functions, by name: for metrics, permissions and escape hatches of your own. */
  readonly functions: Functions;
  /** The alarms, for actions of your own; none without `monitoring`. */
  readonly alarms: readonly Alarm[];
  /** Most invocations at once of a job that does not say: never more than are reserved. */
  readonly maxConcurrency: number;
  /** Of this construct, in its metrics. */
  private readonly metricsName: string;

  constructor(scope: Construct, id: string, props: ImageFanoutProps = {}) {
    super(scope, id);
    const { encryptionKey, reservedConcurrency, formats = DEFAULT_FORMATS } = props;
    this.maxConcurrency = Math.min(props.maxConcurrency ?? 100, reservedConcurrency ?? Number.POSITIVE_INFINITY);
    const place = (id: string, existing: Place | undefined, events = false): Place =>
      existing ?? { bucket: createBucket(this, id, encryptionKey, events), prefix: '' };
    // S3's events are paid: they are on only where something listens, and never for outputs.
    this.source = place('Source', props.source, props.uploads !== undefined);
    this.destination = place('Destination', props.destination);
    this.results = place('Results', props.results, props.jobFiles);
    refuseOverlaps(this, props);
    const { source, destination, results } = this;
    const runs = within(results, RESULT_FOLDERS.runs);
    const manifests = within(results, RESULT_FOLDERS.manifests);
    const recipes = within(results, RESULT_FOLDERS.recipes);

    // In the app it is the stack's name; a stack of several has the construct's with it.
    this.metricsName = id === 'ImageFanout' ? Stack.of(this).stackName : `${Stack.of(this).stackName}/${id}`;
    const common = {
      architecture: props.architecture ?? Architecture.ARM_64,
      logRetention: props.logRetention ?? RetentionDays.ONE_MONTH,
      logGroups: props.logGroups ?? {},
      ...networkOf(props),
      environment: {
        [ENVIRONMENT.source]: placeUri(source),
        [ENVIRONMENT.destination]: placeUri(destination),
        [ENVIRONMENT.results]: placeUri(results),
        [ENVIRONMENT.maxConcurrency]: String(this.maxConcurrency),
        [ENVIRONMENT.stack]: this.metricsName,
        ...(isDefault(formats) ? {} : { [ENVIRONMENT.formats]: formats.join(',') || 'none' }),
        POWERTOOLS_SERVICE_NAME: SERVICE,
        POWERTOOLS_METRICS_NAMESPACE: METRICS.namespace,
      },
    };
    const image = {
      ...common,
      entry: 'process',
      formats,
      memory: props.memory ?? DEFAULT_MEMORY,
      // glibc's arenas keep what threads freed: https://sharp.pixelplumbing.com/install/#linux-memory-allocator
      environment: { ...common.environment, MALLOC_ARENA_MAX: '2' },
      statements: [
        onObjects(source, 's3:GetObject'),
        // A copy of an object onto itself, which makes a mark untrue, reads its tags too.
        onObjects(destination, 's3:GetObject', 's3:GetObjectTagging', 's3:PutObject', 's3:PutObjectTagging'),
        onObjects(runs, 's3:GetObject'),
        onObjects(recipes, 's3:GetObject'),
        // What it tells the guards of runs.
        onObjects(within(results, RESULT_FOLDERS.guards), 's3:PutObject'),
        knowingAbsence(source),
        knowingAbsence(destination),
        // A watermark that was deleted during the run is missing, and not forbidden.
        knowingAbsence(recipes),
        ...usingKey([source, destination, results], 'kms:Decrypt'),
        ...usingKey([destination, results], 'kms:GenerateDataKey'),
      ],
    } as const;
    const process = new Handler(this, 'Process', {
      ...image,
      description: 'image-fanout: reads an image, makes its renditions, writes them',
      timeout: TIMEOUTS.processFunction,
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
    });
    const processLarge = new Handler(this, 'ProcessLarge', {
      ...image,
      environment: { ...image.environment, [ENVIRONMENT.oneImage]: 'true' },
      description: 'image-fanout: the same with more memory, for a key that ran out of it',
      memory: props.largeMemory ?? LARGE_MEMORY,
      timeout: TIMEOUTS.processLargeFunction,
    });
    const guard = new Guard(this, 'Guard', { ...common, results });
    const prepare = new Handler(this, 'Prepare', {
      ...common,
      entry: 'prepare',
      description: 'image-fanout: validates a job and prepares its run',
      memory: 512,
      timeout: TIMEOUTS.prepareFunction,
      environment: {
        ...common.environment,
        [ENVIRONMENT.processFunction]: process.function.functionName,
        [ENVIRONMENT.memory]: String(props.memory ?? DEFAULT_MEMORY),
        [ENVIRONMENT.guard]: guard.stateMachine.stateMachineArn,
      },
      statements: [
        new PolicyStatement({
          actions: ['states:StartExecution'],
          resources: [guard.stateMachine.stateMachineArn],
        }),
        new PolicyStatement({ actions: ['lambda:GetAccountSettings'], resources: ['*'] }),
        new PolicyStatement({
          actions: ['lambda:GetFunctionConcurrency'],
          resources: [process.function.functionArn],
        }),
        knowingAbsence(source),
        onObjects(source, 's3:GetObject'),
        onObjects(manifests, 's3:GetObject'),
        onObjects(recipes, 's3:GetObject'),
        onObjects(within(results, RESULT_FOLDERS.jobs), 's3:GetObject'),
        // A list of its own is what a canary is drawn from.
        onObjects(runs, 's3:GetObject', 's3:PutObject'),
        knowingAbsence(results),
        // Whether the watermarks of a recipe are there, which it may name by their place below the destination.
        onObjects(destination, 's3:GetObject'),
        knowingAbsence(destination),
        ...usingKey([source, destination, results], 'kms:Decrypt'),
        ...usingKey([results], 'kms:GenerateDataKey'),
      ],
    });
    const summarize = new Handler(this, 'Summarize', {
      ...common,
      entry: 'summarize',
      environment: {
        ...common.environment,
        [ENVIRONMENT.wholeAccountBytes]: String(props.wholeAccountBytes ?? WHOLE_ACCOUNT_BYTES),
      },
      description: "image-fanout: writes a run's account",
      memory: 1769,
      timeout: TIMEOUTS.summarizeFunction,
      temporaryStorage: SORTING_SPACE,
      statements: [
        listing(runs),
        onObjects(runs, 's3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'),
        knowingAbsence(results),
        ...usingKey([results], 'kms:Decrypt', 'kms:GenerateDataKey'),
        ...forPictures({ source, destination }),
      ],
    });
    this.processFunction = process.function;
    const logs =
      props.logGroups?.Workflow ??
      new LogGroup(this, 'Logs', {
        // Each group that a service writes to takes a line of the account's one log policy, but for those below this name.
        logGroupName: `/aws/vendedlogs/states/${Stack.of(this).stackName}-${Names.uniqueResourceName(this, { maxLength: 100 })}`,
        retention: common.logRetention,
        removalPolicy: RemovalPolicy.DESTROY,
      });
    this.stateMachine = new Workflow(this, 'Workflow', {
      functions: {
        prepare: prepare.function.functionArn,
        process: process.function.functionArn,
        processLarge: processLarge.function.functionArn,
        summarize: summarize.function.functionArn,
      },
      source,
      manifests,
      runs,
      logs,
      logLevel: props.logLevel ?? LogLevel.ERROR,
    }).stateMachine;

    guard.over(this.stateMachine);
    const around = {
      ...common,
      results,
      stateMachine: this.stateMachine,
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
    };
    const wholeAccountBytes = props.wholeAccountBytes ?? WHOLE_ACCOUNT_BYTES;
    const parts = new PartsAccount(this, 'PartsAccount', {
      ...common,
      ...{ source, destination, results, wholeAccountBytes, logs },
      logLevel: props.logLevel ?? LogLevel.ERROR,
    });
    const reports = new Reports(this, 'Reports', {
      ...around,
      accountMachine: parts.stateMachine,
      wholeAccountBytes,
      source,
      destination,
      ...(props.email === undefined ? {} : { email: props.email }),
      ...(props.topic === undefined ? {} : { topic: props.topic }),
      ...(props.alarmTopic === undefined ? {} : { alarmTopic: props.alarmTopic }),
    });
    this.topic = reports.topic;
    this.alarmTopic = reports.alarmTopic;
    // It is told its Map Run.
    allowCounts(this, 'SummarizeCounts', summarize.role, this.stateMachine, { find: false });
    let triggers: Triggers | undefined;
    if (props.jobFiles === true || props.uploads !== undefined) {
      triggers = new Triggers(this, 'Triggers', {
        ...around,
        source,
        jobFiles: props.jobFiles ?? false,
        ...(props.uploads === undefined ? {} : { uploads: props.uploads }),
      });
      // Buckets of our own send their events from the start.
      if (props.eventBridgeIsOn !== true) {
        if (props.uploads !== undefined) props.source?.bucket.enableEventBridgeNotification();
        if (props.jobFiles === true) props.results?.bucket.enableEventBridgeNotification();
        acknowledgeNotificationHandler(this);
      }
    }
    acknowledgeForcedWildcards(this);
    this.functions = {
      Prepare: prepare.function,
      Process: process.function,
      ProcessLarge: processLarge.function,
      Summarize: summarize.function,
      Report: reports.report,
      Guard: guard.function,
      AccountPiece: parts.function,
      ...(triggers === undefined ? {} : { Start: triggers.starter }),
    };
    this.alarms = [];
    if (props.monitoring ?? true) {
      this.alarms = new Monitoring(this, 'Monitoring', {
        name: this.metricsName,
        stateMachine: this.stateMachine,
        process: process.function,
        processLarge: processLarge.function,
        memory: { process: props.memory ?? DEFAULT_MEMORY, processLarge: props.largeMemory ?? LARGE_MEMORY },
        timeoutSeconds: TIMEOUTS.processFunction,
        architecture: common.architecture,
        functions: { ...this.functions },
        deadLetters: [...reports.deadLetters, ...(triggers?.queues ?? []).map(({ deadLetters }) => deadLetters)],
        waiting: (triggers?.queues ?? []).map(({ queue }) => queue),
        topic: this.topic,
        alarmTopic: this.alarmTopic,
      }).alarms;
    }
  }

  /**
   * One of the numbers that the functions count, of this construct alone, for an alarm or a graph of your own: by default the
   * sum of five minutes. `Failed` counts attempts, `FailedKeys` the keys that are failed at a run's end.
   */
  metric(name: MetricName, props: MetricOptions = {}): Metric {
    return ownMetric(this.metricsName, name, props);
  }

  /** Lets somebody start runs, and nothing else. */
  grantStart(grantee: IGrantable): Grant {
    return this.stateMachine.grantStartExecution(grantee);
  }

  /** Lets somebody put images into the source. */
  grantUpload(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['s3:PutObject'],
      resourceArns: [this.source.bucket.arnForObjects(`${this.source.prefix}*`)],
    });
  }
}

/** What `vpc` and what belongs to it say. Throws where something belongs to none. */
function networkOf({ vpc, vpcSubnets, securityGroups }: ImageFanoutProps): { readonly network?: Network } {
  if (vpc !== undefined) {
    return { network: { vpc, ...(vpcSubnets && { vpcSubnets }), ...(securityGroups && { securityGroups }) } };
  }
  if (vpcSubnets === undefined && securityGroups === undefined) return {};
  throw new Error(`expected vpc with ${vpcSubnets === undefined ? 'securityGroups' : 'vpcSubnets'}, got none`);
}

/** A run that feeds itself never ends: refused here, and once more for each job by Prepare. */
function refuseOverlaps({ source, destination, results }: ImageFanout, { jobFiles = false }: ImageFanoutProps): void {
  const refuse = (a: Place, b: Place, why: string): void => {
    if (overlap(a, b)) throw new Error(`expected two places apart, got ${placeUri(a)} and ${placeUri(b)}: ${why}`);
  };
  refuse(source, destination, 'outputs would become sources');
  refuse(source, results, 'result files would become sources');
  if (jobFiles) refuse(destination, within(results, RESULT_FOLDERS.jobs), 'outputs would be taken for job files');
}

/** The CDK's function that turns EventBridge on for existing buckets: a singleton of the stack. */
function acknowledgeNotificationHandler(scope: Construct): void {
  const handler = Stack.of(scope).node.children.find(({ node }) => node.id.startsWith('BucketNotificationsHandler'));
  if (handler === undefined) return;
  Validations.of(handler).acknowledge({
    id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]',
    reason:
      "It is the CDK's own function, which writes logs with this policy; its other one names the buckets. With context image-fanout:eventBridgeIsOn it is not there.",
  });
}

/** Whether these are the formats that nothing needs to be told of. */
function isDefault(formats: readonly OptionalFormatName[]): boolean {
  return formats.length === DEFAULT_FORMATS.length && DEFAULT_FORMATS.every((name) => formats.includes(name));
}
