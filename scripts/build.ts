// Builds the package into dist/: bundles of few files, the functions as they are deployed, declarations; run: npm run build
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
import { buildFunction, nativeLock } from '../lib/cloud/bundle.ts';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const TYPES = join(ROOT, '.build/types');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** What users import or run. */
const ENTRIES = {
  cli: 'lib/cli/main.ts',
  engine: 'lib/engine.ts',
  contract: 'lib/contract.ts',
  construct: 'lib/cloud/index.ts',
  app: 'bin/app.ts',
  'image-worker': 'lambda/image/isolated-worker.ts',
  'thread-worker': 'lib/cli/thread-worker.ts',
};
/** Dependencies that go into the bundles, so that the command line starts from few files. */
const BUNDLED = ['csv-parse', 'p-limit', 'picomatch', 'stream-json', 'string-width', 'thumbhash', 'zod'];

rmSync(DIST, { recursive: true, force: true });
rmSync(TYPES, { recursive: true, force: true });

const all = Object.keys({
  ...manifest.dependencies,
  ...manifest.optionalDependencies,
  ...manifest.peerDependencies,
  ...manifest.devDependencies,
});
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ENTRIES,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  minifyWhitespace: true,
  minifySyntax: true,
  minifyIdentifiers: true,
  // Names of classes are protocol.
  keepNames: true,
  legalComments: 'none',
  platform: 'node',
  format: 'esm',
  target: 'node22.18',
  mainFields: ['module', 'main'],
  external: all.filter((name) => !BUNDLED.includes(name)).flatMap((name) => [name, `${name}/*`]),
  banner: {
    js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
  },
  metafile: true,
  logLevel: 'warning',
});

const inputs = new Set(Object.keys(metafile.inputs));
const functions: Record<string, Record<string, string>> = {};
const made = join(ROOT, '.build/functions-of-package');
for (const name of ['prepare', 'process', 'summarize', 'start', 'report', 'guard', 'account'] as const) {
  const folder = join(made, name);
  rmSync(folder, { recursive: true, force: true });
  for (const input of buildFunction(name, folder)) inputs.add(input);
  const files = readdirSync(folder).sort();
  functions[name] = Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}
const text = Buffer.from(JSON.stringify(functions));
const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
writeFileSync(join(DIST, 'functions.json.br'), brotliCompressSync(text, { params }));
writeFileSync(join(DIST, 'native-lock.json'), JSON.stringify(nativeLock()));

// Declarations: those that the entries reach.
execFileSync(process.execPath, [
  join(ROOT, 'node_modules/typescript/bin/tsc'),
  ...['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', TYPES],
]);
const seen = new Set<string>();
const copy = (file: string): void => {
  if (seen.has(file)) return;
  seen.add(file);
  const text = readFileSync(file, 'utf8').replace(/(['"])(\.[^'"\n]*)\.ts\1/g, (_, quote, path) => {
    copy(resolve(dirname(file), `${path}.d.ts`));
    return `${quote}${path}.js${quote}`;
  });
  const to = join(DIST, 'types', relative(TYPES, file));
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
};
for (const entry of ['lib/engine', 'lib/contract', 'lib/cloud/index']) copy(join(TYPES, `${entry}.d.ts`));

// The licences of all that is in a bundle.
const packages = new Set<string>();
for (const input of inputs) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
  if (found !== undefined) packages.add(found);
}
const licences = new Map<string, string[]>();
for (const folder of [...packages].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE', 'LICENSE-MIT.txt']
    .map((each) => join(ROOT, folder, each))
    .find((each) => existsSync(each));
  if (typeof license !== 'string') throw new Error(`expected ${name} to name its licence, found ${license}`);
  const text = file === undefined ? `${license} (the package holds no text)` : readFileSync(file, 'utf8').trim();
  licences.set(text, [...(licences.get(text) ?? []), `${name} ${version} (${license})`]);
}
writeFileSync(
  join(DIST, 'LICENSES.txt'),
  [...licences].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`).join(`\n${'-'.repeat(80)}\n\n`),
);
cpSync(join(ROOT, 'cdk.json'), join(DIST, 'cdk.json'));
