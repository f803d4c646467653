import { describe, expect, test } from "bun:test";
import { createServer } from "node:tls";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { tlsIdentity } from "../support/tls_fixtures.ts";
import {
  callHostile,
  expectSorry,
  HELLO,
  type HostileOptions,
  type HostileOutcome,
  pour,
  SECRETS,
  serveRaw,
  wavFile,
  wavOf,
} from "./hostile/hostile_call.ts";

/** For each request, in most of these tests. */
const TIMEOUT_MS = 400;
/** From a limit to the sound that ends the silence, on a machine that does much else. */
const SLACK_MS = 500;
const CALL_TIMEOUT_MS = 20_000;

/** Answers one request; `path` is that of it, `count` how many there were before. */
type Answer = (socket: Socket, path: string, count: number) => void;

interface WebOptions extends Omit<HostileOptions, "route"> {
  /** More keys of the handler. */
  readonly webhook?: Readonly<Record<string, unknown>>;
  readonly route?: Readonly<Record<string, unknown>>;
}

/** A call to a web server that answers by hand. */
async function callWeb(answer: Answer, options: WebOptions = {}): Promise<HostileOutcome> {
  const { route, webhook, ...more } = options;
  let count = 0;
  const server = await serveRaw((socket) => {
    socket.on("data", (data: Buffer) => {
      const path = /^(?:POST|GET) (\S+) HTTP/.exec(data.toString("latin1"))?.[1];
      if (path !== undefined) answer(socket, path, count++);
    });
  });
  const { auth_token, credentials, headers, query, secret } = SECRETS;
  const isTwilio = webhook?.["protocol"] === "twilio";
  try {
    return await callHostile({
      ...more,
      route: {
        webhook: {
          url: `http://${credentials}@127.0.0.1:${server.port}/voice?${query}`,
          headers,
          timeout: `${TIMEOUT_MS}ms`,
          retries: 0,
          ...(isTwilio ? { auth_token } : { secret }),
          ...webhook,
        },
        ...route,
      },
    });
  } finally {
    await server.close();
  }
}

/** A whole response. */
function response(
  body: Uint8Array | string,
  { status = "200 OK", headers = [] }: {
    readonly status?: string;
    readonly headers?: readonly string[];
  } = {},
): Buffer {
  const bytes = Buffer.from(body as string);
  const head = [`HTTP/1.1 ${status}`, `Content-Length: ${bytes.length}`, ...headers, "", ""];
  return Buffer.concat([Buffer.from(head.join("\r\n")), bytes]);
}

const say = (...pieces: readonly (Uint8Array | string)[]): Answer => (socket) => {
  for (const piece of pieces) socket.write(piece);
};

const json = (value: unknown) => response(JSON.stringify(value));
const found = (location: string) =>
  response("", { status: "302 Found", headers: [`Location: ${location}`] });

const drip: Answer = (socket) => {
  const bytes = response("[]");
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at >= bytes.length) clearInterval(timer);
    else socket.write(bytes.subarray(at, ++at));
  }, 30);
};

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

describe("a web server that", () => {
  const FAILURES: readonly (readonly [string, Answer, string])[] = [
    ["never answers", () => {}, "did not answer in time"],
    ["answers byte by byte", drip, "in time"],
    ["closes without a word", (socket) => void socket.end(), "closed the connection"],
    ["is reset in the middle", (socket) => {
      socket.write(`${OK}Content-Length: 100\r\n\r\n[`, () => socket.resetAndDestroy());
    }, "Cannot get an answer"],
    ["ends too early", (socket) => {
      socket.end(`${OK}Content-Length: 100\r\n\r\n[]`);
    }, "Cannot get an answer"],
    ["has a length that is none", say(`${OK}Content-Length: -5\r\n\r\n[]`), "Cannot get an answer"],
    [
      "has two lengths",
      say(`${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]`),
      "Cannot get an answer",
    ],
    ["has chunks that are none", say(`${CHUNKED}zz\r\n[]\r\n`), "Cannot get an answer"],
    ["speaks another protocol", say("220 mail.example ESMTP\r\n"), "Cannot get an answer"],
    ["redirects in a circle", say(found("/again")), "redirects once more"],
    ["redirects to where nobody may go", say(found("http://127.0.0.2:9/")), '"http.targets"'],
    ["redirects to a file", say(found("file:///etc/passwd")), "does not begin with http://"],
    [
      "sends a bomb",
      say(response(gzipSync(new Uint8Array(64 << 20)), { headers: ["Content-Encoding: gzip"] })),
      "256 KiB",
    ],
    [
      "sends what it says is gzip",
      say(response("[]", { headers: ["Content-Encoding: gzip"] })),
      "Cannot get an answer",
    ],
    ["sends HTML", say(response("<!doctype html><p>Log in")), "HTML"],
    ["sends no JSON", say(response("hello")), "bad JSON"],
    ["sends no UTF-8", say(response(Buffer.of(0x22, 0xc3, 0x28, 0x22))), "must be a list"],
    ["sends deep JSON", say(response("[".repeat(100_000))), "bad JSON"],
    ["sends too many actions", say(json(Array(5000).fill({ action: "answer" }))), "at most"],
    ["is unwell", say(response("", { status: "503 No" })), "503"],
    ["knows nothing of it", say(response("", { status: "404 No" })), "404"],
  ];
  test.concurrent.each(FAILURES)("%s", async (_, answer, why) => {
    const outcome = await callWeb(answer);
    expectSorry(outcome, why, TIMEOUT_MS + SLACK_MS);
    expect(outcome.record).toMatchObject({ handler: "play", sip_status: 200 });
  }, CALL_TIMEOUT_MS);

  const FLOODS: readonly (readonly [string, Answer, string])[] = [
    ["has a head without end", (socket) => {
      socket.write(OK);
      pour(socket, `X-A: ${"a".repeat(8000)}\r\n`);
    }, "Cannot get an answer"],
    ["has a body without end", (socket) => {
      socket.write(`${OK}\r\n`);
      pour(socket, "x".repeat(64_000));
    }, "256 KiB"],
    ["has chunks without end", (socket) => {
      socket.write(CHUNKED);
      pour(socket, `8000\r\n${"x".repeat(0x8000)}\r\n`);
    }, "256 KiB"],
    ["promises an answer without end", (socket) => {
      pour(socket, "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000));
    }, "Cannot get an answer"],
  ];
  // One at a time: they keep the servers of this process busy too
  test.each(FLOODS)("%s", async (_, answer, why) => {
    expectSorry(await callWeb(answer), why, TIMEOUT_MS + SLACK_MS);
  }, CALL_TIMEOUT_MS);

  const LAUGHS = Array.from(
    { length: 12 },
    (_, index) => `<!ENTITY l${index + 1} "${`&l${index};`.repeat(10)}">`,
  );
  const TWIML: readonly (readonly [string, string, string])[] = [
    [
      "entities in entities",
      `<!DOCTYPE a [<!ENTITY l0 "ha">${LAUGHS.join("")}]><Response><Say>&l12;</Say></Response>`,
      "TwiML is wrong",
    ],
    ["deep TwiML", `<Response>${"<Gather>".repeat(20_000)}`, "TwiML is wrong"],
    ["TwiML that is cut off", "<Response><Say>Hello", "TwiML is wrong"],
    ["JSON", "[]", "send TwiML"],
  ];
  test.concurrent.each(TWIML)("sends %s", async (_, document, why) => {
    const headers = ["Content-Type: text/xml"];
    const outcome = await callWeb(say(response(document, { headers })), {
      webhook: { protocol: "twilio" },
    });
    expectSorry(outcome, why, TIMEOUT_MS + SLACK_MS);
  }, CALL_TIMEOUT_MS);

  test.concurrent("is unwell twice and then is not: the call goes on", async () => {
    const outcome = await callWeb((socket, path, count) => {
      if (count < 2) return void socket.write(response("", { status: "500 No" }));
      const isSound = path === "/hello.wav";
      socket.write(
        isSound ? response(wavOf(HELLO, 10)) : json([
          { action: "play", url: "/hello.wav" },
          { action: "hangup" },
        ]),
      );
    }, { webhook: { retries: 2 } });
    expect(outcome.record).toMatchObject({ handler: "webhook", cause: "handler_hangup" });
    expect(outcome.helloAfter).toBeLessThan(3000);
    expect(outcome.logs.filter((line) => line.includes("trying again"))).toHaveLength(2);
  }, CALL_TIMEOUT_MS);

  test.concurrent("has a sound where nobody may go: the call goes on", async () => {
    const actions = [{ action: "play", url: "http://127.0.0.2:9/a.wav" }, { action: "hangup" }];
    const outcome = await callWeb(say(json(actions)));
    expect(outcome.record).toMatchObject({ handler: "webhook", cause: "handler_hangup" });
    expect(outcome.logs.join("\n")).toContain('"http.targets"');
  }, CALL_TIMEOUT_MS);

  test.concurrent("has a certificate that nobody knows", async () => {
    const { certificate, key } = tlsIdentity("foreign");
    const server = createServer({ cert: certificate, key });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    try {
      const url = `https://${SECRETS.credentials}@127.0.0.1:${port}/`;
      const outcome = await callHostile({
        route: { webhook: { url, retries: 0, timeout: "1s", headers: SECRETS.headers } },
      });
      expectSorry(outcome, "certificate", 1000 + SLACK_MS);
    } finally {
      server.close();
    }
  }, CALL_TIMEOUT_MS);
});

const LIMIT_MS = 600;
const prompt = wavFile("prompt.wav", HELLO, 10);

const NEXT = "/next";
const AFTER_ANSWER = json([{ action: "answer" }, { action: "redirect", url: NEXT }]);
const afterAnswer: Answer = (socket, path) => {
  if (path !== NEXT) socket.write(AFTER_ANSWER);
};

/** Ways to leave a caller in silence that has heard the answer, and not more. */
const SILENCES: readonly (readonly [string, Readonly<Record<string, unknown>>, Answer])[] = [
  ["JSON", {}, afterAnswer],
  ["JSON with utterances", { audio: "utterances" }, afterAnswer],
  ["JSON with a stream", { audio: "stream" }, (socket, path, count) => {
    // The second one is that of the stream
    if (count === 1) socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
    else afterAnswer(socket, path, count);
  }],
  ["TwiML", { protocol: "twilio" }, (socket, path) => {
    const gather = `<Gather timeout="0" actionOnEmptyResult="true" action="${NEXT}"/>`;
    if (path !== NEXT) socket.write(response(`<Response>${gather}</Response>`));
  }],
  ["a stream that does not begin", { audio: "stream" }, (socket, _path, count) => {
    if (count === 0) socket.write(response("", { status: "204 No Content" }));
  }],
  ["a sound that does not come", {}, (socket, path) => {
    if (path !== "/a.wav") socket.write(json([{ action: "play", url: "/a.wav" }]));
  }],
  ["a prompt that does not come", {}, (socket, path) => {
    const prompts = [{ action: "play", url: "/a.wav" }];
    if (path !== "/a.wav") socket.write(json([{ action: "gather", prompts }]));
  }],
  ["one redirection after the other", {}, (socket, path, count) => {
    const send = () => socket.write(AFTER_ANSWER);
    if (path !== NEXT) send();
    else if (count < 10) setTimeout(send, 250);
  }],
];

describe("a caller whose web server says nothing", () => {
  // Each request may take longer than the silence
  const patient = { timeout: "3s", retries: 1 };

  test.concurrent.each(SILENCES)(
    "hears on_error within the limit: %s",
    async (_, webhook, answer) => {
      const outcome = await callWeb(answer, {
        webhook: { ...patient, ...webhook },
        route: { dead_air: `${LIMIT_MS}ms` },
      });
      expectSorry(outcome, "Nothing was heard for 600ms", LIMIT_MS + SLACK_MS);
    },
    CALL_TIMEOUT_MS,
  );

  test.concurrent.each(SILENCES)(
    "hears a sound within the limit: %s",
    async (_, webhook, answer) => {
      const outcome = await callWeb(answer, {
        webhook: { ...patient, ...webhook },
        route: { dead_air: { limit: `${LIMIT_MS}ms`, play: prompt } },
        hangUpAfter: LIMIT_MS + SLACK_MS,
      });
      expect(outcome.helloAfter).toBeGreaterThan(LIMIT_MS - 50);
      expect(outcome.helloAfter).toBeLessThan(LIMIT_MS + SLACK_MS);
      expect(outcome.record.cause).toBe("caller_hangup");
    },
    CALL_TIMEOUT_MS,
  );
});
