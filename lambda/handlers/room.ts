// How many environments the image function can have at once: what is reserved for it, else what the account leaves to all functions.
import { GetAccountSettingsCommand, GetFunctionConcurrencyCommand, type LambdaClient } from '@aws-sdk/client-lambda';

/**
 * Asks Lambda. Undefined where it does not say. Throws what Lambda answers, AccessDenied among it.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 */
export async function roomOf(client: LambdaClient, FunctionName: string): Promise<number | undefined> {
  const { ReservedConcurrentExecutions: reserved } = await client.send(
    new GetFunctionConcurrencyCommand({ FunctionName }),
  );
  if (reserved !== undefined) return reserved;
  const { AccountLimit } = await client.send(new GetAccountSettingsCommand({}));
  return AccountLimit?.UnreservedConcurrentExecutions;
}
