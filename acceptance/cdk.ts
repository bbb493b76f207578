// Deploys, updates and destroys stacks with the CDK's own command line, as a user does.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  NoSuchBucket,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import type { OutputName } from '../lib/outputs.ts';

export type Outputs = Readonly<Record<OutputName, string>>;

export interface Deployed {
  readonly name: string;
  readonly outputs: Outputs;
  /** Deploys again, with other settings. */
  readonly update: (settings: Readonly<Record<string, string>>) => Promise<Outputs>;
  readonly remove: () => Promise<void>;
}

export const isEmulated = process.env['AWS_ENDPOINT_URL'] !== undefined;

/** Deploys a stack of its own. Settings are context keys without their prefix. */
export async function deployStack(name: string, settings: Readonly<Record<string, string>> = {}): Promise<Deployed> {
  const stackName = `ImageFanoutAcceptance${name}${Date.now().toString(36)}`;
  const folder = mkdtempSync(join(tmpdir(), 'image-fanout-acceptance-'));
  const common: Record<string, string> = {
    stackName,
    // The emulator runs functions on this machine's processor; AWS runs what the stack asks for.
    ...(isEmulated ? { architecture: arch() === 'arm64' ? 'arm64' : 'x86_64' } : {}),
  };
  const deploy = async (all: Readonly<Record<string, string>>): Promise<Outputs> => {
    const file = join(folder, 'outputs.json');
    await cdk(folder, ['deploy', '--require-approval', 'never', '--outputs-file', file], all);
    return (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Outputs>)[stackName] as Outputs;
  };
  if (isEmulated) await cdk(folder, ['bootstrap'], common);
  const outputs = await deploy({ ...common, ...settings });
  return {
    name: stackName,
    outputs,
    update: async (changed) => await deploy({ ...common, ...settings, ...changed }),
    remove: async () => {
      await cdk(folder, ['destroy', '--force'], common);
      for (const place of [outputs.Source, outputs.Destination, outputs.Results])
        await deleteBucket(new URL(place).hostname);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function cdk(
  folder: string,
  command: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const context = Object.entries(settings).flatMap(([key, value]) => ['--context', `image-fanout:${key}=${value}`]);
  try {
    await promisify(execFile)('npx', ['cdk', ...command, '--output', join(folder, 'cdk.out'), ...context], {
      env: { ...process.env, CI: 'true' },
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`cdk ${command.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** The logical and physical ids of a stack's resources of one type. */
export async function resourcesOf(StackName: string, type: string): Promise<(readonly [string, string])[]> {
  const found: (readonly [string, string])[] = [];
  const client = new CloudFormationClient({});
  for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName })) {
    for (const { ResourceType, LogicalResourceId = '', PhysicalResourceId = '' } of StackResourceSummaries) {
      if (ResourceType === type) found.push([LogicalResourceId, PhysicalResourceId]);
    }
  }
  return found;
}

/** The stack keeps its buckets on purpose; these hold nothing but what the suite made. */
export async function deleteBucket(bucket: string): Promise<void> {
  const client = new S3Client({ forcePathStyle: isEmulated });
  try {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
      const Objects = Contents.map(({ Key }) => ({ Key }));
      if (Objects.length > 0)
        await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
    }
    await client.send(new DeleteBucketCommand({ Bucket: bucket }));
  } catch (error) {
    // The emulator deletes what it was told to keep.
    if (!(error instanceof NoSuchBucket)) throw error;
  }
}
