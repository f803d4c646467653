/**
 * What may come from a web server, and what is said of what is none: codings, frames of responses,
 * TLS.
 *
 * @module
 */

import zlib from "node:zlib";
import type { HttpRequest } from "../../src/runtime/client_ports.ts";
import type { Runtime, TlsClientOptions } from "../../src/runtime/ports.ts";
import { type Holder, tlsIdentity, tlsText } from "../support/tls_fixtures.ts";
import { type Check, holds, same, until, wait } from "./check.ts";
import { RawServer, response, Told } from "./http_line.ts";

const OK = "HTTP/1.1 200 OK\r\n";

/** What comes of a request that is answered so. */
async function answered(
  runtime: Runtime,
  said: string | Uint8Array,
  { close = false, ...request }: Partial<HttpRequest> & { readonly close?: boolean } = {},
): Promise<Told> {
  const server = await RawServer.start(({ socket }) => {
    if (close) socket.end(said);
    else socket.write(said);
    return undefined;
  });
  const told = new Told(runtime, { url: server.url(), ...request });
  await told.outcome();
  same(told.untimely, 0);
  server.close();
  return told;
}

function coded(coding: string, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(
    `${OK}Content-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

/** What a client of a TLS server is told. */
async function secured(
  runtime: Runtime,
  own: Partial<Omit<TlsClientOptions, "serverName">>,
  holder: Holder = "server",
  host = "localhost",
): Promise<string> {
  const { certificate: cert, key } = tlsIdentity(holder);
  const server = await RawServer.start(() => response("ok"), { cert, key });
  const told = new Told(runtime, {
    url: server.url("/", "https", host),
    tls: { ca: tlsText("ca.pem"), verify: true, ...own },
  });
  const outcome = await told.outcome();
  server.close();
  return outcome;
}

/** The checks, by name. */
export const HTTP_RESPONSE_CHECKS: Readonly<Record<string, Check>> = {
  "http: content codings are undone": async (runtime) => {
    const plain = new TextEncoder().encode("hello ".repeat(100));
    const expected = `200 ${"hello ".repeat(100)}`;
    const codings: readonly (readonly [string, Uint8Array])[] = [
      ["gzip", zlib.gzipSync(plain)],
      ["x-gzip", zlib.gzipSync(plain)],
      ["deflate", zlib.deflateSync(plain)],
      ["br", zlib.brotliCompressSync(plain)],
      ["identity", plain],
      ["gzip, BR", zlib.brotliCompressSync(zlib.gzipSync(plain))],
    ];
    for (const [coding, body] of codings) {
      const told = await answered(runtime, coded(coding, body));
      same([coding, await told.outcome()], [coding, expected]);
    }
    const empty = await answered(runtime, coded("gzip", new Uint8Array(0)));
    same(await empty.outcome(), "200 ");
    const head = await answered(runtime, `${OK}Content-Encoding: gzip\r\n\r\n`, { method: "HEAD" });
    same(await head.outcome(), "200 ");
  },

  "http: what is not compressed as it says is no response": async (runtime) => {
    const broken = await answered(runtime, coded("gzip", new TextEncoder().encode("not gzip")));
    same(broken.why, "its response is not compressed as it says");
    const unknown = await answered(runtime, coded("zstd", new Uint8Array(9)));
    holds(/did not ask for$/.test(unknown.why ?? ""), `"${unknown.why}" says why`);
    const deep = await answered(runtime, coded("gzip, gzip, gzip", new Uint8Array(9)));
    holds(/did not ask for$/.test(deep.why ?? ""), `"${deep.why}" says why`);
  },

  "http: a bomb comes in pieces, and can be left alone": async (runtime) => {
    const bomb = zlib.gzipSync(new Uint8Array(64 << 20));
    const server = await RawServer.start(() => coded("gzip", bomb));
    const told = new Told(runtime, { url: server.url() });
    told.reading = () => {
      if (told.bytes > 1 << 20) told.exchange.abort();
    };
    const paused = new Told(runtime, { url: server.url() });
    paused.reading = () => paused.exchange.pause();
    await until(() => told.bytes > 1 << 20 && paused.bytes > 0, "some of both is here");
    await wait(50);
    for (const { bytes, largest } of [told, paused]) {
      holds(bytes < 2 << 20, `${bytes} is not all of it`);
      holds(largest <= 64 << 10, `${largest} is a piece`);
    }
    paused.exchange.abort();
    server.close();
  },

  "http: RFC 9112 §6.3 knows where a response ends": async (runtime) => {
    const chunked = `${OK}Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX-T: 1\r\n\r\n`;
    same(await (await answered(runtime, chunked)).outcome(), "200 ok");
    const until = await answered(runtime, "HTTP/1.0 200 OK\r\n\r\nok", { close: true });
    same(await until.outcome(), "200 ok");
    const none = await answered(runtime, "HTTP/1.1 204 No Content\r\n\r\n");
    same(await none.outcome(), "204 ");
    const early = `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${response("ok")}`;
    same(await (await answered(runtime, early)).outcome(), "200 ok");
    const moved = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    const redirection = await answered(runtime, moved);
    same([await redirection.outcome(), redirection.headers["location"]], ["302 ", "/x"]);
  },

  "http: says what is wrong with a response": async (runtime) => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["", /^it closed the connection without a response$/],
      ["SIP/2.0 400 Bad Request\r\n\r\n", /no proper HTTP/],
      [`${OK}Content-Length: 9\r\n\r\nok`, /in the middle of its response$/],
      [`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`, /in the middle of its response$/],
      [`${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n`, /no proper HTTP|in the middle/],
      [`${OK}X: ${"a".repeat(100_000)}\r\n\r\n`, /^the head of its response is too long$/],
      [
        `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
        /no proper HTTP/,
      ],
      ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", /./],
    ];
    for (const [said, expected] of cases) {
      const { why = "(nothing)" } = await answered(runtime, said, { close: true });
      holds(expected.test(why), `${said.slice(0, 60)}: "${why}" is ${expected}`);
    }
  },

  "http: says why there is no connection": async (runtime) => {
    const server = await RawServer.start(() => response("ok"));
    const url = server.url();
    server.close();
    same(await new Told(runtime, { url }).outcome(), "nothing listens there");
    const nobody = new Told(runtime, { url: "http://nobody.invalid/" });
    same(await nobody.outcome(), "it has no address");
    const silent = await RawServer.start(() => undefined);
    const slow = new Told(runtime, { url: silent.url("/", "https"), timeout: 80 });
    same(await slow.outcome(), "it did not answer in time");
    silent.close();
    const plain = await RawServer.start(() => response("ok"));
    const late = { url: plain.url("/", "https"), timeout: 80 };
    const noTls = await new Told(runtime, late).outcome();
    holds(/did not answer in time|does not speak TLS|closed the connection/.test(noTls), noTls);
    plain.close();
  },

  "http: a request that cannot be sent fails, and shows nothing of itself": async (runtime) => {
    const secret = "s3cr3t\r\nEvil: 1";
    const url = "http://127.0.0.1:9/";
    const header = await new Told(runtime, { url, headers: { "X-Key": secret } }).outcome();
    const name = await new Told(runtime, { url, headers: { "s3cr3t name": "x" } }).outcome();
    const address = await new Told(runtime, { url: "http://s3cr3t:x@:9/" }).outcome();
    same(header, "a header of the request has a character that it cannot have");
    same(name, header);
    same(address, "its URL cannot be read");
  },

  "https: trusts whom it is told to, by the name of the URL": async (runtime) => {
    same(await secured(runtime, {}), "200 ok");
    same(await secured(runtime, {}, "server", "127.0.0.1"), "200 ok");
    same(await secured(runtime, {}, "other_name"), "its certificate is for other names");
    same(await secured(runtime, { verify: false }, "other_name"), "200 ok");
    const distrusted = "no authority that we trust signs its certificate";
    same(await secured(runtime, {}, "foreign"), distrusted);
    same(await secured(runtime, { ca: undefined }), distrusted);
    const expired = await secured(runtime, {}, "expired");
    holds(/has expired$|^no authority/.test(expired), expired);
    const material = await secured(runtime, { ca: "nonsense" });
    holds(/^Cannot read the ca/.test(material), material);
  },

  "https: shows a certificate, and keeps its connections apart by it": async (runtime) => {
    const { certificate: cert, key } = tlsIdentity("server");
    const ca = tlsText("ca.pem");
    const asking = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
    const server = await RawServer.start(({ socket }) => {
      const { subject } = (socket as import("node:tls").TLSSocket).getPeerCertificate();
      return response(String(subject?.CN ?? "nobody"));
    }, asking);
    const url = server.url("/", "https", "localhost");
    const tls = { ca, verify: true };
    const unknown = await new Told(runtime, { url, tls }).outcome();
    const identity = tlsIdentity("client");
    const known = await new Told(runtime, { url, tls: { ...tls, identity } }).outcome();
    same([unknown, known === unknown, server.connections], ["200 nobody", false, 2]);
    server.close();
  },
};
