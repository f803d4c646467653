import { describe, expect, test } from "bun:test";
import {
  cancelledKey,
  clientKey,
  mergeKey,
  responseKey,
  serverKey,
  statelessTag,
} from "../../../src/sip/transaction/key.ts";
import { request, type RequestParts, response } from "./messages.ts";

const BRANCH = "z9hG4bK776asdhds";

describe("RFC 3261 §17.2.3 server transactions", () => {
  test("branch, sent-by and method name the transaction; nothing else does", () => {
    const key = serverKey(request("INVITE", { branch: BRANCH }));
    const other = { branch: BRANCH, fromTag: "x", toTag: "y", callId: "z", uri: "sip:q@r" };
    expect(serverKey(request("INVITE", other))).toBe(key);
    expect(serverKey(request("INVITE", { branch: `${BRANCH}1` }))).not.toBe(key);
    expect(serverKey(request("UPDATE", { branch: BRANCH }))).not.toBe(key);
  });

  test("the same branch from another sent-by is another transaction", () => {
    const keys = ["a.example", "a.example:5061", "b.example"].map((sentBy) =>
      serverKey(request("INVITE", { via: `UDP ${sentBy};branch=${BRANCH}` }))
    );
    expect(new Set(keys).size).toBe(3);
  });

  test("hosts compare without case, and a missing port is 5060", () => {
    const key = serverKey(request("INVITE", { via: `UDP A.Example;branch=${BRANCH}` }));
    expect(serverKey(request("INVITE", { via: `TCP a.example:5060;branch=${BRANCH}` }))).toBe(key);
  });

  test("an ACK has the name of its INVITE", () => {
    expect(serverKey(request("ACK", { branch: BRANCH, toTag: "t" }))).toBe(
      serverKey(request("INVITE", { branch: BRANCH })),
    );
  });

  test("§9.2: a CANCEL has a name of its own, and knows that of its INVITE", () => {
    const cancel = request("CANCEL", { branch: BRANCH });
    const invite = serverKey(request("INVITE", { branch: BRANCH }));
    expect(cancelledKey(cancel)).toBe(invite);
    expect(serverKey(cancel)).not.toBe(invite);
  });
});

describe("RFC 3261 §17.2.3 server transactions of RFC 2543 clients", () => {
  for (const via of ["UDP 192.0.2.1", "UDP 192.0.2.1;branch=1", "UDP 192.0.2.1;branch=z9hG4bK"]) {
    test(`"${via}": every field that RFC 2543 names counts`, () => {
      const parts: RequestParts = { via, toTag: "t" };
      const key = serverKey(request("BYE", parts));
      expect(serverKey(request("BYE", { ...parts }))).toBe(key);
      const others: RequestParts[] = [
        { ...parts, uri: "sip:other@192.0.2.9" },
        { ...parts, fromTag: "other" },
        { ...parts, toTag: "other" },
        { ...parts, callId: "other" },
        { ...parts, cseq: 2 },
        { ...parts, via: `${via};branch2=3`.replace("192.0.2.1", "192.0.2.2") },
      ];
      for (const other of others) expect(serverKey(request("BYE", other))).not.toBe(key);
      expect(serverKey(request("INFO", parts))).not.toBe(key);
    });

    test(`"${via}": an ACK has the name of its INVITE, whatever its To tag`, () => {
      const invite = serverKey(request("INVITE", { via }));
      expect(serverKey(request("ACK", { via, toTag: "t" }))).toBe(invite);
      expect(cancelledKey(request("CANCEL", { via }))).toBe(invite);
    });
  }
});

describe("RFC 3261 §17.1.3 client transactions", () => {
  test("the top Via's branch and the CSeq method of a response name its transaction", () => {
    const invite = request("INVITE", { branch: BRANCH });
    expect(responseKey(response(invite, 180))).toBe(clientKey(BRANCH, "INVITE"));
    const cancel = request("CANCEL", { branch: BRANCH });
    expect(responseKey(response(cancel, 200))).toBe(clientKey(BRANCH, "CANCEL"));
  });

  test("a response without branch is none of ours", () => {
    expect(responseKey(response(request("INVITE", { via: "UDP 192.0.2.9" }), 200)))
      .toBeUndefined();
  });
});

describe("RFC 3261 §8.2.2.2 merged requests", () => {
  test("From tag, Call-ID and CSeq name what is asked for, not the way it came", () => {
    const key = mergeKey(request("INVITE", { branch: "z9hG4bKone" }));
    expect(mergeKey(request("INVITE", { branch: "z9hG4bKtwo", uri: "sip:x@y" }))).toBe(key);
    expect(mergeKey(request("INVITE", { cseq: 2 }))).not.toBe(key);
    expect(mergeKey(request("INVITE", { fromTag: "bob" }))).not.toBe(key);
    expect(mergeKey(request("INVITE", { callId: "call-2" }))).not.toBe(key);
    expect(mergeKey(request("OPTIONS"))).not.toBe(key);
  });

  test("a request within a dialog is never merged", () => {
    expect(mergeKey(request("INVITE", { toTag: "bot" }))).toBeUndefined();
  });
});

describe("RFC 3261 §8.2.7 stateless To tags", () => {
  test("are the same for the same request, of 64 bits, and differ for others", () => {
    const tags = new Set<string>();
    for (let index = 0; index < 1000; index++) tags.add(statelessTag(`sz9hG4bK${index}\nh:1\nBYE`));
    expect(tags.size).toBe(1000);
    expect(statelessTag("a")).toBe(statelessTag("a"));
    for (const tag of tags) expect(tag).toMatch(/^[0-9a-f]{16}$/);
  });
});
