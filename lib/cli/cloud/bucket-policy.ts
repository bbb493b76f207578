// Bucket policies as far as they would deny what the functions do: no permission of a role helps against these.
import * as z from 'zod';

/** What is done in a place. */
export interface Use {
  readonly bucket: string;
  readonly prefix: string;
  readonly actions: readonly string[];
}

export interface Refusal {
  /** `Sid`, or the place in the policy. */
  readonly statement: string;
  readonly why: string;
  /** Whether it denies for sure; else only whoever knows the account can say. */
  readonly sure: boolean;
}

const texts = z.union([z.string().transform((text) => [text]), z.array(z.string())]);
const policySchema = z.object({
  Statement: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown()).transform((one) => [one])]),
});
const statementSchema = z.object({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z.unknown().optional(),
  NotPrincipal: z.unknown().optional(),
  Action: texts.optional(),
  NotAction: texts.optional(),
  Resource: texts.optional(),
  NotResource: texts.optional(),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});
type Statement = z.output<typeof statementSchema>;

/** The statements of a policy document that deny such a use, or may. Throws a ZodError or SyntaxError for what is no policy. */
export function refusals(document: string, use: Use): Refusal[] {
  const { Statement } = policySchema.parse(JSON.parse(document));
  return Statement.flatMap((value, place): Refusal[] => {
    const statement = statementSchema.parse(value);
    if (statement.Effect !== 'Deny' || !touches(statement, use)) return [];
    const found = verdict(statement);
    return found === undefined ? [] : [{ statement: statement.Sid ?? `statement ${place + 1}`, ...found }];
  });
}

function touches(statement: Statement, { bucket, prefix, actions }: Use): boolean {
  const { Action, NotAction, Resource, NotResource } = statement;
  const acts = actions.some((action) =>
    Action === undefined
      ? !NotAction?.some((pattern) => matches(pattern, action))
      : Action.some((pattern) => matches(pattern, action)),
  );
  // A pattern may be narrower than the place: then some of its keys are meant.
  const ours = (pattern: string): boolean => {
    const path = pattern === '*' ? '*' : pattern.replace(/^arn:[^:]*:s3:::/, '');
    const sample = `${bucket}/${prefix}a-key`;
    return matches(path, sample) || matches(path, bucket) || path.startsWith(`${bucket}/${prefix}`);
  };
  const where = Resource === undefined ? !NotResource?.every(ours) : Resource.some(ours);
  return acts && where;
}

function verdict({ Principal, NotPrincipal, Condition = {} }: Statement): Omit<Refusal, 'statement'> | undefined {
  const named = Principal !== undefined && Principal !== '*' && JSON.stringify(Principal) !== '{"AWS":"*"}';
  // Roles that exist already are none of the functions', which the deployment makes.
  if (named && !JSON.stringify(Principal).includes(':root')) return undefined;
  const conditions = Object.entries(Condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, value]) => ({
      operator,
      key: key.toLowerCase(),
      value: [value].flat().map(String),
    })),
  );
  const judged = conditions.map(judge);
  // All conditions must hold for a statement to count: one that never does is enough.
  if (judged.includes('never')) return undefined;
  const why =
    conditions.length === 0
      ? 'without a condition'
      : conditions.map(({ operator, key, value }) => `${operator} ${key} ${value.join(', ')}`).join(' and ');
  const except = NotPrincipal === undefined ? '' : ` but ${JSON.stringify(NotPrincipal)}`;
  return { why: `denies everybody${except}: ${why}`, sure: judged.every((one) => one === 'always') };
}

type Judged = 'never' | 'always' | 'unknown';

/** Whether the condition holds for a function of ours: one outside of any network, over TLS, that asks for no encryption. */
function judge({ operator, key, value }: { operator: string; key: string; value: readonly string[] }): Judged {
  if (key === 'aws:securetransport') return value.includes('false') ? 'never' : 'always';
  if (key === 's3:tlsversion') return operator.startsWith('NumericLessThan') ? 'never' : 'unknown';
  // The functions leave encryption to the bucket's default.
  if (key.startsWith('s3:x-amz-server-side-encryption')) {
    if (operator === 'Null') return value.includes('true') ? 'always' : 'never';
    return /Not/.test(operator) ? 'always' : 'never';
  }
  if (key === 'aws:sourcevpce' || key === 'aws:sourcevpc') return /Not/.test(operator) ? 'always' : 'never';
  if (key === 'aws:sourceip' || key === 'aws:vpcsourceip') return /Not/.test(operator) ? 'always' : 'never';
  if (key === 's3:x-amz-acl') return /Not/.test(operator) ? 'always' : 'never';
  return 'unknown';
}

/** IAM's wildcards: `*` for any characters, `?` for one. Case counts in resources, not in actions; both are asked in lower case. */
function matches(pattern: string, text: string): boolean {
  const source = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text.toLowerCase());
}
