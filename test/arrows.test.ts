// The arrows of the design: which room may import which, who may never meet sharp, zod or the CDK, and what every file starts with.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

const ROOT = resolve(import.meta.dirname, '..');
const ROOMS = ['bin', 'lib', 'lambda', 'examples', 'scripts', 'bench', 'acceptance', 'test'];

/** One import: `to` is a file below the root, or a package's name. Types vanish before the program runs. */
interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

interface Node {
  readonly type: string;
  readonly source?: { readonly value?: unknown };
  readonly importKind?: string;
  readonly exportKind?: string;
}

const files = globSync(`{${ROOMS.join(',')}}/**/*.{ts,js}`, { cwd: ROOT }).sort();
const arrows = files.flatMap((file) => arrowsOf(file, readFileSync(join(ROOT, file), 'utf8')));

/** All imports of one file: static, re-exporting, dynamic with a literal, and `import('…')` in types. */
function arrowsOf(from: string, code: string): Arrow[] {
  const found: Arrow[] = [];
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return;
    const { type, source, importKind, exportKind } = node as Node;
    if (
      /^(Import(Declaration|Expression)|Export(Named|All)Declaration|TSImportType)$/.test(type) &&
      typeof source?.value === 'string'
    ) {
      const typeOnly = importKind === 'type' || exportKind === 'type' || type === 'TSImportType';
      found.push({ from, to: target(from, source.value), typeOnly });
    }
    Object.values(node).forEach(visit);
  };
  visit(parseAst(code, { lang: 'ts' }).body);
  return found;
}

function target(from: string, specifier: string): string {
  if (specifier.startsWith('.')) {
    const file = relative(ROOT, resolve(ROOT, dirname(from), specifier));
    // A file of a package that the package does not export: the package is what must be named.
    return file.startsWith('node_modules/') ? packageOf(file.slice('node_modules/'.length)) : file;
  }
  if (specifier.startsWith('node:')) return specifier;
  return packageOf(specifier);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The ways from files of `starts` to targets that `forbidden` matches, each as `a → b → c`. */
function ways(graph: readonly Arrow[], starts: readonly string[], forbidden: RegExp): string[] {
  const found: string[] = [];
  for (const start of starts) {
    const seen = new Set([start]);
    const paths = [[start]];
    for (let path = paths.shift(); path !== undefined; path = paths.shift()) {
      for (const { to } of graph.filter(({ from }) => from === path.at(-1))) {
        if (seen.has(to)) continue;
        seen.add(to);
        if (forbidden.test(to)) found.push([...path, to].join(' → '));
        else paths.push([...path, to]);
      }
    }
  }
  return found;
}

const atRunTime = arrows.filter(({ typeOnly }) => !typeOnly);
const under = (...prefixes: string[]) => files.filter((file) => prefixes.some((prefix) => file.startsWith(prefix)));

/** The rooms of lambda/ and the floor of each: what is on a floor may ask only what is below it. */
const FLOORS = new Map([
  ['handlers', 7],
  ['plan', 6],
  ['prepare', 5],
  ['process', 5],
  ['report', 5],
  ['start', 5],
  ['self-test', 5],
  ['guard', 4],
  ['job', 3],
  ['image', 3],
  ['estimate', 3],
  ['store', 2],
  ['recipe', 2],
  ['contract', 1],
]);
const roomOf = (file: string): string => file.split('/')[1] ?? '';

const SHARP = /^sharp$/;
const CDK = /^(aws-cdk-lib|constructs|cdk-nag)$/;
const NOT_FOR_PROCESS = /^(zod|aws-cdk-lib|constructs)$/;

describe('the finder of ways', () => {
  const graph = arrowsOf(
    'lib/a.ts',
    `import type { T } from './b.ts'; import { x } from './c.ts'; export * from '@scope/pack/deep'; const d = import('zod'); type U = import('sharp').Sharp;`,
  );

  it('sees every kind of import, and tells types from values', () => {
    expect(graph.map(({ to, typeOnly }) => `${to}${typeOnly ? ' (type)' : ''}`)).toEqual([
      'lib/b.ts (type)',
      'lib/c.ts',
      '@scope/pack',
      'zod',
      'sharp (type)',
    ]);
  });

  it('names the whole way to what is forbidden', () => {
    const longer = [...graph, { from: 'lib/c.ts', to: 'aws-cdk-lib', typeOnly: false }];
    expect(ways(longer, ['lib/a.ts'], CDK)).toEqual(['lib/a.ts → lib/c.ts → aws-cdk-lib']);
  });

  it('reads the real files', () => {
    expect(arrows).toContainEqual({ from: 'lib/workflow.ts', to: 'lambda/contract/errors.ts', typeOnly: false });
    expect(arrows).toContainEqual({ from: 'lib/workflow.ts', to: 'lambda/job/prepared.ts', typeOnly: true });
  });
});

describe('rooms', () => {
  it.each([
    ['lambda/', /^(lib|bin|examples|scripts|bench|acceptance|test)\//],
    ['lib/', /^(bin|examples|scripts|bench|acceptance|test)\//],
    ['bin/', /^(examples|scripts|bench|acceptance|test)\//],
    ['examples/', /^(bench|test)\//],
  ])('%s imports nothing from %s, not even a type', (room, forbidden) => {
    expect(arrows.filter(({ from, to }) => from.startsWith(room) && forbidden.test(to))).toEqual([]);
  });

  it.each([
    ['lib/cloud/ never reaches sharp', ['lib/cloud/', 'bin/app.ts'], SHARP],
    [
      'lib/local/, lib/cli/ and the command line never reach the CDK',
      ['lib/local/', 'lib/cli/', 'bin/image-fanout.'],
      CDK,
    ],
    ['lambda/ never reaches the CDK', ['lambda/'], CDK],
    [
      'the image Lambda loads neither zod nor the CDK: its cold start counts',
      ['lambda/process/process.ts', 'lambda/handlers/process.ts'],
      NOT_FOR_PROCESS,
    ],
    ['the image room knows no S3', ['lambda/image/'], /^@aws-sdk\//],
    ['the stores know no images', ['lambda/store/'], SHARP],
  ])('%s', (_rule, starts, forbidden) => {
    expect(ways(atRunTime, under(...starts), forbidden)).toEqual([]);
  });

  it('has twelve rooms in lambda/, on floors, and arrows go down only, types included', () => {
    const floorOf = (file: string): number | undefined => FLOORS.get(/^lambda\/([^/]+)\/./.exec(file)?.[1] ?? '');
    const inside = arrows.filter(({ from, to }) => from.startsWith('lambda/') && to.startsWith('lambda/'));
    expect(files.filter((file) => file.startsWith('lambda/') && floorOf(file) === undefined)).toEqual([]);
    const up = inside.filter(
      ({ from, to }) => roomOf(from) !== roomOf(to) && !((floorOf(from) ?? 0) > (floorOf(to) ?? 9)),
    );
    expect(up).toEqual([]);
    expect(new Set(under('lambda/').map(roomOf))).toEqual(new Set(FLOORS.keys()));
  });

  it('has no two files that import each other, types included', () => {
    const drawn = new Set(arrows.map(({ from, to }) => `${from} ${to}`));
    expect(arrows.filter(({ from, to }) => from < to && drawn.has(`${to} ${from}`))).toEqual([]);
  });

  it('has no cycle of imports', () => {
    const inside = atRunTime.filter(({ to }) => files.includes(to));
    const cycles = inside.flatMap(({ from, to }) => (from === to ? [from] : ways(inside, [to], exactly(from))));
    expect(cycles).toEqual([]);
  });

  it('imports only files that are there and packages that package.json names', () => {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = JSON.parse(
      readFileSync(join(ROOT, 'package.json'), 'utf8'),
    );
    const shipped = new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies)]);
    const all = new Set([...shipped, ...Object.keys(devDependencies)]);
    const unknown = arrows.filter(({ from, to, typeOnly }) => {
      if (to.startsWith('node:') || files.includes(to) || to.endsWith('.json')) return false;
      const types = typeOnly && all.has(`@types/${to}`);
      // Peers are there for who deploys, and only the repository bundles: the package brings its functions.
      if (/^(lib\/cloud\/|bin\/app\.ts$)/.test(from) && Object.hasOwn(peerDependencies, to)) return false;
      if (from === 'lib/cloud/bundle.ts' && to === 'esbuild') return false;
      return !(types || (/^(bin|lib|lambda)\//.test(from) ? shipped : all).has(to));
    });
    expect(unknown).toEqual([]);
  });
});

function exactly(file: string): RegExp {
  return new RegExp(`^${file.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}

it('starts every file with a comment that says what it is for', () => {
  const silent = [...files, ...globSync('*.ts', { cwd: ROOT })].filter((file) => {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
    const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0];
    return !/^\/\/ \S.{15,}/.test(first ?? '');
  });
  expect(silent).toEqual([]);
});
