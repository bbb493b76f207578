// Peak memory of a 100-megapixel JPEG to `web`, in a process of its own: must fit the image function's default memory with room.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

/** The image function's default memory, and what Node's heap, the SDK and the runtime may need beside. */
const FUNCTION_MEGABYTES = 1769;
const ROOM_MEGABYTES = 500;

if (process.argv[2] === 'work') {
  const { transform } = await import('../lambda/image/transform.ts');
  const { limitsSchema } = await import('../lambda/contract/limits.ts');
  const { resolveRecipe } = await import('../lambda/recipe/recipe.ts');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const recipe = resolveRecipe(process.argv[3] ?? 'web');
  const start = performance.now();
  const { source, renditions } = await transform({ body, key: 'large.jpg', recipe, limits: limitsSchema.parse({}) });
  const megabytes = process.resourceUsage().maxRSS / 1024;
  console.log(
    JSON.stringify({ megabytes, seconds: (performance.now() - start) / 1000, source, renditions: renditions.length }),
  );
} else {
  const recipe = process.argv[2] ?? 'web';
  // 12000 x 8400 with detail everywhere: noise, enlarged so that it compresses as photos do.
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const grain = await sharp({ create: { width: 3000, height: 2100, channels: 3, background: 'grey', noise } })
    .png()
    .toBuffer();
  let missed = false;
  for (const progressive of [false, true]) {
    const body = await sharp(grain)
      .resize(12_000, 8400, { kernel: 'cubic' })
      .jpeg({ quality: 85, progressive })
      .toBuffer();
    const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), 'work', recipe], {
      input: body,
      encoding: 'utf8',
      maxBuffer: 1e6,
    });
    if (child.status !== 0) throw new Error(child.stderr);
    const { megabytes, seconds, source, renditions } = JSON.parse(child.stdout) as {
      megabytes: number;
      seconds: number;
      source: { width: number; height: number };
      renditions: number;
    };
    const met = megabytes <= FUNCTION_MEGABYTES - ROOM_MEGABYTES;
    missed ||= !met;
    const what = `${source.width} x ${source.height} ${progressive ? 'progressive' : 'baseline'} JPEG (${(body.length / 1e6).toFixed(0)} MB) to ${recipe}`;
    console.log(
      `${met ? 'met   ' : 'MISSED'} ${what}: peak ${megabytes.toFixed(0)} MB of ${FUNCTION_MEGABYTES}, ${renditions} renditions in ${seconds.toFixed(1)} s`,
    );
  }
  process.exitCode = missed ? 1 : 0;
}
