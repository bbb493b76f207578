// What a run costs on AWS: the formula and the list prices that the README's examples are made of.

/**
 * List prices in US dollars, us-east-1, November 2026, without free tiers.
 * Sources: https://aws.amazon.com/step-functions/pricing/ , https://aws.amazon.com/lambda/pricing/ ,
 * https://aws.amazon.com/s3/pricing/ , https://aws.amazon.com/cloudwatch/pricing/
 */
export const PRICES = {
  /** An EXPRESS execution: one per invocation. */
  expressRequest: 1.0e-6,
  /** A GB-second of an EXPRESS execution, billed in steps of 64 MB and 100 ms. */
  expressGigabyteSecond: 0.00001667,
  /** A transition of the STANDARD execution around them. */
  standardTransition: 25e-6,
  lambdaRequest: 0.2e-6,
  /** arm64. */
  lambdaGigabyteSecond: 0.0000133334,
  /** x86_64. */
  lambdaGigabyteSecondX86: 0.0000166667,
  s3Get: 0.4e-6,
  s3Put: 5e-6,
  s3List: 5e-6,
  /** Logs that come in. */
  logGigabyte: 0.5,
} as const;

/** A run, as far as its price goes. */
export interface RunShape {
  readonly images: number;
  /** Milliseconds that the image function takes for one image: `ms.total` in the account. */
  readonly milliseconds: number;
  /** Objects written per image, manifests included. */
  readonly outputs: number;
  /** Default 1. */
  readonly itemsPerInvocation?: number;
  /** MB of the image function. Default 1769. */
  readonly memory?: number;
}

/** What each service takes for a run, in US dollars. */
export interface Costs {
  readonly lambda: number;
  readonly stepFunctions: number;
  readonly s3: number;
  readonly logs: number;
  readonly total: number;
}

/** Bytes of log per invocation, as measured: Lambda's own lines and one of metrics. */
export const LOG_BYTES = 1500;
/** States of the STANDARD execution that a run enters. */
const TRANSITIONS = 6;

/** Computes the price of a run: the formula of the README. */
export function costs({ images, milliseconds, outputs, itemsPerInvocation = 1, memory = 1769 }: RunShape): Costs {
  const invocations = Math.ceil(images / itemsPerInvocation);
  const seconds = (milliseconds / 1000) * (images / invocations);
  const lambda = invocations * (PRICES.lambdaRequest + seconds * (memory / 1024) * PRICES.lambdaGigabyteSecond);
  const expressSeconds = Math.ceil(seconds * 10) / 10;
  const stepFunctions =
    invocations * (PRICES.expressRequest + expressSeconds * (64 / 1024) * PRICES.expressGigabyteSecond) +
    TRANSITIONS * PRICES.standardTransition;
  // Each image: one GET of the source, one HEAD to see whether it is up to date, one HEAD and one PUT per output.
  const s3 = images * ((2 + outputs) * PRICES.s3Get + outputs * PRICES.s3Put) + (images / 1000) * PRICES.s3List;
  const logs = invocations * (LOG_BYTES / 1e9) * PRICES.logGigabyte;
  return { lambda, stepFunctions, s3, logs, total: lambda + stepFunctions + s3 + logs };
}

/** The README's examples: how many images, and what becomes of each. */
export const EXAMPLES: readonly (RunShape & { readonly name: string })[] = [
  { name: '10,000 photos, `web`', images: 10_000, milliseconds: 1500, outputs: 13 },
  { name: '1,000,000 photos, `thumbnail`', images: 1_000_000, milliseconds: 200, outputs: 1 },
  { name: '1,000,000 photos, `web`', images: 1_000_000, milliseconds: 1500, outputs: 13 },
  {
    name: '100,000,000 photos, `thumbnail`, 10 a call',
    images: 100_000_000,
    milliseconds: 200,
    outputs: 1,
    itemsPerInvocation: 10,
  },
];

/** The examples as the README's table. */
export function costTable(): string {
  const dollars = (amount: number) =>
    `$${amount.toLocaleString('en-US', amount < 100 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumFractionDigits: 0 })}`;
  const rows = EXAMPLES.map((example) => {
    const { lambda, stepFunctions, s3, logs, total } = costs(example);
    const seconds = `${example.milliseconds / 1000} s`;
    return `| ${example.name} | ${seconds} | ${[lambda, stepFunctions, s3, logs].map(dollars).join(' | ')} | **${dollars(total)}** |`;
  });
  return [
    '| run | per image | Lambda | Step Functions | S3 requests | logs | total |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
