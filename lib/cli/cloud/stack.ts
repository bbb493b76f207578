// Finds what is deployed: the stack's outputs tell where everything is.
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { FanoutError } from '../../../lambda/contract/errors.ts';
import { type Location, parseLocation } from '../../../lambda/contract/location.ts';
import type { OutputName } from '../../outputs.ts';
import { STACK_NAME } from '../../outputs.ts';

/** The option of every command that talks to a deployed stack. */
export const STACK_OPTION = {
  stack: { type: 'string', value: 'NAME', help: `The deployed stack. Default: ${STACK_NAME}.` },
} as const;

export interface DeployedStack {
  readonly name: string;
  readonly stateMachineArn: string;
  readonly consoleUrl: string;
  readonly source: Location;
  readonly destination: Location;
  readonly results: Location;
  readonly processFunctionName: string;
  /** Of a job that names none. */
  readonly maxConcurrency: number;
}

/** Reads the stack's outputs. Throws InvalidJob when there is no such stack, or when it is not one of ours. */
export async function findStack(name: string = STACK_NAME): Promise<DeployedStack> {
  const client = new CloudFormationClient();
  const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: name })).catch(async (error: Error) => {
    if (/^Region (is missing|not accepted)/.test(error.message)) {
      throw new FanoutError(
        'InvalidJob',
        `expected the Region of the stack ${name}, got none (${error.message}): set AWS_REGION, or the region of a profile in ~/.aws/config`,
      );
    }
    // CloudFormation has no error of its own for this.
    if (!/does not exist/.test(error.message)) throw error;
    const region = await client.config.region();
    throw new FanoutError(
      'InvalidJob',
      `expected the stack ${name} in ${region}, found none; deploy it, or name yours with --stack`,
    );
  });
  const outputs = new Map(Stacks?.[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  const output = (key: OutputName): string => {
    const value = outputs.get(key);
    if (value === undefined) {
      throw new FanoutError(
        'InvalidJob',
        `expected the stack ${name} to have the output ${key}, it has ${[...outputs.keys()].join(', ') || 'none'}`,
      );
    }
    return value;
  };
  return {
    name,
    stateMachineArn: output('StateMachineArn'),
    consoleUrl: output('ConsoleUrl'),
    source: parseLocation(output('Source')),
    destination: parseLocation(output('Destination')),
    results: parseLocation(output('Results')),
    processFunctionName: output('ProcessFunctionName'),
    maxConcurrency: (JSON.parse(output('ExampleInput')) as { maxConcurrency: number }).maxConcurrency,
  };
}
