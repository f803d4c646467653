/**
 * Finds the moment at which everything that a child had written to a pipe by a given time has been
 * read.
 *
 * A pipe cannot be asked how much it holds, but the event loop can: a whole turn of it that brings
 * no data has found the pipe empty. A child that never stops writing would never give such a turn;
 * for it, having read more than a pipe can hold proves the same.
 *
 * @module
 */

/** Calls back after the event loop has looked for input at least once more. */
export type NextTurn = (callback: () => void) => void;

/** Turns without data, the one under way included: so that at least one of them was whole. */
const QUIET_TURNS = 2;

/** More than any pipe or socket pair between us and a child holds, with our own read buffers. */
const PIPE_BYTES_MAX = 1 << 20;

/**
 * Each turn reads all that a pipe holds, or a large buffer full: after so many, the rest is new.
 */
const TURNS_MAX = 64;

interface Waiter {
  readonly done: () => void;
  readonly turn: number;
  readonly bytes: number;
}

/** Counts the turns and bytes of one pipe while somebody waits for it to run empty. */
export class PipeDrain {
  readonly #nextTurn: NextTurn;
  readonly #idle: () => void;
  #waiters: Waiter[] = [];
  #turn = 0;
  #dataTurn = 0;
  #bytes = 0;
  #scheduled = false;

  /** @param idle Called when nobody waits any longer. */
  constructor(nextTurn: NextTurn, idle: () => void) {
    this.#nextTurn = nextTurn;
    this.#idle = idle;
  }

  /** Whether somebody waits: the pipe must be read, whatever back pressure says. */
  get active(): boolean {
    return this.#waiters.length > 0;
  }

  /** Calls back, later, when what is in the pipe now has been read. In the order of the calls. */
  wait(done: () => void): void {
    this.#waiters.push({ done, turn: this.#turn, bytes: this.#bytes });
    this.#schedule();
  }

  /** Data came out of the pipe. */
  received(byteCount: number): void {
    this.#bytes += byteCount;
    this.#dataTurn = this.#turn;
  }

  /** The pipe is closed: nothing more can come, everybody is called back now. */
  finish(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.done();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#nextTurn(() => {
      this.#scheduled = false;
      this.#endTurn();
    });
  }

  #endTurn(): void {
    if (!this.active) return;
    this.#turn++;
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      if (!this.#isDone(first)) return this.#schedule();
      this.#waiters.shift();
      first.done();
    }
    this.#idle();
  }

  #isDone(waiter: Waiter): boolean {
    return this.#turn - Math.max(waiter.turn, this.#dataTurn) >= QUIET_TURNS ||
      this.#bytes - waiter.bytes > PIPE_BYTES_MAX || this.#turn - waiter.turn >= TURNS_MAX;
  }
}
