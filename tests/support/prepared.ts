/**
 * What several tests look at, and is dear to make.
 *
 * @module
 */

/** Undoes a step of the making. */
type Release = () => Promise<void> | void;

/**
 * Something that is made when the first test asks for it. When it could not be made, that test
 * fails, all that was held is released, and the next to ask has it made anew: unlike a hook, it can
 * be tried again.
 */
export class Prepared<T> {
  readonly #make: (held: (release: Release) => void) => Promise<T>;
  readonly #releases: Release[] = [];
  #made: Promise<T> | undefined;

  /** @param make Tells `held` after each step how to undo it. */
  constructor(make: (held: (release: Release) => void) => Promise<T>) {
    this.#make = make;
  }

  /** @returns The same for everybody who asks. */
  get(): Promise<T> {
    this.#made ??= this.#tryToMake();
    return this.#made;
  }

  /** Undoes what was made, the last step first. */
  async release(): Promise<void> {
    for (const release of this.#releases.splice(0).reverse()) await release();
    this.#made = undefined;
  }

  async #tryToMake(): Promise<T> {
    try {
      return await this.#make((release) => this.#releases.push(release));
    } catch (problem) {
      await this.release();
      // Who asked has it by now, and nobody else shall
      this.#made = undefined;
      throw problem;
    }
  }
}
