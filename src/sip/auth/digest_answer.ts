/**
 * What somebody answers to our challenge, as far as it has to be read. RFC 7616 §3.4, RFC 3261
 * §20.7.
 *
 * @module
 */

import type { SipRequest } from "../message/message.ts";
import { SipParseError } from "../message/parse_error.ts";
import { uriParts } from "../message/uri.ts";
import { type AuthParameters, parseAuthValues } from "./auth_value.ts";
import { type DigestAlgorithm, digestAlgorithm } from "./digest.ts";

/** The parameters of an Authorization, checked for their form. */
export interface DigestAnswer {
  readonly username: string;
  readonly nonce: string;
  readonly uri: string;
  /** In lower case. */
  readonly response: string;
  readonly cnonce: string;
  /** As written: the response is computed from it. */
  readonly nc: string;
  /** The value of `nc`. */
  readonly count: number;
  readonly algorithm: DigestAlgorithm;
}

/** More lines than anybody honest has realms. */
const LINES_MAX = 8;

/**
 * Finds the answer to a challenge of ours among the Authorization lines of a request. Other schemes
 * and realms are somebody else's. RFC 3261 §22.3
 *
 * @returns `undefined` when there is none.
 * @throws SipParseError for an answer of our realm that lacks something, and, when none is of our
 * realm, for a line that cannot be read.
 */
export function findAnswer(request: SipRequest, realm: string): DigestAnswer | undefined {
  let unreadable: SipParseError | undefined;
  for (const line of request.headers.getAll("Authorization").slice(0, LINES_MAX)) {
    let parameters: AuthParameters | undefined;
    try {
      parameters = digestParameters(line);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      unreadable ??= error;
    }
    if (parameters?.get("realm") === realm) return readAnswer(parameters);
  }
  if (unreadable !== undefined) throw unreadable;
  return undefined;
}

function digestParameters(line: string): AuthParameters | undefined {
  // Basic and Bearer have no parameters that this grammar reads
  if (!/^\s*digest\s/i.test(line)) return undefined;
  const [value, other] = parseAuthValues(line);
  // §20.7: one line has the credentials of one realm
  if (other !== undefined) throw new SipParseError("Authorization has two values on one line");
  return value?.parameters;
}

function readAnswer(parameters: AuthParameters): DigestAnswer {
  const algorithmName = parameters.get("algorithm");
  const algorithm = digestAlgorithm(algorithmName);
  if (algorithm === undefined) throw new SipParseError("Algorithm is unknown");
  // RFC 8760 §2.6: qop is not left out; without it nothing keeps a request from being repeated
  if (required(parameters, "qop").toLowerCase() !== "auth") {
    throw new SipParseError('Parameter "qop" is not "auth"');
  }
  const nc = required(parameters, "nc");
  return {
    username: required(parameters, "username"),
    nonce: required(parameters, "nonce"),
    uri: required(parameters, "uri"),
    response: required(parameters, "response").toLowerCase(),
    cnonce: required(parameters, "cnonce"),
    nc,
    count: readCount(nc),
    algorithm,
  };
}

function required(parameters: AuthParameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw new SipParseError(`Parameter "${name}" is missing`);
  return value;
}

/** DEVIATION §25.1: fewer than 8 digits are taken, as some phones write `nc=1`. */
function readCount(nc: string): number {
  if (/^[0-9a-f]{1,8}$/i.test(nc)) return Number.parseInt(nc, 16);
  throw new SipParseError('Parameter "nc" is not a nonce count');
}

/**
 * Tells whether an answer was made for a request: its `uri` is the Request-URI, or names the same
 * user at the same host, whatever port and parameters either has.
 *
 * RFC 3261 §22.4 leaves the check to the server, since proxies aim requests anew: a `uri` that To
 * has is as good. Phones that leave out the user in it are let through too.
 */
export function isForRequest(uri: string, request: SipRequest): boolean {
  if (uri === request.requestUri) return true;
  const written = uriParts(uri);
  if (written.host === "" && written.user === "") return false;
  return isSameTarget(written, request.requestUri) ||
    isSameTarget(written, request.headers.to.uri);
}

function isSameTarget(written: { user: string; host: string }, uri: string): boolean {
  const { user, host } = uriParts(uri);
  return (written.user === user || written.user === "") &&
    written.host.toLowerCase() === host.toLowerCase();
}
