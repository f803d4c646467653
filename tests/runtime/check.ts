/**
 * Small means for checks that run outside of a test runner too.
 *
 * @module
 */

import { BindError, type Runtime } from "../../src/runtime/ports.ts";

/** Throws when the adapter is wrong. */
export type Check = (runtime: Runtime) => Promise<void>;

/** Throws unless both are the same JSON. */
export function same(actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`Got ${left}, expected ${right}`);
}

/** Throws unless `truth` holds. */
export function holds(truth: boolean, what: string): void {
  if (!truth) throw new Error(`Does not hold: ${what}`);
}

/** Waits until `check` holds, for at most five seconds unless told otherwise. */
export async function until(
  check: () => boolean,
  what: string,
  timeout: number = 5_000,
): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!check()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`);
    await wait(2);
  }
}

/** Lets time pass. */
export function wait(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Did not reject");
}

/** The code of the `BindError` that a promise rejects with. */
export async function bindCode(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  holds(error instanceof BindError, `"${error.name}" is a BindError`);
  return (error as BindError).code;
}
