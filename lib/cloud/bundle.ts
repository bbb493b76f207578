// Makes the functions' bundles: esbuild in this process and npm for sharp's binaries, so that no Docker is needed.
import { execFileSync } from 'node:child_process';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { BuildOptions } from 'esbuild';
import {
  DEFAULT_FORMATS,
  OPTIONAL_FORMAT_NAMES,
  OPTIONAL_FORMATS,
  type OptionalFormatName,
} from '../../lambda/contract/formats.ts';

/** The functions that can be bundled: each is the entry file of that name in `lambda/handlers/`. */
export type FunctionName = 'prepare' | 'process' | 'summarize' | 'start' | 'report' | 'guard' | 'account';

/** A processor as npm names it. */
export type Cpu = 'arm64' | 'x64';

/**
 * The functions' code as the package brings it, by function and file, as compressed JSON: built from the repository's lock
 * file, so that everybody deploys the same bytes; compressed together, as most of it is the same in all of them.
 */
const BUILT = join(import.meta.dirname, 'functions.json.br');
const PACKAGED = existsSync(BUILT);

/** The root of the repository, where `lambda/` and the lock file are, or of the package. */
export const ROOT = resolve(import.meta.dirname, PACKAGED ? '..' : '../..');

/** Where bundles are made; in an app, its own node_modules, which packages never hold. */
export const WORK = PACKAGED
  ? writableOf(join(dirname(ROOT), '.cache/image-fanout'), join(userCache(), 'image-fanout'))
  : join(ROOT, '.build');

/** A folder that stands in for a function's where none is needed. */
export const ANY_FOLDER = PACKAGED ? join(import.meta.dirname, 'types') : join(ROOT, 'lambda/handlers');

/** What npm is told about the machine that Lambda's Node runtimes run on: Amazon Linux. */
const LAMBDA_PLATFORM = { os: 'linux', libc: 'glibc' } as const;

/** Packages that only the image function needs, with native code or WebAssembly: they stay outside the bundle, in node_modules. */
const NATIVE = ['sharp', ...OPTIONAL_FORMAT_NAMES.map((name) => OPTIONAL_FORMATS[name].package)];

/** How esbuild bundles all functions. */
export const BUNDLING = {
  outExtension: { '.js': '.mjs' },
  bundle: true,
  minify: true,
  // Names of classes are protocol: a thrown error's is what Retry matches.
  keepNames: true,
  legalComments: 'none',
  platform: 'node',
  format: 'esm',
  target: 'node24',
  mainFields: ['module', 'main'],
  external: NATIVE,
  // What is CommonJS in the bundle calls require, which an ES module lacks. Minified names are short, so this one is free.
  banner: {
    js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
  },
  logLevel: 'warning',
} satisfies BuildOptions;

/**
 * Bundles one function into a new folder below `into` and answers its path. The same source gives the same bytes, so
 * that the asset's hash changes only with the code. Only the image function (`process`) needs `cpu`; its folder also
 * gets node_modules with sharp's binaries for that processor and the decoders of these formats, from npm's registry or, the second time, from the cache.
 */
export function bundle(
  name: FunctionName,
  cpu: Cpu,
  into: string,
  formats: readonly OptionalFormatName[] = DEFAULT_FORMATS,
): string {
  const folder = join(into, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (PACKAGED) unpack(name, folder);
  else buildFunction(name, folder);
  if (name === 'process') {
    const modules = nativeModules(cpu);
    const off = OPTIONAL_FORMAT_NAMES.filter((format) => !formats.includes(format)).map((format) =>
      join(modules, OPTIONAL_FORMATS[format].package),
    );
    const filter = (path: string): boolean => isNeeded(path) && !off.includes(path);
    cpSync(modules, join(folder, 'node_modules'), { recursive: true, filter });
  }
  return folder;
}

function unpack(name: FunctionName, folder: string): void {
  const all: Record<string, Record<string, string>> = JSON.parse(brotliDecompressSync(readFileSync(BUILT)).toString());
  for (const [file, text] of Object.entries(all[name] ?? {})) writeFileSync(join(folder, file), text);
}

/** Bundles one function's code from the repository into a folder; answers the files that went in, relative to the root. */
export function buildFunction(name: FunctionName, folder: string): readonly string[] {
  // Only the repository has esbuild.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  const entries: Record<string, string> = { index: `lambda/handlers/${name}.ts` };
  if (name === 'process') entries['image-worker'] = 'lambda/image/isolated-worker.ts';
  const { metafile } = buildSync({
    ...BUNDLING,
    absWorkingDir: ROOT,
    entryPoints: entries,
    outdir: folder,
    metafile: true,
  });
  return Object.keys(metafile.inputs);
}

/** The first of two folders, made if need be, or the other where that cannot be written: an installation may be read-only. */
export function writableOf(first: string, other: string): string {
  try {
    mkdirSync(first, { recursive: true });
    accessSync(first, constants.W_OK);
    return first;
  } catch {
    return other;
  }
}

// https://specifications.freedesktop.org/basedir-spec/latest/
function userCache(): string {
  return process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
}

/** Leaves out what no function runs: types, C++ sources, documentation. */
function isNeeded(path: string): boolean {
  if (['.md', '.ts', '.mts', '.cts', '.map', '.cc', '.h', '.gyp'].includes(extname(path))) return false;
  if (['.bin', '.package-lock.json'].includes(basename(path))) return false;
  if (/pdfium\.wasm\.base64/.test(basename(path))) return false;
  return !OTHER_BUILDS.some((build) => path.endsWith(build));
}

/** The same decoders once more, built for browsers, as asm.js or with encoders. */
const OTHER_BUILDS = [
  'libheif-js/libheif',
  'libheif-js/libheif-wasm/libheif-bundle.mjs',
  'libheif-js/libheif-wasm/libheif.js',
  'libheif-js/libheif-wasm/libheif.wasm',
  'codec-openjpeg/dist/openjpegjs.js',
  'codec-openjpeg/dist/openjpegjs_decode.js',
  'codec-openjpeg/dist/openjpegwasm.js',
  'codec-openjpeg/dist/openjpegwasm.wasm',
  ...[
    'index.cjs',
    'index.esm.base64.js',
    'index.esm.browser.js',
    'index.esm.cdn.js',
    'index.esm.worker.js',
    'worker.bundle.js',
  ].map((file) => `pdfium/dist/${file}`),
];

/** The folder with the native packages for a processor; made on first use, by `npm ci` from our own lock file. */
function nativeModules(cpu: Cpu): string {
  const { name, lock } = nativeLock();
  const cache = PACKAGED ? WORK : join(ROOT, 'node_modules/.cache/image-fanout');
  const folder = join(cache, `${name}-${cpu}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    // Made beside and renamed when whole, as two synths may run at once and either may be interrupted.
    const scratch = mkdtempSync(join(cache, 'making-'));
    try {
      writeFileSync(join(scratch, 'package.json'), JSON.stringify(lock.packages['']));
      writeFileSync(join(scratch, 'package-lock.json'), JSON.stringify(lock));
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-bin-links', '--no-audit', '--no-fund', '--prefer-offline'], {
        cwd: scratch,
        env: {
          ...process.env,
          npm_config_os: LAMBDA_PLATFORM.os,
          npm_config_libc: LAMBDA_PLATFORM.libc,
          npm_config_cpu: cpu,
        },
        // The CDK takes what a program writes to standard output for its own.
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      renameSync(scratch, folder);
    } catch (error) {
      rmSync(scratch, { recursive: true, force: true });
      if (!existsSync(folder)) throw error;
    }
  }
  return join(folder, 'node_modules');
}

interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/**
 * The part of the repository's lock file that the native packages need, checksums included, and a name that changes with
 * their versions. npm packs no lock file: the package has this part in a file of its own.
 */
export function nativeLock(): { readonly name: string; readonly lock: Lock } {
  if (PACKAGED) return JSON.parse(readFileSync(join(import.meta.dirname, 'native-lock.json'), 'utf8'));
  const all = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  const packages: Record<string, LockedPackage> = {};
  // Where npm put a package that is needed from a folder: beside it, or further up.
  const add = (name: string, from: string): string | undefined => {
    const path = [`${from}node_modules/${name}`, `node_modules/${name}`].find((place) => place in all.packages);
    const found = path === undefined ? undefined : all.packages[path];
    if (path === undefined || found === undefined) return undefined;
    if (path in packages) return found.version;
    packages[path] = found;
    for (const dependency of Object.keys({ ...found.dependencies, ...found.optionalDependencies }))
      add(dependency, `${path}/`);
    return found.version;
  };
  const versions = NATIVE.map((name): [string, string] => {
    const version = add(name, '');
    if (version === undefined) throw new Error(`expected package-lock.json to hold node_modules/${name}, found none`);
    return [name, version];
  });
  const root = { dependencies: Object.fromEntries(versions) };
  return {
    name: versions.map((parts) => parts.join('-').replaceAll('/', '-')).join('-'),
    lock: { lockfileVersion: all.lockfileVersion, packages: { '': root, ...packages } },
  };
}
