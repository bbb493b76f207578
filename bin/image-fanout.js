#!/usr/bin/env node
// The command line's door, in plain JavaScript: an old Node.js must get far enough to say that it is too old.
import module from 'node:module';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `image-fanout needs Node.js 22.18 or later, this is ${process.version}; in its repository, use: npx image-fanout`,
  );
  process.exit(1);
}
// Before anything uses the thread pool: image work would otherwise fill its 4 threads and keep files waiting.
process.env.UV_THREADPOOL_SIZE ??= String(16 + 2 * availableParallelism());

// Halves the time to the first image: compiled code is kept in the machine's temporary directory.
module.enableCompileCache();

// Hardly an object outlives its key: a young generation that V8 lets grow costs 100 MB, and saves no time (bench/million.ts).
setFlagsFromString('--semi-space-growth-factor=1');

const { main } = await import('../lib/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
