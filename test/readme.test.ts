// Every example of the README is run, or read by the very code that would read it, and every generated table is fresh.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { App } from 'aws-cdk-lib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseJob } from '../lambda/job.ts';
import { resolveRecipe } from '../lambda/recipe.ts';
import { openStores } from '../lambda/store/open.ts';
import { readContext } from '../lib/cloud/context.ts';
import { withTables } from '../scripts/readme-tables.ts';
import { type S3Server, startS3Server } from './helpers/s3-server.ts';

const ROOT = resolve(import.meta.dirname, '..');
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
const fences = [...readme.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, info = '', body = '']) => ({ info, body }));
const linesOf = (info: string) =>
  fences.filter((fence) => fence.info === info).flatMap(({ body }) => body.trim().split('\n'));

/** Splits a line as a shell would, as far as the README's examples go: spaces and single quotes. */
const words = (line: string) =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

test('the tables are those that the code makes', () => {
  expect(readme).toBe(withTables(readme));
});

test('every example says how it is proven', () => {
  const ways = ['sh', 'sh run', 'sh cdk', 'sh cloud', 'json job', 'json recipe'];
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
    const path = ['report'].includes(name) ? `../lib/cli/${name}.ts` : `../lib/cli/cloud/${name}.ts`;
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
