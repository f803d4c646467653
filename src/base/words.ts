/**
 * Words where they stand in a text: to look at one makes no new one.
 *
 * @module
 */

/** The one of those words that stands from `start` to `end`, letter by letter; `undefined`: none. */
export function findWord(
  text: string,
  start: number,
  end: number,
  words: readonly string[],
): string | undefined {
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    if (word.length === end - start && text.startsWith(word, start)) return word;
  }
  return undefined;
}

/** Tells whether what stands from `start` to `end` is that word, without regard to the case of ASCII. */
export function isSameWord(text: string, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let at = 0; at < word.length; at++) {
    if (lowerCase(text.charCodeAt(start + at)) !== lowerCase(word.charCodeAt(at))) return false;
  }
  return true;
}

function lowerCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}
