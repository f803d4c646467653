/**
 * A kind of handler as the tests of all kinds see it: a route, and a far end that does what a test
 * says.
 *
 * @module
 */

/** What the tests ask of every kind. */
export const ROWS = [
  "echo",
  "dtmf",
  "marks",
  "clear",
  "barge-in",
  "caller hangs up",
  "far end hangs up",
  "far end dies",
  "far end reads nothing",
  "far end floods",
  "half-open",
] as const;

/** One of {@linkcode ROWS}. */
export type Row = (typeof ROWS)[number];

/** What the far end was told, in the common vocabulary, as far as its protocol has it. */
export interface FarEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** The far end's side of one call. Sound is s16le at 8000 Hz. */
export interface FarCall {
  readonly events: readonly FarEvent[];
  /** Bytes of the caller's sound that came. */
  readonly heardBytes: number;
  /** Gives sound to the caller. */
  say(pcm: Uint8Array): void;
  /** From now on it says what it hears. */
  echo(): void;
  /** Asks to be told when all that it said was heard. */
  mark(name: string): void;
  /** Drops what was not heard yet. */
  clear(): void;
  /** It is done, as its protocol says that. */
  hangUp(): void;
  /** It ends in the middle of everything. */
  die(): void;
  /** From now on it reads nothing. */
  stall(): void;
  /** From now on it says more than anybody can hear. */
  flood(): void;
  /** It is there no more, and nobody is told. */
  freeze(): void;
  /**
   * Is given the caller's keypad, where the far end says something only when it is asked: a key is
   * something to ask it about.
   */
  takeKeypad?(press: (key: string) => void): void;
}

/** A far end that takes calls. */
export interface FarEnd {
  /** Keys of a route, the handler's own among them. */
  readonly route: Readonly<Record<string, unknown>>;
  /** Where responses may lead, as `http.targets` says. */
  readonly targets?: "any";
  /** The next call that comes. */
  next(): Promise<FarCall>;
  close(): Promise<void>;
}

/** A kind of handler. */
export interface Kind {
  readonly name: string;
  /** @param isWatched Whether the route looks after a far end that says nothing, if it can. */
  open(isWatched: boolean): Promise<FarEnd>;
  /** Rows that its protocol has no place for, and why. */
  readonly without: Partial<Readonly<Record<Row, string>>>;
  /**
   * What `clear` tells the far end: how much was heard (`cleared`), or only that what it waited for
   * is over (`marks`).
   */
  readonly tellsOfClear: "cleared" | "marks";
  /**
   * What a clear counts as dropped: all that the far end said, or only what had been handed over to
   * the caller's queue, which is `all` when absent.
   */
  readonly dropped?: "all" | "handed over";
  /** What can be said back: what comes, at once (when absent), or the words of the caller. */
  readonly echoes?: "sound" | "words";
  /**
   * What marks say of what was heard: to the sample, no less than it was (sound and commands take
   * different ways), or nothing.
   */
  readonly playedOfMarks: "exact" | "at least" | "none";
  /** Whether a far end that is there no more is noticed, so that `on_error` takes over. */
  readonly noticesHalfOpen: boolean;
}

/** Waits for calls, and hands them out in order. */
export class CallQueue<Call> {
  readonly #calls: Call[] = [];
  readonly #waiting: ((call: Call) => void)[] = [];

  push(call: Call): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#calls.push(call);
    else waiting(call);
  }

  next(): Promise<Call> {
    const call = this.#calls.shift();
    if (call !== undefined) return Promise.resolve(call);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("No call came to the far end")), 8000);
      this.#waiting.push((came) => {
        clearTimeout(timer);
        resolve(came);
      });
    });
  }
}
