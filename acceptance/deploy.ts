// Deploys the stack before the suite and takes it away after it, buckets and all that the suite put into them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteBucketCommand, DeleteObjectsCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import type { TestProject } from 'vitest/node';
import type { OutputName } from '../lib/outputs.ts';

export type Outputs = Readonly<Record<OutputName, string>>;

declare module 'vitest' {
  interface ProvidedContext {
    readonly outputs: Outputs;
  }
}

const STACK = `ImageFanoutAcceptance${Date.now().toString(36)}`;

/** The emulator runs functions on this machine's processor; AWS runs what the stack asks for. */
const CONTEXT: readonly string[] = [
  `image-fanout:stackName=${STACK}`,
  ...(process.env['AWS_ENDPOINT_URL'] === undefined
    ? []
    : [`image-fanout:architecture=${arch() === 'arm64' ? 'arm64' : 'x86_64'}`]),
];

export default async function deploy({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'image-fanout-acceptance-'));
  const file = join(folder, 'outputs.json');
  if (process.env['AWS_ENDPOINT_URL'] !== undefined) cdk('bootstrap');
  cdk('deploy', '--require-approval', 'never', '--outputs-file', file);
  const outputs = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Outputs>)[STACK] as Outputs;
  provide('outputs', outputs);
  return async () => {
    cdk('destroy', '--force');
    for (const place of [outputs.Source, outputs.Destination, outputs.Results])
      await deleteBucket(new URL(place).hostname);
    rmSync(folder, { recursive: true, force: true });
  };
}

function cdk(...command: readonly string[]): void {
  const output = join('.build', 'acceptance.out');
  const context = CONTEXT.flatMap((setting) => ['--context', setting]);
  execFileSync('npx', ['cdk', ...command, '--output', output, '--progress', 'events', ...context], {
    stdio: ['ignore', process.env['ACCEPTANCE_VERBOSE'] === undefined ? 'ignore' : 'inherit', 'inherit'],
    env: { ...process.env, CI: 'true' },
  });
}

/** The stack keeps its buckets on purpose; these hold nothing but what the suite made. */
async function deleteBucket(bucket: string): Promise<void> {
  const client = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined });
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
    const Objects = Contents.map(({ Key }) => ({ Key }));
    if (Objects.length > 0)
      await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
  }
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}
