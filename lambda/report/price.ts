// About what AWS takes for a run, in short: as its ledger counted, else by the README's formula, or the requests to S3 alone for a run of this machine.
import { isDirectory } from '../contract/location.ts';
import { costs } from '../estimate/costs.ts';
import { PRICES } from '../estimate/prices.ts';
import type { PreparedJob } from '../job/prepared.ts';
import type { Cost, Summary } from './summary.ts';
import type { Tally } from './tally.ts';

export type Price = NonNullable<Summary['price']>;

/** The price in US dollars; undefined when no bucket is in it. */
export function priceOf(job: PreparedJob, { counts, outputs, busyMilliseconds }: Tally): Price | undefined {
  const images = counts.total - counts.pending;
  const perImage = images === 0 ? 0 : outputs.written / images;
  if (job.engine === undefined && !isDirectory(job.results)) {
    if (images === 0) return undefined;
    const { itemsPerInvocation } = job;
    const milliseconds = busyMilliseconds / images;
    return rounded(
      costs({
        images,
        milliseconds,
        outputs: perImage,
        itemsPerInvocation,
      }),
    );
  }
  const [from, to] = [!isDirectory(job.source), !isDirectory(job.destination)];
  if (!from && !to) return undefined;
  const reading = from ? images * PRICES.s3Get + (images / 1000) * PRICES.s3List : 0;
  const writing = to ? images * ((1 + perImage) * PRICES.s3Get + perImage * PRICES.s3Put) : 0;
  const s3 = reading + writing;
  return rounded({ lambda: 0, stepFunctions: 0, s3, logs: 0, total: s3 });
}

/** The price by a ledger: of what was counted. */
export function shortPrice({ dollars, components }: Cost): Price {
  return rounded({ ...components, total: dollars });
}

/** To a hundredth of a cent. */
function rounded(price: Price): Price {
  const round = (dollars: number) => Math.round(dollars * 10_000) / 10_000;
  return {
    total: round(price.total),
    lambda: round(price.lambda),
    stepFunctions: round(price.stepFunctions),
    s3: round(price.s3),
    logs: round(price.logs),
  };
}
