// The function of an account in parts, as Lambda runs it: each call is one action of `lib/account-workflow.ts`.
import { Logger } from '@aws-lambda-powertools/logger';
import { ENVIRONMENT, env } from '../contract/environment.ts';
import { createPartsAccount, type PartsEvent } from '../report/parts/actions.ts';
import { meter } from './meter.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
const act = createPartsAccount({
  open,
  wholeBytes: Number(env(ENVIRONMENT.wholeAccountBytes)),
});

export async function handler(event: PartsEvent, context: LambdaContext): Promise<unknown> {
  logger.addContext(context);
  logger.appendKeys({ results: event.work.folder.prefix, action: event.action });
  const answer = await act(event, meter());
  logger.info('Done', { answer });
  return answer;
}
