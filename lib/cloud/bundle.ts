// Makes the functions' bundles: esbuild in this process and npm for sharp's binaries, so that no Docker is needed.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';

/** The functions that can be bundled: each is the entry file of that name in `lambda/handlers/`. */
export type FunctionName = 'prepare' | 'process' | 'summarize' | 'start' | 'report';

/** A processor as npm names it. */
export type Cpu = 'arm64' | 'x64';

/** The repository's root, where `lambda/` and the lock file are. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** What npm is told about the machine that Lambda's Node runtimes run on: Amazon Linux. */
const LAMBDA_PLATFORM = { os: 'linux', libc: 'glibc' } as const;

/**
 * Packages that only the image function needs, with native code or WebAssembly: they stay outside the bundle, in
 * node_modules. PDFium is left out: its 2 MB would be for what a recipe must allow first.
 */
const NATIVE = ['sharp', 'libheif-js', 'jxl-oxide-wasm', '@cornerstonejs/codec-openjpeg'];
/** What else the handlers may import, and then find missing. */
const LEFT_OUT = ['@hyzyla/pdfium'];

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
  external: [...NATIVE, ...LEFT_OUT],
  // What is CommonJS in the bundle calls require, which an ES module lacks. Minified names are short, so this one is free.
  banner: {
    js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
  },
  logLevel: 'warning',
} satisfies BuildOptions;

/**
 * Bundles one function into a new folder below `into` and answers its path. The same source gives the same bytes, so
 * that the asset's hash changes only with the code. Only the image function (`process`) needs `cpu`; its folder also
 * gets node_modules with sharp's binaries for that processor, from npm's registry or, the second time, from the cache.
 */
export function bundle(name: FunctionName, cpu: Cpu, into: string): string {
  const folder = join(into, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const entries: Record<string, string> = { index: `lambda/handlers/${name}.ts` };
  if (name === 'process') entries['image-worker'] = 'lambda/image/isolated-worker.ts';
  buildSync({ ...BUNDLING, absWorkingDir: ROOT, entryPoints: entries, outdir: folder });
  if (name === 'process')
    cpSync(nativeModules(cpu), join(folder, 'node_modules'), { recursive: true, filter: isNeeded });
  return folder;
}

/** Leaves out what no function runs: types, C++ sources, documentation. */
function isNeeded(path: string): boolean {
  if (['.md', '.ts', '.mts', '.cts', '.map', '.cc', '.h', '.gyp'].includes(extname(path))) return false;
  if (['.bin', '.package-lock.json'].includes(basename(path))) return false;
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
];

/** The folder with the native packages for a processor; made on first use, by `npm ci` from our own lock file. */
function nativeModules(cpu: Cpu): string {
  const { name, lock } = nativeLock();
  const cache = join(ROOT, 'node_modules/.cache/image-fanout');
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

/** The part of the repository's lock file that the native packages need, and a name that changes with their versions. */
function nativeLock(): { readonly name: string; readonly lock: Lock } {
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
