// How the command line sets its process up before anything else is loaded; benches do the same, to measure what people run.
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

// Before anything uses the thread pool: image work would otherwise fill its 4 threads and keep files waiting.
process.env.UV_THREADPOOL_SIZE ??= String(16 + 2 * availableParallelism());

// Hardly an object outlives its key: a young generation that V8 lets grow costs 100 MB, and saves no time (bench/million.ts).
setFlagsFromString('--semi-space-growth-factor=1');
