// The deployed state machine is the workflow, whole; its timeouts nest; its role can be assumed by every kind of child.
import aslValidator from 'asl-validator';
import { beforeAll, describe, expect, it } from 'vitest';
import { CUT } from '../../lambda/contract/stopping.ts';
import { TIMES } from '../../lambda/handlers/runtime.ts';
import { parseJob } from '../../lambda/job/job.ts';
import { preparedState } from '../../lambda/prepare/prepare.ts';
import { accountWorkflow } from '../../lib/account-workflow.ts';
import type { DistributedMapState, StateMachineDefinition, TaskState } from '../../lib/states-language.ts';
import { guardWorkflow, OUT_OF_RESOURCES, THROTTLED, TIMEOUTS, workflow } from '../../lib/workflow.ts';
import { preparedJob } from '../helpers/prepared-job.ts';
import { machineOf, type Resource, resources, type Synthesized, shortName, synthesize } from './synth.ts';

let fresh: Synthesized;
let machine: Resource;
let accountMachine: Resource;
let definition: StateMachineDefinition;
let guard: Resource;
beforeAll(() => {
  fresh = synthesize({ jobFiles: true, uploads: true });
  [machine, guard] = [machineOf(fresh, 'Workflow'), machineOf(fresh, 'Guard')];
  accountMachine = machineOf(fresh, 'PartsAccount');
  definition = JSON.parse(shortName(machine.Properties['DefinitionString'] as string));
});

const maps = (): DistributedMapState[] =>
  Object.values(definition.States).filter((state): state is DistributedMapState => state.Type === 'Map');

describe('the definition', () => {
  it('is the workflow that the embedded engine runs', () => {
    const functions = {
      prepare: 'PrepareFunction',
      process: 'ProcessFunction',
      processLarge: 'ProcessLargeFunction',
      summarize: 'SummarizeFunction',
    };
    expect(definition).toEqual(workflow({ functions }));
  });

  it('of the guard is a loop around its function, valid Amazon States Language', () => {
    const loop = JSON.parse(shortName(guard.Properties['DefinitionString'] as string));
    expect(loop).toEqual(guardWorkflow('GuardFunction'));
    expect(aslValidator(guardWorkflow(arn('g'))).errors).toEqual([]);
    const { Guard: task } = guardWorkflow('g').States;
    expect(task).toMatchObject({ TimeoutSeconds: TIMEOUTS.guardTask });
    expect(TIMEOUTS.guardFunction).toBeLessThan(TIMEOUTS.guardTask);
  });

  it('of accounts in parts is the one that the embedded engine runs', () => {
    const account = JSON.parse(shortName(accountMachine.Properties['DefinitionString'] as string));
    expect(account).toEqual(accountWorkflow({ account: 'PartsAccountPieceFunction' }));
  });

  it('is inline, since emulators know no substitutions and no definitions in S3', () => {
    expect(machine.Properties).not.toHaveProperty('DefinitionSubstitutions');
    expect(machine.Properties).not.toHaveProperty('DefinitionS3Location');
  });

  it('is valid Amazon States Language', () => {
    const functions = { prepare: arn('p'), process: arn('i'), processLarge: arn('l'), summarize: arn('s') };
    const { errors } = aslValidator(workflow({ functions }));
    expect(errors).toEqual([]);
  });

  it('always gives both thresholds by path, so that zero is zero', () => {
    expect(maps()).toHaveLength(8);
    for (const map of maps()) {
      const settings = map.Label === 'Canary' ? '$.canary' : '$';
      expect(map).toMatchObject({
        MaxConcurrencyPath: `${settings}.maxConcurrency`,
        ToleratedFailureCountPath: `${settings}.toleratedFailureCount`,
        ToleratedFailurePercentagePath: `${settings}.toleratedFailurePercentage`,
      });
      expect(map).not.toHaveProperty('ToleratedFailureCount');
      expect(map).not.toHaveProperty('ToleratedFailurePercentage');
    }
  });

  it('lists a whole bucket without a Prefix, as an empty one is documented nowhere', () => {
    const parameters = maps().map(({ ItemReader }) => ItemReader?.Parameters);
    expect(parameters).toContainEqual({ 'Bucket.$': '$.reader.bucket' });
    const job = { ...preparedJob('/tmp', 'runs/x/'), reader: { kind: 'LIST', bucket: 'photos', prefix: '' } } as const;
    expect(preparedState(job).reader).toEqual({ kind: 'BUCKET', bucket: 'photos' });
    const below = { ...job, reader: { ...job.reader, prefix: 'in/' } };
    expect(preparedState(below).reader).toEqual(below.reader);
  });

  it("catches no Map's error, so that a failed run can be redriven", () => {
    for (const map of maps()) {
      expect(map).not.toHaveProperty('Catch');
      expect(map).not.toHaveProperty('Retry');
    }
  });

  it('tells the image functions whose child they work for and since when, beside what the child was given', () => {
    for (const { ItemProcessor } of maps()) {
      const given = {
        'BatchInput.$': '$.BatchInput',
        'Items.$': '$.Items',
        'child.$': '$$.Execution.Id',
        'redrives.$': '$$.Execution.RedriveCount',
        'childStarted.$': '$$.Execution.StartTime',
      };
      const [first, queued, large, rest] = Object.values(ItemProcessor.States);
      expect(first).toHaveProperty('Parameters', given);
      expect(queued).toHaveProperty('Parameters', given);
      // The large function also learns why the other one ended.
      expect(large).toHaveProperty('Parameters', { ...given, 'outOfResources.$': '$.outOfResources' });
      // The call for the rest of a batch learns what the one before has done.
      expect(rest).toHaveProperty('Parameters', { ...given, 'cut.$': '$.cut' });
    }
  });

  it('sends a key that ran out of memory to the large function once, queued or not', () => {
    for (const { ItemProcessor } of maps()) {
      const [first, queued, large, rest] = Object.values(ItemProcessor.States) as TaskState[];
      const [, queuedName, largeName, restName] = Object.keys(ItemProcessor.States);
      const toLarge = { ErrorEquals: OUT_OF_RESOURCES, ResultPath: expect.any(String), Next: largeName };
      const toQueue = { ErrorEquals: [THROTTLED], ResultPath: null, Next: queuedName };
      const toRest = { ErrorEquals: [CUT], ResultPath: '$.cut', Next: restName };
      expect(first?.Catch).toEqual([toQueue, toRest, toLarge]);
      expect(queued?.Catch).toEqual([toRest, toLarge]);
      expect(large?.Catch).toEqual([toRest]);
      expect(rest?.Catch).toEqual([toRest, toLarge]);
    }
  });

  it('has a large function that gives each image all processors, and another one that does not', () => {
    const environments = Object.entries(resources(fresh.template, 'AWS::Lambda::Function')).flatMap(([id, one]) => {
      const { Variables = {} } = (one.Properties['Environment'] ?? {}) as { Variables?: Record<string, string> };
      return Variables['IMAGE_FANOUT_ONE_IMAGE'] === undefined ? [] : [id];
    });
    expect(environments).toEqual([expect.stringMatching(/ProcessLargeFunction/)]);
  });

  it('asks the large function for no key that ran into its limit of time: it has the same limit', () => {
    expect(OUT_OF_RESOURCES).not.toContain('ImageTimeout');
  });
});

describe('the timeouts', () => {
  it('nest: a request to S3 and the limit of a key, handler, function', () => {
    const timeouts = Object.values(resources(fresh.template, 'AWS::Lambda::Function')).map(
      ({ Properties }) => Properties['Timeout'] as number,
    );
    expect(timeouts.length).toBeGreaterThan(4);
    const shortest = Math.min(...timeouts) * 1000 - TIMES.answer;
    expect(TIMES.request).toBeLessThan(shortest);
    expect(parseJob({}).limits.milliseconds).toBeLessThan(TIMEOUTS.processFunction * 1000 - TIMES.answer);
  });

  it('nest: function, Task, child execution, execution', () => {
    expect(TIMEOUTS.prepareFunction).toBeLessThan(TIMEOUTS.prepareTask);
    expect(TIMEOUTS.processFunction).toBeLessThan(TIMEOUTS.processTask);
    expect(TIMEOUTS.processLargeFunction).toBeLessThan(TIMEOUTS.processLargeTask);
    expect(TIMEOUTS.summarizeFunction).toBeLessThan(TIMEOUTS.summarizeTask);
    expect(TIMEOUTS.processTask + TIMEOUTS.processLargeTask).toBeLessThan(TIMEOUTS.child);
    expect(TIMEOUTS.child).toBeLessThan(TIMEOUTS.execution);
    expect(definition.TimeoutSeconds).toBe(TIMEOUTS.execution);
  });

  it('stay within what the services allow', () => {
    // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and the quotas page of Step Functions
    expect(Math.max(TIMEOUTS.summarizeFunction, TIMEOUTS.processLargeFunction)).toBeLessThanOrEqual(900);
    expect(TIMEOUTS.child).toBe(300);
  });
});

describe('the role', () => {
  it('is trusted for this account and under no ARN, which EXPRESS children and redrives would not match', () => {
    const roles = Object.values(resources(fresh.template, 'AWS::IAM::Role')).map(
      ({ Properties }) => Properties['AssumeRolePolicyDocument'] as { Statement: unknown[] },
    );
    expect(
      roles.flatMap(({ Statement }) => Statement).filter((statement) => JSON.stringify(statement).includes('states.')),
    ).toEqual(
      Array(3).fill({
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Service: 'states.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': '123456789012' } },
      }),
    );
  });
});

function arn(name: string): string {
  return `arn:aws:lambda:us-east-1:123456789012:function:${name}`;
}
