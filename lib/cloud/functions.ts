// The Lambda functions: bundle, role, log group, memory and time of each.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { type ILogGroup, LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { DEFAULT_FORMATS, type OptionalFormatName } from '../../lambda/contract/formats.ts';
import { ANY_FOLDER, bundle, type Cpu, type FunctionName, WORK } from './bundle.ts';

/** The network that all functions are in. */
export interface Network {
  readonly vpc: IVpc;
  readonly vpcSubnets?: SubnetSelection;
  readonly securityGroups?: ISecurityGroup[];
}

/** The same for all functions. */
export interface CommonProps {
  /** The processor. */
  readonly architecture: Architecture;
  readonly logRetention: RetentionDays;
  /** Where a function writes, by its id. @default - a log group of its own */
  readonly logGroups: Readonly<Record<string, ILogGroup | undefined>>;
  readonly environment: Readonly<Record<string, string>>;
  /** @default - none: the functions reach AWS over its own network */
  readonly network?: Network;
}

/** What is common, of props that hold more. */
export function commonOf({ architecture, logRetention, logGroups, environment, network }: CommonProps): CommonProps {
  return { architecture, logRetention, logGroups, environment, ...(network === undefined ? {} : { network }) };
}

/**
 * What Lambda does to join a VPC, with the function's role: AWSLambdaVPCAccessExecutionRole but for its logs.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
 */
const JOIN_NETWORK = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

export interface HandlerProps extends CommonProps {
  /** Which of the entry files in `lambda/handlers/`. */
  readonly entry: FunctionName;
  readonly description: string;
  /** Of the image function: what it reads by packages of their own. @default - as `bundle` has it */
  readonly formats?: readonly OptionalFormatName[];
  /** MB; Lambda gives processor time in proportion, one whole processor at 1769. */
  readonly memory: number;
  /** Seconds. */
  readonly timeout: number;
  readonly statements: readonly PolicyStatement[];
  /** Most environments at once, taken from the account's. @default - what the account has left */
  readonly reservedConcurrency?: number;
  /** Size of /tmp. @default - 512 MB */
  readonly temporaryStorage?: Size;
}

/** /tmp of the functions that sort an account: Lambda's most. About 250 bytes a key; 512 MB ended at 2 million keys. */
export const SORTING_SPACE = Size.gibibytes(10);

/** One function with a role and a log group of its own. */
export class Handler extends Construct {
  readonly function: LambdaFunction;
  readonly logGroup: ILogGroup;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: HandlerProps) {
    super(scope, id);
    this.logGroup =
      props.logGroups[id] ??
      new LogGroup(this, 'Logs', { retention: props.logRetention, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(role);
    for (const statement of props.statements) role.addToPolicy(statement);
    if (props.network !== undefined) {
      role.addToPolicy(new PolicyStatement({ actions: JOIN_NETWORK, resources: ['*'] }));
    }
    this.role = role;
    this.function = new LambdaFunction(this, 'Function', {
      description: props.description,
      code: code(this, props.entry, props.architecture, props.formats),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: props.architecture,
      memorySize: props.memory,
      timeout: Duration.seconds(props.timeout),
      role,
      environment: props.environment,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      tracing: Tracing.ACTIVE,
      ...props.network,
      ...(props.temporaryStorage === undefined ? {} : { ephemeralStorageSize: props.temporaryStorage }),
      ...(props.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: props.reservedConcurrency }),
    });
  }
}

const bundles = new Map<string, string>();

/** The bundle of a function, made once per process and processor: two functions may share one. */
function code(
  scope: Construct,
  entry: FunctionName,
  architecture: Architecture,
  formats: readonly OptionalFormatName[] = DEFAULT_FORMATS,
): Code {
  // `cdk list` and the like want no bundles; any folder does then.
  if (!Stack.of(scope).bundlingRequired) return Code.fromAsset(ANY_FOLDER);
  const cpu: Cpu = architecture === Architecture.X86_64 ? 'x64' : 'arm64';
  const name = [entry, cpu, ...formats].join('-');
  const path = bundles.get(name) ?? bundle(entry, cpu, scratch([cpu, ...formats].join('-')), formats);
  bundles.set(name, path);
  return Code.fromAsset(path);
}

let folder: string | undefined;

/** A folder that lives as long as the process: the CDK copies assets into cdk.out as soon as it is given them. */
function scratch(name: string): string {
  if (folder === undefined) {
    mkdirSync(WORK, { recursive: true });
    const made = mkdtempSync(join(WORK, 'functions-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return join(folder, name);
}
