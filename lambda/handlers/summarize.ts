// Summarize, as Lambda runs it.
import { Logger } from '@aws-lambda-powertools/logger';
import { SFNClient } from '@aws-sdk/client-sfn';
import type { SummarizeEvent } from '../job/prepared.ts';
import { createSummarize } from '../report/summarize.ts';
import { itemCountsOf } from './map-run.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
const client = new SFNClient({});
const summarize = createSummarize({ open, itemCounts: (arn) => itemCountsOf(client, arn) });

export async function handler(event: SummarizeEvent, context: LambdaContext): Promise<unknown> {
  logger.addContext(context);
  logger.appendKeys({ results: event.results.prefix, mapRun: event.mapRun.MapRunArn });
  const summary = await summarize(event);
  if ('accountError' in summary) logger.error('Could not write the account', { summary });
  else logger.info('Wrote the account', { summary });
  return summary;
}
