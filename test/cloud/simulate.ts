// Asks an IAM simulator that is not ours whether the roles of a template may make a call, and which statement allows it.
import { runSimulation } from '@cloud-copilot/iam-simulate';
import type { Template } from 'aws-cdk-lib/assertions';
import { list, type Statement, shortName } from './synth.ts';

export const ACCOUNT = '123456789012';
const REGION = 'us-east-1';

/** A permission that a role has: one action on one resource, under one condition. */
export interface Permission {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
  readonly condition?: Statement['Condition'];
}

export interface Call {
  readonly role: string;
  readonly action: string;
  /** An ARN, or `*` for actions that know no resources. */
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/** The ARN or name that a reference stands for, its logical id (without its hash) being the name of the resource. */
type Naming = (logicalId: string, attribute?: string) => string;

interface PolicyProperties {
  readonly Roles: unknown[];
  readonly PolicyDocument: { readonly Statement: Statement[] };
}

/** A deployed template, as far as its policies go. */
export interface Deployment {
  /** By role, what it may do. */
  readonly permissions: readonly Permission[];
  readonly naming: Naming;
  /** Whether the role may, and by which of its permissions. Throws an Error for a call that AWS does not know. */
  readonly decide: (call: Call) => Promise<{ readonly allowed: boolean; readonly by: readonly Permission[] }>;
}

export function deployment(template: Template): Deployment {
  const resources = template.toJSON()['Resources'] as Record<string, { Type: string; Properties: unknown }>;
  const naming: Naming = (logicalId, attribute) => {
    const type = resources[logicalId]?.Type ?? '';
    const name = shortName(`<${logicalId}>`);
    const arn = ARNS[type]?.(name);
    // Ref of these is the ARN, of all others the name.
    const refIsArn = type === 'AWS::SNS::Topic' || type === 'AWS::StepFunctions::StateMachine';
    if (attribute === undefined) return refIsArn ? (arn as string) : bucketName(type, name);
    if (attribute === 'Arn' || attribute === 'TopicArn') return arn ?? `arn:aws:unknown:::${name}`;
    return bucketName(type, name);
  };
  const permissions = Object.values(resources)
    .filter(({ Type }) => Type === 'AWS::IAM::Policy')
    .flatMap(({ Properties }) => {
      const { Roles, PolicyDocument } = Properties as PolicyProperties;
      const role = concrete(Roles[0], naming) as string;
      return PolicyDocument.Statement.flatMap(({ Action, Resource, Condition, Effect }) => {
        if (Effect !== 'Allow') throw new Error(`expected policies that allow only, got ${Effect}`);
        const where = list(Resource).map((one) => concrete(one, naming) as string);
        return list(Action).flatMap((action) =>
          where.map((resource) => ({
            role,
            action,
            resource,
            ...(Condition && { condition: concrete(Condition, naming) as Statement['Condition'] }),
          })),
        );
      });
    });
  return { permissions, naming, decide: (call) => decide(permissions, call) };
}

function bucketName(type: string, name: string): string {
  return type === 'AWS::S3::Bucket' ? name.toLowerCase() : name;
}

const regional = (service: string, kind: string) => (name: string) =>
  `arn:aws:${service}:${REGION}:${ACCOUNT}:${kind}${name}`;
const ARNS: Readonly<Record<string, (name: string) => string>> = {
  'AWS::S3::Bucket': (name) => `arn:aws:s3:::${name.toLowerCase()}`,
  'AWS::Lambda::Function': regional('lambda', 'function:'),
  'AWS::StepFunctions::StateMachine': regional('states', 'stateMachine:'),
  'AWS::SNS::Topic': regional('sns', ''),
  'AWS::SQS::Queue': regional('sqs', ''),
  'AWS::Logs::LogGroup': (name) => `${regional('logs', 'log-group:')(name)}:*`,
};

/** Without CloudFormation's intrinsic functions. Throws an Error for one that it does not know. */
export function concrete(value: unknown, naming: Naming): unknown {
  if (Array.isArray(value)) return value.map((one) => concrete(one, naming));
  if (value === null || typeof value !== 'object') return value;
  const [[name, argument] = ['', undefined], ...others] = Object.entries(value);
  if (others.length > 0 || !(name === 'Ref' || name.startsWith('Fn::')))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, concrete(inner, naming)]));
  if (name === 'Ref') return PSEUDO[argument as string] ?? naming(argument as string);
  if (name === 'Fn::GetAtt') return naming(...(argument as [string, string]));
  if (name === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map((part) => concrete(part, naming)).join(separator);
  }
  throw new Error(`expected a function that is known, got ${name}`);
}

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': REGION,
  'AWS::AccountId': ACCOUNT,
};

/** A key's own policy as AWS makes it: the account's policies decide. https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html */
const KEY_POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'kms:*', Resource: '*' }],
};

async function decide(
  permissions: readonly Permission[],
  { role, action, resource, context = {} }: Call,
): ReturnType<Deployment['decide']> {
  const own = permissions.filter((permission) => permission.role === role);
  const Statement = own.map((permission, at) => ({
    Sid: `s${at}`,
    Effect: 'Allow',
    Action: permission.action,
    Resource: permission.resource,
    ...(permission.condition && { Condition: permission.condition }),
  }));
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${ACCOUNT}:role/${role}`,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { 'aws:SecureTransport': 'true', ...context },
      },
      identityPolicies: [{ name: role, policy: { Version: '2012-10-17', Statement } }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(action.startsWith('kms:') && { resourcePolicy: KEY_POLICY }),
    },
    {},
  );
  if (answer.resultType === 'error') throw new Error(`${action} on ${resource}: ${JSON.stringify(answer.errors)}`);
  const results = answer.resultType === 'single' ? [answer.result] : answer.results;
  const by = results.flatMap(({ analysis }) =>
    (analysis.identityAnalysis?.allowStatements ?? []).flatMap(
      ({ explain }) => own[Number(String(explain.identifier).slice(1))] ?? [],
    ),
  );
  return { allowed: answer.overallResult === 'Allowed', by };
}
