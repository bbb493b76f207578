// `start --self-test`: proves a deployment by runs of generated images, with the caller's permission to write, start and remove.
import { SFNClient } from '@aws-sdk/client-sfn';
import { type Proof, selfTest } from '../../../lambda/self-test/self-test.ts';
import { machineOf, objectsOf } from '../../../lambda/self-test/services.ts';
import { connectS3 } from '../../../lambda/store/s3-client.ts';
import { EXIT, type ExitCode, UsageError } from '../command.ts';
import type { FollowOptions } from './follow.ts';
import type { DeployedStack } from './stack.ts';

/** With the longest of a run's endings a name may have 80 characters. */
const MOST_ID = 50;

/** Says each proof as it comes. Exit code 0 when all is proven, else 1. */
export async function runSelfTest(
  { source, destination, results, stateMachineArn }: DeployedStack,
  id: string,
  { json, quiet }: FollowOptions,
): Promise<ExitCode> {
  if (id.length > MOST_ID) throw new UsageError(`--name: expected at most ${MOST_ID} characters with --self-test`);
  const { client } = connectS3();
  try {
    const result = await selfTest({
      source,
      destination,
      results,
      id,
      objects: objectsOf(client),
      machine: machineOf(new SFNClient(), stateMachineArn),
      onProof: (proof) => {
        if (!json && (!quiet || !proof.ok)) process.stdout.write(proofText(proof));
      },
    });
    if (json) process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    else if (!quiet) {
      const proven = result.ok ? 'The deployment works.' : 'The deployment does not do what it should.';
      process.stdout.write(`${proven} Not proven: ${result.notProven.join('; ')}.\n`);
    }
    return result.ok ? EXIT.succeeded : EXIT.notStarted;
  } finally {
    client.destroy();
  }
}

function proofText({ ok, what, detail }: Proof): string {
  return `${ok ? 'ok   ' : 'FAIL '} ${what}: ${detail}\n`;
}
