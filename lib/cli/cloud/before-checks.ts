// What `doctor --before` looks at: the account and the buckets that a deployment is to use, and the flags that it needs.

import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetKeyPolicyCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetAccountSettingsCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda';
import {
  GetBucketEncryptionCommand,
  GetBucketPolicyCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { formatLocation, type Location } from '../../../lambda/contract/location.ts';
import { formatCount } from '../../../lambda/report/units.ts';
import { connectS3 } from '../../../lambda/store/s3-client.ts';
import { type Refusal, refusals } from './bucket-policy.ts';
import type { Check } from './doctor-checks.ts';

/** The version that the CDK's templates ask for: `CheckBootstrapVersion` in the template. */
export const LEAST_BOOTSTRAP = 6;
/** MB of the large function by default, which every account allows. */
const MOST_MEMORY_OF_NEW_ACCOUNT = 3008;
/** `maxConcurrency` of a stack by default. */
const DEFAULT_CONCURRENCY = 100;

export const PLACES = ['source', 'destination', 'results'] as const;
export type PlaceName = (typeof PLACES)[number];

export interface Before {
  readonly places: Readonly<Partial<Record<PlaceName, Location>>>;
  /** ARN of the key for what the stack creates. */
  readonly kmsKey?: string;
}

/** What is learnt on the way: flags of the deployment, by context key, and whose the account is. */
export interface Learnt {
  readonly flags: Map<string, string>;
  region?: string;
  account?: string;
  partition?: string;
}

const USES: Readonly<Record<PlaceName, readonly string[]>> = {
  source: ['s3:ListBucket', 's3:GetObject'],
  destination: ['s3:ListBucket', 's3:GetObject', 's3:PutObject'],
  results: ['s3:ListBucket', 's3:GetObject', 's3:PutObject'],
};

/** All checks, in the order in which a deployment meets what they look at. Each may use what those before have learnt. */
export function checksBefore({ places, kmsKey }: Before, learnt: Learnt): readonly Check[] {
  const s3 = connectS3().client;
  return [
    bootstrap(learnt),
    concurrency(learnt),
    memory(),
    ...PLACES.flatMap((name) => {
      const place = places[name];
      if (place === undefined) return [];
      learnt.flags.set(name, formatLocation(place));
      return [
        bucket(s3, name, place, learnt),
        encryption(s3, name, place, learnt),
        policy(s3, name, place),
        ...(name === 'source' ? [] : [objectLock(s3, name, place)]),
      ];
    }),
    ...(kmsKey === undefined ? [] : [keyPolicy(kmsKey, learnt)]),
  ];
}

function bootstrap(learnt: Learnt): Check {
  const StackName = 'CDKToolkit';
  return {
    name: 'bootstrap',
    actions: ['cloudformation:DescribeStacks'],
    resource: `arn:aws:cloudformation:*:*:stack/${StackName}/*`,
    async look() {
      const client = new CloudFormationClient();
      learnt.region = await client.config.region();
      const found = await client.send(new DescribeStacksCommand({ StackName })).catch((error: Error) => {
        if (/does not exist/.test(error.message)) return undefined;
        throw error;
      });
      const stack = found?.Stacks?.[0];
      if (stack === undefined) return { failed: `there is no ${StackName} in ${learnt.region}: npx cdk bootstrap` };
      const [, partition, , , account] = (stack.StackId ?? '').split(':');
      Object.assign(learnt, { partition, account });
      const version = Number(stack.Outputs?.find(({ OutputKey }) => OutputKey === 'BootstrapVersion')?.OutputValue);
      const where = `account ${account}, ${learnt.region}`;
      if (version >= LEAST_BOOTSTRAP) return `version ${version} in ${where}`;
      return { failed: `expected version ${LEAST_BOOTSTRAP} or later, got ${version} in ${where}: npx cdk bootstrap` };
    },
  };
}

function concurrency({ flags }: Learnt): Check {
  return {
    name: 'concurrency',
    actions: ['lambda:GetAccountSettings'],
    resource: '*',
    async look() {
      const { AccountLimit } = await new LambdaClient().send(new GetAccountSettingsCommand());
      const room = AccountLimit?.UnreservedConcurrentExecutions ?? 0;
      const detail = `${formatCount(room)} environments at once for all functions without a reservation`;
      if (room >= DEFAULT_CONCURRENCY) return `${detail}, a run takes ${DEFAULT_CONCURRENCY}`;
      flags.set('maxConcurrency', String(Math.max(1, room)));
      return { note: `${detail}: runs take ${room}; ask for more in Service Quotas (Lambda, Concurrent executions)` };
    },
  };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
function memory(): Check {
  return {
    name: 'memory',
    actions: ['lambda:ListFunctions'],
    resource: '*',
    async look() {
      let most = 0;
      for await (const { Functions = [] } of paginateListFunctions({ client: new LambdaClient() }, {}))
        most = Math.max(most, ...Functions.map(({ MemorySize = 0 }) => MemorySize));
      if (most > MOST_MEMORY_OF_NEW_ACCOUNT)
        return `${formatCount(most)} MB are allowed, as a function has them: -c image-fanout:largeMemory=${most} is possible`;
      return {
        note: `AWS tells nobody how many MB it allows; every account has ${formatCount(MOST_MEMORY_OF_NEW_ACCOUNT)}, which is the default, and more may be refused until AWS has raised it`,
      };
    },
  };
}

/** Step Functions reads listings and manifests, and writes result files, in its own Region and account only. */
function bucket(s3: S3Client, name: PlaceName, { bucket: Bucket }: Location, learnt: Learnt): Check {
  return {
    name: `${name}: bucket`,
    actions: ['s3:ListBucket'],
    resource: `arn:${learnt.partition ?? 'aws'}:s3:::${Bucket}`,
    async look() {
      const { account, region } = learnt;
      const there = await s3.send(new HeadBucketCommand({ Bucket })).catch((error: Error) => {
        if (error.name === 'NotFound' || error.name === 'NoSuchBucket') return undefined;
        throw error;
      });
      if (there === undefined) return { failed: `there is no bucket ${Bucket}: leave the ${name} out for a new one` };
      const away = there.BucketRegion !== undefined && region !== undefined && there.BucketRegion !== region;
      const whose = await ownedBy(s3, Bucket, account);
      if (away) {
        const detail = `${Bucket} is in ${there.BucketRegion}, the deployment in ${region}`;
        // Only the functions write outputs, and they reach every Region.
        return name === 'destination'
          ? { note: `${detail}: outputs are written over Regions, and that transfer is paid` }
          : { failed: `${detail}: deploy there (AWS_REGION=${there.BucketRegion}), or copy the bucket` };
      }
      if (whose === false) {
        const detail = `${Bucket} is not of the account ${account}`;
        return name === 'destination'
          ? { note: `${detail}: its bucket policy must allow the image functions to write there` }
          : { failed: `${detail}: Step Functions reads and writes in its own account only` };
      }
      return `${Bucket} is in ${there.BucketRegion ?? region ?? 'this Region'}${whose === true ? `, of account ${account}` : ''}`;
    },
  };
}

/** Undefined where the account is not known. */
async function ownedBy(s3: S3Client, Bucket: string, account: string | undefined): Promise<boolean | undefined> {
  if (account === undefined) return undefined;
  try {
    await s3.send(new HeadBucketCommand({ Bucket, ExpectedBucketOwner: account }));
    return true;
  } catch (error) {
    // It was answered without the condition just before.
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 403) return false;
    throw error;
  }
}

function encryption(s3: S3Client, name: PlaceName, { bucket: Bucket }: Location, learnt: Learnt): Check {
  return {
    name: `${name}: encryption`,
    actions: ['s3:GetEncryptionConfiguration'],
    resource: `arn:${learnt.partition ?? 'aws'}:s3:::${Bucket}`,
    async look() {
      const { ServerSideEncryptionConfiguration } = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
      const [rule] = ServerSideEncryptionConfiguration?.Rules ?? [];
      const { SSEAlgorithm = 'AES256', KMSMasterKeyID: id } = rule?.ApplyServerSideEncryptionByDefault ?? {};
      if (!SSEAlgorithm.startsWith('aws:kms')) return "S3's own keys";
      const each = rule?.BucketKeyEnabled === true ? '' : '; without a bucket key each object costs a request to KMS';
      if (id === undefined) return `the key that AWS manages for S3 (aws/s3)${each}`;
      if (!/^arn:[^:]+:kms:[^:]+:\d+:key\//.test(id))
        return { note: `${id}: give its ARN as -c image-fanout:${name}KmsKey=arn:…:key/…${each}` };
      learnt.flags.set(`${name}KmsKey`, id);
      return `${id}${each}`;
    },
  };
}

function policy(s3: S3Client, name: PlaceName, { bucket: Bucket, prefix }: Location): Check {
  return {
    name: `${name}: bucket policy`,
    actions: ['s3:GetBucketPolicy'],
    resource: `arn:aws:s3:::${Bucket}`,
    async look() {
      const answer = await s3.send(new GetBucketPolicyCommand({ Bucket })).catch((error: Error) => {
        if (error.name === 'NoSuchBucketPolicy') return undefined;
        throw error;
      });
      if (answer?.Policy === undefined) return 'none, so nothing is denied';
      const found = refusals(answer.Policy, { bucket: Bucket, prefix, actions: USES[name] });
      const text = (some: readonly Refusal[]) => some.map(({ statement, why }) => `${statement} ${why}`).join('; ');
      const sure = found.filter((one) => one.sure);
      if (sure.length > 0)
        return { failed: `${text(sure)}: except the roles of the functions and of the state machine` };
      if (found.length > 0) return { note: `${text(found)}: whether that is the functions' case is not known here` };
      return 'denies nothing that the functions do';
    },
  };
}

function objectLock(s3: S3Client, name: PlaceName, { bucket: Bucket }: Location): Check {
  return {
    name: `${name}: Object Lock`,
    actions: ['s3:GetBucketObjectLockConfiguration'],
    resource: `arn:aws:s3:::${Bucket}`,
    async look() {
      const answer = await s3.send(new GetObjectLockConfigurationCommand({ Bucket })).catch((error: Error) => {
        if (error.name === 'ObjectLockConfigurationNotFoundError') return undefined;
        throw error;
      });
      const lock = answer?.ObjectLockConfiguration;
      if (lock?.ObjectLockEnabled !== 'Enabled') return 'off';
      const { Mode, Days, Years } = lock.Rule?.DefaultRetention ?? {};
      if (Mode === undefined) return 'on, and nothing is kept by default';
      const long = Days === undefined ? `${Years} years` : `${Days} days`;
      return {
        note: `each version that is written is kept for ${long} (${Mode}): what is made again, and each report, adds versions that nobody can delete before`,
      };
    },
  };
}

/** Who uses the key of what is created: alarms and the rule of ended runs tell topics and queues, which are encrypted with it. */
const SERVICES = ['cloudwatch.amazonaws.com', 'events.amazonaws.com', 'sns.amazonaws.com'] as const;
const ACTIONS = ['kms:Decrypt', 'kms:GenerateDataKey*'] as const;

function keyPolicy(key: string, { flags }: Learnt): Check {
  return {
    name: 'kmsKey: key policy',
    actions: ['kms:GetKeyPolicy'],
    resource: key,
    async look() {
      flags.set('kmsKey', key);
      const region = key.split(':')[3];
      const client = new KMSClient(region === undefined ? {} : { region });
      const { Policy = '{}' } = await client.send(new GetKeyPolicyCommand({ KeyId: key, PolicyName: 'default' }));
      const missing = SERVICES.filter((service) => !allowsService(Policy, service));
      if (missing.length === 0) return `${SERVICES.join(', ')} may use it`;
      const statement = {
        Effect: 'Allow',
        Principal: { Service: missing },
        Action: ACTIONS,
        Resource: '*',
      };
      return { failed: `add to the key's policy, for alarms, queues and topics: ${JSON.stringify(statement)}` };
    },
  };
}

/** Whether a statement allows the service both actions. */
export function allowsService(document: string, service: string): boolean {
  const { Statement = [] } = JSON.parse(document) as { Statement?: KeyStatement | KeyStatement[] };
  const allowed = [Statement].flat().filter(({ Effect, Principal }) => {
    if (Effect !== 'Allow') return false;
    if (Principal === '*') return true;
    return [Principal?.Service ?? []].flat().includes(service) || [Principal?.AWS ?? []].flat().includes('*');
  });
  const actions = allowed.flatMap(({ Action }) => [Action ?? []].flat().map((action) => action.toLowerCase()));
  return ['kms:decrypt', 'kms:generatedatakey'].every((needed) =>
    actions.some((action) => (action.endsWith('*') ? needed.startsWith(action.slice(0, -1)) : action === needed)),
  );
}

interface KeyStatement {
  readonly Effect?: string;
  readonly Principal?: '*' | { readonly Service?: string | string[]; readonly AWS?: string | string[] };
  readonly Action?: string | string[];
}
