// A child's first attempt, without the interpreter: nearly all children are one Task that succeeds at once, and need no more.
import type { Json, PayloadTemplate, State } from '../states-language.ts';
import type { Context, Machine, Run } from './interpreter.ts';
import { pathField, stepsBelow, UNKNOWN, walked } from './plain-path.ts';

/** Runs a child; its history is nobody's concern. */
export interface ChildMachine {
  run(...child: Parameters<Machine['run']>): Pick<Run, 'result' | 'abort'>;
}

type Evaluated = (input: Json, context: Context) => Json | typeof UNKNOWN;

/**
 * Makes the first attempt of a child's first state here, when that is a Task whose input and output need no more than
 * plain paths. When it fails, the interpreter runs the child with that failure as its first attempt: Retry, Catch and
 * whatever follows are its business. Measured: a child that succeeds takes a third of the time.
 */
export function withFirstAttempt(
  { StartAt, States }: { readonly StartAt: string; readonly States: Readonly<Record<string, State>> },
  machine: Machine,
): ChildMachine {
  const parametersOf = parametersOfPlainTask(States[StartAt]);
  if (parametersOf === undefined) return machine;
  return {
    run(input, context, overrides = {}) {
      const attempt = overrides[StartAt];
      const parameters = parametersOf(input, context);
      if (attempt === undefined || parameters === UNKNOWN) return machine.run(input, context, overrides);
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      let isAborted = false;
      let rest: Run | undefined;

      async function result(first: Promise<Json>): Promise<Json> {
        try {
          return await Promise.race([first, aborted]);
        } catch (error) {
          if (isAborted) throw error;
          let told = false;
          const again = (next: Json): Promise<Json> => {
            if (told) return (attempt as NonNullable<typeof attempt>)(next);
            told = true;
            return Promise.reject(error);
          };
          rest = machine.run(input, context, { ...overrides, [StartAt]: again });
          return await rest.result;
        }
      }

      return {
        result: result(attempt(parameters)),
        abort() {
          isAborted = true;
          reject(new Error('The execution was aborted'));
          rest?.abort();
        },
      };
    },
  };
}

function parametersOfPlainTask(state: State | undefined): Evaluated | undefined {
  if (state?.Type !== 'Task' || !('End' in state)) return undefined;
  const fields = ['InputPath', 'ResultSelector', 'ResultPath', 'OutputPath'] as const;
  if (fields.some((field) => field in state)) return undefined;
  return state.Parameters === undefined ? (input) => input : compiled(state.Parameters);
}

/** Evaluates a template of literals and plain paths; undefined when there is anything else in it. */
function compiled(template: PayloadTemplate): Evaluated | undefined {
  const fields: { readonly name: string; readonly value: Evaluated }[] = [];
  for (const [key, value] of Object.entries(template)) {
    const name = key.endsWith('.$') ? pathField(key) : key === '__proto__' ? undefined : key;
    const evaluated = key.endsWith('.$') ? pathOf(value) : literal(value);
    if (name === undefined || evaluated === undefined) return undefined;
    fields.push({ name, value: evaluated });
  }
  return (input, context) => {
    const object: Record<string, Json> = {};
    for (const { name, value } of fields) {
      const found = value(input, context);
      if (found === UNKNOWN) return UNKNOWN;
      object[name] = found;
    }
    return object;
  };
}

function pathOf(path: Json): Evaluated | undefined {
  if (typeof path !== 'string') return undefined;
  const ofContext = stepsBelow('$$', path);
  // Of all the context object only what we give the interpreter is the same here; it adds to the rest.
  if (ofContext !== undefined) {
    return ofContext[0] === 'Execution' && ofContext.length > 1
      ? (_input, context) => walked(context, ofContext) as Json | typeof UNKNOWN
      : undefined;
  }
  const ofInput = stepsBelow('$', path);
  return ofInput && ((input) => walked(input, ofInput) as Json | typeof UNKNOWN);
}

function literal(value: Json): Evaluated | undefined {
  if (value === null || typeof value !== 'object') return () => value;
  return Array.isArray(value) ? undefined : compiled(value as PayloadTemplate);
}
