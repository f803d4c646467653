/**
 * Guesses what was meant by a word that is unknown.
 *
 * @module
 */

/** Most letters to add, leave out or change between a word and its suggestion. */
export const SUGGESTION_DISTANCE_MAX = 2;

/** Fewest letters that a beginning in common has. */
const BEGINNING_LENGTH_MIN = 4;

/** Longest word that is compared. */
const WORD_LENGTH_MAX = 64;

/**
 * Finds the known word that is nearest to `word`, without regard to case.
 *
 * @returns `undefined` when none is near: a short word must share more than half of its letters.
 */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = SUGGESTION_DISTANCE_MAX + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance * 2 < Math.max(word.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * Finds the known word that begins as `word` does, one of the two being the whole beginning of the
 * other: `barge_in` for `barge`, `record` for `recording`.
 */
export function suggestByBeginning(word: string, known: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  for (const candidate of known) {
    const [short, long] = candidate.length < word.length ? [candidate, lower] : [lower, candidate];
    if (short.length >= BEGINNING_LENGTH_MIN && long.startsWith(short)) return candidate;
  }
  return undefined;
}

/** Writes `, did you mean "handler"?`, or nothing when no known word is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const suggestion = suggest(word, known);
  return suggestion === undefined ? "" : `, did you mean "${suggestion}"?`;
}

/** Counts letters to add, leave out or change; two neighbours swapped count once. */
export function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(
        (previous[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (previous[column - 1] as number) + (same ? 0 : 1),
      );
      if (
        row > 1 && column > 1 && from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1]
      ) {
        cost = Math.min(cost, (beforePrevious[column - 2] as number) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] as number;
}
