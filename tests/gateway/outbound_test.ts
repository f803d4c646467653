import { describe, expect, test } from "bun:test";
import { InfoDigits, mayTakeInfo } from "../../src/gateway/outbound_info.ts";
import { type DialAttempt, DialQueue } from "../../src/gateway/outbound_queue.ts";
import {
  asRoute,
  parseTarget,
  redirectTargets,
  trunkTarget,
} from "../../src/gateway/outbound_target.ts";
import { createRequest, createResponse } from "../../src/sip/message/build.ts";
import type { SipResponse } from "../../src/sip/message/message.ts";

const REQUEST = createRequest({ method: "INVITE", requestUri: "sip:1@h", headers: [] });

function redirection(statusCode: number, ...contacts: readonly string[]): SipResponse {
  const headers = contacts.map((contact) => ["Contact", contact] as const);
  return createResponse(REQUEST, statusCode, { headers });
}

function failure(statusCode: number, cause: DialAttempt["cause"] = "response"): DialAttempt {
  return { uri: "sip:1@h", statusCode, reasonPhrase: "", cause };
}

describe("targets of calls", () => {
  test("take every transport, by name or as sips", () => {
    const uris = [
      "sip:1@h",
      "sip:1@[2001:db8::1]:5080;transport=TCP",
      "sip:h;transport=ws",
      "sips:1@h",
      "sips:1@h;transport=tcp",
    ];
    for (const uri of uris) expect(parseTarget(uri).scheme).toMatch(/^sips?$/);
  });

  test("are refused with what to write instead", () => {
    const bad: readonly (readonly [string, string])[] = [
      ["tel:+1555", "sip:100@127.0.0.1:5060"],
      ["sip:1@h;transport=sctp", 'there is no transport "sctp"'],
      ["sips:1@h;transport=udp", "write transport=tls"],
    ];
    for (const [uri, words] of bad) expect(() => parseTarget(uri)).toThrow(words);
  });

  test("proxies are loose routers unless they are written as a Route header", () => {
    expect(asRoute("sip:p.example.com;transport=tcp")).toBe("<sip:p.example.com;transport=tcp;lr>");
    expect(asRoute("sip:p.example.com;lr")).toBe("<sip:p.example.com;lr>");
    expect(asRoute("<sip:strict.example.com>")).toBe("<sip:strict.example.com>");
    expect(() => asRoute("tel:1")).toThrow("no SIP URI");
  });
});

describe("a trunk", () => {
  const trunk = {
    uri: ["sip:a.example.com;transport=tls", "sip:10.0.0.2:5080"],
    username: "acme",
    password: "secret",
    headers: { "X-Account": "7" },
  };

  test("is called at each of its URIs, with its password and headers, as its user", () => {
    expect(trunkTarget(trunk, "+15551234")).toEqual({
      uris: ["sip:+15551234@a.example.com;transport=tls", "sip:+15551234@10.0.0.2:5080"],
      from: "<sip:acme@a.example.com>",
      headers: [["X-Account", "7"]],
      credentials: { username: "acme", password: "secret" },
    });
  });

  test("escapes what a user part may not hold", () => {
    const { uris } = trunkTarget({ ...trunk, uri: ["sip:h"] }, "a b@evil;x");
    expect(uris[0]).toMatch(/^sip:a%20b%40evil[^@]*@h$/);
  });

  test("says who calls where it is told to, and nothing where it does not matter", () => {
    const from = (given: object) =>
      trunkTarget({ uri: ["sip:h"], headers: {}, ...given }, "1").from;
    expect(from({ from: "sip:+1555@h" })).toBe("<sip:+1555@h>");
    expect(from({ from: '"Acme" <sip:+1555@h>' })).toBe('"Acme" <sip:+1555@h>');
    expect(from({})).toBeUndefined();
  });
});

describe("RFC 3261 §8.1.3.4 where a 3xx sends us", () => {
  test("the highest q first, none as good as 1, equal ones as they came", () => {
    const contacts = [
      "<sip:a@h>;q=0.5, <sip:b@h>",
      "<sip:c@h>;q=1.0",
      "sip:d@h;q=0.5",
      "<sip:e@h>;q=bad",
    ];
    expect(redirectTargets(redirection(302, ...contacts), "sip:1@h"))
      .toEqual(["sip:b@h", "sip:c@h", "sip:a@h", "sip:d@h", "sip:e@h"]);
  });

  test("only what can be called, and never less secret than before, §26.2.2", () => {
    const contacts = [
      "<tel:+1555>",
      "<mailto:a@h>",
      "nonsense",
      "*",
      "<sip:a@h;transport=sctp>",
      "<sips:b@h>",
      "<sip:c@h>",
    ];
    const response = redirection(302, ...contacts);
    expect(redirectTargets(response, "sip:1@h")).toEqual(["sips:b@h", "sip:c@h"]);
    expect(redirectTargets(response, "sips:1@h")).toEqual(["sips:b@h"]);
  });

  test("§19.1.5 a URI chooses whom we call and nothing else", () => {
    const contact = "<sip:a@h;method=REGISTER;user=phone?Route=%3Csip:evil%3E&X-Evil=1>";
    expect(redirectTargets(redirection(302, contact), "sip:1@h")).toEqual(["sip:a@h;user=phone"]);
  });
});

describe("whom a call is tried at", () => {
  const follow = { followsRedirects: true };

  test("the same URI twice is one", () => {
    const queue = new DialQueue(["sip:1@H", "sip:1@h", "sip:1@h:5060"], follow);
    expect(queue.first()?.uri).toBe("sip:1@H");
    expect(queue.next(failure(503), false)?.uri).toBe("sip:1@h:5060");
    expect(queue.hasMore).toBe(false);
  });

  test("RFC 3263 §4.3 another way only where the way was the reason", () => {
    const goesOn = (attempt: DialAttempt, alerted = false) =>
      new DialQueueOfTwo().next(attempt, alerted);
    expect([500, 502, 503, 504, 408].map((status) => goesOn(failure(status)))).toEqual(
      [true, true, true, true, true],
    );
    expect([401, 403, 404, 480, 486, 487, 488, 603, 606].some((status) => goesOn(failure(status))))
      .toBe(false);
    expect(goesOn(failure(503, "transport"))).toBe(true);
    expect(goesOn(failure(503, "unresolved"))).toBe(true);
    expect(goesOn(failure(408, "timeout"), true)).toBe(false);
    expect(goesOn(failure(487, "cancelled"))).toBe(false);
  });

  test("redirections come first, and what was given is a way to the same callee", () => {
    const queue = new DialQueue(["sip:1@a", "sip:1@b"], follow);
    const first = queue.first();
    if (first === undefined) throw new Error("There is none");
    queue.redirect(redirection(302, "<sip:2@c>, <sip:3@d>"), first);
    expect(queue.next(failure(302), false)).toEqual({
      uri: "sip:2@c",
      to: "sip:1@a",
      origin: "redirect",
    });
    expect(queue.next(failure(486), true)?.uri).toBe("sip:3@d");
    expect(queue.next(failure(486), true)).toBeUndefined();
  });

  test("305 and 380 name somebody else than a callee", () => {
    for (const status of [305, 380]) {
      const queue = new DialQueue(["sip:1@a"], follow);
      const first = queue.first();
      if (first === undefined) throw new Error("There is none");
      queue.redirect(redirection(status, "<sip:2@c>"), first);
      expect(queue.hasMore).toBe(false);
    }
  });
});

/** A queue at the first of two URIs. */
class DialQueueOfTwo {
  readonly #queue = new DialQueue(["sip:1@a", "sip:1@b"], { followsRedirects: true });

  constructor() {
    this.#queue.first();
  }

  next(attempt: DialAttempt, alerted: boolean): boolean {
    return this.#queue.next(attempt, alerted) !== undefined;
  }
}

describe("keys by INFO", () => {
  test("one request a key, the next after a 2xx", () => {
    const digits = new InfoDigits("4#");
    const text = () => new TextDecoder().decode(digits.next()?.body?.bytes);
    expect(text()).toBe("Signal=4\r\nDuration=160\r\n");
    expect(digits.next()?.body?.contentType).toBe("application/dtmf-relay");
    expect(digits.answered(200)).toBe(true);
    expect(text()).toContain("Signal=#");
    expect(digits.answered(200)).toBe(false);
    expect([digits.waiting, digits.next()]).toEqual(["", undefined]);
  });

  test("a refused key stays where it is", () => {
    const digits = new InfoDigits("12");
    expect(digits.answered(415)).toBe(false);
    expect(digits.waiting).toBe("12");
  });

  test("a callee that lists what it takes is believed", () => {
    const answer = (headers: readonly (readonly [string, string])[]) =>
      mayTakeInfo(createResponse(REQUEST, 200, { headers }));
    expect(answer([])).toBe(true);
    expect(answer([["Allow", "INVITE, ACK, BYE"]])).toBe(false);
    expect(answer([["Allow", "INVITE, ACK"], ["Allow", "INFO"]])).toBe(true);
  });
});
