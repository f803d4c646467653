/**
 * The Via header: where a request has been and its responses go. RFC 3261 §18.2, §20.42; RFC 3581.
 *
 * Which address a response is sent to is left to `sip/transport`.
 *
 * @module
 */

import { formatHost } from "../../base/socket_address.ts";
import type { SipHeaders } from "./headers.ts";
import { CLASS, parseScalar, scanScalar, skipClass, skipListValue, skipSpace } from "./grammar.ts";
import { scanHost } from "./host.ts";
import {
  type Parameters,
  scanParameters,
  serializeParameter,
  serializeParameters,
} from "./parameters.ts";
import { SipParseError } from "./parse_error.ts";

/** One Via value. */
export interface Via {
  /** Upper case, as sent: `UDP`, `TCP`, or one that nobody knows. */
  readonly transport: string;
  /** The sent-by host; an IPv6 address without brackets. */
  readonly host: string;
  /** The sent-by port, when written. */
  readonly port: number | undefined;
  readonly branch: string | undefined;
  /** An address without brackets. */
  readonly received: string | undefined;
  /** `true` when asked for (`;rport`), a number when filled in. RFC 3581 §3, §4. */
  readonly rport: number | true | undefined;
  /** As they were read, `branch`, `received` and `rport` too: of those the fields hold. */
  readonly parameters: Parameters;
}

/**
 * Reads one Via value. The protocol's name and version are not looked at.
 *
 * @throws SipParseError also when a comma and another value follow.
 */
export function parseVia(text: string): Via {
  const { via, end } = scanVia(text, 0);
  if (end < text.length) throw new SipParseError("Via does not end here", { offset: end });
  return via;
}

/**
 * Reads the first Via value of a line of one or more.
 *
 * @throws SipParseError
 */
export function parseFirstVia(text: string): Via {
  const { via, end } = scanVia(text, 0);
  if (end < text.length && text.charCodeAt(end) !== 0x2c) {
    throw new SipParseError("Via does not end here", { offset: end });
  }
  return via;
}

function scanVia(text: string, start: number): { via: Via; end: number } {
  let at = skipProtocolPart(text, skipProtocolPart(text, start));
  const transportEnd = skipClass(text, at, CLASS.token);
  const hostStart = skipSpace(text, transportEnd);
  if (transportEnd === at || hostStart === transportEnd) {
    throw new SipParseError("Via has no transport and sent-by", { offset: at });
  }
  const transport = text.startsWith("UDP ", at)
    ? "UDP"
    : text.slice(at, transportEnd).toUpperCase();
  const host = scanHost(text, hostStart);
  at = skipSpace(text, host.end);
  let port: number | undefined;
  if (text.charCodeAt(at) === 0x3a) {
    const portStart = skipSpace(text, at + 1);
    at = skipClass(text, portStart, CLASS.token);
    port = scanScalar(text, portStart, at, { what: "Via port", max: 65_535 });
  }
  const { parameters, end } = scanParameters(text, at);
  return { via: makeVia({ transport, host: host.host, port, parameters }), end };
}

/** Skips `token SLASH`, white space included. */
function skipProtocolPart(text: string, start: number): number {
  const tokenStart = skipSpace(text, start);
  const tokenEnd = skipClass(text, tokenStart, CLASS.token);
  const slash = skipSpace(text, tokenEnd);
  if (tokenEnd === tokenStart || text.charCodeAt(slash) !== 0x2f) {
    throw new SipParseError('Via does not begin with "SIP/2.0/" and a transport', {
      offset: tokenStart,
    });
  }
  return skipSpace(text, slash + 1);
}

function makeVia(
  { transport, host, port, parameters }: Pick<Via, "transport" | "host" | "port" | "parameters">,
): Via {
  const branch = parameters.get("branch");
  let received = parameters.get("received");
  if (received?.startsWith("[")) received = received.slice(1, -1);
  let rport: number | true | undefined;
  if (parameters.has("rport")) {
    const text = parameters.get("rport");
    rport = text === undefined ? true : parseScalar(text, { what: "rport", max: 65_535 });
  }
  return { transport, host, port, branch, received, rport, parameters };
}

/**
 * Writes one Via value. `branch`, `received` and `rport` are written as the fields say, at the
 * places where `parameters` holds them, else at the end: `{ ...via, received: "192.0.2.1" }` does
 * what it looks like.
 */
export function serializeVia(via: Via): string {
  const { transport, host, port } = via;
  let text = `SIP/2.0/${transport} ${formatHost(host)}`;
  if (port !== undefined) text += `:${port}`;
  return text + serializeParameters(parametersOf(via));
}

/** The parameters, with the fields as they are said beside them. */
function parametersOf(via: Via): Parameters {
  const parameters = new Map<string, string | undefined>();
  for (const [name, value] of via.parameters) {
    if (isField(name)) setField(parameters, name, via[name]);
    else parameters.set(name, value);
  }
  for (const name of FIELDS) if (!parameters.has(name)) setField(parameters, name, via[name]);
  return parameters;
}

const FIELDS = ["branch", "received", "rport"] as const;
type ViaField = typeof FIELDS[number];

function isField(name: string): name is ViaField {
  return name === "branch" || name === "received" || name === "rport";
}

function setField(
  parameters: Map<string, string | undefined>,
  name: ViaField,
  value: string | number | true | undefined,
): void {
  if (value === undefined) return;
  parameters.set(name, value === true ? undefined : `${value}`);
}

/** Where a request came from, as its topmost Via is told. */
export interface Source {
  readonly received: string;
  /** `undefined` when it was not asked for. */
  readonly rport: number | undefined;
}

/**
 * Notes in the topmost Via value alone where the request came from, also where several share a
 * line. RFC 3261 §18.2.1, RFC 3581 §4.
 *
 * @throws SipParseError when the topmost Via is missing or malformed, TypeError when `received`
 * holds what would break the header.
 */
export function stampTopVia(headers: SipHeaders, source: Source): void {
  const { transport, host, port, branch, rport, received, parameters } = headers.via;
  const stamped = { transport, host, port, branch, ...source, parameters };
  const line = headers.get("Via") as string;
  const end = skipListValue(line, 0);
  const text = received === undefined && rport !== undefined
    ? insertSource(line, end, source)
    : undefined;
  headers.replaceFirst("Via", (text ?? serializeVia(stamped)) + line.slice(end), stamped);
}

/**
 * The value as it is, filled in: most are of this kind, `;rport` and no `received`.
 *
 * @returns `undefined` where that takes a closer look at the parameters.
 */
function insertSource(line: string, end: number, { received, rport }: Source): string | undefined {
  const at = line.indexOf(RPORT) + RPORT.length;
  const next = line.charCodeAt(at);
  if (at < RPORT.length || at > end || (at < end && next !== SEMICOLON)) return undefined;
  // In a quoted string it would be another parameter's value
  if (line.includes('"')) return undefined;
  const rest = `${line.slice(at, end)}${serializeParameter("received", received)}`;
  return `${line.slice(0, at)}=${rport}${rest}`;
}

const RPORT = ";rport";
const SEMICOLON = 0x3b;
