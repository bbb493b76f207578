// The process that does image work which may have to be ended: one task at a time, until its parent goes.
import { toFanoutError } from '../contract/errors.ts';
import { type ChildAnswer, type ChildTask, TAKEN } from './child.ts';
import { isDecoded } from './decoders/decoders.ts';
import { transformHere } from './here.ts';
import { unblock } from './sharp.ts';
import { formatOf, isUntrusted } from './source-format.ts';

unblock(['svg']);

process.on('message', async (sent: ChildTask) => {
  process.send?.(TAKEN);
  process.send?.(await answer(sent));
});
process.on('disconnect', () => process.exit());
// Ctrl-C goes to the whole process group, but what becomes of the work is for the parent to say.
process.on('SIGINT', () => {});

async function answer(sent: ChildTask): Promise<ChildAnswer> {
  const before = process.cpuUsage();
  const cpu = () => {
    const { user, system } = process.cpuUsage(before);
    return { cpuMilliseconds: (user + system) / 1000 };
  };
  try {
    const task = revived(sent);
    const format = formatOf(task);
    if (isUntrusted(format) && !isDecoded(format)) unblock([format]);
    const transformed = await transformHere(task, format);
    return { transformed, ...cpu() };
  } catch (thrown) {
    const { name, message, expected, met } = toFanoutError(thrown);
    return { error: { name, message, expected, met }, ...cpu() };
  }
}

/** Buffers arrive as they were sent or as Uint8Arrays, depending on Node's version. */
function revived(task: ChildTask): ChildTask {
  const overlays = new Map([...(task.overlays ?? [])].map(([name, body]) => [name, Buffer.from(body)] as const));
  return { ...task, body: Buffer.from(task.body), overlays };
}
