#!/usr/bin/env node
// The command line's door, in plain JavaScript: an old Node.js must get far enough to say that it is too old.
import { existsSync } from 'node:fs';
import module from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `image-fanout needs Node.js 22.18 or later, this is ${process.version}; in its repository, use: npx image-fanout`,
  );
  process.exit(1);
}
if (process.argv[2] === 'run') (await import('./restart.js')).restart();
await import('./setup.js');

// Halves the time to the first image: compiled code is kept in the machine's temporary directory.
module.enableCompileCache();

// The package brings few files, the repository runs as it is.
const packaged = !existsSync(new URL('../lib/cli/main.ts', import.meta.url));
const { main } = await import(packaged ? '../dist/cli.mjs' : '../lib/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
