// The package as its users meet it: packed, installed into an empty folder, run under each Node.js that is promised.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSamples } from '../examples/make-samples.ts';
import { bundle } from '../lib/cloud/bundle.ts';
import { apiReference } from '../scripts/api-reference.ts';

const ROOT = resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** The oldest that is promised, the newest of its line, the Lambda's line, and the newest there is: `npm view node versions`. */
const NODES = ['22.18.0', '22.23.3', '24.21.0', '26.10.0'];
/** The oldest and the newest of the peer range. */
const CDKS = ['2.275.0', '2.276.0'];

/** A photo that nobody here made; a clone has none. */
const HEIC = resolve(ROOT, '../shared/images/avif-heic/sample.heic');

let folder = '';
let tarball = '';
let plain = '';
let samples = '';

const npm = (cwd: string, ...args: string[]) =>
  run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline'], { cwd, maxBuffer: 2 ** 26 });

async function emptyFolder(name: string): Promise<string> {
  const made = join(folder, name);
  await mkdir(made);
  await writeFile(join(made, 'package.json'), '{"private":true,"type":"module","allowScripts":{"node":true}}');
  return made;
}

/** An example of the README, as it stands there. */
function example(name: string): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const code = new RegExp(`^\`\`\`ts ${name}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readme)?.[1];
  if (code === undefined)
    throw new Error(`expected an example of the README that begins with \`\`\`ts ${name}, found none`);
  return code;
}

const sha256 = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-fanout-package-'));
  await npm(ROOT, 'pack', '--pack-destination', folder);
  const [packed = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  tarball = join(folder, packed);
  plain = await emptyFolder('plain');
  await npm(plain, 'install', tarball);
  samples = join(folder, 'samples');
  await makeSamples(samples);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('the tarball is small, and holds only what runs and its documents', async () => {
  const { stdout } = await run('tar', ['-tzf', tarball]);
  const files = stdout.trim().split('\n');
  expect(files.length).toBeLessThanOrEqual(200);
  expect((await stat(tarball)).size).toBeLessThanOrEqual(1_000_000);
  const known =
    /^package\/(bin\/\w[\w-]*\.js|dist\/.+\.(mjs|d\.ts|json|br|txt)|docs\/\w+\.md|[A-Z]+(\.md)?|package\.json)$/;
  expect(files.filter((file) => !known.test(file))).toEqual([]);
});

test('each export is documented, and docs/api.md says what the declarations say', async () => {
  const { text, undocumented, problems } = apiReference();
  expect(problems).toEqual([]);
  expect(undocumented).toEqual([]);
  expect(await readFile(join(ROOT, 'docs/api.md'), 'utf8')).toBe(text);
});

test('who only runs the command line gets no CDK', async () => {
  const installed = await readdir(join(plain, 'node_modules'));
  expect(installed).toContain('sharp');
  expect(installed.filter((name) => ['aws-cdk-lib', 'constructs', 'esbuild', 'aws-cdk'].includes(name))).toEqual([]);
});

test.skipIf(!existsSync(HEIC))('what it installed decodes HEIC, in a process of its own', async () => {
  const photos = join(folder, 'heic');
  await mkdir(photos);
  await copyFile(HEIC, join(photos, 'photo.heic'));
  const { stdout } = await run(
    process.execPath,
    [
      join(plain, 'node_modules/.bin/image-fanout'),
      'run',
      photos,
      join(folder, 'heic-out'),
      '--recipe',
      'thumbnail',
      '--json',
    ],
    { cwd: plain },
  );
  expect(JSON.parse(stdout)).toMatchObject({ status: 'succeeded', counts: { succeeded: 1 } });
});

describe.each(NODES)('under Node.js %s', (version) => {
  let node = '';
  beforeAll(async () => {
    const made = await emptyFolder(`node-${version}`);
    await npm(made, 'install', `node@${version}`);
    node = join(made, 'node_modules/node/bin/node');
    expect((await run(node, ['--version'])).stdout.trim()).toBe(`v${version}`);
  });

  test('the command line runs the demo images', async () => {
    const destination = join(folder, `by-command-${version}`);
    const bin = join(plain, 'node_modules/.bin/image-fanout');
    expect((await run(node, [bin, '--version'], { cwd: plain })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { stdout } = await run(
      node,
      [bin, 'run', samples, destination, '--recipe', 'thumbnail', '--json', '--isolate'],
      {
        cwd: plain,
      },
    );
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ status: 'succeeded', check: { balanced: true } });
    expect(summary.counts.succeeded).toBeGreaterThan(5);
    const again = await run(node, [bin, 'run', samples, destination, '--recipe', 'thumbnail', '--json'], {
      cwd: plain,
    });
    expect(JSON.parse(again.stdout).counts).toMatchObject({ succeeded: 0, failed: 0 });
  });

  test('a job runs by the library, tells its progress, and stops by a signal', async () => {
    const script = join(plain, `job-${version}.mjs`);
    await writeFile(
      script,
      `import { runJob, RunError } from 'image-fanout/engine';
import { parseJob } from 'image-fanout/contract';
const [source, destination] = process.argv.slice(2);
const job = { source, destination, recipe: 'thumbnail' };
parseJob(job);
let calls = 0, last;
const summary = await runJob(job, { onProgress: (progress) => { calls += 1; last = progress; } });
const stop = new AbortController();
const stopped = await runJob({ ...job, destination: destination + '-stopped', maxConcurrency: 1 },
  { signal: stop.signal, progressMilliseconds: 1, onProgress: ({ succeeded }) => { if (succeeded > 0) stop.abort(); } });
const bad = await runJob({ ...job, recipe: 'none such' }).catch((error) => error);
console.log(JSON.stringify({ summary, calls, last, stopped, bad: { is: bad instanceof RunError, name: bad.name } }));`,
    );
    const { stdout } = await run(node, [script, samples, join(folder, `by-library-${version}`)], { cwd: plain });
    const told = JSON.parse(stdout);
    expect(told.summary).toMatchObject({ status: 'succeeded', check: { balanced: true } });
    expect(told.calls).toBeGreaterThan(0);
    expect(told.last.succeeded).toBe(told.summary.counts.succeeded);
    expect(told.stopped).toMatchObject({ status: 'interrupted', check: { balanced: true } });
    expect(told.bad).toEqual({ is: true, name: 'InvalidJob' });
  });
});

describe.each(CDKS)('with aws-cdk-lib %s', (version) => {
  let app = '';
  beforeAll(async () => {
    app = await emptyFolder(`app-${version}`);
    await npm(app, 'install', tarball, `aws-cdk-lib@${version}`, 'constructs@10.8.1');
    // Tools of the repository's, so that they are not fetched for each.
    for (const tool of ['aws-cdk', 'typescript', '@types']) {
      await symlink(join(ROOT, 'node_modules', tool), join(app, 'node_modules', tool)).catch(() => {});
    }
  });

  const source = example('app');
  const typed = `import { runJob, type Summary } from 'image-fanout/engine';
import type { JobInput } from 'image-fanout/contract';
export const job: JobInput = { source: '/in', destination: '/out', maxConcurrency: 2 };
export const go = (signal: AbortSignal): Promise<Summary> => runJob(job, { signal, onProgress: ({ total }) => void (total + 1) });
// @ts-expect-error There is no such field.
export const wrong: JobInput = { sauce: '/in' };
`;

  test('a strict TypeScript app compiles and synthesizes', async () => {
    await writeFile(join(app, 'app.ts'), source + typed);
    const options = { target: 'es2022', lib: ['es2023'], module: 'nodenext', strict: true, skipLibCheck: false };
    await writeFile(join(app, 'engine.ts'), example('engine'));
    const files = ['app.ts', 'engine.ts'];
    const tsconfig = { compilerOptions: { ...options, types: ['node'], outDir: 'built' }, files };
    await writeFile(join(app, 'tsconfig.json'), JSON.stringify(tsconfig));
    const checked = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc')], { cwd: app }).catch(
      (error) => error,
    );
    expect(checked.stdout).toBe('');
    await synth('node built/app.js', 'cdk-ts.out');
    await cp(samples, join(app, 'photos'), { recursive: true });
    const { stdout } = await run(process.execPath, ['built/engine.js'], { cwd: app });
    expect(stdout).toMatch(/^(\d+ of \d+\n)+succeeded \{/);
  });

  test('a JavaScript app synthesizes the same functions as the repository', async () => {
    await writeFile(join(app, 'app.js'), source);
    const out = await synth('node app.js', 'cdk-js.out');
    const assets = (await readdir(out)).filter((name) => name.startsWith('asset.'));
    const packed = await Promise.all(
      assets.map(async (name) => await sha256(join(out, name, 'index.mjs')).catch(() => undefined)),
    );
    for (const name of ['prepare', 'process', 'summarize', 'start', 'report', 'guard', 'account'] as const) {
      const built = await sha256(join(bundle(name, 'arm64', join(folder, `repository-${version}`)), 'index.mjs'));
      // No trigger in this app: its starter is not there.
      if (name !== 'start') expect(packed, name).toContain(built);
    }
  });

  test("the command line hands over to the CDK with the package's own app", async () => {
    const { stdout } = await run(
      process.execPath,
      [join(app, 'node_modules/.bin/image-fanout'), 'deploy', 'list', '--', '-c', 'image-fanout:stackName=Pictures'],
      { cwd: app },
    );
    expect(stdout.trim()).toBe('Pictures');
  });

  test('deployed from any folder it is the template of the repository', async () => {
    const command = [
      join(app, 'node_modules/.bin/image-fanout'),
      'deploy',
      'synth',
      '--',
      '--quiet',
      '-o',
      join(app, 'own'),
    ];
    await run(process.execPath, command, { cwd: app });
    const theirs = join(folder, `repository-${version}`);
    await run(process.execPath, [join(ROOT, 'node_modules/aws-cdk/bin/cdk'), 'synth', '--quiet', '-o', theirs], {
      cwd: ROOT,
    });
    const template = async (from: string) =>
      JSON.parse(await readFile(join(from, 'ImageFanout.template.json'), 'utf8'));
    const ours = await template(join(app, 'own'));
    const { Resources } = await template(theirs);
    // The CDK notes its own version with the resources it made.
    const plain = (resources: Record<string, { Type: string; Properties?: unknown }>) =>
      Object.fromEntries(
        Object.entries(resources)
          .filter(([, { Type }]) => Type !== 'AWS::CDK::Metadata')
          .map(([name, { Type, Properties }]) => [name, { Type, Properties }]),
      );
    expect(plain(ours.Resources)).toEqual(plain(Resources));
  });

  async function synth(command: string, out: string): Promise<string> {
    await run(
      process.execPath,
      [join(ROOT, 'node_modules/aws-cdk/bin/cdk'), 'synth', '--quiet', '--app', command, '-o', out],
      {
        cwd: app,
      },
    );
    const template = JSON.parse(await readFile(join(app, out, 'Mine.template.json'), 'utf8'));
    const kinds = Object.values<{ Type: string }>(template.Resources).map(({ Type }) => Type);
    expect(kinds).toContain('AWS::StepFunctions::StateMachine');
    return join(app, out);
  }
});
