// How the package's own test runs: one file, as its steps share what they installed; run: npm run package-test
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['packaging/**/*.test.ts'], pool: 'forks', testTimeout: 240_000, hookTimeout: 240_000 },
});
