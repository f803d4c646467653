import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SeededRandom } from "../../../src/base/random.ts";
import type { Credentials } from "../../../src/sip/auth/credentials.ts";
import { DigestClient } from "../../../src/sip/auth/digest_client.ts";
import {
  type DigestSecret,
  DigestServer,
  type DigestServerOptions,
  type DigestVerdict,
} from "../../../src/sip/auth/digest_server.ts";
import type { Headers } from "../../../src/sip/message/headers.ts";
import type { SipRequest } from "../../../src/sip/message/message.ts";
import {
  hash,
  parameter,
  type RequestChanges,
  requestOf,
  responseTo,
  withHeaders,
} from "./fixtures.ts";

const BOB = { username: "bob", password: "zanzibar" };
const LIFETIME = 300_000;
const SOURCE = "192.0.2.5";
const USERS = new Map<string, DigestSecret>([["bob", { password: "zanzibar" }]]);

function newServer(changes: Partial<DigestServerOptions> = {}): DigestServer {
  return new DigestServer({
    realm: "biloxi.com",
    users: USERS,
    algorithms: ["SHA-256", "MD5"],
    nonceLifetime: LIFETIME,
    hash,
    random: new SeededRandom(7),
    ...changes,
  });
}

function newClient(credentials: Credentials = BOB): DigestClient {
  return new DigestClient({ credentials, hash, random: new SeededRandom(3) });
}

/** The headers of a 401. */
function headersOf(verdict: DigestVerdict): Headers {
  if (verdict.type === "accepted") throw new Error("Accepted");
  return verdict.headers;
}

/** A client that knows the server's challenge. */
function introduced(server: DigestServer, credentials: Credentials = BOB): DigestClient {
  const client = newClient(credentials);
  const request = requestOf();
  expect(client.challenged(responseTo(request, headersOf(server.check(request, 0, SOURCE)))))
    .toBe(true);
  return client;
}

let sequence = 1;

/** The next request of the client, as it arrives. */
function authorized(client: DigestClient, changes: RequestChanges = {}): SipRequest {
  const request = requestOf({ sequence: ++sequence, ...changes });
  return withHeaders(request, client.authorize(request));
}

/** The same request with another text in its Authorization. */
function rewritten(request: SipRequest, from: string | RegExp, to: string): SipRequest {
  const text = request.headers.get("Authorization") as string;
  expect(text).toMatch(from);
  const headers = request.headers.clone().set("Authorization", text.replace(from, to));
  return { ...request, headers };
}

/** What the log would say. */
function reasonOf(verdict: DigestVerdict): string {
  return verdict.type === "accepted" ? "accepted" : `${verdict.type}: ${verdict.reason}`;
}

/** The headers of a 401 without what is new in each. */
function withoutNonce(verdict: DigestVerdict): Headers {
  return headersOf(verdict).map(([name, value]) =>
    [name, value.replace(parameter(value, "nonce"), "-")] as const
  );
}

describe("RFC 8760 §2.3 user agent server", () => {
  test("challenges with one line for each algorithm, the strongest first", () => {
    const server = newServer({ algorithms: ["MD5", "SHA-512-256", "SHA-256", "MD5"] });
    const verdict = server.check(requestOf(), 0);
    expect(verdict).toMatchObject({ type: "challenged", reason: "missing" });
    expect(withoutNonce(verdict)).toEqual(
      ["SHA-512-256", "SHA-256", "MD5"].map((name) => [
        "WWW-Authenticate",
        `Digest realm="biloxi.com", nonce="-", algorithm=${name}, qop="auth"`,
      ]),
    );
  });

  test.each(["SHA-512-256", "SHA-256", "MD5"] as const)("accepts an answer with %s", (name) => {
    const server = newServer({ algorithms: [name] });
    const client = introduced(server);
    for (const method of ["INVITE", "REGISTER", "BYE"]) {
      expect(server.check(authorized(client, { method }), 1)).toEqual({
        type: "accepted",
        username: "bob",
      });
    }
  });

  test("accepts whoever knows the password, and nobody else, whatever they are called", () => {
    // Header values are trimmed of nothing here: they stand in quotes
    const text = fc.string({ minLength: 1 }).map((one) => one.replaceAll(/[\r\n]/g, "_"));
    fc.assert(fc.property(text, text, text, (username, password, other) => {
      const users = new Map([[username, { password }]]);
      const server = newServer({ users, realm: other });
      const right = introduced(server, { username, password });
      expect(server.check(authorized(right), 1)).toEqual({ type: "accepted", username });
      const wrong = introduced(server, { username, password: `${password}${other}` });
      expect(server.check(authorized(wrong), 1).type).toBe("refused");
    }));
  });

  test("knows users by their hashes too, and offers only what all users have", () => {
    const ha1 = { md5: hash("md5", "carol:biloxi.com:chicago").toUpperCase() };
    const users = new Map<string, DigestSecret>([...USERS, ["carol", { ha1 }]]);
    const server = newServer({ users });
    const algorithms = headersOf(server.check(requestOf(), 0))
      .map(([, value]) => parameter(value, "algorithm"));
    expect(algorithms).toEqual(["MD5"]);
    const carol = introduced(server, { username: "carol", password: "chicago" });
    expect(server.check(authorized(carol), 1).type).toBe("accepted");
    expect(() => newServer({ users, algorithms: ["SHA-256"] })).toThrow(RangeError);
    expect(() => newServer({ algorithms: [] })).toThrow(RangeError);
  });
});

describe("RFC 3261 §22.2 refusals", () => {
  test("are the same for a wrong password, an unknown user, and what cannot be read", () => {
    const server = newServer();
    const requests = [
      authorized(introduced(server, { ...BOB, password: "wrong" })),
      authorized(introduced(server, { ...BOB, username: "eve" })),
      rewritten(authorized(introduced(server)), /, nc=[0-9a-f]+/, ""),
    ];
    const verdicts = requests.map((request) => server.check(request, 1));
    expect(verdicts.map(reasonOf)).toEqual([
      "refused: Wrong user or password",
      "refused: Wrong user or password",
      'refused: Parameter "nc" is missing',
    ]);
    for (const verdict of verdicts) {
      expect(withoutNonce(verdict)).toEqual(withoutNonce(server.check(requestOf(), 1)));
    }
  });

  test("take as many steps for an unknown user as for a wrong password", () => {
    const hashed: string[] = [];
    const server = newServer({ hash: (name, text) => (hashed.push(name), hash(name, text)) });
    const counts = [{ ...BOB, password: "wrong" }, { ...BOB, username: "eve" }].map((one) => {
      const request = authorized(introduced(server, one));
      hashed.length = 0;
      server.check(request, 1);
      return hashed.join();
    });
    expect(counts[0]).toBe(counts[1] as string);
  });

  test.each([
    ["qop is missing", /, qop=auth/, "", '"qop" is missing'],
    ["qop is auth-int", /qop=auth/, "qop=auth-int", '"qop" is not'],
    ["cnonce is missing", /, cnonce="[^"]*"/, "", '"cnonce" is missing'],
    ["nc is no number", /nc=\d+/, "nc=0000000g", "not a nonce count"],
    ["nc is too long", /nc=\d+/, "nc=000000001", "not a nonce count"],
    ["the algorithm is unknown", /SHA-256/, "SHA-3", "Algorithm is unknown"],
    ["the algorithm was not offered", /SHA-256/, "SHA-512-256", "not offered"],
    ["the algorithm has a session", /SHA-256/, "SHA-256-sess", "not offered"],
    ["a parameter comes twice", /nc=/, "nc=1, nc=", "comes twice"],
    [
      "a digit of the response is missing",
      /response="[0-9a-f]/,
      'response="',
      "Wrong user or password",
    ],
    ["the response is empty", /response="[^"]*"/, 'response=""', "Wrong user or password"],
    ["there is no comma", /, nc/, " nc", "not separated"],
    ["two values stand on one line", /$/, ", Digest realm=b", "two values"],
  ])("meet an answer when %s", (_, from, to, reason) => {
    const server = newServer();
    const verdict = server.check(rewritten(authorized(introduced(server)), from, to), 1);
    expect(verdict.type).toBe("refused");
    expect(reasonOf(verdict)).toContain(reason);
  });

  test("meet an answer that was made for another method or request", () => {
    const server = newServer();
    const client = introduced(server);
    const request = authorized(client, { method: "REGISTER" });
    expect(reasonOf(server.check({ ...request, method: "INVITE" }, 1)))
      .toContain("Wrong user or password");
    const other = requestOf({ requestUri: "sip:+1900@biloxi.com" });
    const stolen = withHeaders(other, [
      ["Authorization", authorized(client).headers.get("Authorization") as string],
    ]);
    expect(reasonOf(server.check(stolen, 1))).toContain('"uri" is not the Request-URI');
  });

  test("tell whether the source is proven: by a new answer to its own challenge", () => {
    const server = newServer();
    const wrong = introduced(server, { ...BOB, password: "wrong" });
    const right = introduced(server);
    const used = authorized(right);
    server.check(used, 1, SOURCE);
    const verdicts = [
      server.check(authorized(wrong), 1, SOURCE),
      server.check(authorized(wrong), 1, "192.0.2.9"),
      server.check(authorized(wrong), LIFETIME, SOURCE),
      server.check(used, 1, SOURCE),
      server.check(withHeaders(requestOf(), [["Authorization", "Digest"]]), 1, SOURCE),
      newServer({ random: new SeededRandom(8) }).check(authorized(wrong), 1, SOURCE),
    ];
    expect(verdicts.map((one) => one.type === "refused" && one.isSourceProven))
      .toEqual([true, false, false, false, false, false]);
  });
});

describe("RFC 3261 §22.3 realms", () => {
  test("of others are passed over, also when theirs cannot be read", () => {
    const server = newServer();
    const own = authorized(introduced(server));
    const others = [
      ["Authorization", "Basic Ym9iOnphbnppYmFy"],
      ["Authorization", 'Digest realm="atlanta.com", nonce="n"'],
      ["Authorization", 'Digest realm="'],
    ] as const;
    const headers = own.headers.clone();
    for (const [name, value] of others) headers.prepend(name, value);
    expect(server.check({ ...own, headers }, 1).type).toBe("accepted");
    const verdict = server.check(withHeaders(requestOf(), others.slice(0, 2)), 1);
    expect(reasonOf(verdict)).toBe("challenged: missing");
  });

  test("answered to a proxy are not ours", () => {
    const server = newServer();
    const text = authorized(introduced(server)).headers.get("Authorization") as string;
    const request = withHeaders(requestOf(), [["Proxy-Authorization", text]]);
    expect(reasonOf(server.check(request, 1))).toBe("challenged: missing");
  });
});

describe("RFC 7616 §3.3 stale nonces", () => {
  test("get a new challenge that says so, when the password was right", () => {
    const server = newServer();
    const client = introduced(server);
    const late = authorized(client);
    const verdict = server.check(late, LIFETIME);
    expect(reasonOf(verdict)).toBe("challenged: stale");
    expect(headersOf(verdict).every(([, value]) => value.endsWith(", stale=true"))).toBe(true);
    expect(client.challenged(responseTo(late, headersOf(verdict)))).toBe(true);
    expect(server.check(authorized(client), LIFETIME + 1).type).toBe("accepted");
  });

  test("of a process that is gone are as good as expired ones", () => {
    const client = introduced(newServer());
    const server = newServer({ random: new SeededRandom(8) });
    expect(reasonOf(server.check(authorized(client), 1))).toBe("challenged: stale");
  });

  test("do not help whoever has the wrong password", () => {
    const server = newServer();
    const client = introduced(server, { ...BOB, password: "wrong" });
    const verdict = server.check(authorized(client), LIFETIME);
    expect(reasonOf(verdict)).toContain("Wrong user or password");
    expect(headersOf(verdict).some(([, value]) => value.includes("stale"))).toBe(false);
  });
});

describe("RFC 7616 §5.5 repeated requests", () => {
  test("are refused, and honest phones that never count are led on", () => {
    const server = newServer();
    const client = introduced(server);
    const request = authorized(client);
    expect(server.check(request, 1).type).toBe("accepted");
    const verdict = server.check(request, 2);
    expect(reasonOf(verdict)).toContain("nonce count was used before");
    expect(headersOf(verdict)[0]?.[1]).toContain("stale=true");
  });

  test("may overtake each other", () => {
    const server = newServer();
    const client = introduced(server);
    const requests = Array.from({ length: 5 }, () => authorized(client)).reverse();
    expect(requests.map((request) => server.check(request, 1).type))
      .toEqual(new Array(5).fill("accepted"));
  });

  test("stay out when more nonces are in use than are remembered", () => {
    const server = newServer({ noncesMax: 4 });
    const requests = Array.from({ length: 10 }, () => authorized(introduced(server)));
    expect(requests.map((request) => server.check(request, 1).type)).toContain("accepted");
    expect(requests.map((request) => server.check(request, 2).type)).not.toContain("accepted");
  });
});

describe("RFC 3261 §22.4 Request-URI", () => {
  /** What a phone writes as `uri`, what arrives, and what To says. */
  function verdictOf(uri: string, requestUri: string, to = requestUri): string {
    const server = newServer();
    const request = authorized(introduced(server), { requestUri: uri });
    const arrived = requestOf({ requestUri, to });
    const text = request.headers.get("Authorization") as string;
    return reasonOf(server.check(withHeaders(arrived, [["Authorization", text]]), 1));
  }

  test.each([
    ["without port and parameters", "sip:100@gw", "sip:100@gw:5080;transport=udp", undefined],
    ["with the host in other letters", "sip:100@GW.example", "sip:100@gw.EXAMPLE", undefined],
    ["without the user", "sip:gw", "sip:100@gw", undefined],
    ["of To, which a proxy has aimed anew", "sip:100@gw", "sip:100@10.0.0.5:5070", "sip:100@gw"],
    ["for a number", "tel:+1555", "tel:+1555;phone-context=x", undefined],
  ])("may be written %s", (_, uri, requestUri, to) => {
    expect(verdictOf(uri, requestUri, to)).toBe("accepted");
  });

  test.each([
    ["another user", "sip:101@gw", "sip:100@gw"],
    ["another host", "sip:100@gw", "sip:100@gateway"],
    ["no URI", "/index.html", "urn:service:sos"],
  ])("may not be %s", (_, uri, requestUri) => {
    expect(verdictOf(uri, requestUri)).toContain('"uri" is not the Request-URI');
  });
});

describe("a flood of requests", () => {
  test("takes no memory by its challenges, nor by refused answers", () => {
    const server = newServer({ noncesMax: 2 });
    const first = authorized(introduced(server));
    const wrong = introduced(server, { ...BOB, password: "wrong" });
    for (let time = 0; time < 200; time++) {
      server.check(requestOf(), time);
      server.check(authorized(wrong), time);
    }
    expect(server.check(first, 201).type).toBe("accepted");
  });

  test("of broken answers throws nothing, and accepts nobody but bob", () => {
    const server = newServer();
    const client = introduced(server);
    const pieces = ['"', "\\", ",", "=", " ", "Digest", "realm", "nc=1", "uri", "\u00e4", "0"];
    const change = fc.record({ at: fc.nat(400), cut: fc.nat(20), put: fc.constantFrom(...pieces) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const whole = authorized(client).headers.get("Authorization") as string;
        const broken = changes.reduce(
          (text, { at, cut, put }) => `${text.slice(0, at)}${put}${text.slice(at + cut)}`,
          whole,
        );
        const headers = [["Authorization", broken]] as const;
        const verdict = server.check(withHeaders(requestOf(), headers), 1);
        if (verdict.type === "accepted") expect(verdict.username).toBe("bob");
        else expect(verdict.headers).toHaveLength(2);
      }),
      { numRuns: 500 },
    );
  });
});
