// Loaded before a program (`node --import`): counts what it asks of the file system, and writes the counts to FS_CALLS at its exit.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const calls: Record<string, number> = {};

type Functions = Record<string, unknown>;

/** Counts the calls of `functions[name]`, under the name of the system call: the same for all three ways of Node.js. */
function count(functions: Functions, name: string, as: string): void {
  const original = functions[name] as (...args: unknown[]) => unknown;
  functions[name] = Object.assign(function counted(this: unknown, ...args: unknown[]) {
    // What is written to an open file is records, many at a time: no call of a key's.
    const call = as === 'writeFile' && typeof args[0] === 'number' ? 'write' : as;
    calls[call] = (calls[call] ?? 0) + 1;
    return original.apply(this, args);
  }, original);
}

for (const name of [
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
]) {
  count(fs.promises as unknown as Functions, name, name);
  count(fs as unknown as Functions, name, name);
  count(fs as unknown as Functions, `${name}Sync`, name);
}
for (const name of ['write', 'writeSync', 'existsSync', 'createReadStream', 'createWriteStream'])
  count(fs as unknown as Functions, name, name.replace('Sync', ''));
syncBuiltinESMExports();

process.on('exit', () => {
  const path = process.env['FS_CALLS'];
  const text = JSON.stringify(calls);
  if (path !== undefined) fs.writeFileSync(path, text);
});
