// Deploys the stack before the suite and takes it away after it, buckets and all that the suite put into them.
import { globSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { compareCalls, readCalls } from './calls.ts';
import { type Deployed, deployStack, type Outputs } from './cdk.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly outputs: Outputs;
    readonly stackName: string;
  }
}

export default async function deploy(project: TestProject): Promise<() => Promise<void>> {
  const stack: Deployed = await deployStack('Main');
  project.provide('outputs', stack.outputs);
  project.provide('stackName', stack.name);
  return async () => {
    await stack.remove();
    checkCalls(project);
  };
}

/** The local AWS has kept which role made which call: those must be the ones whose permission is proven. */
function checkCalls({ vitest }: TestProject): void {
  const file = process.env['LOCAL_AWS_CALLS'];
  if (file === undefined) return;
  const modules = vitest.state.getTestModules();
  // Of a part of the suite, or of one that failed, nobody can say which calls are missing.
  const whole = modules.length === globSync('acceptance/*.test.ts').length && modules.every((module) => module.ok());
  compareCalls(readCalls(file), { whole, update: process.env['UPDATE_CALLS'] !== undefined });
}
