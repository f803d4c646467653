/**
 * What this folder needs of an address in a header. Reading it is left to `sip/message`.
 *
 * @module
 */

/** The value of From, P-Asserted-Identity, Diversion and their like, parsed. */
export interface NameAddrInput {
  /** Without brackets. */
  readonly uri: string;
  /** Unquoted; empty when there is none. */
  readonly displayName: string;
  /** The header's, not the URI's: lower-case names, unquoted values. */
  readonly parameters: { get(name: string): string | undefined };
}

/**
 * Reads an address.
 *
 * @throws When the text is none; whatever is thrown counts as "no such address".
 */
export type ReadNameAddr = (text: string) => NameAddrInput;
