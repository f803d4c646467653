/**
 * What is wrong with a peer's session description.
 *
 * @module
 */

/** The peer's text is not a session description that can be used. */
export class SdpParseError extends Error {
  override readonly name = "SdpParseError";
  /** Counted from 1; 0 when the fault is in no line. */
  readonly line: number;
  /** Where that line starts, in characters from the start of the text. */
  readonly offset: number;

  constructor(message: string, at: { readonly line: number; readonly offset: number }) {
    super(message);
    this.line = at.line;
    this.offset = at.offset;
  }
}
