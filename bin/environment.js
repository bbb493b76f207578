// The environment in which image work is quickest: what Node.js and glibc read once, when a process starts.
import { availableParallelism } from 'node:os';

const cores = availableParallelism();

export const ENVIRONMENT = {
  // Image work would otherwise fill the pool's 4 threads and keep files waiting.
  UV_THREADPOOL_SIZE: String(16 + 2 * cores),
  // glibc lets threads allocate from up to 8 arenas a core, and each keeps what the largest image in it once took: measured
  // on photos with 2 cores, twice the memory, and a fiftieth of the time goes into pages that are touched for the first
  // time. As many are enough as threads work at once. https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
  MALLOC_ARENA_MAX: String(cores + 2),
};
