// Examples of every command, for its help and docs/cli.md. Tests run those of this machine as a shell would, in this order.

/** By command: what follows on a shell's prompt. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  run: [
    'image-fanout run photos small --recipe thumbnail',
    'image-fanout run photos small --recipe thumbnail --dry-run',
    'image-fanout run photos small --sample 100 --exclude drafts/',
    '(cd photos && find . -name "*.jpg") | image-fanout run photos small --recipe thumbnail --manifest -',
    'image-fanout run s3://my-photos/2026/ s3://my-website/2026/ --tolerated-failure-count 10',
    'image-fanout run --resume small',
  ],
  plan: [
    'image-fanout plan photos other --try 50',
    'image-fanout plan s3://my-photos/2026/ s3://my-website/2026/ --on aws --region eu-central-1',
  ],
  report: [
    'image-fanout report small',
    'image-fanout report latest --in small --json',
    'image-fanout report small --failed-keys > failed.jsonl',
  ],
  list: ['image-fanout list small', 'image-fanout list small --status succeeded --most 5 --json'],
  recipe: [
    'image-fanout recipe list',
    'image-fanout recipe check web',
    'image-fanout recipe check thumbnail photos/one.jpg',
  ],
  prune: [
    'image-fanout prune photos small --recipe thumbnail --keep web',
    'image-fanout prune photos small --recipe thumbnail --delete',
  ],
  schema: ['image-fanout schema > job.schema.json'],
  deploy: ['image-fanout deploy -- -c image-fanout:source=s3://my-photos/incoming/', 'image-fanout deploy diff'],
  start: [
    'image-fanout start --recipe thumbnail --max-concurrency 200 --name monday --watch',
    'image-fanout start s3://my-photos/2026/ s3://my-website/2026/ --tolerated-failure-percentage 1',
  ],
  status: ['image-fanout status', 'image-fanout status monday'],
  watch: ['image-fanout watch monday'],
  scale: ['image-fanout scale 500 monday'],
  tolerate: ['image-fanout tolerate 1% monday'],
  stop: ['image-fanout stop monday'],
  redrive: ['image-fanout redrive monday'],
  doctor: ['image-fanout doctor', 'image-fanout doctor --before s3://my-photos/ s3://my-website/'],
};
