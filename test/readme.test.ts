// Every example of the README is run, or read by the very code that would read it, and every generated table is fresh.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { App } from 'aws-cdk-lib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MOST_CONCURRENCY, parseJob } from '../lambda/job/job.ts';
import { resolveRecipe } from '../lambda/recipe/recipe.ts';
import { openStores } from '../lambda/store/open.ts';
import { readContext } from '../lib/cloud/context.ts';
import { MOST_PAYLOAD_BYTES } from '../lib/local/tasks.ts';
import { TIMEOUTS } from '../lib/workflow.ts';
import { DOCUMENTS, TABLES, withTables } from '../scripts/readme-tables.ts';
import { list, type Statement, synthesize } from './cloud/synth.ts';
import { type S3Server, startS3Server } from './helpers/s3-server.ts';

const ROOT = resolve(import.meta.dirname, '..');
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
const fences = [...readme.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, info = '', body = '']) => ({ info, body }));
const linesOf = (info: string) =>
  fences.filter((fence) => fence.info === info).flatMap(({ body }) => body.trim().split('\n'));

/** Splits a line as a shell would, as far as the README's examples go: spaces and single quotes. */
const words = (line: string) =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

test.each(DOCUMENTS)('the tables of %s are those that the code makes', async (name) => {
  const text = await readFile(join(ROOT, name), 'utf8');
  expect(text).toBe(withTables(text));
});

test('every table that the code makes is in the README or a document', async () => {
  const texts = await Promise.all(DOCUMENTS.map((name) => readFile(join(ROOT, name), 'utf8')));
  for (const name of Object.keys(TABLES)) expect(texts.join(''), name).toContain(`<!-- ${name}:start -->`);
});

test('the numbers are those of the code', () => {
  const count = (number: number) => number.toLocaleString('en-US');
  for (const said of [
    `| ${count(MOST_CONCURRENCY)} invocations at once |`,
    `| ${TIMEOUTS.child / 60} minutes per child |`,
    `the image function has ${TIMEOUTS.processFunction} s a call, and once ${TIMEOUTS.processLargeFunction} s in the larger one`,
    `| ${TIMEOUTS.summarizeFunction / 60} minutes for the account |`,
    `| ${MOST_PAYLOAD_BYTES / 1024} KiB of input |`,
    `of the image function's ${readContext(new App().node).memory}`,
  ]) {
    expect(readme).toContain(said);
  }
});

test('every example says how it is proven', () => {
  // The two of TypeScript are compiled and run by packaging/package.test.ts, where the package is what they import.
  const ways = ['ts app', 'ts engine', 'sh', 'sh run', 'sh cdk', 'sh cloud', 'json job', 'json recipe', 'json iam'];
  expect(fences.map(({ info }) => info).filter((info) => !ways.includes(info))).toEqual([]);
  for (const way of ways) expect(linesOf(way).length, way).toBeGreaterThan(0);
});

test('the two commands of the first screen are scripts', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const commands = linesOf('sh').map((line) => line.replace(/\s+#.*/, ''));
  expect(commands).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test']));
});

test('every link to a file of the repository leads to one', async () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) await expect(readFile(join(ROOT, link)), link).resolves.toBeDefined();
});

describe('documents', () => {
  test.each(fences.filter(({ info }) => info === 'json job'))('the job $body is valid', ({ body }) => {
    expect(parseJob(JSON.parse(body))).toBeDefined();
  });
  test.each(fences.filter(({ info }) => info === 'json recipe'))('the recipe $body is valid', ({ body }) => {
    expect(resolveRecipe(JSON.parse(body)).outputs.length).toBeGreaterThan(0);
  });
});

describe('the policy of a deployment', () => {
  const [fence] = fences.filter(({ info }) => info === 'json iam');
  const policy = JSON.parse(fence?.body ?? '{}') as { Version: string; Statement: Statement[] };
  const actions = policy.Statement.flatMap(({ Action }) => list(Action));
  // CloudFormation's name of a service, where IAM has another one.
  const prefixes: Readonly<Record<string, string>> = { StepFunctions: 'states' };

  test('is well-formed', () => {
    expect(policy.Version).toBe('2012-10-17');
    for (const { Effect, Resource } of policy.Statement) {
      expect(Effect).toBe('Allow');
      expect(list(Resource).length).toBe(1);
    }
    for (const action of actions) expect(action).toMatch(/^[a-z0-9]+:([A-Z][A-Za-z]*\*?[A-Za-z]*|\*)$/);
    expect(new Set(actions).size).toBe(actions.length);
  });

  test('covers each service of the template, and deletes no object, hence no bucket that holds one', () => {
    const { template } = synthesize({ jobFiles: true, uploads: true, email: 'team@example.com' });
    const types = Object.values(template.toJSON()['Resources'] as Record<string, { Type: string }>);
    const services = types.flatMap(({ Type }) => Type.match(/^AWS::(\w+)::/)?.[1] ?? []);
    expect(services.length).toBeGreaterThan(20);
    const used = new Set(services.map((name) => prefixes[name] ?? name.toLowerCase()));
    // The CDK's bootstrap version is read from a parameter.
    expect(new Set(actions.map((action) => action.split(':')[0]))).toEqual(used.add('ssm'));
    expect(actions.filter((action) => /^s3:(\*|D\*|Delete(\*|Bucket\*|Object))/.test(action))).toEqual([]);
    // A first deployment that is rolled back takes its buckets, empty by then, away: DeletionPolicy RetainExceptOnCreate.
    expect(actions).toContain('s3:DeleteBucket');
  });

  test("knows the stack's roles by their names", () => {
    const { stack } = synthesize();
    expect(policy.Statement.at(-1)?.Resource).toBe(`arn:*:iam::*:role/${stack.stackName}-*`);
  });
});

describe('commands of the CDK', () => {
  test.each(linesOf('sh cdk'))('%s', (line) => {
    const [npx, cdk, command, ...rest] = words(line);
    expect([npx, cdk]).toEqual(['npx', 'cdk']);
    expect(['bootstrap', 'deploy', 'destroy']).toContain(command);
    const context: Record<string, string> = {};
    for (const [place, word] of rest.entries()) {
      if (place % 2 === 0) expect(word).toBe('-c');
      else context[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1);
    }
    expect(readContext(new App({ context }).node)).toBeDefined();
  });
});

describe('commands for a deployed stack', () => {
  // That they do what they say is for the acceptance suite; here, that they are read.
  test.each(linesOf('sh cloud'))('%s', async (line) => {
    const [npx, program, name = '', ...argv] = words(line);
    expect([npx, program]).toEqual(['npx', 'image-fanout']);
    const path = ['report', 'list'].includes(name) ? `../lib/cli/${name}.ts` : `../lib/cli/cloud/${name}.ts`;
    const { command } = await import(path);
    const { parseArguments } = await import('../lib/cli/arguments.ts');
    expect(() => parseArguments(argv, command)).not.toThrow();
  });
});

describe('commands for this machine', () => {
  let cwd: string;
  let server: S3Server;

  beforeAll(async () => {
    server = await startS3Server(['my-photos', 'my-website']);
    const stores = openStores({ s3: { client: server.client } });
    cwd = await mkdtemp(join(tmpdir(), 'image-fanout-readme-'));
    await mkdir(join(cwd, '.demo/source/trips'), { recursive: true });
    await symlink(join(ROOT, 'examples'), join(cwd, 'examples'));
    for (const [name, red] of Object.entries({ 'a.jpg': 10, 'trips/b c.jpg': 90, 'trips/drafts/x.jpg': 200 })) {
      const background = { r: red, g: 100, b: 50 };
      const image = await sharp({ create: { width: 900, height: 600, channels: 3, background } })
        .jpeg()
        .toBuffer();
      await stores.open('my-photos').write(`2026/${name}`, image);
      if (!name.includes('drafts')) await writeFile(join(cwd, '.demo/source', name), image);
    }
    await stores.close();
  });
  afterAll(async () => {
    await server.stop();
    await rm(cwd, { recursive: true });
  });

  test.each(linesOf('sh run'))('%s', async (line) => {
    const [npx, program, ...argv] = words(line);
    expect([npx, program]).toEqual(['npx', 'image-fanout']);
    const env = { ...process.env, ...server.env };
    const run = promisify(execFile)(process.execPath, [join(ROOT, 'bin/image-fanout.js'), ...argv], { cwd, env });
    const { stdout } = await run;
    expect(stdout).toMatch(/\S/);
    if (argv.includes('--json')) expect(JSON.parse(stdout)).toBeDefined();
  });
});
