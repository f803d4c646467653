/**
 * The few headers that facts are made from, gathered from a message, and their lists taken apart.
 *
 * What a value means is left to those who ask for it.
 *
 * @module
 */

/** Values that are taken of one header at most, whatever lines they stand in. */
export const HEADER_VALUES_MAX = 32;

/**
 * Takes a list of header values apart: at commas outside quotes and angle brackets. RFC 3261
 * §7.3.1.
 *
 * @returns At most {@linkcode HEADER_VALUES_MAX}, trimmed, without empty ones.
 */
export function splitValues(lines: readonly string[]): readonly string[] {
  const values: string[] = [];
  for (const line of lines) {
    let start = 0;
    while (start < line.length && values.length < HEADER_VALUES_MAX) {
      const end = valueEnd(line, start);
      const value = line.slice(start, end).trim();
      if (value !== "") values.push(value);
      start = end + 1;
    }
  }
  return values;
}

/** A quote or bracket without end takes what is left of the line. */
function valueEnd(line: string, start: number): number {
  let quoted = false;
  let bracketed = false;
  for (let index = start; index < line.length; index++) {
    const unit = line[index];
    if (quoted) {
      if (unit === "\\") index++;
      else if (unit === '"') quoted = false;
    } else if (bracketed) {
      if (unit === ">") bracketed = false;
    } else if (unit === ",") {
      return index;
    } else {
      quoted = unit === '"';
      bracketed = unit === "<";
    }
  }
  return line.length;
}
