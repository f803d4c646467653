import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  parseSipfrag,
  ReferNotifier,
  ReferSubscription,
  sipfrag,
} from "../../../src/sip/dialog/refer_subscription.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { bytesOf, clocked, requestOf, textOf } from "./fixtures.ts";

const TRYING = "SIP/2.0 100 Trying\r\n";

function notify(state: string, body: string, event = "refer;id=93809823") {
  return requestOf("NOTIFY", [["Event", event], ["Subscription-State", state]], body);
}

function subscribed(): ReferSubscription {
  return new ReferSubscription({ id: 93809823, t1: 500 }, 0);
}

describe("RFC 3420 message/sipfrag", () => {
  test("holds a Status-Line", () => {
    expect(textOf(sipfrag(603, "Decline"))).toBe("SIP/2.0 603 Decline\r\n");
    expect(parseSipfrag(sipfrag(603, "Decline")))
      .toEqual({ statusCode: 603, reasonPhrase: "Decline" });
  });

  test("is never more than a line, and bounded", () => {
    expect(textOf(sipfrag(200, "OK\r\nX-Injected: yes"))).toBe(
      "SIP/2.0 200 OK  X-Injected: yes\r\n",
    );
    expect(sipfrag(200, "x".repeat(10_000)).length).toBeLessThan(200);
  });

  test("is read with headers behind it, without its line end, phrase or case", () => {
    const ok = { statusCode: 200, reasonPhrase: "OK" };
    expect(parseSipfrag(bytesOf("SIP/2.0 200 OK\r\nContact: <sip:a@b>\r\n"))).toEqual(ok);
    expect(parseSipfrag(bytesOf("SIP/2.0 200 OK"))).toEqual(ok);
    expect(parseSipfrag(bytesOf("\r\nsip/2.0 200  OK\n"))).toEqual(ok);
    expect(parseSipfrag(bytesOf("SIP/2.0 200"))).toEqual({ statusCode: 200, reasonPhrase: "" });
  });

  for (
    const body of [
      "",
      "OK",
      "SIP/2.0 700 X",
      "SIP/2.0 99 X",
      "SIP/2.0 2000 X",
      "INVITE sip:a SIP/2.0",
    ]
  ) {
    test(`is not ${JSON.stringify(body)}`, () => {
      expect(parseSipfrag(bytesOf(body))).toBeUndefined();
    });
  }

  test("throws at no bytes, and reads what it writes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const status = parseSipfrag(bytes);
      if (status !== undefined) expect(status.reasonPhrase).not.toMatch(/[\r\n]/);
    }));
    const phrase = fc.string({ unit: "grapheme-ascii", maxLength: 100 }).map((text) => text.trim());
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 699 }), phrase, (statusCode, reasonPhrase) => {
        expect(parseSipfrag(sipfrag(statusCode, reasonPhrase))).toEqual({
          statusCode,
          reasonPhrase,
        });
      }),
    );
  });
});

describe("RFC 3515 §2.4.4 NOTIFYs of ours", () => {
  const started = () => new ReferNotifier({ id: 7, expires: 60_000 }, 0);
  const text = (sent: ReturnType<ReferNotifier["notify"]>) =>
    sent && [...sent.headers.map((header) => header.join(": ")), textOf(sent.body)];

  test("tell how the call goes, until its final response", () => {
    const notifier = started();
    expect(text(notifier.notify(100, "Trying", 0))).toEqual([
      "Event: refer;id=7",
      "Subscription-State: active;expires=60",
      TRYING,
    ]);
    expect(text(notifier.notify(180, "Ringing", 1500))).toEqual([
      "Event: refer;id=7",
      "Subscription-State: active;expires=59",
      "SIP/2.0 180 Ringing\r\n",
    ]);
    expect(text(notifier.notify(200, "OK", 2000))).toEqual([
      "Event: refer;id=7",
      "Subscription-State: terminated;reason=noresource",
      "SIP/2.0 200 OK\r\n",
    ]);
    expect(notifier.state).toBe("terminated");
    expect(notifier.deadline).toBeUndefined();
  });

  test("end with the final one", () => {
    const notifier = started();
    notifier.notify(486, "Busy Here", 0);
    expect(notifier.notify(200, "OK", 1)).toBeUndefined();
    expect(notifier.timeout(100_000)).toBeUndefined();
  });

  test("do not repeat what was just said", () => {
    const notifier = started();
    notifier.notify(180, "Ringing", 0);
    expect(notifier.notify(180, "Ringing", 1)).toBeUndefined();
    expect(notifier.notify(183, "Session Progress", 2)).toBeDefined();
  });

  test("RFC 6665 §4.1.3: end with reason timeout, saying how the call stands", () => {
    const notifier = started();
    notifier.notify(180, "Ringing", 0);
    const seen = new VirtualClock().runToEnd(clocked(notifier));
    expect(seen.map(({ at, output }) => [at, text(output)])).toEqual([
      [60_000, [
        "Event: refer;id=7",
        "Subscription-State: terminated;reason=timeout",
        "SIP/2.0 180 Ringing\r\n",
      ]],
    ]);
  });

  test("end as 100 Trying when the call never said anything", () => {
    expect(text(started().timeout(60_000))?.at(-1)).toBe(TRYING);
  });

  test("stop when the peer does not know the subscription any more", () => {
    const notifier = started();
    notifier.abandon();
    expect(notifier.notify(200, "OK", 1)).toBeUndefined();
    expect(notifier.deadline).toBeUndefined();
  });
});

describe("RFC 3515 §2.4.4 NOTIFYs of the peer's", () => {
  test("tell how the call goes, until the end of the subscription", () => {
    const subscription = subscribed();
    expect(subscription.receive(notify("active;expires=60", TRYING), 100))
      .toEqual({ statusCode: 100, reasonPhrase: "Trying", isFinal: false });
    expect(subscription.receive(notify("terminated;reason=noresource", "SIP/2.0 200 OK"), 5000))
      .toEqual({ statusCode: 200, reasonPhrase: "OK", isFinal: true });
    expect(subscription.deadline).toBeUndefined();
    expect(subscription.receive(notify("terminated", "SIP/2.0 200 OK"), 5001)).toBeUndefined();
  });

  test("end with a final status, though the subscription lives on", () => {
    const subscription = subscribed();
    expect(subscription.receive(notify("active;expires=60", "SIP/2.0 486 Busy Here"), 100))
      .toEqual({ statusCode: 486, reasonPhrase: "Busy Here", isFinal: true });
    expect(subscription.state).toBe("terminated");
  });

  test("§2.4.6: are of this REFER by their id, or without one", () => {
    const subscription = subscribed();
    expect(subscription.matches(notify("active", TRYING, "refer;id=93809824"))).toBe(false);
    expect(subscription.matches(notify("active", TRYING, "presence;id=93809823"))).toBe(false);
    expect(subscription.matches(requestOf("NOTIFY", []))).toBe(false);
    expect(subscription.matches(notify("active", TRYING, "refer"))).toBe(true);
    expect(subscription.matches(notify("active", TRYING, "Refer ; ID=093809823"))).toBe(true);
    expect(subscription.receive(notify("active", TRYING, "refer;id=1"), 0)).toBeUndefined();
    expect(subscription.state).toBe("notify_wait");
  });

  const reasons: readonly [string, number][] = [
    ["terminated;reason=rejected", 403],
    ["terminated;reason=timeout", 408],
    ["terminated;reason=giveup;retry-after=5", 480],
    ["terminated;reason=noresource", 410],
    ["terminated;reason=invariant", 410],
    ["terminated;reason=deactivated", 503],
    ["terminated;reason=Probation", 503],
    ["terminated;reason=constructor", 480],
    ["terminated", 480],
    ["TERMINATED;;", 480],
  ];
  for (const [state, statusCode] of reasons) {
    test(`RFC 6665 §4.1.3: "${state}" without the call's end counts as ${statusCode}`, () => {
      for (const body of [TRYING, ""]) {
        expect(subscribed().receive(notify(state, body), 0))
          .toMatchObject({ statusCode, isFinal: true });
      }
    });
  }

  test("RFC 6665 §4.1.2.4: end as 408 when the first does not come within 64·T1", () => {
    const seen = new VirtualClock().runToEnd(clocked(subscribed()));
    expect(seen).toEqual([{
      at: 32_000,
      output: { statusCode: 408, reasonPhrase: "Request Timeout", isFinal: true },
    }]);
  });

  test("are awaited as long as the last one said, and 64·T1 for the last to arrive", () => {
    const subscription = subscribed();
    subscription.receive(notify("active;expires=60", TRYING), 1000);
    expect(subscription.deadline).toBe(1000 + 60_000 + 32_000);
    subscription.receive(notify("pending;expires=10", TRYING), 2000);
    expect(subscription.deadline).toBe(2000 + 10_000 + 32_000);
    expect(subscription.timeout(43_999)).toBeUndefined();
    expect(subscription.timeout(44_000)).toMatchObject({ statusCode: 408, isFinal: true });
  });

  test("cannot be put off without end, or to no time at all", () => {
    for (
      const [expires, seconds] of [[";expires=4294967295", 3600], ["", 180], [
        ";expires=x",
        180,
      ]] as const
    ) {
      const subscription = subscribed();
      subscription.receive(notify(`active${expires}`, TRYING), 0);
      expect(subscription.deadline).toBe(seconds * 1000 + 32_000);
    }
  });

  test("say nothing without a Status-Line, but keep the subscription alive", () => {
    const subscription = subscribed();
    expect(subscription.receive(notify("active;expires=60", "hello"), 100)).toBeUndefined();
    expect(subscription.deadline).toBe(92_100);
  });

  test("are not awaited any more once the REFER was refused", () => {
    const subscription = subscribed();
    subscription.abandon();
    expect(subscription.deadline).toBeUndefined();
    expect(subscription.timeout(32_000)).toBeUndefined();
  });

  test("throw nothing, whatever they say, and a final one is never a 1xx", () => {
    const text = fc.string({
      unit: fc.constantFrom(...'terminad;=" \\,0129exps<>refid'.split("")),
    });
    const state = fc.oneof(
      text,
      fc.constantFrom("active", "terminated", "pending").chain((word) =>
        text.map((rest) => `${word};${rest}`)
      ),
    );
    fc.assert(
      fc.property(state, text, fc.boolean(), (subscriptionState, event, known) => {
        const request = notify(subscriptionState, TRYING, known ? "refer" : event);
        const progress = subscribed().receive(request, 0);
        if (progress?.isFinal) expect(progress.statusCode).toBeGreaterThan(199);
      }),
      { numRuns: 500 },
    );
  });
});

describe("RFC 3515 both sides", () => {
  test("each NOTIFY that the one writes is read by the other", () => {
    const notifier = new ReferNotifier({ id: 3, expires: 60_000 }, 0);
    const subscription = new ReferSubscription({ id: 3, t1: 500 }, 0);
    const heard = ([[100, "Trying"], [180, "Ringing"], [603, "Decline"]] as const).map(
      ([statusCode, phrase], at) => {
        const sent = notifier.notify(statusCode, phrase, at);
        if (sent === undefined) return undefined;
        return subscription.receive(requestOf("NOTIFY", sent.headers, textOf(sent.body)), at);
      },
    );
    expect(heard).toEqual([
      { statusCode: 100, reasonPhrase: "Trying", isFinal: false },
      { statusCode: 180, reasonPhrase: "Ringing", isFinal: false },
      { statusCode: 603, reasonPhrase: "Decline", isFinal: true },
    ]);
  });
});
