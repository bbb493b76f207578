// Every AWS call that the acceptance suite saw is allowed by the policies of every variant of the stack, and every permission
// of these is used by such a call, or named with why none is seen.
import { describe, expect, it } from 'vitest';
import { recording } from '../../acceptance/calls.ts';
import { READERS } from '../../lib/workflow.ts';
import { ACCOUNT, type Call, type Deployment, deployment, type Permission } from './simulate.ts';
import { synthesize } from './synth.ts';

const key = (id: string): string => `arn:aws:kms:us-east-1:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-123456789${id}`;
const PLACES = {
  source: 's3://the-source/in/',
  destination: 's3://the-destination/out/',
  results: 's3://the-results/acc/',
};
const TRIGGERS = { uploads: true, jobFiles: true };

const VARIANTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'new buckets': {},
  'existing buckets with prefixes': PLACES,
  'one bucket': { source: 's3://one/in/', destination: 's3://one/out/', results: 's3://one/acc/', ...TRIGGERS },
  'new buckets with a key': { kmsKey: key('aaa'), ...TRIGGERS },
  'existing buckets with keys of their own': {
    ...PLACES,
    sourceKmsKey: key('aaa'),
    destinationKmsKey: key('bbb'),
    resultsKmsKey: key('ccc'),
    ...TRIGGERS,
  },
  uploads: { uploads: true },
  'job files': { jobFiles: true },
};

/** A line of the recording. */
interface Line {
  readonly role: string;
  readonly action: string;
  /** `results/runs/`, `results`, `function ProcessFunction`, `*`. */
  readonly on: string;
  /** Of a listing. */
  readonly prefix?: string;
}

/** Where it does not matter whether an object is missing or forbidden, so that no right to list is needed to tell. */
const ABSENCE_IS_ALL_ONE: readonly { readonly line: RegExp; readonly why: string }[] = [
  {
    line: /^(SummarizeRole|ReportsReportRole) s3:ListBucket (source|destination)$/,
    why: 'A picture of the page that cannot be read, for whatever reason, is left out: lambda/report/page/pictures.ts',
  },
];

const LINES: readonly Line[] = recording().flatMap((line) => {
  if (ABSENCE_IS_ALL_ONE.some((one) => one.line.test(line))) return [];
  const [role = '', action = '', ...words] = line.split(' ');
  const prefix = words.find((word) => word.startsWith('prefix='))?.slice('prefix='.length);
  const on = words.filter((word) => !word.startsWith('prefix=')).join(' ');
  const parsed = { role, action, on, ...(prefix === undefined ? {} : { prefix }) };
  // What is asked of the Map Run of one reader is asked of all.
  const [, machine] = /^mapRun (\w+)\/\w+$/.exec(on) ?? [];
  if (machine === undefined) return [parsed];
  return Object.values(READERS).map(({ label }) => ({ ...parsed, on: `mapRun ${machine}/${label}` }));
});

/** What S3 and SNS ask KMS for in the caller's name: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html */
const ASKED_OF_KMS: Readonly<Record<string, readonly string[]>> = {
  's3:GetObject': ['kms:Decrypt'],
  's3:PutObject': ['kms:GenerateDataKey'],
  // A large output is written in parts, which asks for both; https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  'sns:Publish': ['kms:GenerateDataKey', 'kms:Decrypt'],
};

/** The calls that a line stands for in a variant. */
function callsOf({ role, action, on, prefix }: Line, settings: Readonly<Record<string, unknown>>): Call[] {
  const [kind = '', name = ''] = on.split(' ');
  const encrypted = (kmsKey: unknown): Call[] =>
    kmsKey === undefined
      ? []
      : (ASKED_OF_KMS[action] ?? []).map((asked) => ({ role, action: asked, resource: kmsKey as string }));
  if (action.startsWith('s3:')) {
    const [place = '', ...folders] = kind.split('/');
    const uri = (settings[place] as string | undefined) ?? `s3://${place}/`;
    const [, bucket = '', base = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(uri) ?? [];
    if (action !== 's3:ListBucket') {
      const resource = `arn:aws:s3:::${bucket}/${base}${folders.join('/')}a-key`;
      return [{ role, action, resource }, ...encrypted(settings[`${place}KmsKey`] ?? settings['kmsKey'])];
    }
    const context = prefix === undefined ? {} : { context: { 's3:prefix': base + prefix } };
    return [{ role, action, resource: `arn:aws:s3:::${bucket}`, ...context }];
  }
  const arn = (service: string, what: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${what}`;
  if (kind === '*') return [{ role, action, resource: '*' }];
  if (kind === 'function') return [{ role, action, resource: arn('lambda', `function:${name}`) }];
  if (kind === 'topic') return [{ role, action, resource: arn('sns', name) }, ...encrypted(settings['kmsKey'])];
  return [{ role, action, resource: arn('states', `${kind}:${name}${kind === 'stateMachine' ? '' : ':a-name'}`) }];
}

/** Permissions that no recorded call uses, and why. Each must still be there, so that this list does not outlive its reasons. */
const UNSEEN: readonly { readonly role: RegExp; readonly permission: RegExp; readonly why: string }[] = [
  {
    role: /./,
    permission: /^logs:(CreateLogStream|PutLogEvents) /,
    why: "Lambda writes a function's log with the function's role: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",
  },
  {
    role: /^(WorkflowRole|PartsAccountRole)$/,
    permission: /^logs:\w+ \*$/,
    why: 'Step Functions sets up its log delivery: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html',
  },
  {
    role: /./,
    permission: /^xray:/,
    why: 'Lambda and Step Functions send the traces: https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html',
  },
  {
    role: /^(WorkflowRole|PartsAccountRole)$/,
    permission: /^states:(StartExecution|DescribeExecution|StopExecution|RedriveExecution) /,
    why: 'What a Distributed Map starts, looks at, stops and redrives are its children; the emulator has no calls for that: https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html',
  },
  {
    role: /./,
    permission: /^s3:(AbortMultipartUpload|ListMultipartUploadParts) /,
    why: 'Only an upload in parts that fails is aborted, and ResultWriter looks at its parts: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html',
  },
  {
    role: /^WorkflowRole$/,
    permission: /^s3:GetObject \S+runs\/\*$/,
    why: 'ResultWriter needs it: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html',
  },
  {
    role: /Role$/,
    permission: /^sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes) /,
    why: "Lambda polls a function's queue with the function's role: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
  },
  {
    role: /^GuardStateMachineEventsRole$/,
    permission: /^states:StartExecution /,
    why: 'EventBridge starts the guard of a redrive with it: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html',
  },
  {
    role: /^(GuardRole|ReportsReportRole|SummarizeRole)$/,
    permission: /^states:DescribeMapRun \S+\/Canary:\*$/,
    why: 'The Map Run of a canary is asked for as any other is; no acceptance test has a guarded one, or one without an account',
  },
  {
    role: /^PrepareRole$/,
    permission: /^s3:GetObject \S*runs\/\*$/,
    why: 'A canary is drawn from a list that Prepare has made itself, of plain text or a sample: test/lambda/prepare/canary.test.ts reads one',
  },
  {
    role: /^ReportsReportRole$/,
    permission: /^sqs:SendMessage /,
    why: 'Lambda hands on what the function failed at: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html',
  },
  {
    role: /^WorkflowRole$/,
    permission: /^kms:Encrypt /,
    why: 'ResultWriter uploads large files in parts: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html',
  },
  {
    role: /^TriggersStartRole$/,
    permission: /^(s3:PutObject \S+manifests\/uploads\/\*|kms:GenerateDataKey .*)$/,
    why: 'Only a list of uploads that is too long for an input becomes a manifest: test/lambda/start/start.test.ts writes one',
  },
  {
    role: /^(TriggersStartRole|ReportsReportRole)$/,
    permission: /^kms:(Decrypt|GenerateDataKey) /,
    why: "Queues have the key too: Lambda decrypts messages with the starter's role, and encrypts what it hands on with the report's",
  },
  {
    role: /^BucketNotificationsHandler/,
    permission: /./,
    why: "It is the CDK's own function, whose calls are those of its library: permissions.test.ts bounds them",
  },
];

/** Both image functions have the same code, and may do the same: the large one is only asked when memory ran out. */
const SAME_CODE: Readonly<Record<string, string>> = { ProcessRole: 'ProcessLargeRole' };

function isNamed({ role, action, resource }: Permission, one: (typeof UNSEEN)[number]): boolean {
  return one.role.test(role) && one.permission.test(`${action} ${resource}`);
}

it('each permission that is named as unseen is there, with a reason', () => {
  const all = Object.values(VARIANTS).flatMap((settings) => deployment(synthesize(settings).template).permissions);
  for (const one of UNSEEN) {
    expect(
      all.some((permission) => isNamed(permission, one)),
      String(one.permission),
    ).toBe(true);
    expect(one.why.length).toBeGreaterThan(40);
  }
});

it('the simulator says no where a permission is missing, or is for another prefix', async () => {
  const { decide } = deployment(synthesize(PLACES).template);
  const role = 'ProcessRole';
  const asked = async (action: string, resource: string, context = {}) =>
    (await decide({ role, action, resource, context })).allowed;
  expect(await asked('s3:GetObject', 'arn:aws:s3:::the-source/in/a.jpg')).toBe(true);
  expect(await asked('s3:GetObject', 'arn:aws:s3:::the-source/elsewhere/a.jpg')).toBe(false);
  expect(await asked('s3:DeleteObject', 'arn:aws:s3:::the-destination/out/a.jpg')).toBe(false);
  expect(await asked('s3:ListBucket', 'arn:aws:s3:::the-source', { 's3:prefix': 'elsewhere/' })).toBe(false);
});

describe.each(Object.entries(VARIANTS))('%s', (_, settings) => {
  const deployed: Deployment = deployment(synthesize(settings).template);
  const roles = new Set(deployed.permissions.map(({ role }) => role));
  const lines = LINES.flatMap((line) => {
    const twin = SAME_CODE[line.role];
    return twin === undefined ? [line] : [line, { ...line, role: twin }];
  });
  // Of a starter for job files alone nobody asks how many runs of uploads go on.
  const asked = ({ action }: Line): boolean => action !== 'states:ListExecutions' || settings['uploads'] === true;
  const calls = lines.filter((line) => roles.has(line.role) && asked(line)).flatMap((line) => callsOf(line, settings));

  it('denies no call that was seen', async () => {
    const denied: string[] = [];
    for (const call of calls) {
      const { allowed } = await deployed.decide(call);
      if (!allowed) denied.push(`${call.role} ${call.action} ${call.resource} ${JSON.stringify(call.context ?? {})}`);
    }
    expect(denied).toEqual([]);
  });

  it('has no permission that no call uses, but for those that are named', async () => {
    const used = new Set<Permission>();
    for (const call of calls) for (const permission of (await deployed.decide(call)).by) used.add(permission);
    const unused = deployed.permissions
      .filter((permission) => !used.has(permission))
      .filter((permission) => !UNSEEN.some((one) => isNamed(permission, one)))
      .map(({ role, action, resource }) => `${role} ${action} ${resource}`);
    expect([...new Set(unused)].sort()).toEqual([]);
  });
});
