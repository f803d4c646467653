/**
 * Servers that have failed again and again are left alone for a while, so that callers do not wait
 * for what is known not to come.
 *
 * @module
 */

/** What is known of the servers that handlers talk to. Shared by all calls of a gateway. */
export interface TargetGuard {
  /**
   * Asks before a server is contacted. Each `undefined` is followed by one `succeeded`, `failed` or
   * `abandoned`.
   *
   * @param target Scheme, host and port, such as `https://bot.example.com:443`.
   * @returns Why it is left alone, for a person; `undefined`: go on.
   */
  refuse(target: string): string | undefined;
  /** It answered as it should. */
  succeeded(target: string): void;
  /** It could not be reached, was too slow, or answered that it is unwell (5xx, nonsense). */
  failed(target: string): void;
  /** Nothing was learnt: the call ended meanwhile. */
  abandoned(target: string): void;
}

/** For gateways without one: every server gets its chance. */
export const NO_GUARD: TargetGuard = {
  refuse: () => undefined,
  succeeded: () => {},
  failed: () => {},
  abandoned: () => {},
};
