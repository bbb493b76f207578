// Synthesizes the stack as `cdk synth` does, and reads from the template what tests ask about.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ROOT } from '../../lib/cloud/bundle.ts';
import { readContext } from '../../lib/cloud/context.ts';
import { ImageFanoutStack } from '../../lib/cloud/stack.ts';
import { CONTEXT_PREFIX } from '../../lib/outputs.ts';

export interface Synthesized {
  readonly app: App;
  readonly stack: ImageFanoutStack;
  readonly template: Template;
}

/** The stack with settings of ours, named without their prefix, and cdk.json's feature flags; `change` may add to it first. */
export function synthesize(
  settings: Record<string, unknown> = {},
  change: (stack: ImageFanoutStack) => void = () => {},
): Synthesized {
  const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
  const ours = Object.fromEntries(Object.entries(settings).map(([key, value]) => [CONTEXT_PREFIX + key, value]));
  // Bundles have a test of their own: without them a synthesis takes milliseconds.
  const app = new App({ context: { ...context, ...ours, 'aws:cdk:bundling-stacks': [] } });
  const stack = new ImageFanoutStack(app, 'ImageFanout', { settings: readContext(app.node) });
  change(stack);
  return { app, stack, template: Template.fromStack(stack) };
}

/** CloudFormation's intrinsic functions as text: `{Ref}` and `{GetAtt}` become `<LogicalId>`, pseudo parameters what they would be. */
export function rendered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rendered);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [];
  if (entries.length === 1) {
    if (name === 'Ref') return PSEUDO[argument as string] ?? `<${argument as string}>`;
    if (name === 'Fn::FindInMap') return `<${(argument as unknown[]).map(rendered).join('.')}>`;
    if (name === 'Fn::GetAtt') return `<${(argument as string[])[0]}>`;
    if (name === 'Fn::Join') {
      const [separator, parts] = argument as [string, unknown[]];
      return parts.map(rendered).join(separator);
    }
  }
  return Object.fromEntries(entries.map(([key, inner]) => [key, rendered(inner)]));
}

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': '123456789012',
};

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
}

/** The resources of a type by logical id, intrinsic functions rendered. */
export function resources(template: Template, type: string): Record<string, Resource> {
  return rendered(template.findResources(type)) as Record<string, Resource>;
}

/** The state machine of the runs, or of their guards. */
export function machineOf({ template }: Synthesized, of: 'Workflow' | 'Guard' | 'PartsAccount'): Resource {
  const machines = Object.entries(resources(template, 'AWS::StepFunctions::StateMachine'));
  const found = machines.find(([id]) => id.includes(`${of}StateMachine`))?.[1];
  if (found === undefined) throw new Error(`expected a state machine of ${of}, got ${machines.map(([id]) => id)}`);
  return found;
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource?: string | string[];
  readonly Condition?: Record<string, Record<string, unknown>>;
}

/** Every statement of the roles' policies: which role, and what. */
export function statements(template: Template): { readonly role: string; readonly statement: Statement }[] {
  return Object.values(resources(template, 'AWS::IAM::Policy')).flatMap(({ Properties }) => {
    const { Roles, PolicyDocument } = Properties as { Roles: string[]; PolicyDocument: { Statement: Statement[] } };
    return PolicyDocument.Statement.map((statement) => ({ role: shortName(Roles[0] ?? ''), statement }));
  });
}

/** `<ImageFanoutProcessRole25EDF3B2>` is `ProcessRole` to a reader. */
export function shortName(reference: string): string {
  return reference.replace(/<(?:ImageFanout)?([^>]*?)[0-9A-F]{8}>/g, '$1');
}

export function list<T>(value: T | T[] | undefined): T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
