// Deploys the stack before the suite and takes it away after it, buckets and all that the suite put into them.
import type { TestProject } from 'vitest/node';
import { type Deployed, deployStack, type Outputs } from './cdk.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly outputs: Outputs;
    readonly stackName: string;
  }
}

export default async function deploy({ provide }: TestProject): Promise<() => Promise<void>> {
  const stack: Deployed = await deployStack('Main');
  provide('outputs', stack.outputs);
  provide('stackName', stack.name);
  return stack.remove;
}
