// One run in a process of its own; prints what the engine's thread and the whole process took of the processors, in milliseconds.
import '../../bin/setup.js';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { main } from '../../lib/cli/main.ts';

const [source = '', destination = '', recipe = '', threads = '0'] = process.argv.slice(2);
const options = ['--recipe', recipe, '--threads', threads, '--quiet'];
// The first run loads what is loaded once.
const warm = `${destination}-warm`;
const [found] = (await readdir(source, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
if (found === undefined) throw new Error(`expected an image below ${source}, found none`);
const key = relative(source, join(found.parentPath, found.name));
const first = await main(['run', source, warm, ...options, '--keys', key]);
if (first !== 0) throw new Error(`the first run ended with ${first}`);
const [before, all] = [process.threadCpuUsage(), process.cpuUsage()];
const code = await main(['run', source, destination, ...options]);
if (code !== 0) throw new Error(`image-fanout ended with ${code}`);
const own = process.threadCpuUsage(before);
const whole = process.cpuUsage(all);
console.log(JSON.stringify({ own: (own.user + own.system) / 1000, whole: (whole.user + whole.system) / 1000 }));
