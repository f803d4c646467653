import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SeededRandom } from "../../../src/base/random.ts";
import { digestResponse, secretKey, sessionKey } from "../../../src/sip/auth/digest.ts";
import { DigestClient } from "../../../src/sip/auth/digest_client.ts";
import type { SipRequest } from "../../../src/sip/message/message.ts";
import { hash, parameter, requestOf, responseTo } from "./fixtures.ts";

const NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
const BOB = { username: "bob", password: "zanzibar" };
const PLAIN = `Digest realm="biloxi.com", nonce="${NONCE}"`;
const AUTH = `${PLAIN}, qop="auth,auth-int", algorithm=MD5`;

function newClient(credentials = BOB): DigestClient {
  return new DigestClient({ credentials, hash, random: new SeededRandom(1) });
}

/** Refuses the request with these WWW-Authenticate lines. */
function refuse(client: DigestClient, request: SipRequest, ...lines: string[]): boolean {
  const headers = lines.map((line) => ["WWW-Authenticate", line] as const);
  return client.challenged(responseTo(request, headers));
}

/** The one header that the request gets. */
function answer(client: DigestClient, request: SipRequest): string {
  const headers = client.authorize(request);
  expect(headers.map(([name]) => name)).toEqual(["Authorization"]);
  return headers[0]?.[1] as string;
}

function challenged(line: string): DigestClient {
  const client = newClient();
  expect(refuse(client, requestOf(), line)).toBe(true);
  return client;
}

describe("RFC 3261 §22.2 user agent client", () => {
  test("adds nothing before any challenge", () => {
    expect(newClient().authorize(requestOf())).toEqual([]);
  });

  test("answers a challenge without qop as RFC 2069 has it, and echoes opaque", () => {
    const client = challenged(`${PLAIN}, opaque="5ccc069c403ebaf9f0171e9517f40e41"`);
    expect(client.authorize(requestOf({ sequence: 2 }))).toEqual([[
      "Authorization",
      `Digest username="bob", realm="biloxi.com", nonce="${NONCE}", uri="sip:bob@biloxi.com", ` +
      'response="bf57e4e0d0bffc0fbaedce64d59add5e", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    ]]);
  });

  test("counts its answers in 8 hexadecimal digits, with the algorithm's name as written", () => {
    const client = challenged(`${PLAIN}, qop=auth, algorithm=md5`);
    const counts = Array.from(
      { length: 17 },
      (_, index) => parameter(answer(client, requestOf({ sequence: index + 2 })), "nc"),
    );
    expect([counts[0], counts[9], counts[16]]).toEqual(["00000001", "0000000a", "00000011"]);
    expect(answer(client, requestOf({ sequence: 30 }))).toContain("algorithm=md5, qop=auth, nc=");
  });

  test("makes each answer for its method and Request-URI", () => {
    const client = challenged(AUTH);
    const text = answer(client, requestOf({ method: "BYE", requestUri: "sip:a@192.0.2.7;x=y" }));
    const [uri, nc, cnonce] = ["uri", "nc", "cnonce"].map((name) => parameter(text, name)) as [
      string,
      string,
      string,
    ];
    expect(uri).toBe("sip:a@192.0.2.7;x=y");
    expect(cnonce).toMatch(/^[0-9a-f]{32}$/);
    const key = secretKey(hash, "md5", { ...BOB, realm: "biloxi.com" });
    const parts = { key, nonce: NONCE, method: "BYE", uri, quality: { nc, cnonce } };
    expect(parameter(text, "response")).toBe(digestResponse(hash, "md5", parts));
  });

  test("keeps the key of a session, with the nonce and cnonce that it began with", () => {
    const client = challenged(`${PLAIN}, qop="auth", algorithm=SHA-256-sess`);
    const first = answer(client, requestOf({ sequence: 2 }));
    const cnonce = parameter(first, "cnonce");
    client.accepted(
      responseTo(requestOf({ sequence: 2 }), [["Authentication-Info", 'nextnonce="n2"']], 200),
    );
    const second = answer(client, requestOf({ sequence: 3 }));
    expect([parameter(second, "nonce"), parameter(second, "nc")]).toEqual(["n2", "00000001"]);
    const secret = secretKey(hash, "sha-256", { ...BOB, realm: "biloxi.com" });
    const key = sessionKey(hash, "sha-256", { secretKey: secret, nonce: NONCE, cnonce });
    expect(parameter(second, "response")).toBe(digestResponse(hash, "sha-256", {
      key,
      nonce: "n2",
      method: "INVITE",
      uri: "sip:bob@biloxi.com",
      quality: { nc: "00000001", cnonce: parameter(second, "cnonce") },
    }));
  });

  test("escapes what stands in quotes, and hashes what it stands for", () => {
    const client = newClient({ username: 'b"ob\\', password: "zanzibar" });
    refuse(client, requestOf(), 'Digest realm="a \\"b\\"", nonce="n"');
    const text = answer(client, requestOf({ sequence: 2 }));
    expect(text).toContain('username="b\\"ob\\\\", realm="a \\"b\\"", nonce="n"');
    const key = secretKey(hash, "md5", {
      username: 'b"ob\\',
      realm: 'a "b"',
      password: "zanzibar",
    });
    const request = { nonce: "n", method: "INVITE", uri: "sip:bob@biloxi.com" };
    expect(parameter(text, "response")).toBe(
      digestResponse(hash, "md5", { ...request, key, quality: undefined }),
    );
  });

  test("repeats in an ACK what its INVITE had, and adds nothing to a CANCEL", () => {
    const client = challenged(AUTH);
    const headers = client.authorize(requestOf({ sequence: 2 }));
    expect(client.authorize(requestOf({ method: "ACK", sequence: 2 }))).toEqual(headers);
    expect(client.authorize(requestOf({ method: "ACK", sequence: 1 }))).toEqual([]);
    expect(client.authorize(requestOf({ method: "CANCEL", sequence: 2 }))).toEqual([]);
    expect(parameter(answer(client, requestOf({ sequence: 3 })), "nc")).toBe("00000002");
  });
});

describe("RFC 3261 §22.3 user agent client behind proxies", () => {
  test("answers a proxy and a server in one dialog, from then on both", () => {
    const client = newClient();
    const proxy = 'Digest realm="proxy", nonce="p", qop="auth"';
    expect(client.challenged(responseTo(requestOf(), [["Proxy-Authenticate", proxy]], 407)))
      .toBe(true);
    const second = requestOf({ sequence: 2 });
    expect(client.authorize(second).map(([name]) => name)).toEqual(["Proxy-Authorization"]);
    expect(refuse(client, second, AUTH)).toBe(true);
    for (const request of [requestOf({ sequence: 3 }), requestOf({ method: "BYE", sequence: 4 })]) {
      const headers = client.authorize(request);
      expect(headers.map(([name, value]) => [name, parameter(value, "realm")])).toEqual([
        ["Proxy-Authorization", "proxy"],
        ["Authorization", "biloxi.com"],
      ]);
    }
  });

  test("answers all realms that a forking proxy has joined in one response", () => {
    const client = newClient();
    const headers = [
      ["WWW-Authenticate", 'Digest realm="a", nonce="1"'],
      ["WWW-Authenticate", 'Digest realm="b", nonce="2"'],
      ["Proxy-Authenticate", 'Digest realm="a", nonce="3"'],
    ] as const;
    expect(client.challenged(responseTo(requestOf(), headers))).toBe(true);
    const nonces = client.authorize(requestOf({ sequence: 2 }))
      .map(([, value]) => parameter(value, "nonce"));
    expect(nonces).toEqual(["1", "2", "3"]);
  });

  test("ends, whatever a server names as its realm", () => {
    const client = newClient();
    let tries = 0;
    for (let sequence = 1; sequence < 100; sequence++) {
      const request = requestOf({ sequence });
      client.authorize(request);
      if (!refuse(client, request, `Digest realm="${sequence}", nonce="n"`)) break;
      tries++;
    }
    expect(tries).toBe(8);
  });
});

describe("RFC 8760 §2.4 choice among challenges", () => {
  test.each([
    ["the topmost", ["SHA-512-256", "SHA-256", "MD5"], "SHA-512-256"],
    ["the topmost that we have", ["SHA-3-512", "SHA-256", "SHA-512-256"], "SHA-256"],
    ["not MD5, even at the top", ["MD5", "SHA-256"], "SHA-256"],
    ["MD5 when there is nothing else", ["token", "MD5"], "MD5"],
  ])("takes %s", (_, algorithms, chosen) => {
    const client = newClient();
    refuse(client, requestOf(), ...algorithms.map((name) => `${PLAIN}, algorithm=${name}`));
    expect(parameter(answer(client, requestOf({ sequence: 2 })), "algorithm")).toBe(chosen);
  });

  test("passes over other schemes, qualities and what cannot be read", () => {
    const client = newClient();
    const useless = ["", "Basic realm=a", 'Digest realm="a', "Digest realm=a", "Digest nonce=n"];
    expect(refuse(client, requestOf(), ...useless, `${PLAIN}, qop="auth-int"`)).toBe(false);
    expect(client.authorize(requestOf())).toEqual([]);
    expect(refuse(client, requestOf(), ...useless, AUTH)).toBe(true);
  });

  test("looks at 401 and 407 alone", () => {
    const headers = [["WWW-Authenticate", AUTH]] as const;
    expect(newClient().challenged(responseTo(requestOf(), headers, 403))).toBe(false);
  });
});

describe("RFC 3261 §22.2 repeated challenges", () => {
  const stale = `${AUTH}, stale=true`;

  test("gives up when the answer to a challenge is refused", () => {
    const client = challenged(AUTH);
    const second = requestOf({ sequence: 2 });
    client.authorize(second);
    expect(refuse(client, second, AUTH.replace(NONCE, "another"))).toBe(false);
  });

  test("tries a new nonce once when only the nonce was wrong", () => {
    const client = challenged(AUTH);
    const [second, third] = [requestOf({ sequence: 2 }), requestOf({ sequence: 3 })];
    client.authorize(second);
    expect(refuse(client, second, stale.replace(NONCE, "n2"))).toBe(true);
    const text = answer(client, third);
    expect([parameter(text, "nonce"), parameter(text, "nc")]).toEqual(["n2", "00000001"]);
    expect(refuse(client, third, stale.replace(NONCE, "n3"))).toBe(false);
  });

  test("follows servers that let nonces expire, said or unsaid, for the whole of a dialog", () => {
    const client = challenged(AUTH);
    let sequence = 2;
    for (let hour = 0; hour < 100; hour++) {
      client.authorize(requestOf({ sequence: sequence++ }));
      const late = requestOf({ sequence: sequence++, method: "UPDATE" });
      client.authorize(late);
      const challenge = (hour % 2 === 0 ? stale : AUTH).replace(NONCE, `n${hour}`);
      expect(refuse(client, late, challenge)).toBe(true);
      const text = answer(client, requestOf({ sequence: sequence++, method: "UPDATE" }));
      expect([parameter(text, "nonce"), parameter(text, "nc")]).toEqual([`n${hour}`, "00000001"]);
    }
  });

  test("counts on when the same nonce comes again", () => {
    const client = challenged(AUTH);
    client.authorize(requestOf({ sequence: 2 }));
    client.authorize(requestOf({ sequence: 3 }));
    expect(refuse(client, requestOf({ sequence: 3 }), AUTH)).toBe(true);
    const fourth = requestOf({ sequence: 4 });
    expect(parameter(answer(client, fourth), "nc")).toBe("00000003");
    expect(refuse(client, fourth, AUTH)).toBe(false);
  });

  test("does not take the refusal of one request for that of another under way", () => {
    const client = challenged(AUTH);
    const [a, b] = [requestOf({ sequence: 3 }), requestOf({ sequence: 4, method: "INFO" })];
    for (const request of [requestOf({ sequence: 2 }), a, b]) client.authorize(request);
    expect(refuse(client, a, stale.replace(NONCE, "a"))).toBe(true);
    const againA = requestOf({ sequence: 5 });
    client.authorize(againA);
    expect(refuse(client, b, stale.replace(NONCE, "b"))).toBe(true);
    const againB = requestOf({ sequence: 6, method: "INFO" });
    client.authorize(againB);
    expect(refuse(client, againA, AUTH.replace(NONCE, "c"))).toBe(false);
    expect(refuse(client, againB, AUTH.replace(NONCE, "d"))).toBe(false);
  });

  test("takes a challenge of the next destination for a new one", () => {
    const client = challenged(AUTH);
    const request = requestOf({ sequence: 2 });
    client.authorize(request);
    client.authorize(request);
    expect(refuse(client, request, AUTH.replace(NONCE, "other"))).toBe(true);
  });
});

describe("RFC 7616 §3.5 Authentication-Info", () => {
  test("changes nothing without a next nonce, or when it is unclear whose that is", () => {
    const client = challenged(AUTH);
    const twice = newClient();
    refuse(twice, requestOf(), 'Digest realm="a", nonce="1"', 'Digest realm="b", nonce="2"');
    for (const text of ['rspauth="00"', '"', 'nextnonce=""', "nextnonce="]) {
      client.accepted(responseTo(requestOf(), [["Authentication-Info", text]], 200));
    }
    twice.accepted(responseTo(requestOf(), [["Authentication-Info", "nextnonce=n"]], 200));
    expect(parameter(answer(client, requestOf({ sequence: 2 })), "nonce")).toBe(NONCE);
    expect(
      twice.authorize(requestOf({ sequence: 2 })).map(([, value]) => parameter(value, "nonce")),
    ).toEqual(["1", "2"]);
  });
});

describe("hostile challenges", () => {
  test("throw nothing, and what is answered to them fits into a header", () => {
    const piece = fc.constantFrom(
      ...['"', "\\", ",", "=", " ", "realm", "nonce", 'realm="', 'nonce="a"', "qop=auth", "\u00e4"],
    );
    const line = fc.array(piece, { maxLength: 30 }).map((pieces) => `Digest ${pieces.join("")}`);
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
        const client = newClient();
        refuse(client, requestOf(), ...lines);
        const headers = client.authorize(requestOf({ sequence: 2 }));
        expect(requestOf({ headers }).headers.getAll("Authorization")).toHaveLength(headers.length);
      }),
      { numRuns: 500 },
    );
  });
});
