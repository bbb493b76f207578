// The check of a definition when it is loaded: whatever the engine does not know is an error, never ignored.
import * as z from 'zod';
import type { State, StateMachineDefinition } from '../states-language.ts';
import { type Fields, seconds, text } from './definition/fields.ts';
import { map } from './definition/map.ts';
import { choice, fail, pass, succeed, task } from './definition/states.ts';

/** The definition holds something that the engine does not know; the message has one line per problem. */
export class InvalidDefinition extends Error {
  override readonly name = 'InvalidDefinition';
}

/** Throws InvalidDefinition, naming state and field, unless the engine runs every part of the definition as it is written. */
export function checkDefinition(definition: unknown): asserts definition is StateMachineDefinition {
  const problems = problemsOf(definition, machine, '');
  if (problems.length > 0) throw new InvalidDefinition(problems.join('\n'));
}

const STATES: Readonly<Record<string, z.ZodType>> = {
  Task: task,
  Choice: choice,
  Pass: pass,
  Succeed: succeed,
  Fail: fail,
  Map: map,
};

const states = z.record(text, z.unknown());
const machine = z.strictObject({
  Comment: text.optional(),
  StartAt: text,
  TimeoutSeconds: seconds.optional(),
  States: states,
});
const processor = z.object({ StartAt: text, States: states });

/** `within` names the Map state around, for the states of an item processor. */
function problemsOf(definition: unknown, schema: z.ZodType, within: string): string[] {
  const problems = issuesOf(schema, definition, within === '' ? 'The definition' : `State '${within}'`);
  if (problems.length > 0) return problems;
  const { StartAt, States } = definition as StateMachineDefinition;
  const names = new Set(Object.keys(States));
  if (!names.has(StartAt)) problems.push(`${within === '' ? '' : `State '${within}': `}StartAt: no state '${StartAt}'`);
  for (const [name, state] of Object.entries(States)) problems.push(...stateProblems(name, state, names, within));
  const labels = Object.values(States).flatMap((state) => (state?.Type === 'Map' ? (state.Label ?? []) : []));
  if (new Set(labels).size < labels.length) problems.push('Label: two Map states have the same');
  return problems;
}

function stateProblems(name: string, state: State, names: ReadonlySet<string>, within: string): string[] {
  const title = `State '${name}'`;
  const type: unknown = (state as Partial<State> | null)?.Type;
  const known = within === '' ? Object.keys(STATES) : Object.keys(STATES).filter((other) => other !== 'Map');
  if (typeof type !== 'string' || !known.includes(type)) {
    return [`${title}: Type: expected one of ${known.join(', ')}, got ${JSON.stringify(type)}`];
  }
  const problems = issuesOf(STATES[type] as z.ZodType, state, title);
  if (problems.length > 0) return problems;
  const fields = state as unknown as Fields;
  const {
    Next,
    End,
    Catch = [],
    Choices = [],
    Default,
  } = fields as {
    readonly Next?: string;
    readonly End?: true;
    readonly Default?: string;
    readonly Catch?: readonly { readonly Next: string }[];
    readonly Choices?: readonly { readonly Next: string }[];
  };
  if (['Task', 'Pass', 'Map'].includes(type) && (Next === undefined) === (End === undefined)) {
    problems.push(`${title}: expected either Next or End`);
  }
  for (const target of [Next, Default, ...[...Catch, ...Choices].map((rule) => rule.Next)]) {
    if (target !== undefined && !names.has(target)) problems.push(`${title}: Next: no state '${target}'`);
  }
  if (state.Type === 'Map') problems.push(...problemsOf(state.ItemProcessor, processor, name));
  return problems;
}

function issuesOf(schema: z.ZodType, value: unknown, title: string): string[] {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).map((issue) => {
    const at = issue.path.join('.');
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    const field = keys === undefined ? at : keys.map((key) => (at === '' ? key : `${at}.${key}`)).join(', ');
    return `${title}: ${field === '' ? '' : `${field}: `}${keys === undefined ? issue.message : 'unknown field'}`;
  });
}
