// How the tests run: real servers and real images, so files in few processes and generous per-test limits.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { NODE_NO_WARNINGS: '1' },
  },
});
