import process from "node:process";
import { describe, expect, test } from "bun:test";
import { createResponse } from "../../../src/sip/message/build.ts";
import { parseCSeq } from "../../../src/sip/message/cseq.ts";
import { SipHeaders } from "../../../src/sip/message/headers.ts";
import { SIP_LIMITS } from "../../../src/sip/message/limits.ts";
import { parseNameAddr } from "../../../src/sip/message/name_addr.ts";
import { parseMessage } from "../../../src/sip/message/parse.ts";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";
import { describeMessage } from "../../../src/sip/message/serialize.ts";
import { StreamFramer } from "../../../src/sip/message/stream_framer.ts";
import { parseSipUri, uriParts } from "../../../src/sip/message/uri.ts";
import { parseVia, stampTopVia } from "../../../src/sip/message/via.ts";
import {
  bytesOf,
  INVITE,
  INVITE_LINES,
  inviteAnd,
  inviteWith,
  parseRequest,
  wire,
} from "./fixtures.ts";

const LENGTH = 65_536;
/**
 * Work that grows with the square of the length takes seconds; what is linear, a few milliseconds.
 */
const BOUND_MS = 400;

const PIECES = [
  ...[
    ",",
    '"',
    " ",
    "(",
    ")",
    "()",
    "<",
    ">",
    "<>",
    ";",
    "=",
    "\\",
    "%",
    "%80",
    "@",
    ":",
    "[",
    "/",
  ],
  ...[
    "?",
    "&",
    "\t",
    "a",
    "0",
    ";a",
    ";a=",
    ';a="',
    '\\"',
    "\r\n ",
    "\r\n",
    "\r",
    "\n",
    "ä",
    "(\\",
  ],
  ...[", ", " ;", "a:", "a=b&", "::", "SIP/2.0/UDP a,", "<sip:a@b>,", '"a" ', "%41"],
];

/** Milliseconds of the processor: how long it takes beside others says nothing. */
function elapsed(run: () => unknown): number {
  const start = process.cpuUsage();
  try {
    run();
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function fill(piece: string): string {
  return piece.repeat(Math.ceil(LENGTH / piece.length)).slice(0, LENGTH);
}

describe("64 KiB of one thing", () => {
  test.each(PIECES)("%j costs every parser of a value a bounded time", (piece) => {
    const long = fill(piece);
    const oneLine = long.replace(/[\r\n]/g, "x");
    const runs: (() => unknown)[] = [
      () => parseNameAddr(long),
      () => parseNameAddr(`<sip:a@b>${long}`),
      () => parseNameAddr(`"${long}`),
      () => parseNameAddr(`<sip:a@b>;a="${long}`),
      () => parseVia(long),
      () => parseVia(`SIP/2.0/UDP a${long}`),
      () => parseSipUri(`sip:${long}`),
      () => parseSipUri(`sip:${long}@h`),
      () => parseSipUri(`sip:a@h${long}`),
      () => parseSipUri(`sip:a@h;x=${long}`),
      () => uriParts(`sip:${long}`),
      () => parseCSeq(long),
      () => new SipHeaders([["Accept", oneLine]]).values("Accept"),
      () => new SipHeaders([["Via", oneLine]]).vias(),
      () => {
        const headers = new SipHeaders([["Via", oneLine]]);
        stampTopVia(headers, { received: "192.0.2.7", rport: 5060 });
      },
      () => {
        const request = parseRequest(INVITE);
        createResponse({ ...request, headers: request.headers.clone().set("To", oneLine) }, 400, {
          toTag: "t",
        });
      },
      () => describeMessage({ ...parseRequest(INVITE), requestUri: long }),
    ];
    for (const run of runs) expect(elapsed(run)).toBeLessThan(BOUND_MS);
  });

  test.each(PIECES)("%j costs the parser and the framer of messages a bounded time", (piece) => {
    const limits = {
      messageBytesMax: 1 << 20,
      bodyBytesMax: 1 << 20,
      requestUriBytesMax: 1 << 20,
      headersMax: 1 << 20,
      headerBytesMax: 1 << 20,
    };
    const long = fill(piece);
    const texts = [
      long,
      `INVITE ${long} SIP/2.0\r\n\r\n`,
      inviteAnd(`X: ${long}`),
      inviteAnd(long),
      ...["Via", "From", "To", "CSeq", "Call-ID"].map((name) =>
        inviteWith(name, `${name}: ${long}`)
      ),
      inviteWith("Via", `Via: SIP/2.0/UDP a;${long}`),
      inviteWith("To", `To: <sip:a@b>${long}`),
    ];
    for (const bytes of texts.map(bytesOf)) {
      expect(elapsed(() => parseMessage(bytes))).toBeLessThan(BOUND_MS);
      expect(elapsed(() => parseMessage(bytes, { limits }))).toBeLessThan(BOUND_MS);
      expect(elapsed(() => new StreamFramer(limits).receive(bytes))).toBeLessThan(BOUND_MS);
    }
  });

  test("a stream that comes byte by byte costs a bounded time", () => {
    const bytes = bytesOf(wire([...INVITE_LINES.slice(0, -1), `X: ${"x\r\n ".repeat(10_000)}`]));
    const framer = new StreamFramer({ ...SIP_LIMITS, messageBytesMax: 1 << 20 });
    const drip = () => bytes.forEach((byte) => framer.receive(Uint8Array.of(byte)));
    expect(elapsed(drip)).toBeLessThan(BOUND_MS);
  });
});
