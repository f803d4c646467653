/**
 * Why there is no connection, in an operator's words instead of those of the system and of TLS
 * libraries, which differ from one runtime to the other.
 *
 * @module
 */

/** Not every runtime hands on, or can read, the alert that would say more. */
export const BROKEN_OFF = "it broke the handshake off; perhaps it does not trust our certificate";

/** Codes of errors of sockets and of certificates. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
  ETIMEDOUT: "it did not answer in time",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
  EADDRNOTAVAIL: "there is no address of ours to reach it from",
  EMFILE: "this process has too many files open",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for other names",
};

/** What the codes of other errors end with; the first that fits counts. RFC 8446 §6.2 */
const BY_ENDING: readonly (readonly [RegExp, string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY)/,
    "no authority that we trust signs its certificate",
  ],
  [/BAD_PACKET_LENGTH$/, BROKEN_OFF],
  [/WRONG_VERSION_NUMBER$|HTTP_REQUEST$/, "it does not speak TLS"],
  [/UNSUPPORTED_PROTOCOL$|PROTOCOL_VERSION$/, "it speaks another version of TLS"],
  [/NO_SHARED_CIPHER$|HANDSHAKE_FAILURE$/, "it has no cipher in common with us"],
  [/DID_NOT_RETURN_A_CERTIFICATE$/, "it showed no certificate, and has to"],
  [/ALERT_CERTIFICATE_REQUIRED$/, "it wants to see a certificate of ours"],
  [/ALERT_UNKNOWN_CA$/, "it does not trust who signed our certificate"],
  [/ALERT_CERTIFICATE_EXPIRED$/, "to it our certificate has expired"],
  [/ALERT_(?:BAD|UNSUPPORTED)_CERTIFICATE$|ALERT_CERTIFICATE_/, "it does not take our certificate"],
];

/** A time limit of ours has passed. */
export const TOO_SLOW = "it did not answer in time";

/** Says why; `error` is what a socket of any runtime told, if it told anything. */
export function describeFailure(error: unknown): string {
  const { code, message } = Object(error ?? {}) as Partial<Record<"code" | "message", unknown>>;
  // What is wrong with a certificate is an error, or the name of one
  const name = [error, code].find((each): each is string => typeof each === "string") ?? "";
  const known = Object.hasOwn(BY_CODE, name) ? BY_CODE[name] : undefined;
  if (known !== undefined) return known;
  const [, byEnding] = BY_ENDING.find(([ending]) => ending.test(name)) ?? [];
  if (byEnding !== undefined) return byEnding;
  if (typeof message === "string" && message !== "") return message;
  return "it closed the connection";
}

/** Whether a peer has left, which alone is no reason to tell anybody. */
export function hasLeft(error: unknown): boolean {
  return (error as { readonly code?: unknown } | undefined)?.code === "ECONNRESET";
}
