// `doctor --before`: an account and its buckets are looked at before anything is deployed, and the flags are told.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { allowsService } from '../../../lib/cli/cloud/before-checks.ts';
import { refusals } from '../../../lib/cli/cloud/bucket-policy.ts';
import { main } from '../../../lib/cli/main.ts';
import { synthesize } from '../../cloud/synth.ts';
import { type FakeAccount, startAccount } from './account-server.ts';

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const SERVICES = ['cloudwatch.amazonaws.com', 'events.amazonaws.com', 'sns.amazonaws.com'];
const ALLOWED = {
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: SERVICES },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      Resource: '*',
    },
  ],
};
let account: FakeAccount;
beforeAll(async () => {
  account = await startAccount();
  vi.stubEnv('AWS_ENDPOINT_URL', account.url);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x');
});
beforeEach(() => {
  Object.assign(account, {
    bootstrap: 21,
    concurrency: 1000,
    functions: [],
    buckets: { photos: {}, site: {}, logs: {} },
    keyPolicy: ALLOWED,
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await account.close();
});

const PLACES = ['s3://photos/in/', 's3://site/img/', 's3://logs/'];

interface Answer {
  readonly code: number;
  readonly findings: { readonly state: string; readonly name: string; readonly detail: string }[];
  readonly deploy: string[];
  readonly errors: string;
}

async function looked(...argv: string[]): Promise<Answer> {
  let [stdout, errors] = ['', ''];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += String(text);
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      errors += String(text);
      return true;
    }),
  ];
  try {
    const code = await main(['doctor', '--before', '--json', ...argv]);
    return { code, errors, ...(JSON.parse(stdout || '{}') as Pick<Answer, 'findings' | 'deploy'>) };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const found = ({ findings }: Answer, name: string) => findings.find((one) => one.name === name);

test('an account that is ready: the flags of its places, which the synthesis takes', async () => {
  const answer = await looked(...PLACES);
  expect(answer.code).toBe(0);
  expect(answer.findings.filter(({ state }) => state === 'failed')).toEqual([]);
  expect(answer.deploy).toEqual([
    ...['npx', 'cdk', 'deploy'],
    ...[
      '-c',
      'image-fanout:source=s3://photos/in/',
      '-c',
      'image-fanout:destination=s3://site/img/',
      '-c',
      'image-fanout:results=s3://logs/',
    ],
  ]);
});

test('whatever it prints as flags is known to the synthesis', async () => {
  Object.assign(account, { concurrency: 10, buckets: { photos: { kms: KEY }, site: { kms: KEY }, logs: {} } });
  const { deploy } = await looked(...PLACES, '--kms-key', KEY.replace('0ab', '0cc'));
  const settings = Object.fromEntries(
    deploy
      .filter((word) => word.startsWith('image-fanout:'))
      .map((word) => word.slice('image-fanout:'.length).split(/=(.*)/s).slice(0, 2)),
  ) as Record<string, string>;
  expect(settings).toMatchObject({ maxConcurrency: '10', sourceKmsKey: KEY, destinationKmsKey: KEY });
  expect(() => synthesize(settings)).not.toThrow();
});

describe('the account', () => {
  test.each([
    [undefined, 'failed', /there is no CDKToolkit in eu-central-1: npx cdk bootstrap/],
    [5, 'failed', /expected version 6 or later, got 5/],
    [6, 'ok', /account 123456789012, eu-central-1/],
  ])('with bootstrap %s is %s', async (bootstrap, state, detail) => {
    account.bootstrap = bootstrap;
    const answer = await looked();
    expect(found(answer, 'bootstrap')).toMatchObject({ state, detail: expect.stringMatching(detail) });
    expect(answer.code).toBe(state === 'failed' ? 1 : 0);
  });

  test("the version that is asked for is the template's own", () => {
    const { Rules } = synthesize().template.toJSON() as { Rules: { CheckBootstrapVersion: unknown } };
    expect(JSON.stringify(Rules.CheckBootstrapVersion)).toContain('["1","2","3","4","5"]');
  });

  test('that is new has room for few, which is a flag', async () => {
    account.concurrency = 10;
    const answer = await looked();
    expect(found(answer, 'concurrency')).toMatchObject({ state: 'note' });
    expect(answer.deploy).toContain('image-fanout:maxConcurrency=10');
  });

  test('that has large functions may have more memory; of another nobody can say', async () => {
    account.functions = [128, 10_240];
    expect(found(await looked(), 'memory')).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('10,240 MB'),
    });
    account.functions = [128];
    expect(found(await looked(), 'memory')).toMatchObject({ state: 'note', detail: expect.stringContaining('3,008') });
  });
});

describe('a bucket', () => {
  test.each([
    ['source', { photos: { region: 'us-east-1' } }, 'failed', /is in us-east-1, the deployment in eu-central-1/],
    ['destination', { site: { region: 'us-east-1' } }, 'note', /that transfer is paid/],
    ['results', { logs: { owner: '999999999999' } }, 'failed', /not of the account 123456789012/],
    ['destination', { site: { owner: '999999999999' } }, 'note', /must allow the image functions/],
    ['source', { photos: undefined }, 'failed', /there is no bucket photos/],
  ])('of the %s as %j is %s', async (name, buckets, state, detail) => {
    account.buckets = { photos: {}, site: {}, logs: {}, ...(buckets as object) };
    const answer = await looked(...PLACES);
    expect(found(answer, `${name}: bucket`)).toMatchObject({ state, detail: expect.stringMatching(detail) });
  });

  test('that is locked keeps each version', async () => {
    account.buckets = { photos: {}, site: { locked: 30 }, logs: {} };
    expect(found(await looked(...PLACES), 'destination: Object Lock')).toMatchObject({
      state: 'note',
      detail: expect.stringContaining('30 days (COMPLIANCE)'),
    });
  });

  test('whose policy denies is told with the statement', async () => {
    const policy = {
      Statement: {
        Sid: 'OnlyFromVpc',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: 'arn:aws:s3:::photos/*',
        Condition: { StringNotEquals: { 'aws:SourceVpce': 'vpce-1' } },
      },
    };
    account.buckets = { photos: { policy }, site: {}, logs: {} };
    const answer = await looked(...PLACES);
    expect(found(answer, 'source: bucket policy')).toMatchObject({
      state: 'failed',
      detail: expect.stringMatching(/OnlyFromVpc .*aws:sourcevpce vpce-1/),
    });
  });

  test('with a key is a flag of its own, one flag where the created things have it too', async () => {
    account.buckets = { photos: { kms: KEY }, site: { kms: 'alias/ours' }, logs: {} };
    const own = await looked(...PLACES);
    expect(own.deploy).toContain(`image-fanout:sourceKmsKey=${KEY}`);
    expect(found(own, 'destination: encryption')).toMatchObject({
      state: 'note',
      detail: expect.stringContaining('alias/ours'),
    });
    const { deploy } = await looked(...PLACES, '--kms-key', KEY);
    expect(deploy.filter((word) => word.includes('KmsKey'))).toEqual([]);
    expect(deploy).toContain(`image-fanout:kmsKey=${KEY}`);
  });
});

test('a key whose policy leaves services out gets the statement that is missing', async () => {
  account.keyPolicy = {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'sns.amazonaws.com' }, Action: 'kms:*', Resource: '*' }],
  };
  const answer = await looked('--kms-key', KEY);
  expect(found(answer, 'kmsKey: key policy')).toMatchObject({
    state: 'failed',
    detail: expect.stringContaining('"Service":["cloudwatch.amazonaws.com","events.amazonaws.com"]'),
  });
  account.keyPolicy = ALLOWED;
  expect((await looked('--kms-key', KEY)).code).toBe(0);
});

test.each([
  [['s3://photos/', '--stack', 'Mine'], /no --stack with --before/],
  [['photos'], /expected s3:\/\/bucket\/prefix\//],
])('%j is refused', async (argv, message) => {
  const { code, errors } = await looked(...argv);
  expect(code).toBe(1);
  expect(errors).toMatch(message);
});

describe('a bucket policy', () => {
  const use = { bucket: 'photos', prefix: 'in/', actions: ['s3:GetObject', 's3:PutObject'] };
  const deny = (more: object) =>
    JSON.stringify({
      Statement: [{ Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: 'arn:aws:s3:::photos/*', ...more }],
    });
  test.each([
    ['everything', {}, true],
    ['what is not over TLS', { Condition: { Bool: { 'aws:SecureTransport': 'false' } } }, undefined],
    ['old TLS', { Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } }, undefined],
    [
      'writing without a named key',
      { Action: 's3:PutObject', Condition: { StringNotEquals: { 's3:x-amz-server-side-encryption': 'aws:kms' } } },
      true,
    ],
    [
      'writing without an encryption header',
      { Condition: { Null: { 's3:x-amz-server-side-encryption': 'true' } } },
      true,
    ],
    ['who is not of the organization', { Condition: { StringNotEquals: { 'aws:PrincipalOrgID': 'o-1' } } }, false],
    ['addresses elsewhere', { Condition: { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8'] } } }, true],
    ['one role that is there', { Principal: { AWS: 'arn:aws:iam::1:role/other' } }, undefined],
    ['the whole account', { Principal: { AWS: 'arn:aws:iam::1:root' } }, true],
    ['all but one role', { Principal: undefined, NotPrincipal: { AWS: 'arn:aws:iam::1:role/other' } }, true],
    ['deleting', { Action: ['s3:DeleteObject'] }, undefined],
    ['all but listing', { Action: undefined, NotAction: 's3:ListBucket' }, true],
    ['another prefix', { Resource: 'arn:aws:s3:::photos/out/*' }, undefined],
    ['a part of the place', { Resource: 'arn:aws:s3:::photos/in/secret/*' }, true],
  ])('that denies %s', (_, more, sure) => {
    expect(refusals(deny(more), use).map((one) => one.sure)).toEqual(sure === undefined ? [] : [sure]);
  });

  test('that only allows denies nothing', () => {
    expect(
      refusals(
        JSON.stringify({ Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: '*' }] }),
        use,
      ),
    ).toEqual([]);
  });
});

test('a key policy allows a service by name, by pattern, and with both actions only', () => {
  const policy = (more: object) => JSON.stringify({ Statement: [{ Effect: 'Allow', Resource: '*', ...more }] });
  const service = { Principal: { Service: 'sns.amazonaws.com' } };
  expect(
    allowsService(policy({ ...service, Action: ['kms:GenerateDataKey*', 'kms:Decrypt'] }), 'sns.amazonaws.com'),
  ).toBe(true);
  expect(allowsService(policy({ ...service, Action: 'kms:*' }), 'sns.amazonaws.com')).toBe(true);
  expect(allowsService(policy({ ...service, Action: 'kms:Decrypt' }), 'sns.amazonaws.com')).toBe(false);
  expect(allowsService(policy({ ...service, Action: 'kms:*' }), 'events.amazonaws.com')).toBe(false);
  expect(
    allowsService(
      JSON.stringify({ Statement: [{ Effect: 'Deny', Principal: '*', Action: 'kms:*' }] }),
      'sns.amazonaws.com',
    ),
  ).toBe(false);
});
