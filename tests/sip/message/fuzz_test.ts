import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SeededRandom } from "../../../src/base/random.ts";
import { createResponse } from "../../../src/sip/message/build.ts";
import { SipHeaders } from "../../../src/sip/message/headers.ts";
import type { SipMessage } from "../../../src/sip/message/message.ts";
import { parseNameAddr, serializeNameAddr } from "../../../src/sip/message/name_addr.ts";
import { parseMessage } from "../../../src/sip/message/parse.ts";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";
import { describeMessage, serializeMessage } from "../../../src/sip/message/serialize.ts";
import { type FramerOutput, StreamFramer } from "../../../src/sip/message/stream_framer.ts";
import { parseSipUri, serializeSipUri, type SipUri } from "../../../src/sip/message/uri.ts";
import type { Parameters } from "../../../src/sip/message/parameters.ts";
import { parseVia, serializeVia, type Via } from "../../../src/sip/message/via.ts";
import { bytesOf, INVITE, OK, textOf } from "./fixtures.ts";
import { vector, VECTOR_NAMES } from "./rfc4475_vectors.ts";

/** Bytes that mean something to the grammar, more likely to hurt than others. */
const POINTED = bytesOf('\r\n\t\0 ,;:=<>"\\()[]@?&%/.0123456789zSIP').values().toArray();
const SEEDS = [bytesOf(INVITE), bytesOf(OK), ...VECTOR_NAMES.map(vector)];

/** Changes, inserts, removes or repeats up to eight pieces of some bytes. */
function mutate(original: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = [...original];
  const below = (limit: number) => Math.floor(random.nextUnit() * limit);
  for (let left = 1 + below(8); left > 0; left--) {
    const at = below(bytes.length + 1);
    const byte = below(4) === 0 ? below(256) : POINTED[below(POINTED.length)] as number;
    switch (below(5)) {
      case 0:
        bytes[at] = byte;
        break;
      case 1:
        bytes.splice(at, 0, byte);
        break;
      case 2:
        bytes.splice(at, 1 + below(6));
        break;
      case 3:
        bytes.splice(below(bytes.length + 1), 0, ...bytes.slice(at, at + below(40)));
        break;
      default:
        bytes.length = Math.max(1, below(8) === 0 ? at : bytes.length);
    }
  }
  return Uint8Array.from(bytes);
}

/** Runs `run`; throws on unless it is the peer's fault. */
function tolerate<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

/** Asks for everything that a layer above may ask for. */
function look({ headers }: SipMessage): void {
  for (const key of ["via", "from", "to", "cseq", "callId", "contact"] as const) {
    tolerate(() => headers[key]);
  }
  tolerate(() => headers.vias());
  headers.recordRoutes.forEach((route) => tolerate(() => parseNameAddr(route)));
  for (const uri of [headers.get("Contact") ?? "", headers.from.uri]) {
    const parsed = tolerate(() => parseSipUri(uri));
    if (parsed !== undefined) serializeSipUri(parsed);
  }
}

function shapeOf(message: SipMessage) {
  const headers = [...message.headers.entries()].filter(([name]) =>
    !/^(content-length|l)$/i.test(name)
  );
  return { ...message, headers, body: [...message.body] };
}

/** What must hold for any bytes at all. Tells whether they were a message. */
function checkBytes(bytes: Uint8Array): boolean {
  let message: SipMessage;
  try {
    message = parseMessage(bytes);
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    expect(error.offset).toBeGreaterThan(-1);
    expect(error.offset).toBeLessThan(bytes.length + 3);
    if (error.request === undefined) return false;
    const response = createResponse(error.request, error.statusCode, { toTag: "t" });
    expect(response.headers.via.host).not.toBe("");
    serializeMessage(response);
    return false;
  }
  look(message);
  describeMessage(message);
  const again = parseMessage(serializeMessage(message));
  expect(shapeOf(again)).toEqual(shapeOf(message));
  if (message.type === "request") {
    const answer = serializeMessage(createResponse(message, 200, { toTag: "t" }));
    expect(parseMessage(answer).headers.to.tag).toBe(message.headers.to.tag ?? "t");
  }
  return true;
}

describe("mutated messages", () => {
  test("throw nothing but SipParseError, and come through serializing unchanged", () => {
    let parsed = 0;
    for (let seed = 1; seed <= 3_000; seed++) {
      const random = new SeededRandom(seed * 7_919);
      random.nextUint32();
      const original = SEEDS[seed % SEEDS.length] as Uint8Array;
      const bytes = mutate(original, random);
      try {
        if (checkBytes(bytes)) parsed++;
      } catch (error) {
        throw new Error(`Seed ${seed}: ${JSON.stringify(textOf(bytes))}`, { cause: error });
      }
    }
    // Most mutations hit a body, an unknown header or a token: both outcomes are exercised
    expect(parsed).toBeGreaterThan(300);
    expect(parsed).toBeLessThan(2_700);
  });

  test("every prefix of a message is one or the other", () => {
    for (let length = 0; length <= INVITE.length; length++) {
      checkBytes(bytesOf(INVITE.slice(0, length)));
    }
  });

  test("random bytes are no message", () => {
    const random = new SeededRandom(4475);
    for (let count = 0; count < 300; count++) {
      const bytes = new Uint8Array(count);
      random.fill(bytes);
      expect(checkBytes(bytes)).toBe(false);
    }
  });
});

describe("the framer", () => {
  /** Outputs, and the fault that ended the stream, of a stream that comes in pieces. */
  function frame(bytes: Uint8Array, pieceBytes: () => number): string {
    const framer = new StreamFramer();
    const outputs: FramerOutput[] = [];
    for (let at = 0; at < bytes.length && framer.failure === undefined;) {
      const end = at + pieceBytes();
      outputs.push(...tolerate(() => framer.receive(bytes.subarray(at, end))) ?? []);
      at = end;
    }
    const shown = outputs.map((one) => one.type === "ping" ? "ping" : textOf(one.bytes));
    return JSON.stringify([shown, framer.failure?.message]);
  }

  test("gives the same whatever the split", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = new SeededRandom(seed * 104_729);
      const whole = bytesOf(`${INVITE}\r\n\r\n${OK}\r\n${INVITE}`);
      const bytes = seed % 3 === 0 ? whole : mutate(whole, random);
      const expected = frame(bytes, () => bytes.length);
      expect(frame(bytes, () => 1)).toBe(expected);
      expect(frame(bytes, () => 1 + Math.floor(random.nextUnit() * 400))).toBe(expected);
    }
  });
});

/** With the parameters as a list, to be compared. */
function spread<Value extends { readonly parameters: Parameters }>(value: Value) {
  return { ...value, parameters: [...value.parameters] };
}

describe("round trips of values", () => {
  const text = fc.string({ unit: "binary", maxLength: 12 })
    .map((one) => one.replace(/[\r\n]/g, "").toWellFormed());
  const token = fc.stringMatching(/^[A-Za-z0-9.!%*_+`'~-]{1,12}$/);
  const name = token.map((one) => one.toLowerCase());
  const port = fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined });
  const host = fc.oneof(
    fc.stringMatching(/^[a-z][a-z0-9-]{0,8}(\.[a-z]{1,4})?$/),
    fc.ipV4(),
    fc.constant("2001:db8::1"),
  );
  const options = { seed: 3261, numRuns: 300 };

  test("SIP URIs", () => {
    const full = text.filter((one) => one !== "");
    const uri: fc.Arbitrary<SipUri> = fc.record({
      scheme: fc.constantFrom("sip" as const, "sips" as const),
      user: full,
      password: fc.option(text, { nil: undefined }),
      host,
      port,
      parameters: fc.array(fc.tuple(name, fc.option(full, { nil: undefined })), { maxLength: 4 })
        .map((pairs) => new Map(pairs)),
      headers: fc.constantFrom(undefined, "a=b&c=%20d"),
    });
    fc.assert(
      fc.property(uri, (value) => {
        expect(spread(parseSipUri(serializeSipUri(value)))).toEqual(spread(value));
      }),
      options,
    );
  });

  test("name-addr", () => {
    const parameters = fc.array(fc.tuple(name, fc.option(text, { nil: undefined })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(text, parameters, fc.option(token, { nil: undefined }), (display, pairs, tag) => {
        const map = new Map(pairs);
        map.delete("tag");
        if (tag !== undefined) map.set("tag", tag);
        const value = { displayName: display, uri: "sip:a@b;lr", parameters: map, tag };
        expect(spread(parseNameAddr(serializeNameAddr(value)))).toEqual(spread(value));
        const headers = new SipHeaders([["To", serializeNameAddr(value)]]);
        expect(spread(headers.to)).toEqual(spread(value));
      }),
      options,
    );
  });

  test("Via", () => {
    const value = fc.record({
      transport: token.map((one) => one.toUpperCase()),
      host,
      port,
      branch: fc.option(token, { nil: undefined }),
      received: fc.option(fc.oneof(fc.ipV4(), fc.constant("::1")), { nil: undefined }),
      rport: fc.option(fc.oneof(fc.constant(true as const), fc.integer({ min: 0, max: 65_535 })), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(value, (fields) => {
        const via: Via = { ...fields, parameters: new Map() };
        const read = parseVia(serializeVia(via));
        expect({ ...read, parameters: via.parameters }).toEqual(via);
        expect(spread(parseVia(serializeVia(read)))).toEqual(spread(read));
      }),
      options,
    );
  });
});
