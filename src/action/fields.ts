/**
 * Reads the fields of one JSON object: each is checked where it is taken, and what nobody took is
 * refused, since a misspelt key would otherwise say nothing.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { parseDuration } from "../config/duration.ts";
import { didYouMean } from "../config/suggestion.ts";

/** A response that cannot be read; the message names the place and what to send instead. */
export class ActionError extends Error {
  override readonly name = "ActionError";
}

/** What is quoted of a value or key that is wrong. */
const QUOTED_LENGTH_MAX = 64;

/** Longest duration that a text can name: a day. */
const DURATION_MAX: Millis = 86_400_000;

/** The fields of one object. Every method throws {@linkcode ActionError}. */
export class Fields {
  /** Where the object stands, such as `actions[2]`. */
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ActionError(`${path} must be an object such as {"action":"hangup"}`);
    }
    this.path = path;
    this.#values = value as Readonly<Record<string, unknown>>;
  }

  /** All of them, as they came. */
  get values(): Readonly<Record<string, unknown>> {
    return this.#values;
  }

  /** Refuses keys that the object may not have; `what` names its kind. */
  allow(what: string, keys: readonly string[]): void {
    for (const key of Object.keys(this.#values)) {
      if (keys.includes(key)) continue;
      const shown = key.slice(0, QUOTED_LENGTH_MAX);
      const fix = didYouMean(key, keys) || `, ${what} takes ${listOf(keys)}`;
      throw new ActionError(`${this.path}: Unknown key "${shown}"${fix}`);
    }
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** `null` is as good as an absent key: many serializers write it. */
  get(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] ?? undefined : undefined;
  }

  /** A text of one line and at least one character. */
  line(key: string, lengthMax: number): string {
    const value = this.get(key);
    // deno-lint-ignore no-control-regex
    if (typeof value === "string" && value !== "" && !/[\u0000-\u001f\u007f]/.test(value)) {
      if (value.length <= lengthMax) return value;
    }
    throw this.error(key, `must be one line of 1 to ${lengthMax} characters`);
  }

  /** The same where it may be absent. */
  optionalLine(key: string, lengthMax: number): string | undefined {
    return this.has(key) ? this.line(key, lengthMax) : undefined;
  }

  /** A text of any characters. */
  text(key: string, lengthMax: number): string {
    const value = this.get(key);
    if (typeof value === "string" && value.length <= lengthMax) return value;
    throw this.error(key, `must be text of at most ${lengthMax} characters`);
  }

  /** A whole number. */
  whole(key: string, range: { readonly least: number; readonly most: number }): number {
    const value = this.get(key);
    const { least, most } = range;
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value as number;
    }
    throw this.error(key, `must be a whole number from ${least} to ${most}`);
  }

  /** Milliseconds; `fallback` where the key is absent. */
  millis(
    key: string,
    { least, most, fallback }: {
      readonly least: Millis;
      readonly most: Millis;
      readonly fallback: Millis;
    },
  ): Millis {
    if (!this.has(key)) return fallback;
    const value = this.get(key);
    if (typeof value === "number" && value >= least && value <= most) return value;
    throw this.error(key, `must be from ${least} to ${most} milliseconds`);
  }

  /** A duration with its unit, such as `1s`. */
  duration(key: string): Millis {
    const value = this.get(key);
    const millis = typeof value === "string" ? parseDuration(value) : undefined;
    if (millis !== undefined && millis <= DURATION_MAX) return millis;
    throw this.error(key, 'must be a duration with its unit, such as "1s" or "500ms"');
  }

  /** `true` or `false`; `fallback` where the key is absent. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.error(key, "must be true or false");
  }

  /** One of some words; the first of them where the key is absent. */
  word<T extends string>(key: string, words: readonly [T, ...T[]]): T {
    const value = this.get(key) ?? words[0];
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const meant = typeof value === "string" ? didYouMean(value, words) : "";
    throw this.error(key, `must be ${listOf(words)}${meant}`);
  }

  /** Makes the error of a key. */
  error(key: string, problem: string): ActionError {
    return new ActionError(`${this.path}.${key} ${problem}`);
  }
}

/** Writes `a, b or c`. */
export function listOf(words: readonly string[]): string {
  return words.join(", ").replace(/, (?=[^,]+$)/, " or ");
}
