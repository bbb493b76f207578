// A decoder's package: loaded when it is first needed, and anew after it broke.
import { FanoutError } from '../../contract/errors.ts';

/**
 * Makes a function that hands a module to its user. It is loaded once, and once more after a use threw anything but a
 * FanoutError: WebAssembly that trapped is in no state to go on with the next file.
 */
export function loaded<Module>(
  load: () => Promise<Module>,
): <Result>(use: (module: Module) => Result | Promise<Result>) => Promise<Result> {
  let loading: Promise<Module> | undefined;
  return async (use) => {
    loading ??= load();
    try {
      return await use(await loading);
    } catch (error) {
      if (!(error instanceof FanoutError)) loading = undefined;
      throw error;
    }
  };
}
