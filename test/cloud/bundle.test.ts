// The bundles: right binaries for the target, small, whole, and the same each time.
import { execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPTIONAL_FORMATS } from '../../lambda/contract/formats.ts';
import { limitsSchema } from '../../lambda/contract/limits.ts';
import { resolveRecipe } from '../../lambda/recipe/recipe.ts';
import { bundle, type Cpu, type FunctionName, writableOf } from '../../lib/cloud/bundle.ts';

const MEGABYTE = 1_000_000;
// https://en.wikipedia.org/wiki/Executable_and_Linkable_Format: e_machine, two bytes at 18
const MACHINES: Readonly<Record<Cpu, number>> = { arm64: 0xb7, x64: 0x3e };

let into: string;
let folders: Record<'prepare' | 'summarize' | 'start' | 'report' | 'guard' | 'account' | 'arm64' | 'x64', string>;
beforeAll(() => {
  into = mkdtempSync(join(tmpdir(), 'image-fanout-bundle-'));
  const make = (name: FunctionName, cpu: Cpu): string => bundle(name, cpu, join(into, cpu));
  folders = {
    prepare: make('prepare', 'arm64'),
    summarize: make('summarize', 'arm64'),
    start: make('start', 'arm64'),
    report: make('report', 'arm64'),
    guard: make('guard', 'arm64'),
    account: make('account', 'arm64'),
    arm64: make('process', 'arm64'),
    x64: make('process', 'x64'),
  };
});
afterAll(() => rmSync(into, { recursive: true, force: true }));

it('work goes where it can be written: an installation may be read-only', () => {
  const own = join(into, 'own', '.cache');
  expect(writableOf(own, '/elsewhere')).toBe(own);
  // No folder can be made below a file, whoever asks.
  expect(writableOf(join(import.meta.filename, '.cache'), '/elsewhere')).toBe('/elsewhere');
});

describe.each(['arm64', 'x64'] as const)('the image function for %s', (cpu) => {
  it("holds sharp's binaries for that processor and glibc, whatever machine this is", () => {
    const binaries = files(folders[cpu]).filter((file) => isElf(file));
    expect(binaries.map((file) => relative(folders[cpu], file).replace(/[\d.]+(?=\.node$|$)/, ''))).toEqual([
      expect.stringMatching(`^node_modules/@img/sharp-libvips-linux-${cpu}/lib/libvips-cpp.so`),
      expect.stringMatching(`^node_modules/@img/sharp-linux-${cpu}/lib/sharp-linux-${cpu}`),
    ]);
    for (const file of binaries) expect(readFileSync(file).readUInt16LE(18), file).toBe(MACHINES[cpu]);
    // A binary for musl would need libc.musl-….so instead.
    for (const file of binaries) expect(readFileSync(file).includes('libc.so.6'), file).toBe(true);
  });

  it('has no symbolic links, which Lambda would not follow', () => {
    expect(entries(folders[cpu]).filter((entry) => entry.isSymbolicLink())).toEqual([]);
  });

  it('zips to at most 12 MB', () => {
    expect(zipped(folders[cpu])).toBeLessThanOrEqual(12 * MEGABYTE);
  });
});

describe.each(['prepare', 'summarize', 'start', 'report', 'guard', 'account'] as const)('the function %s', (name) => {
  it('zips to at most 1 MB, without native code', () => {
    expect(zipped(folders[name])).toBeLessThanOrEqual(MEGABYTE);
    expect(files(folders[name]).map((file) => relative(folders[name], file))).toEqual(['index.mjs']);
  });
});

it('each bundle can be imported, and has a handler', () => {
  const here = arch() === 'arm64' ? folders.arm64 : folders.x64;
  for (const folder of [folders.prepare, folders.summarize, folders.start, folders.report, folders.account, here]) {
    const script = `import(${JSON.stringify(join(folder, 'index.mjs'))}).then((it) => console.log(typeof it.handler))`;
    const env = {
      ...process.env,
      AWS_REGION: 'us-east-1',
      IMAGE_FANOUT_SOURCE: 's3://the-source/',
      IMAGE_FANOUT_DESTINATION: 's3://the-destination/',
      IMAGE_FANOUT_RESULTS: 's3://the-results/',
      IMAGE_FANOUT_MEMORY: '1769',
      IMAGE_FANOUT_MAX_CONCURRENCY: '1',
      IMAGE_FANOUT_STACK: 'Fanout',
      IMAGE_FANOUT_UPLOADS_JOB: '{}',
      IMAGE_FANOUT_WHOLE_ACCOUNT_BYTES: '1',
      IMAGE_FANOUT_ACCOUNT_MACHINE: 'arn',
    };
    expect(execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' }).trim(), folder).toBe('function');
  }
});

describe('formats that are chosen', () => {
  const packages = (folder: string): string[] =>
    ['sharp', ...Object.values(OPTIONAL_FORMATS).map((format) => format.package)].filter((name) =>
      existsSync(join(folder, 'node_modules', name, 'package.json')),
    );

  it('are the only ones in the bundle; PDF is none by default', () => {
    expect(packages(folders.arm64)).toEqual(['sharp', 'libheif-js', 'jxl-oxide-wasm', '@cornerstonejs/codec-openjpeg']);
    const none = bundle('process', 'arm64', join(into, 'none'), []);
    expect(packages(none)).toEqual(['sharp']);
    expect(zipped(none)).toBeLessThan(zipped(folders.arm64) - MEGABYTE);
  });

  it('are read by the bundled worker, and what is left out ends in a class that says so', {
    timeout: 120_000,
  }, async () => {
    const cpu = arch() === 'arm64' ? 'arm64' : 'x64';
    const chosen = bundle('process', cpu, join(into, 'chosen'), ['pdf']);
    expect(packages(chosen)).toEqual(['sharp', '@hyzyla/pdfium']);
    const pdf = Buffer.from(
      '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj 3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj trailer<</Root 1 0 R>>',
    );
    expect(await answerOf(chosen, pdf)).toMatchObject({ transformed: { source: { format: 'pdf', width: 150 } } });
    const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x10meta\0\0\0\0hvc1', 'latin1');
    expect(await answerOf(chosen, heic)).toMatchObject({
      error: { name: 'UnsupportedImage', message: expect.stringContaining('image-fanout:formats') },
    });
  });
});

/** What the bundled worker makes of a file. */
async function answerOf(folder: string, body: Buffer): Promise<unknown> {
  const worker = fork(join(folder, 'image-worker.mjs'), { serialization: 'advanced', execArgv: [] });
  try {
    const answer = new Promise((resolve, reject) => {
      worker.on('message', (message) => message !== 'taken' && resolve(message));
      worker.on('exit', (code) => reject(new Error(`ended with ${code}`)));
    });
    const recipe = resolveRecipe({ format: 'png', allow: ['pdf'] });
    worker.send({ body, key: 'a', recipe, limits: limitsSchema.parse({}) });
    return await answer;
  } finally {
    worker.kill('SIGKILL');
  }
}

it('no bundle holds the CDK, and the image function no zod', () => {
  for (const folder of Object.values(folders)) {
    expect(readFileSync(join(folder, 'index.mjs'), 'utf8')).not.toMatch(/aws-cdk-lib|AWS::CDK/);
  }
  expect(readFileSync(join(folders.arm64, 'index.mjs'), 'utf8')).not.toContain('ZodError');
});

it('the same source gives the same bytes, also without a network or npm', () => {
  const before = digest(folders.arm64);
  const path = process.env['PATH'];
  try {
    process.env['PATH'] = '';
    expect(digest(bundle('process', 'arm64', join(into, 'again')))).toBe(before);
  } finally {
    process.env['PATH'] = path;
  }
});

function entries(folder: string) {
  return readdirSync(folder, { recursive: true, withFileTypes: true });
}

function files(folder: string): string[] {
  return entries(folder)
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function isElf(file: string): boolean {
  return statSync(file).size > 64 && readFileSync(file).subarray(0, 4).toString('latin1') === '\x7fELF';
}

/** Bytes of a zip file of the folder: deflated bytes, and about 100 of headers plus the name twice for each file. */
function zipped(folder: string): number {
  return files(folder).reduce(
    (sum, file) => sum + deflateRawSync(readFileSync(file)).length + 100 + 2 * file.length,
    0,
  );
}

function digest(folder: string): string {
  const hash = createHash('sha256');
  for (const file of files(folder))
    hash.update(relative(folder, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
