// Summarize, as Lambda runs it.
import { Logger } from '@aws-lambda-powertools/logger';
import { SFNClient } from '@aws-sdk/client-sfn';
import { ENVIRONMENT, env } from '../contract/environment.ts';
import type { SummarizeEvent } from '../job/prepared.ts';
import { createSummarize } from '../report/summarize.ts';
import { itemCountsOf } from './map-run.ts';
import { meter } from './meter.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
// Short to connect: in a VPC without a way there, the counts are not worth a wait.
const client = new SFNClient({ requestHandler: { connectionTimeout: 2000 } });
const summarize = createSummarize({
  open,
  wholeBytes: Number(env(ENVIRONMENT.wholeAccountBytes)),
  itemCounts: (arn) => itemCountsOf(client, arn),
});

export async function handler(event: SummarizeEvent, context: LambdaContext): Promise<unknown> {
  const used = meter();
  logger.addContext(context);
  logger.appendKeys({ results: event.results.prefix, mapRun: event.mapRun.MapRunArn });
  const summary = await summarize(event, used);
  if ('accountError' in summary) logger.error('Could not write the account', { summary });
  else logger.info('Wrote the account', { summary });
  return summary;
}
