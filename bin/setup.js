// How the command line sets its process up before anything else is loaded; benches do the same, to measure what people run.
import { setFlagsFromString } from 'node:v8';
import { ENVIRONMENT } from './environment.js';

// Before anything uses the thread pool. The arenas' number would come too late here: restart.js.
process.env.UV_THREADPOOL_SIZE ??= ENVIRONMENT.UV_THREADPOOL_SIZE;

// Hardly an object outlives its key: a young generation that V8 lets grow costs 100 MB, and saves no time (bench/million.ts).
setFlagsFromString('--semi-space-growth-factor=1');
