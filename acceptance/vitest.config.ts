// How the acceptance suite runs: one deployed stack, one file at a time, against whatever AWS the environment points at.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['acceptance/**/*.test.ts'],
    globalSetup: ['acceptance/deploy.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    env: { NODE_NO_WARNINGS: '1' },
  },
});
