// Loaded before a program (`node --import`): counts what it asks of the file system, and writes the counts to FS_CALLS at its exit.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const calls: Record<string, number> = {};

type Functions = Record<string, unknown>;

function count(functions: Functions, names: readonly string[]): void {
  for (const name of names) {
    const original = functions[name] as (...args: unknown[]) => unknown;
    functions[name] = function counted(this: unknown, ...args: unknown[]) {
      calls[name] = (calls[name] ?? 0) + 1;
      return original.apply(this, args);
    };
  }
}

const NAMES = [
  'open',
  'opendir',
  'stat',
  'lstat',
  'realpath',
  'readFile',
  'writeFile',
  'rename',
  'link',
  'unlink',
  'mkdir',
];
count(fs.promises as unknown as Functions, NAMES);
count(
  fs as unknown as Functions,
  NAMES.map((name) => `${name}Sync`),
);
count(fs as unknown as Functions, ['existsSync', 'createReadStream', 'createWriteStream']);
syncBuiltinESMExports();

process.on('exit', () => {
  const path = process.env['FS_CALLS'];
  const text = JSON.stringify(calls);
  if (path !== undefined) fs.writeFileSync(path, text);
});
