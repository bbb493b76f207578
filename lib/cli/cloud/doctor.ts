// `doctor`: checks a deployment from where it is called, or, before there is one, the account and the buckets that it is to use.

import { isDirectory, type Location, parseLocation } from '../../../lambda/contract/location.ts';
import { CONTEXT_PREFIX } from '../../outputs.ts';
import { defineCommand, EXIT, UsageError } from '../command.ts';
import { checksBefore, type Learnt, PLACES } from './before-checks.ts';
import { type Check, checksOf, type Finding, findingOf } from './doctor-checks.ts';
import { findStack, STACK_OPTION } from './stack.ts';

const MARKS: Readonly<Record<Finding['state'], string>> = { ok: 'ok   ', note: 'note ', failed: 'FAIL ' };

export const command = defineCommand({
  summary:
    'Checks the deployed stack, or with --before what a deployment is to use; prints the permission that is missing.',
  usage: ['doctor', 'doctor --before [SRC [DST [RESULTS]]]'],
  arguments: [0, 3],
  details: [
    'Of a stack: reading, writing, encryption, events and quotas. It checks with your own credentials, and writes and deletes one\nempty object in the destination and in the results. What the functions themselves may do is proven by\nimage-fanout start --self-test.',
    'Before: the bootstrap, concurrency and memory, and of existing buckets Region, account, keys, policies and Object Lock; it\nchanges nothing, and prints the deployment with its flags. A bucket that is left out is made by the deployment.',
  ],
  options: {
    ...STACK_OPTION,
    before: { type: 'boolean', help: 'Checks what a deployment is to use, and prints its flags.' },
    'kms-key': { type: 'string', value: 'ARN', help: 'With --before: the KMS key for what the deployment creates.' },
    json: { type: 'boolean', help: 'The findings as a JSON array.' },
  },
  async run(places, { stack: stackName, before = false, 'kms-key': kmsKey, json = false }) {
    if (before) {
      if (stackName !== undefined) throw new UsageError('expected no --stack with --before: there is none yet');
      return await lookBefore(places, kmsKey, json);
    }
    if (places.length > 0) throw new UsageError(`expected no place without --before, got ${places[0]}`);
    if (kmsKey !== undefined) throw new UsageError('expected --before with --kms-key');
    const findings = await look(checksOf(await findStack(stackName)), json);
    if (json) process.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
    return exitOf(findings);
  },
});

async function lookBefore(given: readonly string[], kmsKey: string | undefined, json: boolean): Promise<0 | 1> {
  const places = Object.fromEntries(given.map((text, at) => [PLACES[at], bucketOf(text)]));
  const learnt: Learnt = { flags: new Map() };
  const findings = await look(checksBefore({ places, ...(kmsKey === undefined ? {} : { kmsKey }) }, learnt), json);
  const deploy = ['npx', 'cdk', 'deploy', ...flagsOf(learnt.flags)];
  if (json) process.stdout.write(`${JSON.stringify({ findings, deploy }, undefined, 2)}\n`);
  else process.stdout.write(`\nTo deploy:\n  ${deploy.join(' ')}\n`);
  return exitOf(findings);
}

/** One key for all that have it is one flag only where the key of what is created is the same. */
function flagsOf(flags: ReadonlyMap<string, string>): string[] {
  const all = flags.get('kmsKey');
  return [...flags]
    .filter(([name, value]) => name === 'kmsKey' || !name.endsWith('KmsKey') || value !== all)
    .flatMap(([name, value]) => ['-c', `${CONTEXT_PREFIX}${name}=${value}`]);
}

function bucketOf(text: string): Location {
  const location = text.startsWith('s3://') ? parseLocation(text) : undefined;
  if (location === undefined || isDirectory(location))
    throw new UsageError(`expected s3://bucket/prefix/, got ${text}`);
  return location;
}

async function look(checks: readonly Check[], json: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    const finding = await findingOf(check);
    findings.push(finding);
    if (!json) process.stdout.write(findingText(finding));
  }
  return findings;
}

function exitOf(findings: readonly Finding[]): 0 | 1 {
  return findings.some(({ state }) => state === 'failed') ? EXIT.notStarted : EXIT.succeeded;
}

function findingText({ state, name, detail, statement }: Finding): string {
  const missing = statement === undefined ? '' : `      grant: ${JSON.stringify(statement)}\n`;
  return `${MARKS[state]} ${name}: ${detail}\n${missing}`;
}
