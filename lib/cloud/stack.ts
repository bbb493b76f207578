// The stack: the construct with the settings of the context, and outputs that say what to paste where.
import { CfnMapping, CfnOutput, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { LogLevel } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Location } from '../../lambda/contract/location.ts';
import { OUTPUTS, type OutputName } from '../outputs.ts';
import type { Settings } from './context.ts';
import { ImageFanout } from './image-fanout.ts';
import { type Place, placeUri } from './places.ts';

/** What the stack is given beside what every stack is. */
export interface ImageFanoutStackProps extends StackProps {
  /** As `readContext` answers them. */
  readonly settings: Settings;
}

/** The stack of the package's own app: the construct by the settings of the context, with outputs that the command line reads. */
export class ImageFanoutStack extends Stack {
  constructor(scope: Construct, id: string, { settings, ...props }: ImageFanoutStackProps) {
    super(scope, id, { description: 'image-fanout: every image under an S3 prefix, each accounted for', ...props });
    const { source, destination, results, reservedConcurrency, email, kmsKey } = settings;
    const encryptionKey = kmsKey === undefined ? undefined : Key.fromKeyArn(this, 'Key', kmsKey);
    const existing = (name: string, location: Location | undefined, arn = kmsKey): Place | undefined =>
      location && {
        bucket: Bucket.fromBucketAttributes(this, name, {
          bucketName: location.bucket,
          ...optional('encryptionKey', arn === undefined ? undefined : Key.fromKeyArn(this, `${name}Key`, arn)),
        }),
        prefix: location.prefix,
      };
    const { uploadsJob: job, uploadsBatchSize: batchSize, uploadsWindowSeconds: windowSeconds } = settings;
    const fanout = new ImageFanout(this, 'ImageFanout', {
      ...optional('source', existing('ExistingSource', source, settings.sourceKmsKey)),
      ...optional('destination', existing('ExistingDestination', destination, settings.destinationKmsKey)),
      ...optional('results', existing('ExistingResults', results, settings.resultsKmsKey)),
      ...optional('reservedConcurrency', reservedConcurrency),
      ...optional('email', email),
      ...optional('encryptionKey', encryptionKey),
      ...optional('uploads', settings.uploads ? { job, batchSize, windowSeconds } : undefined),
      jobFiles: settings.jobFiles,
      eventBridgeIsOn: settings.eventBridgeIsOn,
      monitoring: settings.monitoring,
      architecture: settings.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
      formats: settings.formats,
      memory: settings.memory,
      largeMemory: settings.largeMemory,
      maxConcurrency: settings.maxConcurrency,
      wholeAccountBytes: settings.wholeAccountBytes,
      logRetention: settings.logRetentionDays,
      logLevel: LogLevel[settings.logLevel],
    });
    const machine = fanout.stateMachine.stateMachineArn;
    this.output('StateMachineArn', machine);
    // https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
    const consoles = new CfnMapping(this, 'Consoles', {
      mapping: {
        aws: { host: 'console.aws.amazon.com' },
        'aws-cn': { host: 'console.amazonaws.cn' },
        'aws-us-gov': { host: 'console.amazonaws-us-gov.com' },
      },
    });
    this.output(
      'ConsoleUrl',
      `https://${this.region}.${consoles.findInMap(this.partition, 'host')}/states/home?region=${this.region}#/statemachines/view/${machine}`,
    );
    this.output(
      'ExampleInput',
      JSON.stringify({ recipe: 'web', maxConcurrency: fanout.maxConcurrency, toleratedFailureCount: 0 }),
    );
    this.output('Source', placeUri(fanout.source));
    this.output('Destination', placeUri(fanout.destination));
    this.output('Results', placeUri(fanout.results));
    this.output('ProcessFunctionName', fanout.processFunction.functionName);
    this.output('TopicArn', fanout.topic.topicArn);
    this.output('AlarmTopicArn', fanout.alarmTopic.topicArn);
    Tags.of(this).add('application', 'image-fanout');
  }

  private output(name: OutputName, value: string): void {
    new CfnOutput(this, name, { value, description: OUTPUTS[name] });
  }
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}
