// The commands for a deployed stack, against a server that speaks AWS's protocols over real HTTP.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../../lib/cli/main.ts';
import { zeroCounts } from '../../../lib/local/counts.ts';
import { EXECUTION, type FakeAws, MACHINE, startAws } from './step-functions-server.ts';

let aws: FakeAws;

beforeAll(async () => {
  aws = await startAws();
  vi.stubEnv('AWS_ENDPOINT_URL', aws.url);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x');
});

beforeEach(() => {
  aws.executions.clear();
  aws.changes.length = 0;
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await aws.close();
});

/** Runs the program in this process and answers with what it printed. */
async function run(...argv: string[]) {
  const output = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      output[name] += String(text);
      return true;
    }),
  );
  try {
    return { code: await main(argv), ...output };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const counts = zeroCounts().items;

function runningWith(itemCounts: Partial<typeof counts>) {
  return {
    input: '{}',
    status: 'RUNNING',
    startDate: 1.8e9,
    mapRuns: [{ status: 'RUNNING', itemCounts: { ...counts, ...itemCounts } }],
  };
}

describe('start', () => {
  test('starts the job of its options and says where to look', async () => {
    const { code, stdout } = await run('start', '--recipe', 'thumbnail', '--max-concurrency', '7', '--name', 'mine');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Started mine\n {2}watch {4}npx image-fanout watch mine\n {2}account {2}s3:\/\/results\/runs\/mine\/\n$/,
    );
    expect(aws.changes).toEqual([
      {
        operation: 'StartExecution',
        input: { stateMachineArn: MACHINE, name: 'mine', input: '{"recipe":"thumbnail","maxConcurrency":7}' },
      },
    ]);
  });

  test('starts nothing twice under one name, also when the run has ended', async () => {
    await run('start', '--name', 'mine', '--recipe', 'web');
    const again = await run('start', '--name', 'mine', '--recipe', 'web');
    expect(again.code).toBe(0);
    const first = aws.executions.get('mine');
    if (first !== undefined) first.status = 'SUCCEEDED';
    const later = await run('start', '--name', 'mine', '--recipe', 'web', '--json');
    expect(later.code).toBe(0);
    expect(JSON.parse(later.stdout)).toEqual({ executionArn: `${EXECUTION}:mine`, name: 'mine', started: false });
    expect(aws.executions.size).toBe(1);
  });

  test('refuses another job under a name that is taken', async () => {
    await run('start', '--name', 'mine', '--recipe', 'web');
    const { code, stderr } = await run('start', '--name', 'mine', '--recipe', 'thumbnail');
    expect(code).toBe(1);
    expect(stderr).toMatch(/--name: expected a new name, mine was started .* with another job/);
  });

  test.each([
    [['photos', 's3://outputs/'], /source: expected s3:\/\/bucket\/prefix\/, got "photos"/],
    [['--manifest', 'keys.csv'], /manifest: expected s3:\/\/bucket\/key, got "keys\.csv"/],
    [['--name', 'my run'], /--name: expected 1 to 80 letters, digits, - or _, got "my run"/],
    [['--max-concurrency', 'ten'], /maxConcurrency: expected .*, got "ten"/],
    [['--keys', 'k'.repeat(300_000)], /expected at most 262144 bytes, got 3000\d\d; put its keys into a manifest/],
    [['--stack', 'Other'], /expected the stack Other in eu-central-1, found none/],
  ])('says what is wrong with %.30j before it starts anything', async (argv, message) => {
    const { code, stderr } = await run('start', ...argv);
    expect({ code, changes: aws.changes }).toEqual({ code: 1, changes: [] });
    expect(stderr).toMatch(message);
  });

  test('says which output a foreign stack lacks', async () => {
    const { StateMachineArn, ...others } = aws.outputs;
    aws.outputs = others;
    const { code, stderr } = await run('start');
    aws.outputs = { StateMachineArn: StateMachineArn ?? '', ...others };
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected the stack ImageFanout to have the output StateMachineArn, it has ConsoleUrl/);
  });
});

describe('a running run', () => {
  beforeEach(() => {
    aws.executions.set('old', { input: '{}', status: 'SUCCEEDED', startDate: 1.7e9, stopDate: 1.7e9 + 90 });
    aws.executions.set('new', runningWith({ total: 1000, succeeded: 400, failed: 2, running: 100, pending: 498 }));
  });

  test('is the one that status shows when none is named', async () => {
    const { code, stdout } = await run('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^new: RUNNING for /);
    expect(stdout).toContain('400 succeeded or skipped, 2 failed, 100 running, 498 pending of 1,000');
    expect(stdout).toContain('account    s3://results/runs/new/');
  });

  test('can be scaled', async () => {
    expect((await run('scale', '250')).code).toBe(0);
    expect(aws.changes).toEqual([
      {
        operation: 'UpdateMapRun',
        input: { mapRunArn: expect.stringMatching(/:mapRun:.*:new$/), maxConcurrency: 250 },
      },
    ]);
  });

  test.each([
    ['10', { toleratedFailureCount: 10, toleratedFailurePercentage: 100 }],
    ['2.5%', { toleratedFailureCount: 100_000_000, toleratedFailurePercentage: 2.5 }],
    ['0', { toleratedFailureCount: 0, toleratedFailurePercentage: 100 }],
  ])('can be told to tolerate %s', async (given, bounds) => {
    expect((await run('tolerate', given)).code).toBe(0);
    expect(aws.changes).toEqual([{ operation: 'UpdateMapRun', input: { mapRunArn: expect.any(String), ...bounds } }]);
  });

  test('can be stopped and redriven', async () => {
    const stopped = await run('stop', 'new');
    expect(stopped.stdout).toContain('image-fanout redrive new');
    expect((await run('redrive', 'new')).code).toBe(0);
    expect(aws.changes.map(({ operation }) => operation)).toEqual(['StopExecution', 'RedriveExecution']);
  });

  test('is listed before older ones', async () => {
    const { stdout } = await run('list');
    expect(stdout).toMatch(/^2027-.*RUNNING.*new\n2023-.*SUCCEEDED.*1 min 30 s {2}old\n$/);
    expect(JSON.parse((await run('list', '--json', '--status', 'succeeded')).stdout)).toMatchObject([{ name: 'old' }]);
  });

  test.each([
    [['scale', '0'], /expected a whole number from 1 to 10000, got "0"/],
    [['scale', 'ten'], /expected a whole number from 1 to 10000, got "ten"/],
    [['tolerate', '101%'], /expected a whole number such as 10, or a percentage such as 2\.5%, got "101%"/],
    [['tolerate', '1.5'], /got "1\.5"/],
    [['scale', '5', 'old'], /expected a run whose Map Run is running, old is SUCCEEDED and has no Map Run/],
    [['status', 'nowhere'], /ExecutionDoesNotExist/],
    [['list', '--status', 'odd'], /--status: expected one of RUNNING/],
    [['list', '--most', '0'], /--most: expected a whole number of at least 1, got "0"/],
  ])('%j is refused', async (argv, message) => {
    const { code, stderr } = await run(...argv);
    expect({ code, changes: aws.changes }).toEqual({ code: 1, changes: [] });
    expect(stderr).toMatch(message);
  });
});

describe('watch', () => {
  const ending = (status: string, itemCounts: Partial<typeof counts>) => {
    const run = runningWith({ total: 4, succeeded: 1, running: 3 });
    return { ...run, mapRuns: [...run.mapRuns, { status, itemCounts: { ...counts, ...itemCounts } }] };
  };

  test.each([
    ['SUCCEEDED', { total: 4, succeeded: 4 }, 0],
    ['SUCCEEDED', { total: 4, succeeded: 3, failed: 1 }, 3],
    ['FAILED', { total: 4, succeeded: 1, failed: 1, pending: 2 }, 2],
    ['ABORTED', { total: 4, succeeded: 1, aborted: 3 }, 2],
  ])('ends with a run that %s with %j: exit %d', async (status, itemCounts, expected) => {
    aws.executions.set('run', {
      ...ending(status, itemCounts),
      status,
      mapRuns: [{ status, itemCounts: { ...counts, ...itemCounts } }],
    });
    const { code, stdout } = await run('watch', 'run', '--json');
    expect(code).toBe(expected);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'run', status, mapRun: { itemCounts } });
  });

  test('waits for the end', async () => {
    aws.executions.set('run', ending('SUCCEEDED', { total: 4, succeeded: 4 }));
    const { code, stdout } = await run('watch', 'run');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^run: SUCCEEDED.*\n {2}keys {7}4 succeeded or skipped of 4\n/);
  });

  test('a run that Prepare refused was never started: exit 1, and the reason', async () => {
    const cause = JSON.stringify({
      errorType: 'InvalidJob',
      errorMessage: 'The job has a problem:\n  recipe: unknown',
      trace: [],
    });
    aws.executions.set('run', {
      input: '{}',
      status: 'FAILED',
      startDate: 1.8e9,
      stopDate: 1.8e9 + 1,
      error: 'InvalidJob',
      cause,
    });
    const { code, stdout } = await run('watch', 'run');
    expect(code).toBe(1);
    expect(stdout).toContain('failure    InvalidJob: The job has a problem:   recipe: unknown');
  });
});

describe('doctor', () => {
  beforeEach(() => {
    aws.denied.clear();
    Object.assign(aws.settings, { events: true, concurrency: 1000 });
  });

  test('finds nothing to repair in a deployment that works', async () => {
    const { code, stdout } = await run('doctor');
    expect({ code, lines: stdout.split('\n').filter((line) => !line.startsWith('ok ')) }).toEqual({
      code: 0,
      lines: [''],
    });
    expect(stdout).toContain('ok    reading of the source: a.jpg can be read');
  });

  test('prints the permission that is missing', async () => {
    aws.denied.add('PUT /outputs/');
    const { code, stdout } = await run('doctor', '--json');
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as { state: string }[]).filter(({ state }) => state !== 'ok')).toEqual([
      {
        state: 'failed',
        name: 'destination',
        detail: 'AccessDenied: Access Denied',
        statement: {
          Effect: 'Allow',
          Action: ['s3:PutObject', 's3:DeleteObject'],
          Resource: 'arn:aws:s3:::outputs/*',
        },
      },
    ]);
  });

  test('tells of a server that ignores conditional writes', async () => {
    aws.settings.heedless = true;
    const { code, stdout } = await run('doctor');
    aws.settings.heedless = false;
    expect(code).toBe(1);
    expect(stdout).toMatch(/s3:\/\/outputs\/.* ignores If-None-Match/);
  });

  test('takes the word of AWS for what is missing', async () => {
    aws.settings.message =
      'User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-central-1:1:key/k because no policy allows it';
    aws.denied.add('GET /photos/a.jpg');
    const { stdout } = await run('doctor');
    aws.settings.message = 'Access Denied';
    expect(stdout).toContain(
      'grant: {"Effect":"Allow","Action":["kms:Decrypt"],"Resource":"arn:aws:kms:eu-central-1:1:key/k"}',
    );
  });

  test('tells of events that will surprise, which are no failure, and fails for less room than a run takes', async () => {
    Object.assign(aws.settings, { events: false, concurrency: 10 });
    const { code, stdout } = await run('doctor');
    expect(code).toBe(1);
    expect(stdout).toContain('note  events of the source: photos sends no events to EventBridge');
    expect(stdout).toContain('FAIL  concurrency: 10 the account leaves to all functions, a run takes 100');
    expect(stdout).toContain('-c image-fanout:maxConcurrency=10');
  });
});

test('says that there is no run yet', async () => {
  const { code, stderr } = await run('status');
  expect(code).toBe(1);
  expect(stderr).toContain('the stack ImageFanout has no run yet: image-fanout start');
});
