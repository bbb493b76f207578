// The CDK's feature flags that the stack is made with: from the package's own cdk.json, whatever folder it is deployed from.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * The context of our cdk.json: beside the built app in the package, at the root of the repository else. What the command
 * line or the folder's own cdk.json says goes before it.
 */
export function ownContext(folder: string = import.meta.dirname): Record<string, unknown> {
  const built = resolve(folder, 'cdk.json');
  const file = existsSync(built) ? built : resolve(folder, '../../cdk.json');
  const { context } = JSON.parse(readFileSync(file, 'utf8')) as { readonly context: Record<string, unknown> };
  return context;
}
